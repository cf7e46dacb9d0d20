"""The resource tree as static HTML: nested lists that fold, orphaned objects apart."""

from datetime import datetime
from typing import Final

from gitops_nb.formatting.elements import (
    BORDER,
    Content,
    Html,
    badge,
    chip,
    details,
    element,
    join,
    muted,
    notice,
    panel,
    tint,
)
from gitops_nb.formatting.html import head_line
from gitops_nb.formatting.nodes import (
    Walked,
    age,
    gap_texts,
    health_counts,
    node_info,
    node_message,
    node_notes,
    split_orphans,
    tree_facts,
)
from reconciler.cluster.tree import ResourceTree, TreeNode
from reconciler.formatting.characters import clipped
from reconciler.formatting.kinds import qualified_name, short_kind
from reconciler.formatting.states import HEALTH_SIGNS, HEALTH_TONES, SYNC_SIGNS, SYNC_TONES, Tone
from reconciler.formatting.tree import MESSAGE_LIMIT
from reconciler.formatting.values import counted, format_instant
from reconciler.terms import HealthStatus, SyncStatus

MAX_NODES: Final = 500
"""Objects of a tree that are written; a page with more of them serves nobody."""
MAX_DEPTH: Final = 12
"""Levels that are indented; what lies deeper stands below the last of them."""
_QUIET: Final = (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)
_BOX: Final = "display:inline-block;width:18px"
# A kind without a health rule keeps the place, so that kinds and names stand below each other.
_NO_MARK: Final = join([element("span", style=_BOX), " "])
_LIST: Final = f"list-style:none;margin:0;padding:0 0 0 10px;border-left:{BORDER}"


def format_tree_html(tree: ResourceTree, *, title: str = "", read_at: datetime | None = None) -> str:
    """What an application manages and all that this owns, then orphaned objects, then what could not be listed.

    At most `MAX_NODES` objects are written; the number of the others is told.
    """
    walked = list(tree.walk())[:MAX_NODES]
    left_out = len(tree.nodes) - len(walked)
    facts = [*tree_facts(tree), f"read {format_instant(read_at)}" if read_at else ""]
    badges: list[Content] = []
    for status, count in health_counts(tree):
        badges += [badge(HEALTH_SIGNS[status], f"{count} {status}", HEALTH_TONES[status]), " "]
    managed, orphaned = split_orphans(walked)
    return str(
        panel(
            head_line(title or "Resource tree", badges, facts),
            [notice("?", "Not listed:", text, Tone.BUSY) for text in gap_texts(tree.gaps)],
            _nested(managed, read_at),
            _orphans(orphaned, read_at) if orphaned else None,
            muted(f"… {counted(left_out, 'more object')}") if left_out > 0 else None,
            label=f"Resource tree of {title}" if title else "Resource tree",
        )
    )


def _orphans(walked: Walked, read_at: datetime | None) -> Html:
    summary: Content = [element("b", "Orphaned"), muted(" in the namespace, but in no application")]
    style = f"margin-top:6px;border-top:{BORDER};padding-top:4px"
    return details(summary, _nested(walked, read_at), opened=True, style=style)


def _nested(walked: Walked, read_at: datetime | None) -> Html:
    """Lists within lists, built from the last node to the first, so that no depth of a tree is too much."""
    waiting: list[list[Html]] = [[] for _ in range(MAX_DEPTH + 2)]
    for node, depth in reversed(walked):
        level = min(depth, MAX_DEPTH)
        below = waiting[level + 1] if depth < MAX_DEPTH else []
        line = _line(node, read_at, indent="15px" if below else "0")
        if below:
            children = element("ul", list(reversed(below)), style=f"{_LIST};margin-left:5px")
            line = details(line, children, opened=True)
            waiting[level + 1] = []
        else:
            line = element("div", line, style="padding:4px 0 4px 15px")
        waiting[level].append(element("li", line, style="margin:0"))
    return element("ul", list(reversed(waiting[0])), style="list-style:none;margin:6px 0 0;padding:0")


def _line(node: TreeNode, read_at: datetime | None, *, indent: str) -> Html:
    health = node.health
    message = node_message(node) if health is None or health.status not in _QUIET else ""
    old = age(node.created_at, read_at)
    facts = " · ".join((*node_info(node), *node_notes(node), *([f"{old} old"] if old else [])))
    parts: list[Content] = [
        _mark(HEALTH_SIGNS[health.status], health.status, HEALTH_TONES[health.status]) if health else _NO_MARK,
        chip(short_kind(node.key.kind)),
        f" {node.key.kind} ",
        element("b", qualified_name(node.key), style="overflow-wrap:anywhere"),
        _sync(node.sync) if node.sync is not None else None,
        muted(f" {facts}") if facts else None,
        [Html("<br>"), element("span", muted(clipped(message, MESSAGE_LIMIT)), style=_below(indent))]
        if message
        else None,
    ]
    return join(parts)


def _mark(sign: str, word: str, tone: Tone) -> Html:
    style = f"{_BOX};text-align:center;border-radius:4px;background:{tint(tone, 0.2)}"
    return join([element("b", sign, style=style, title=word, role="img", aria_label=word), " "])


def _below(indent: str) -> str:
    return f"display:inline-block;margin-left:{indent};overflow-wrap:anywhere"


def _sync(status: SyncStatus) -> Html:
    if status is SyncStatus.SYNCED:
        return join([" ", muted(f"{SYNC_SIGNS[status]} {status}")])
    return join([" ", badge(SYNC_SIGNS[status], status, SYNC_TONES[status])])
