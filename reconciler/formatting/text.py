"""Records as text, for the terminal and wherever nothing better can be shown. No text ends with a line break."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from reconciler.diff.records import Comparison, FieldDifference, ResourceComparison, RevisionComparison
from reconciler.formatting.characters import visible
from reconciler.formatting.differences import difference_texts, drifted, ignore_rule, ownership, resource_note
from reconciler.formatting.documents import live_and_target_lines
from reconciler.formatting.ignored import ignored, without_ignored
from reconciler.formatting.kinds import qualified_name
from reconciler.formatting.lines import DiffLine, Fold, diff_lines, fold_lines, unified
from reconciler.formatting.states import ResourceState, ordered, state_of, summarize_comparison
from reconciler.formatting.tasks import kind_of, plan_options, plan_problems, summarize_plan, task_notes
from reconciler.formatting.values import counted, format_duration, format_instant, short_revision
from reconciler.history.records import SyncRecord
from reconciler.sync.records import SyncPlan, SyncResult, SyncTask

DiffStyle = Literal["unified", "fields"]
"""``unified`` shows lines as ``diff -u`` does, ``fields`` one entry a field path."""


def format_applications_text(comparisons: Sequence[Comparison]) -> str:
    """A table of applications: status, health, how many resources differ, revision."""
    rows = [
        (
            f"{comparison.namespace}/{comparison.application}",
            comparison.project,
            comparison.status,
            comparison.health.status,
            f"{len(comparison.changed)}/{sum(not resource.hook for resource in comparison.resources)}",
            short_revision(comparison.revision),
            comparison.reason or comparison.health.message,
        )
        for comparison in comparisons
    ]
    return _table(("APPLICATION", "PROJECT", "STATUS", "HEALTH", "DIFFER", "REVISION", "NOTE"), rows)


def format_comparison_text(comparison: Comparison) -> str:
    """The application's verdict, then a line a resource, those that differ first."""
    health = comparison.health
    head = [
        ("Application", f"{comparison.namespace}/{comparison.application}"),
        ("Project", comparison.project),
        ("Destination", comparison.destination),
        ("Revision", ", ".join(map(short_revision, comparison.revisions))),
        ("Sync status", _with(comparison.status, comparison.reason)),
        ("Health", _with(health.status, health.message)),
        ("Resources", summarize_comparison(comparison)),
        *(("Warning", warning) for warning in comparison.warnings),
    ]
    rows = [
        (
            state_of(resource).sign,
            resource.status,
            resource.health.status if resource.health else "",
            resource.key.kind,
            qualified_name(resource.key),
            resource_note(resource),
        )
        for resource in ordered(comparison.resources)
    ]
    table = _table(("", "STATUS", "HEALTH", "KIND", "NAME", "NOTE"), rows)
    return f"{_pairs(head)}\n\n{table}" if rows else _pairs(head)


def format_diff_text(
    compared: Comparison | ResourceComparison,
    *,
    style: DiffStyle = "unified",
    context: int | None = 3,
    neat: bool = True,
    show_ignored: bool = False,
) -> str:
    """What differs between live (``-``) and target (``+``): what a sync would take away and add.

    Empty when nothing differs. ``context`` is the number of unchanged lines around a change, None for all of them;
    ``neat`` leaves out fields that only the API server writes. Both serve the unified style only. ``show_ignored`` also shows
    the fields that an ignore rule leaves as they are in the cluster.
    """
    resources: Iterable[ResourceComparison] = (
        [compared]
        if isinstance(compared, ResourceComparison)
        else [
            resource
            for resource in ordered(compared.resources)
            if state_of(resource) in _SHOWN or (show_ignored and ignored(resource))
        ]
    )
    if not show_ignored:
        resources = [_as_counted(resource) for resource in resources]
    texts = (
        _resource_fields(resource) if style == "fields" else _resource_unified(resource, context, neat=neat)
        for resource in resources
    )
    return "\n\n".join(text for text in texts if text)


def format_revisions_text(comparison: RevisionComparison, *, context: int | None = 3) -> str:
    """What becomes of the manifests between two revisions: the one before (``-``) and the one after (``+``)."""
    texts = [_resource_unified(entry, context, neat=False, words=_REVISIONS) for entry in ordered(comparison.changes)]
    return "\n\n".join(text for text in texts if text)


def format_plan_text(plan: SyncPlan) -> str:
    """What a sync will do, by phase and wave, in the order in which it runs."""
    title = f"Sync plan of {visible(plan.namespace)}/{visible(plan.application)}"
    title += f" at {short_revision(plan.revision)}" if plan.revision else ""
    lines = [f"{title} — {summarize_plan(plan)}"]
    lines += [f"Options: {', '.join(plan_options(plan))}"] if plan_options(plan) else []
    lines += map(visible, plan_problems(plan))
    lines += [f"Warning: {visible(warning)}" for warning in plan.warnings]
    phase = None
    for step in plan.steps:
        if step[0] is not phase:
            phase = step[0]
            lines.append(f"\n{phase}")
        lines.append(f"  wave {step[1]}")
        lines += [f"    {_task_line(task)}" for task in plan.at(*step)]
    return "\n".join(lines)


