"""Records as the JSON that the front end draws: texts made visible, secrets masked, nothing left for it to decide."""

from typing import Any

from reconciler.diff.records import Comparison, FieldDifference, Health, ResourceComparison
from reconciler.formatting.characters import visible
from reconciler.formatting.differences import difference_texts, drifted, resource_note
from reconciler.formatting.documents import live_and_target_lines
from reconciler.formatting.ignored import ignored, other_warnings, without_ignored
from reconciler.formatting.kinds import qualified_name, short_kind
from reconciler.formatting.lines import DiffLine, Segments, diff_lines, sections_at
from reconciler.formatting.states import (
    HEALTH_SIGNS,
    HEALTH_TONES,
    PHASE_SIGNS,
    PHASE_TONES,
    SYNC_SIGNS,
    SYNC_TONES,
    ResourceState,
    Tone,
    state_of,
    summarize_comparison,
)
from reconciler.formatting.tasks import (
    PHASE_CAPTIONS,
    TaskKind,
    TaskState,
    kind_of,
    phases_of,
    plan_options,
    plan_problems,
    summarize_plan,
)
from reconciler.formatting.values import format_duration, format_instant, short_revision
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.records import SyncPlan, SyncResult, SyncTask
from reconciler.terms import HealthStatus, SyncStatus

Json = dict[str, Any]

# Their objects are shown as they are: what a sync adds is not what they say.
_NOT_COMPARED = (ResourceState.UNKNOWN, ResourceState.HOOK)


def comparison_header(comparison: Comparison) -> Json:
    """Name, verdict and facts of an application."""
    return {
        "title": visible(comparison.application),
        "badges": [sync_badge(comparison.status), health_badge(comparison.health)],
        "facts": _facts(
            f"revision {short_revision(comparison.revision)}" if comparison.revision else "",
            comparison.destination,
            f"project {comparison.project}" if comparison.project else "",
            f"compared {format_instant(comparison.compared_at)}",
        ),
        "summary": summarize_comparison(comparison),
        "notices": [
            *([_notice("?", comparison.reason, Tone.BUSY)] if comparison.reason else []),
            *([_health_notice(comparison.health)] if comparison.health.message else []),
            *(_notice("!", warning, Tone.CHANGE) for warning in other_warnings(comparison)),
        ],
        "unused": [{"rule": visible(rule.rule), "reason": visible(rule.reason)} for rule in comparison.unused_rules],
        "states": {state.value: _mark(state.sign, state.tone) for state in ResourceState},
        "statuses": {status.value: _mark(SYNC_SIGNS[status], SYNC_TONES[status]) for status in SyncStatus},
        "healths": {health.value: _mark(HEALTH_SIGNS[health], HEALTH_TONES[health]) for health in HealthStatus},
    }


def resource_row(resource: ResourceComparison) -> Json:
    """One line of the list; signs and tones are the header's, so that a thousand resources stay light."""
    return {
        "id": resource_id(resource.key),
        "kind": visible(resource.key.kind),
        "short": visible(short_kind(resource.key.kind)),
        "group": visible(resource.key.group),
        "name": visible(resource.key.name),
        "place": visible(resource.key.namespace),
        "state": state_of(resource).value,
        "status": resource.status.value,
        "health": resource.health.status.value if resource.health else "",
        "note": visible(resource_note(resource)),
        "fields": len(drifted(resource)),
        "ignored": len(ignored(resource)),
    }


def resource_id(key: ResourceKey) -> str:
    return visible(str(key))


def resource_detail(resource: ResourceComparison, *, neat: bool, show_ignored: bool) -> Json:
    """Lines and fields of one resource.

    A row is ``[sign, live segments, target segments]`` with sign ``=``, ``-``, ``+`` or ``~``; of an equal row only the
    text is given. ``alone`` says that there is only a target, compared with nothing. ``sections`` maps the position of
    a row that begins a part of the document to the keys above it. ``fields`` hold the ignored ones too, at their end;
    the lines do only with ``show_ignored``.
    """
    live, target = live_and_target_lines(resource if show_ignored else without_ignored(resource), neat=neat)
    alone = resource.live is None and state_of(resource) in _NOT_COMPARED
    rows = diff_lines(target if alone else live, target)
    return {
        "id": resource_id(resource.key),
        "neat": neat,
        "show_ignored": show_ignored,
        "alone": alone,
        "rows": [_line(row) for row in rows],
        "sections": _sections(rows),
        "fields": [_field(difference) for difference in (*drifted(resource), *ignored(resource))],
    }


