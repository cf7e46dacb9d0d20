"""Resource trees, events and logs as frames: one row an object, an event, a line."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gitops_nb.formatting.nodes import node_info, node_message
from gitops_nb.frames.columns import EVENT_COLUMNS, LOG_COLUMNS, TREE_COLUMNS, key_columns, make_frame
from reconciler.cluster.events import ObjectEvent
from reconciler.cluster.logs import LogLine
from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode
from reconciler.manifest.objects import ResourceKey

if TYPE_CHECKING:
    import pandas as pd

_BEGINNING = datetime.min.replace(tzinfo=UTC)


def tree_frame(tree: ResourceTree) -> "pd.DataFrame":
    """One row an object of a tree, parents before children; orphaned objects stand among them and are marked.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``group``, ``namespace``, ``name``, ``version``, ``parent`` (the first owner, as
        ``ReplicaSet.apps shop/web-5d4c``; empty for a root) string; ``depth`` (0 for a root) Int64; ``status`` (sync
        status; NA where the application does not manage the object), ``health`` (NA for a kind without a rule),
        ``message`` (why it is not healthy, or why its state is not known), ``info`` and ``images`` (joined by ``","``)
        string; ``created_at`` datetime64[ns, UTC]; ``managed``, ``orphaned`` and ``deleting`` boolean.
    """
    return make_frame([_node_row(node, depth) for node, depth in tree.walk()], TREE_COLUMNS)


def events_frame(events: Iterable[ObjectEvent], gaps: Iterable[TreeGap] = ()) -> "pd.DataFrame":
    """One row an event, the newest first; then one of type Unknown for each namespace whose events cannot be read.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``group``, ``namespace``, ``name`` (of the object), ``type`` (Normal, Warning, Unknown),
        ``reason``, ``message`` and ``source`` string; ``count`` (how often it was seen) Int64; ``first_seen_at`` and
        ``last_seen_at`` datetime64[ns, UTC].
    """
    newest = sorted(events, key=lambda event: event.last_seen_at or _BEGINNING, reverse=True)
    return make_frame([*map(_event_row, newest), *map(_event_gap_row, gaps)], EVENT_COLUMNS)


def log_frame(lines: Iterable[LogLine], gaps: Iterable[TreeGap] = ()) -> "pd.DataFrame":
    """One row a line of a log, in the order given; then one for each log that cannot be read, with the reason.

    Returns
    -------
    pandas.DataFrame
        ``at`` (NaT where the server does not say) datetime64[ns, UTC]; ``namespace``, ``pod``, ``container``, ``text``
        (NA where there is no line) and ``reason`` (why the log cannot be read; empty for a line) string.
    """
    rows: list[Mapping[str, Any]] = [
        {
            "at": line.at,
            "namespace": line.pod.namespace,
            "pod": line.pod.name,
            "container": line.container,
            "text": line.text,
            "reason": "",
        }
        for line in lines
    ]
    nothing = {"at": None, "container": "", "text": None}
    rows += (
        {**nothing, "namespace": gap.namespace, "pod": gap.kind.removeprefix("log of "), "reason": gap.reason}
        for gap in gaps
    )
    return make_frame(rows, LOG_COLUMNS)


def _node_row(node: TreeNode, depth: int) -> Mapping[str, Any]:
    return {
        **key_columns(node.key),
        "version": node.version,
        "parent": str(node.parents[0]) if node.parents else "",
        "depth": depth,
        "status": node.sync.value if node.sync is not None else None,
        "health": node.health.status.value if node.health is not None else None,
        "message": node_message(node),
        "info": " ".join(node_info(node)),
        "images": ",".join(node.images),
        "created_at": node.created_at,
        "managed": node.managed,
        "orphaned": node.orphaned,
        "deleting": node.deleting,
    }


def _event_row(event: ObjectEvent) -> Mapping[str, Any]:
    return {
        **key_columns(event.key),
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "source": event.source,
        "count": event.count,
        "first_seen_at": event.first_seen_at,
        "last_seen_at": event.last_seen_at,
    }


def _event_gap_row(gap: TreeGap) -> Mapping[str, Any]:
    return {
        **key_columns(ResourceKey(gap.group, gap.kind, gap.namespace, "")),
        "type": "Unknown",
        "reason": "NotRead",
        "message": gap.reason,
        "source": "",
        "count": None,
        "first_seen_at": None,
        "last_seen_at": None,
    }
