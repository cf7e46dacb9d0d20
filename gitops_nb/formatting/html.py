"""Records as static HTML: what a notebook shows where no widget can, such as on a web page."""

from collections.abc import Iterable, Sequence

from gitops_nb.formatting.elements import (
    Content,
    Html,
    badge,
    chip,
    code,
    element,
    muted,
    notice,
    panel,
    sign_mark,
    table,
)
from reconciler.diff.records import Comparison, Health
from reconciler.formatting.differences import resource_note
from reconciler.formatting.kinds import qualified_name, short_kind
from reconciler.formatting.states import (
    HEALTH_SIGNS,
    HEALTH_TONES,
    PHASE_SIGNS,
    PHASE_TONES,
    SYNC_SIGNS,
    SYNC_TONES,
    Tone,
    ordered,
    state_of,
    summarize_comparison,
)
from reconciler.formatting.tasks import task_state
from reconciler.formatting.text import record_remark
from reconciler.formatting.values import format_duration, format_instant, short_revision
from reconciler.history.records import SyncRecord
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.records import SyncResult
from reconciler.terms import OperationPhase, SyncStatus


def format_applications_html(comparisons: Sequence[Comparison]) -> str:
    """A table of applications: status, health, what differs, revision."""
    rows: list[list[Content]] = [
        [
            element("b", comparison.application),
            sync_badge(comparison.status),
            health_badge(comparison.health),
            summarize_comparison(comparison),
            code(short_revision(comparison.revision)),
            muted(comparison.reason or comparison.health.message),
        ]
        for comparison in comparisons
    ]
    header = ("Application", "Status", "Health", "Resources", "Revision", "Note")
    return str(panel(table(header, rows, label="Applications"), label="Applications"))


def format_comparison_html(comparison: Comparison) -> str:
    """The application's verdict, then a line a resource, those that differ first."""
    rows: list[list[Content]] = [
        [
            sign_mark(state_of(resource).sign, state_of(resource).tone),
            key_label(resource.key),
            state_of(resource).value,
            health_badge(resource.health),
            muted(resource_note(resource)),
        ]
        for resource in ordered(comparison.resources)
    ]
    header = ("", "Resource", "State", "Health", "Note")
    label = f"Comparison of {comparison.application}"
    return str(panel(comparison_head(comparison), table(header, rows, label="Resources"), label=label))


def format_result_html(result: SyncResult) -> str:
    """How a sync ended, then a line a task."""
    duration = (result.finished_at - result.started_at).total_seconds()
    facts = [
        f"revision {short_revision(result.revisions[0])}" if result.revisions else "",
        format_instant(result.started_at),
        format_duration(duration),
        f"by {result.initiated_by}" if result.initiated_by else "",
        "dry run" if result.options.dry_run else "",
    ]
    rows: list[list[Content]] = [
        [
            sign_mark(task_state(outcome).sign, task_state(outcome).tone),
            f"{outcome.phase} {outcome.wave}",
            key_label(outcome.key),
            outcome.action.value,
            str(outcome.code or outcome.hook_phase or ""),
            muted(outcome.message),
        ]
        for outcome in result.results
    ]
    header = ("", "Phase, wave", "Resource", "Action", "Result", "Message")
    tone = PHASE_TONES[result.phase]
    return str(
        panel(
            head_line(result.application, badge(PHASE_SIGNS[result.phase], result.phase, tone), facts),
            notice(PHASE_SIGNS[result.phase], result.phase, result.message, tone) if result.message else None,
            warnings(result.warnings),
            table(header, rows, label="Tasks") if rows else None,
            label=f"Sync of {result.application}",
        )
    )


def format_history_html(records: Iterable[SyncRecord]) -> str:
    """A table of recorded syncs in the order given."""
    rows: list[list[Content]] = [
        [
            str(record.sequence),
            element("b", record.application),
            format_instant(record.started_at),
            format_duration(record.duration_s),
            [phase_badge(record.phase), record_remark(record)],
            code(", ".join(map(short_revision, record.revisions)) or record.target_revision),
            record.initiated_by,
            muted(record.message),
            code(record.notebook),
        ]
        for record in records
    ]
    header = ("#", "Application", "Started", "Duration", "Phase", "Revision", "By", "Message", "Notebook")
    return str(panel(table(header, rows, label="Sync history"), label="Sync history"))


def comparison_head(comparison: Comparison) -> Html:
    """Name, verdict, facts and warnings of a comparison."""
    badges = [sync_badge(comparison.status), " ", health_badge(comparison.health)]
    facts = [
        f"revision {short_revision(comparison.revision)}" if comparison.revision else "",
        comparison.destination,
        f"project {comparison.project}" if comparison.project else "",
        f"compared {format_instant(comparison.compared_at)}",
    ]
    unknown = comparison.status is SyncStatus.UNKNOWN
    return element(
        "div",
        head_line(comparison.application, badges, facts),
        element("div", summarize_comparison(comparison), style="margin:2px 0 6px"),
        notice("?" if unknown else "!", "Unknown:" if unknown else "Why:", comparison.reason, Tone.BUSY)
        if comparison.reason
        else None,
        notice(HEALTH_SIGNS[comparison.health.status], "Health:", comparison.health.message, Tone.MUTED)
        if comparison.health.message
        else None,
        warnings(comparison.warnings),
    )


def head_line(name: str, badges: Content, facts: Iterable[str]) -> Html:
    """The first line of a panel."""
    return element(
        "div",
        element("b", name, style="font-size:15px;margin-right:10px;overflow-wrap:anywhere"),
        " ",
        badges,
        Html("<br>"),
        muted(" · ".join(fact for fact in facts if fact)),
    )


def warnings(texts: Iterable[str]) -> Html:
    return element("div", [notice("!", "Warning:", text, Tone.CHANGE) for text in texts])


def sync_badge(status: SyncStatus) -> Html:
    return badge(SYNC_SIGNS[status], status, SYNC_TONES[status])


def health_badge(health: Health | None) -> Html | None:
    """Nothing for a kind that has no health rule."""
    if health is None:
        return None
    return badge(HEALTH_SIGNS[health.status], health.status, HEALTH_TONES[health.status], title=health.message)


def phase_badge(phase: str) -> Html:
    """The badge of a phase as the store spells it; a word that is no phase stands as it is."""
    try:
        known = OperationPhase(phase)
    except ValueError:
        return badge("?", phase, Tone.MUTED)
    return badge(PHASE_SIGNS[known], known, PHASE_TONES[known])


def key_label(key: ResourceKey) -> Html:
    return element("span", chip(short_kind(key.kind)), f" {key.kind} ", element("b", qualified_name(key)))
