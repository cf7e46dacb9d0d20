"""``app history`` and ``app rollback``."""

import getpass
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.options import DryRun, Limit, OneName, Timeout
from reconciler.cli.others import emit_records
from reconciler.cli.output import emit_data, emit_text, is_document, note
from reconciler.cli.settings import Settings, Workspace
from reconciler.cli.syncing import Progress
from reconciler.errors import SyncError, UsageError

if TYPE_CHECKING:
    from reconciler.history import SyncRecord
    from reconciler.manifest.objects import Manifest
    from reconciler.model import Application


def history(context: typer.Context, name: OneName, limit: Limit = None) -> None:
    """Recorded syncs of an Application, the newest first."""
    from reconciler.history import open_store

    settings: Settings = context.obj
    with open_store(settings.store) as store:
        emit_records(store.records(application=name, namespace=settings.namespace, limit=limit), settings)


def rollback(
    context: typer.Context,
    name: OneName,
    record: Annotated[
        int | None,
        typer.Argument(
            metavar="[ID]", help="Sequence number in app history; else of the successful sync before the last one."
        ),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what that sync did not hold.")] = False,
    dry_run: DryRun = False,
    timeout: Timeout = None,
) -> None:
    """Sync an Application to what an earlier sync of it deployed; refused while it syncs by itself."""
    from reconciler.engine.operation import SyncRequest, joined
    from reconciler.formatting import format_result_text
    from reconciler.model import parse_application
    from reconciler.model.editing import with_sources
    from reconciler.sync.records import PlanOptions
    from reconciler.sync.runner import RunOptions

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        application = engine.application(name)
        require_manual(application)
        chosen = choose_record(engine.history(name), record, name)
        sources = recorded_sources(chosen) or deployed_sources(application.status.get("history") or (), chosen)
        if sources is None:
            note(
                f"warning: the sources of sync {chosen.sequence} are not recorded; they are taken as they are now",
                settings,
            )
        else:
            document = with_sources(_document(workspace, application), sources)
            application = parse_application(document, where="rollback", from_cluster=True)
        shown = ", ".join(each[:12] for each in chosen.revisions)
        note(f"rolling {name} back to sync {chosen.sequence}: {shown}", settings)
        request = SyncRequest(
            options=PlanOptions(dry_run=dry_run, prune=prune),
            run_options=RunOptions(timeout_s=timeout),
            on_event=Progress(settings),
            initiated_by=getpass.getuser(),
        )
        reconciliation = engine.reconcile(application, revision=joined(chosen.revisions))
        result = engine.run_sync(reconciliation, request).result
    if is_document(settings):
        emit_data(result, settings)
    else:
        emit_text(format_result_text(result))
    if not result.succeeded:
        raise typer.Exit(1)


def require_manual(application: "Application") -> None:
    """Automated sync would undo a rollback.

    Source: Rollback in server/application/application.go of Argo CD 3.6.

    Raises
    ------
    SyncError
        While it is on, or the Application is being deleted.
    """
    automated = application.spec.sync_policy.automated
    if application.metadata.deletion_timestamp:
        raise SyncError(f"{application.name} is being deleted; it cannot be rolled back")
    if automated is not None and automated.enabled:
        raise SyncError(
            f"{application.name} syncs by itself, which would undo a rollback; turn that off first: gitops-nb app set "
            f"{application.name} --sync-policy none"
        )


def choose_record(records: "Sequence[SyncRecord]", sequence: int | None, name: str) -> "SyncRecord":
    """The recorded sync to go back to; by default the successful one before the last, of those that synced everything.

    Parameters
    ----------
    records
        The newest first.

    Raises
    ------
    UsageError
        When there is none such, with those that there are.
    """
    usable = [each for each in records if not _no_deployment(each)]
    if sequence is None:
        if len(usable) < 2:
            raise UsageError(
                f"{name} has {len(usable)} successful syncs in the history; a rollback needs one before the last"
            )
        return usable[1]
    for each in usable:
        if each.sequence == sequence:
            return each
    there = ", ".join(str(each.sequence) for each in usable) or "none"
    known = next((each for each in records if each.sequence == sequence), None)
    what = _no_deployment(known) if known else "is not in its history"
    raise UsageError(f"sync {sequence} of {name} {what}; it can be rolled back to: {there}")


def _no_deployment(record: "SyncRecord") -> str:
    """Why a record is none of a whole sync that succeeded, empty when it is one."""
    request = _request_of(record)
    if record.phase != "Succeeded":
        return f"ended {record.phase}"
    if record.dry_run:
        return "was a dry run"
    if request.get("delete"):
        return "was a deletion"
    return "synced only a part" if request.get("resources") else ""


def _request_of(record: "SyncRecord") -> dict[str, Any]:
    """What the operation was asked to do, as far as the record tells."""
    try:
        request = json.loads(record.request or "{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def recorded_sources(record: "SyncRecord") -> "list[Manifest] | None":
    """The sources of a recorded sync, as the record has them; None in records of before they were kept."""
    sources = _request_of(record).get("sources")
    return list(sources) if isinstance(sources, list) and sources else None


def deployed_sources(entries: Sequence[Mapping[str, Any]], record: "SyncRecord") -> "list[Manifest] | None":
    """The sources of a recorded sync, as ``status.history`` has them; None when it has no entry of these revisions."""
    from reconciler.sync.status import rfc3339

    started = rfc3339(record.started_at)
    same = [
        entry
        for entry in entries
        if (tuple(entry.get("revisions") or ()) or (str(entry.get("revision") or ""),)) == record.revisions
    ]
    exact = [entry for entry in same if entry.get("deployStartedAt") == started]
    chosen = exact or same
    if not chosen:
        return None
    sources = chosen[-1].get("sources") or ([chosen[-1]["source"]] if chosen[-1].get("source") else [])
    return list(sources) or None


def _document(workspace: Workspace, application: "Application") -> "Manifest":
    live = workspace.reconciler.registry.find(application)
    return live if live is not None else application.to_dict()