def plan_header(plan: SyncPlan, result: SyncResult | None) -> Json:
    """Name, options and summary of a plan, and how its operation stands."""
    return {
        "title": f"Sync of {visible(plan.application)}",
        "badges": [phase_badge(result)] if result else [],
        "facts": _facts(
            f"revision {short_revision(plan.revision)}" if plan.revision else "",
            f"application {plan.namespace}/{plan.application}",
            *plan_options(plan),
            *(_result_facts(result) if result else ()),
        ),
        "summary": summarize_plan(plan),
        "notices": [
            *([_result_notice(result)] if result and result.message else []),
            *(_notice("!", warning, Tone.CHANGE) for warning in (*plan_problems(plan), *plan.warnings)),
        ],
        "kinds": {kind.value: _mark(kind.sign, kind.tone) for kind in TaskKind},
        "states": {state.value: _mark(state.sign, state.tone) for state in TaskState},
    }


def plan_phases(plan: SyncPlan) -> list[Json]:
    """Phases in their order, each with its waves and their tasks; ``step`` counts from 1 over the whole plan."""
    steps = {step: number for number, step in enumerate(plan.steps, start=1)}
    return [
        {
            "name": phase.value,
            "caption": PHASE_CAPTIONS[phase],
            "waves": [
                {"wave": wave, "step": number, "tasks": [_task(task) for task in plan.at(phase, wave)]}
                for (step_phase, wave), number in steps.items()
                if step_phase is phase
            ],
        }
        for phase in phases_of(plan)
    ]


def task_outcome(state: TaskState, message: str = "") -> Json:
    return {"state": state.value, "message": visible(message)}


def sync_badge(status: SyncStatus) -> Json:
    return {"sign": SYNC_SIGNS[status], "label": status.value, "tone": SYNC_TONES[status].value}


def health_badge(health: Health) -> Json:
    return {
        "sign": HEALTH_SIGNS[health.status],
        "label": health.status.value,
        "tone": HEALTH_TONES[health.status].value,
    }


def phase_badge(result: SyncResult) -> Json:
    return {"sign": PHASE_SIGNS[result.phase], "label": result.phase.value, "tone": PHASE_TONES[result.phase].value}


def _task(task: SyncTask) -> Json:
    return {
        "id": visible(task.id),
        "kind": visible(task.key.kind),
        "short": visible(short_kind(task.key.kind)),
        "group": visible(task.key.group),
        "version": visible(task.version),
        "name": visible(task.key.name),
        "place": visible(task.key.namespace),
        "label": visible(f"{task.key.kind} {qualified_name(task.key)}"),
        "does": kind_of(task).value,
        "action": task.action.value,
        "change": task.change.value,
        "policies": sorted(policy.value for policy in task.delete_policies),
        "options": sorted(map(visible, task.options)),
        "reason": visible(task.reason),
        "fields": task.differences,
    }


def _mark(sign: str, tone: Tone) -> Json:
    return {"sign": sign, "tone": tone.value}


def _line(row: DiffLine) -> list[Any]:
    if not row.changed:
        return ["=", row.live_text]
    if row.target is None:
        return ["-", _segments(row.live)]
    if row.live is None:
        return ["+", _segments(row.target)]
    return ["~", _segments(row.live), _segments(row.target)]


def _segments(segments: Segments | None) -> list[Any]:
    return [[text, 1] if marked else text for text, marked in segments or ()]


def _sections(rows: tuple[DiffLine, ...]) -> dict[str, str]:
    starts = {
        position
        for position, row in enumerate(rows)
        if row.changed and (position == 0 or not rows[position - 1].changed)
    }
    # The front end folds up to two lines before a change, so the keys above the change serve for the fold.
    return {str(position): section for position, section in sections_at(rows, starts).items()}


def _field(difference: FieldDifference) -> Json:
    live, target = difference_texts(difference)
    return {
        "path": visible(difference.path),
        "pointer": visible(difference.pointer),
        "target": target,
        "live": live,
        "manager": visible(difference.manager),
        "operation": visible(difference.operation),
        "since": format_instant(difference.changed_at),
        "ignored": visible(difference.ignored_by),
        "synced": difference.synced,
    }


def _facts(*facts: str) -> list[str]:
    return [visible(fact) for fact in facts if fact]


def _notice(sign: str, text: str, tone: Tone) -> Json:
    return {"sign": sign, "text": visible(text), "tone": tone.value}


def _health_notice(health: Health) -> Json:
    return _notice(HEALTH_SIGNS[health.status], health.message, HEALTH_TONES[health.status])


def _result_notice(result: SyncResult) -> Json:
    return _notice(PHASE_SIGNS[result.phase], result.message, PHASE_TONES[result.phase])


def _result_facts(result: SyncResult) -> tuple[str, ...]:
    duration = (result.finished_at - result.started_at).total_seconds()
    by = f"by {result.initiated_by}" if result.initiated_by else ""
    return format_instant(result.started_at), format_duration(duration), by
