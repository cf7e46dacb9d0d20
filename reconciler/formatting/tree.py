"""A resource tree as text: a line an object, with signs for its sync status and health."""

from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode
from reconciler.formatting.characters import clipped, visible
from reconciler.formatting.states import HEALTH_SIGNS, SYNC_SIGNS
from reconciler.formatting.values import counted
from reconciler.terms import HealthStatus, SyncStatus

MESSAGE_LIMIT: Final = 200
GAP_LIMIT: Final = 20
"""So many kinds that cannot be listed are named; of the others the number is told."""


def format_tree_text(tree: ResourceTree, *, title: str = "") -> str:
    """The tree below its title, then orphaned objects, then what could not be seen.

    ::

        guestbook
        ├─ ≠ ♥ Deployment.apps web/front  Rev:3  2/2
        │  └─   ♥ ReplicaSet.apps web/front-5d4c  Rev:3  2/2
        │     └─   ♥ Pod web/front-5d4c-x2v9k  Running  1/1  example.com/front:3
        └─ ✓   ConfigMap web/front
    """
    lines = [visible(title)] if title else []
    roots = [node for node, depth in tree.walk() if depth == 0]
    lines += _branches(tree, [root for root in roots if not root.orphaned])
    orphans = [root for root in roots if root.orphaned]
    if orphans:
        lines.append("orphaned: in the namespace, but in no application")
        lines += _branches(tree, orphans)
    lines += gap_lines(tree.gaps)
    return "".join(f"{line}\n" for line in lines)


def describe_node(node: TreeNode) -> str:
    """What there is to say of an object beside its name: state, images, and why it is not healthy."""
    parts = [item.value for item in node.info if item.name != "Node"]
    parts += node.images if node.key.kind == "Pod" else ()
    if node.targets:
        parts.append("→ " + ", ".join(f"{target.kind} {target.name}" for target in node.targets))
    if node.deleting:
        parts.append("being deleted")
    message = node.reason or (node.health.message if node.health and node.health.status not in _QUIET else "")
    if message:
        parts.append(clipped(message, MESSAGE_LIMIT))
    return "  ".join(visible(part) for part in parts if part)


_QUIET: Final = (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)


def _branches(tree: ResourceTree, roots: Sequence[TreeNode]) -> Iterator[str]:
    """Lines of the roots and of all below them, each object once; however deep, Python's own stack is not needed."""
    shown = {root.key for root in roots}
    stack = [(root, "", root is roots[-1]) for root in reversed(roots)]
    while stack:
        node, indent, last = stack.pop()
        yield f"{indent}{'└─' if last else '├─'} {_line(node)}".rstrip()
        below = [child for child in tree.children(node.key) if child.key not in shown]
        shown |= {child.key for child in below}
        inner = indent + ("   " if last else "│  ")
        stack += [(child, inner, child is below[-1]) for child in reversed(below)]


def _line(node: TreeNode) -> str:
    sync = SYNC_SIGNS[SyncStatus(node.sync)] if node.sync is not None else " "
    health = HEALTH_SIGNS[HealthStatus(node.health.status)] if node.health is not None else " "
    return f"{sync} {health} {visible(str(node.key))}  {describe_node(node)}"


def gap_lines(gaps: Sequence[TreeGap]) -> Iterator[str]:
    """What is not in the tree because it could not be listed, and why."""
    for gap in gaps[:GAP_LIMIT]:
        kind = f"{gap.kind}.{gap.group}" if gap.kind and gap.group else gap.kind or f"all of {gap.group}"
        where = f" in {gap.namespace}" if gap.namespace else ""
        yield visible(f"? {kind}{where}: {clipped(gap.reason, MESSAGE_LIMIT)}")
    if len(gaps) > GAP_LIMIT:
        yield f"? and {counted(len(gaps) - GAP_LIMIT, 'kind')} more that cannot be listed"
