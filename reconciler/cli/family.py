"""What a change of a parent Application means for its children, on stdout."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from reconciler.cli.output import emit_text, is_document, note, plain, visible
from reconciler.cli.settings import OutputFormat, Settings
from reconciler.errors import SpecError

if TYPE_CHECKING:
    from reconciler.engine import Reconciler, Reconciliation
    from reconciler.engine.family import ChildDiff
    from reconciler.manifest.objects import ResourceKey

View = Literal["diff", "plan"]


def changed_children(
    engine: "Reconciler",
    reconciliation: "Reconciliation",
    settings: Settings,
    *,
    only: "Collection[ResourceKey] | None" = None,
) -> "tuple[ChildDiff, ...] | None":
    """The children that change with a parent, of those in ``only``.

    None where the Application has no children, or the form of the output no place for them. An Application among its own
    descendants is told on stderr: what is known of the parent itself is worth showing.
    """
    from reconciler.engine.family import child_keys, compare_children

    has_place = is_document(settings) or settings.output is OutputFormat.TABLE
    if not has_place or not child_keys(reconciliation):
        return None
    try:
        children = compare_children(engine, reconciliation)
    except SpecError as error:
        note(f"children are left out: {error}", settings)
        return None
    return tuple(child for child in children if only is None or child.key in only)


def with_children(data: Any, children: "tuple[ChildDiff, ...] | None", view: View) -> Any:
    """A record as JSON values, with its children under ``children`` where it has such."""
    return data if children is None else {**plain(data), "children": [_plain_child(child, view) for child in children]}


def emit_children(children: "tuple[ChildDiff, ...]", view: View, *, show_ignored: bool = False) -> None:
    """Each child Application that changes, at every depth: a heading, then its diff or its plan, as text."""
    for depth, child in _with_depth(children):
        emit_text(f"\n{heading(child, depth)}\n")
        text = _body(child, view, show_ignored=show_ignored)
        if text:
            emit_text(text)


def heading(child: "ChildDiff", depth: int = 0) -> str:
    """One line on a child: ``Application argocd/web: changed``."""
    says = ""
    if child.plan is not None:
        says = ", syncs by itself" if child.automated else ", waits for a sync"
    reason = f" ({child.reason})" if child.reason else ""
    return visible(f"{'  ' * depth}Application {child.key.namespace}/{child.key.name}: {child.change}{says}{reason}")


def _plain_child(child: "ChildDiff", view: View) -> dict[str, Any]:
    """The child without the view that is not asked for."""
    kept = replace(child, plan=None, children=()) if view == "diff" else replace(child, comparison=None, children=())
    fields: dict[str, Any] = plain(kept)
    del fields["plan" if view == "diff" else "comparison"]
    return fields | {"children": [_plain_child(each, view) for each in child.children]}


def _body(child: "ChildDiff", view: View, *, show_ignored: bool) -> str:
    from reconciler.formatting import format_diff_text, format_plan_text

    if view == "plan":
        return format_plan_text(child.plan) if child.plan is not None else ""
    return format_diff_text(child.comparison, show_ignored=show_ignored) if child.comparison is not None else ""


def _with_depth(children: "tuple[ChildDiff, ...]", depth: int = 0) -> "list[tuple[int, ChildDiff]]":
    found: list[tuple[int, ChildDiff]] = []
    for child in children:
        found.append((depth, child))
        found += _with_depth(child.children, depth + 1)
    return found
