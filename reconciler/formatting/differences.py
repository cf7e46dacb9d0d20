"""One field's difference in words: what was and would be there, who owns it since when, and which rule ignores it."""

from reconciler.diff.records import FieldDifference, ResourceComparison
from reconciler.formatting.characters import clipped, visible, visible_line
from reconciler.formatting.lines import diff_lines
from reconciler.formatting.states import ResourceState, state_of
from reconciler.formatting.values import VALUE_LIMIT, counted, format_instant, format_value

_TEXT_LINES = 40
"""Differing lines shown of a text of many lines."""


def drifted(resource: ResourceComparison) -> tuple[FieldDifference, ...]:
    """The differences that count, those of an ignore rule left out."""
    return tuple(difference for difference in resource.differences if not difference.ignored_by)


def difference_texts(difference: FieldDifference) -> tuple[str, str]:
    """The live and the target value, each safe to show.

    Of two texts of several lines only those that differ are given, one a line, each with its number.
    """
    live, target = difference.live, difference.target
    if not (isinstance(live, str) and isinstance(target, str) and "\n" in live + target):
        return format_value(live), format_value(target)
    changed = [row for row in diff_lines(live.split("\n"), target.split("\n")) if row.changed]
    before = [(row.live_number, row.live_text) for row in changed if row.live is not None]
    after = [(row.target_number, row.target_text) for row in changed if row.target is not None]
    return _numbered(before), _numbered(after)


def ownership(difference: FieldDifference) -> str:
    """``kubectl-edit (Update) since 2026-11-21 11:05:09Z``, or as much of it as is known."""
    operation = f" ({visible(difference.operation)})" if difference.operation else ""
    by = visible(difference.manager) + operation if difference.manager else ""
    since = f"since {format_instant(difference.changed_at)}" if difference.changed_at else ""
    return f"{by} {since}".strip()


def ignore_rule(difference: FieldDifference) -> str:
    """``ignored by <rule>``, empty where no rule applies."""
    return f"ignored by {visible(difference.ignored_by)}" if difference.ignored_by else ""


def resource_note(resource: ResourceComparison) -> str:
    """One line that says why a resource stands where it stands."""
    state = state_of(resource)
    fields = counted(len(drifted(resource)), "field")
    notes = {
        ResourceState.UNKNOWN: resource.reason,
        ResourceState.CHANGED: f"{fields} differ" if len(drifted(resource)) != 1 else f"{fields} differs",
        ResourceState.MISSING: "not in the cluster",
        ResourceState.HOOK: "runs during a sync; not compared",
        ResourceState.EXTRA: "not in Git; pruned by a sync with prune"
        if resource.requires_pruning
        else "not in Git; kept",
    }
    health = resource.health.message if resource.health else ""
    reason = resource.reason if state is not ResourceState.UNKNOWN else ""
    return "; ".join(part for part in (notes.get(state, ""), reason, health) if part)


def _numbered(lines: list[tuple[int | None, str]]) -> str:
    shown = [f"line {number}: {clipped(visible_line(text), VALUE_LIMIT)}" for number, text in lines[:_TEXT_LINES]]
    rest = len(lines) - _TEXT_LINES
    return "\n".join([*shown, *([f"… {counted(rest, 'more line')}"] if rest > 0 else [])]) or "(no line of its own)"