def format_result_text(result: SyncResult) -> str:
    """How a sync ended, then a line a task."""
    duration = (result.finished_at - result.started_at).total_seconds()
    head = [
        ("Application", f"{result.namespace}/{result.application}"),
        ("Revision", ", ".join(map(short_revision, result.revisions))),
        ("Phase", _with(result.phase, result.message)),
        ("Started", format_instant(result.started_at)),
        ("Duration", format_duration(duration)),
        ("Initiated by", result.initiated_by),
        *(("Warning", warning) for warning in result.warnings),
    ]
    rows = [
        (
            outcome.phase,
            str(outcome.wave),
            outcome.key.kind,
            qualified_name(outcome.key),
            outcome.action,
            outcome.code or outcome.hook_phase or "",
            outcome.message,
        )
        for outcome in result.results
    ]
    table = _table(("PHASE", "WAVE", "KIND", "NAME", "ACTION", "RESULT", "MESSAGE"), rows)
    return f"{_pairs(head)}\n\n{table}" if rows else _pairs(head)


def format_history_text(records: Iterable[SyncRecord]) -> str:
    """A table of recorded syncs in the order given."""
    rows = [
        (
            str(record.sequence),
            f"{record.namespace}/{record.application}",
            format_instant(record.started_at),
            format_duration(record.duration_s),
            record.phase + record_remark(record),
            ", ".join(map(short_revision, record.revisions)) or record.target_revision,
            record.initiated_by,
            record.message,
        )
        for record in records
    ]
    return _table(("#", "APPLICATION", "STARTED", "DURATION", "PHASE", "REVISION", "BY", "MESSAGE"), rows)


_SHOWN = (ResourceState.UNKNOWN, ResourceState.CHANGED, ResourceState.MISSING, ResourceState.EXTRA)


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two sides of a diff are called, and what an object is that only one of them has."""

    before: str
    after: str
    states: Mapping[ResourceState, str]


_CLUSTER: Final = _Words("live", "target", {})
_REVISIONS: Final = _Words("before", "after", {ResourceState.MISSING: "added", ResourceState.EXTRA: "removed"})


def _resource_title(resource: ResourceComparison, words: _Words = _CLUSTER) -> str:
    state = state_of(resource)
    return f"{state.sign} {visible(str(resource.key))} ({words.states.get(state, state)})"


def _resource_unified(
    resource: ResourceComparison, context: int | None, *, neat: bool, words: _Words = _CLUSTER
) -> str:
    title = _resource_title(resource, words)
    if state_of(resource) is ResourceState.UNKNOWN:
        return f"{title}\n  {visible(resource.reason)}"
    live, target = live_and_target_lines(resource, neat=neat)
    rows = diff_lines(live, target)
    if not any(row.changed for row in rows):
        return _resource_fields(resource) if resource.differences else ""
    body = [_unified_line(row) for row in unified(fold_lines(rows, context=context))]
    return "\n".join([title, f"--- {words.before}", f"+++ {words.after}", *body])


def _as_counted(resource: ResourceComparison) -> ResourceComparison:
    """The resource with nothing that an ignore rule hides."""
    return replace(without_ignored(resource), differences=drifted(resource)) if ignored(resource) else resource


def _unified_line(row: DiffLine | Fold) -> str:
    if isinstance(row, Fold):
        return f"@@ {counted(row.stop - row.start, 'unchanged line')} @@ {row.section}".rstrip()
    if not row.changed:
        return f" {row.live_text}"
    return f"-{row.live_text}" if row.live is not None else f"+{row.target_text}"


def _resource_fields(resource: ResourceComparison) -> str:
    title = _resource_title(resource)
    if state_of(resource) is ResourceState.UNKNOWN:
        return f"{title}\n  {visible(resource.reason)}"
    if resource.differences:
        return "\n".join([title, *(_field_lines(difference) for difference in resource.differences)])
    return f"{title}\n  {resource_note(resource)}" if state_of(resource) in _SHOWN else ""


def _field_lines(difference: FieldDifference) -> str:
    remarks = ", ".join(part for part in (ownership(difference), ignore_rule(difference)) if part)
    live, target = difference_texts(difference)
    return "\n".join(
        [
            f"  {visible(difference.path)}" + (f"  [{remarks}]" if remarks else ""),
            *(f"    - {line}" for line in live.split("\n")),
            *(f"    + {line}" for line in target.split("\n")),
        ]
    )


def _task_line(task: SyncTask) -> str:
    kind = kind_of(task)
    remarks = "; ".join(map(visible, task_notes(task)))
    return f"{kind.sign} {kind:<9} {visible(str(task.key))}" + (f"  ({remarks})" if remarks else "")


def _with(status: str, remark: str) -> str:
    return f"{status}: {remark}" if remark else status


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    shown = [(label, visible(text)) for label, text in pairs if text]
    width = max(len(label) for label, _ in shown) + 1
    return "\n".join(f"{label + ':':<{width}} {text}" for label, text in shown)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [list(header), *([visible(text) for text in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def record_remark(record: SyncRecord) -> str:
    """`` (dry run)``, `` (abandoned)`` or nothing, to follow a recorded phase."""
    remarks = [name for name, holds in (("dry run", record.dry_run), ("abandoned", record.abandoned)) if holds]
    return f" ({', '.join(remarks)})" if remarks else ""
