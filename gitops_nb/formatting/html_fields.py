"""The fields of a resource as static HTML: where, what, whose, which rule; and the rules that found nothing."""

from collections.abc import Sequence

from gitops_nb.formatting.elements import Content, Html, code, details, element, muted, table
from reconciler.diff.records import FieldDifference, ResourceComparison, UnusedRule
from reconciler.formatting.differences import difference_texts, drifted, ignore_rule
from reconciler.formatting.ignored import ignored
from reconciler.formatting.values import counted, format_instant


def fields_table(resource: ResourceComparison) -> Html:
    """One row a field: path and JSON pointer, live, target, who owns it since when, what a sync does; ignored ones last."""
    rows = [_field_row(difference) for difference in (*drifted(resource), *ignored(resource))]
    return table(("Path", "Live", "Target", "Owner", "A sync"), rows, label="Fields that differ")


def unused_rules(rules: Sequence[UnusedRule]) -> Html:
    """Ignore rules that match nothing, each with the reason."""
    verb = "matches" if len(rules) == 1 else "match"
    summary: Content = [element("b", "! "), f"{counted(len(rules), 'ignore rule')} {verb} nothing"]
    lines = [[code(rule.rule), Html("<br>"), muted(rule.reason)] for rule in rules]
    style = "margin:0;padding:0 0 0 18px"
    return details(summary, element("ul", [element("li", line) for line in lines], style=style), opened=False)


def _field_row(difference: FieldDifference) -> list[Content]:
    live, target = difference_texts(difference)
    place: list[Content] = [code(difference.path)]
    if difference.pointer:
        place += [Html("<br>"), muted(code(difference.pointer))]
    if difference.ignored_by:
        place += [Html("<br>"), muted(ignore_rule(difference))]
    return [place, code(live), code(target), _owner(difference), "→ changes it" if difference.synced else "= leaves it"]


def _owner(difference: FieldDifference) -> Content:
    operation = muted(f" ({difference.operation})") if difference.operation else None
    since = format_instant(difference.changed_at)
    return [difference.manager, operation, [Html("<br>"), muted(since)] if since else None]
