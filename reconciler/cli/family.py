"""What a change of a parent Application means for its children, on stdout."""

from typing import TYPE_CHECKING, Literal

from reconciler.cli.output import emit_text, visible

if TYPE_CHECKING:
    from reconciler.engine.family import ChildDiff


def emit_children(children: "tuple[ChildDiff, ...]", view: Literal["diff", "plan"]) -> None:
    """Each child Application that changes, at every depth: a heading, then its diff or its plan, as text."""
    for depth, child in _with_depth(children):
        emit_text(f"\n{heading(child, depth)}\n")
        text = _body(child, view)
        if text:
            emit_text(text)


def heading(child: "ChildDiff", depth: int = 0) -> str:
    """One line on a child: ``Application argocd/web: changed``."""
    says = ""
    if child.plan is not None:
        says = ", syncs by itself" if child.automated else ", waits for a sync"
    reason = f" ({child.reason})" if child.reason else ""
    return visible(f"{'  ' * depth}Application {child.key.namespace}/{child.key.name}: {child.change}{says}{reason}")


def _body(child: "ChildDiff", view: Literal["diff", "plan"]) -> str:
    from reconciler.formatting import format_diff_text, format_plan_text

    if view == "plan":
        return format_plan_text(child.plan) if child.plan is not None else ""
    return format_diff_text(child.comparison) if child.comparison is not None else ""


def _with_depth(children: "tuple[ChildDiff, ...]", depth: int = 0) -> "list[tuple[int, ChildDiff]]":
    found: list[tuple[int, ChildDiff]] = []
    for child in children:
        found.append((depth, child))
        found += _with_depth(child.children, depth + 1)
    return found
