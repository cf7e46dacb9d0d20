"""``app events|logs``."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reconciler.cli.options import File, Name
from reconciler.cli.output import emit_rows, emit_text, note, visible
from reconciler.cli.selecting import Group, Kind, ResourceNamespace, selection
from reconciler.cli.settings import OutputFormat, Settings, Workspace
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.cluster.events import ObjectEvent
    from reconciler.cluster.logs import LogLine, LogReader
    from reconciler.cluster.tree import TreeGap

FOLLOW_IDLE_S: Final = 4 * 3600.0
"""A log that is followed ends when nothing comes for so long: as long as a kubelet keeps one open."""
FOLLOW_BYTES: Final = 2**40


def events(context: typer.Context, name: Name = None, file: File = None) -> None:
    """What the cluster tells of an Application's objects and of all that they own, the newest last."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        report = workspace.reconciler.events(workspace.application(name, file))
    emit_rows(
        [event_row(event) for event in report.events],
        settings,
        columns=["last_seen", "type", "reason", "object", "message"],
        wide=["namespace", "count", "first_seen", "source"],
        name="object",
        data=report.events,
    )
    _note_gaps(report.gaps, settings)
    if not report.events:
        note("no events", settings)


def logs(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    kind: Kind = "",
    group: Group = None,
    resource_namespace: ResourceNamespace = "",
    resource_name: Annotated[str, typer.Option("--name", help="Only the object of this name, and what it owns.")] = "",
    container: Annotated[
        str, typer.Option("--container", "-c", help="Container; else kubectl's default, or the first.")
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on as lines come.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", help="So many lines from the end of each log.", min=0)] = None,
    since_seconds: Annotated[
        int | None, typer.Option("--since-seconds", help="Only lines of so many seconds.", min=1)
    ] = None,
    previous: Annotated[bool, typer.Option("--previous", "-p", help="Of the run before the last restart.")] = False,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Begin each line with its time.")] = False,
) -> None:
    """The logs of an Application's pods, by time; ``--kind`` and ``--name`` may name a pod or what owns it."""
    from reconciler.cluster.events import LOG_BYTES, LOG_IDLE_S, LogOptions

    settings: Settings = context.obj
    if follow and settings.output is not OutputFormat.TABLE:
        raise UsageError(f"-o {settings.output} does not fit --follow, which has no end")
    options = LogOptions(
        container=container,
        previous=previous,
        tail_lines=tail,
        since_s=since_seconds,
        follow=follow,
        limit_bytes=FOLLOW_BYTES if follow else LOG_BYTES,
        idle_timeout_s=FOLLOW_IDLE_S if follow else LOG_IDLE_S,
    )
    chosen = selection(kind, group, resource_namespace, resource_name)
    with Workspace(settings) as workspace:
        reader = workspace.reconciler.logs(workspace.application(name, file), chosen, options=options)
        _note_gaps(reader.gaps, settings)
        try:
            emit_log(reader, settings, timestamps=timestamps)
        finally:
            reader.close()


def emit_log(reader: "LogReader", settings: Settings, *, timestamps: bool) -> None:
    """Print the lines, each with its pod where there are several."""
    if settings.output in (OutputFormat.TABLE, OutputFormat.WIDE):
        several = len(reader.containers) > 1
        for line in reader:
            emit_text(f"{log_text(line, pod=several or settings.output is OutputFormat.WIDE, at=timestamps)}\n")
            sys.stdout.flush()
        return
    lines = list(reader)
    columns = ["at", "namespace", "pod", "container", "text"]
    emit_rows([log_row(line) for line in lines], settings, columns=columns, name="pod", data=lines)


def log_text(line: "LogLine", *, pod: bool, at: bool) -> str:
    """A line for people; whatever could rewrite a terminal is shown as escapes."""
    stamp = f"{line.at.isoformat()} " if at and line.at else ""
    return f"{stamp}[{line.pod.name}/{line.container}] {visible(line.text)}" if pod else f"{stamp}{visible(line.text)}"


def log_row(line: "LogLine") -> dict[str, Any]:
    """A line as a row of a table."""
    return {
        "at": line.at,
        "namespace": line.pod.namespace,
        "pod": line.pod.name,
        "container": line.container,
        "text": line.text,
    }


def event_row(event: "ObjectEvent") -> dict[str, Any]:
    """An event as a row of a table."""
    return {
        "last_seen": event.last_seen_at,
        "type": event.type,
        "reason": event.reason,
        "object": f"{event.key.kind}/{event.key.name}",
        "message": event.message,
        "namespace": event.key.namespace,
        "count": event.count,
        "first_seen": event.first_seen_at,
        "source": event.source,
    }


def _note_gaps(gaps: "tuple[TreeGap, ...]", settings: Settings) -> None:
    from reconciler.formatting.tree import gap_lines

    for line in gap_lines(gaps):
        note(line, settings)
