"""Nodes of a resource tree in words, for every view of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode
from reconciler.formatting.tree import gap_lines
from reconciler.formatting.values import counted
from reconciler.terms import HealthStatus

Walked = Sequence[tuple[TreeNode, int]]
"""Nodes with their depths, parents before children."""

_ATTENTION = (HealthStatus.DEGRADED, HealthStatus.MISSING, HealthStatus.PROGRESSING, HealthStatus.UNKNOWN)


def node_info(node: TreeNode) -> tuple[str, ...]:
    """``Rev:3``, ``2/2``, ``Running``, ``7 restarts``: the state of an object in a few words."""
    return tuple(
        counted(int(item.value), "restart") if item.name == "Restart Count" else item.value
        for item in node.info
        if item.name != "Node"
    )


def node_message(node: TreeNode) -> str:
    """Why the object's state is not known, or why it is not healthy."""
    return node.reason or (node.health.message if node.health is not None else "")


def node_notes(node: TreeNode) -> tuple[str, ...]:
    """What sets the object apart: that it is being deleted, where it sends requests."""
    targets = ", ".join(f"{target.kind} {target.name}" for target in node.targets)
    return tuple(text for text in ("being deleted" if node.deleting else "", f"→ {targets}" if targets else "") if text)


def health_counts(tree: ResourceTree) -> list[tuple[HealthStatus, int]]:
    """How many objects have each health, in the order of `HealthStatus`; kinds without a rule count nowhere."""
    counts = Counter(node.health.status for node in tree.nodes if node.health is not None)
    return [(status, counts[status]) for status in HealthStatus if counts[status]]


def tree_facts(tree: ResourceTree) -> list[str]:
    """``42 objects``, ``7 managed``, ``2 orphaned``."""
    orphaned = len(tree.orphaned)
    return [
        counted(len(tree.nodes), "object"),
        f"{len(tree.managed)} managed",
        *([f"{orphaned} orphaned"] if orphaned else []),
    ]


def gap_texts(gaps: Iterable[TreeGap]) -> list[str]:
    """What is not in the tree because it could not be listed, and why."""
    return [line.removeprefix("? ") for line in gap_lines(tuple(gaps))]


def split_orphans(walked: Iterable[tuple[TreeNode, int]]) -> tuple[Walked, Walked]:
    """The branches of the application, and those of orphans; a branch belongs where its root does."""
    kept: list[tuple[TreeNode, int]] = []
    orphaned: list[tuple[TreeNode, int]] = []
    branch = kept
    for node, depth in walked:
        if depth == 0:
            branch = orphaned if node.orphaned else kept
        branch.append((node, depth))
    return kept, orphaned


def needs_attention(tree: ResourceTree) -> TreeNode | None:
    """The first object that is not healthy, the worst first; None where all are."""
    for status in _ATTENTION:
        for node in tree.nodes:
            if node.health is not None and node.health.status is status:
                return node
    return None


def age(then: datetime | None, now: datetime | None) -> str:
    """``42 s``, ``5 min``, ``7 h``, ``12 d``, as kubectl rounds; empty where either is not known."""
    if then is None or now is None:
        return ""
    seconds = max(0, int((now - then).total_seconds()))
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
