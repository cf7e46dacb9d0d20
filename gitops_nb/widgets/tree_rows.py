"""A resource tree as the JSON that the front end draws: texts made visible, nothing left for it to decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from gitops_nb.formatting.nodes import age, gap_texts, node_info, node_message, node_notes, split_orphans, tree_facts
from gitops_nb.node_details import LogEnd
from gitops_nb.widgets.rows import Json, resource_id
from reconciler.cluster.events import ObjectEvent
from reconciler.cluster.tree import ResourceTree, TreeNode
from reconciler.formatting.characters import visible, visible_line
from reconciler.formatting.kinds import short_kind
from reconciler.formatting.states import HEALTH_SIGNS, HEALTH_TONES, SYNC_SIGNS, SYNC_TONES, Tone
from reconciler.formatting.values import counted, format_instant
from reconciler.terms import HealthStatus, SyncStatus

APPLICATION_ROW: Final = "application"
"""Id of the row above everything that the application manages."""
ORPHANS_ROW: Final = "orphaned"
"""Id of the row above the orphaned objects."""
OPEN_NODES: Final = 200
"""A tree of more nodes is closed at first, but for what leads to objects that are not healthy."""

_QUIET: Final = (HealthStatus.HEALTHY, HealthStatus.SUSPENDED)


def tree_header(tree: ResourceTree, title: str, read_at: datetime | None) -> Json:
    """Name, counts, the signs of every state, and what could not be listed."""
    return {
        "title": visible(title),
        "badges": [],
        "facts": [*tree_facts(tree), *([f"read {format_instant(read_at)}"] if read_at else [])],
        "notices": [
            {"sign": "?", "text": f"not listed: {visible(text)}", "tone": Tone.BUSY.value}
            for text in gap_texts(tree.gaps)
        ],
        "statuses": {each.value: {"sign": SYNC_SIGNS[each], "tone": SYNC_TONES[each].value} for each in SyncStatus},
        "healths": {
            each.value: {"sign": HEALTH_SIGNS[each], "tone": HEALTH_TONES[each].value} for each in HealthStatus
        },
    }


def tree_rows(tree: ResourceTree, title: str, read_at: datetime | None) -> list[Json]:
    """One row a node, each below its parent, with its level from 1; empty values are left out.

    The first row stands for the application; what it does not manage follows below a row of its own.
    """
    managed, orphaned = split_orphans(tree.walk())
    rows = [
        {"id": APPLICATION_ROW, "kind": "Application", "short": "app", "name": visible(title), "level": 1, "top": True}
    ]
    rows += [_row(node, depth + 2, read_at) for node, depth in managed]
    if orphaned:
        rows.append({"id": ORPHANS_ROW, "name": "Orphaned", "level": 1, "top": True, "info": "in no application"})
        rows += [_row(node, depth + 2, read_at) for node, depth in orphaned]
    return rows


def closed_at_first(tree: ResourceTree) -> list[str]:
    """The nodes that do not show what they own, until somebody opens them."""
    if len(tree.nodes) <= OPEN_NODES:
        return []
    # Parents stand before their children.
    leading = set()
    for node in reversed(tree.nodes):
        if node.key in leading or (node.health is not None and node.health.status not in _QUIET):
            leading |= set(node.parents)
    return [resource_id(node.key) for node in tree.nodes if node.key not in leading and tree.children(node.key)]


def node_facts(tree: ResourceTree, node: TreeNode) -> Json:
    """What is known of one node without asking the cluster."""
    owned = tree.children(node.key)
    facts = [
        ("API version", f"{node.key.group}/{node.version}" if node.key.group else node.version),
        ("Namespace", node.key.namespace or "cluster-scoped"),
        ("State", " · ".join((*node_info(node), *node_notes(node)))),
        ("Images", "\n".join(node.images)),
        ("Created", format_instant(node.created_at)),
        ("Owned by", "\n".join(map(str, node.parents))),
        ("Owns", counted(len(owned), "object") if owned else ""),
        *((item.name, item.value) for item in node.info if item.name == "Node"),
        ("UID", node.uid),
    ]
    return {
        "facts": [[name, _text(value)] for name, value in facts if value],
        "message": visible(node_message(node)),
        "logs": (node.key.group, node.key.kind) == ("", "Pod") and bool(node.uid),
        "events": bool(node.uid),
    }


def event_rows(events: Sequence[ObjectEvent]) -> list[Json]:
    """One entry an event, in the order given."""
    return [
        {
            "type": visible(event.type),
            "tone": (Tone.MUTED if event.type == "Normal" else Tone.CHANGE).value,
            "reason": visible(event.reason),
            "message": visible(event.message),
            "count": event.count,
            "source": visible(event.source),
            "seen": format_instant(event.last_seen_at),
        }
        for event in events
    ]


def log_answer(log: LogEnd) -> Json:
    """The end of a log, line by line, and the containers that have one."""
    return {
        "container": visible(log.container),
        "containers": [visible(name) for name in log.containers],
        "lines": [visible_line(line) for line in log.lines],
    }


def _row(node: TreeNode, level: int, read_at: datetime | None) -> dict[str, Any]:
    row = {
        "id": resource_id(node.key),
        "kind": visible(node.key.kind),
        "short": visible(short_kind(node.key.kind)),
        "group": visible(node.key.group),
        "place": visible(node.key.namespace),
        "name": visible(node.key.name),
        "level": level,
        "sync": node.sync.value if node.sync is not None else "",
        "health": node.health.status.value if node.health is not None else "",
        "info": visible(" · ".join(node_info(node))),
        "note": visible(", ".join(node_notes(node))),
        "message": visible(node.reason),
        "age": age(node.created_at, read_at),
    }
    return {name: value for name, value in row.items() if value}


def _text(value: str) -> str:
    return "\n".join(map(visible, value.split("\n")))
