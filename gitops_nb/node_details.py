"""What a tree shows of one object when somebody looks at it: its events and the end of a pod's log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from reconciler.cluster import Connection
from reconciler.cluster.events import LogOptions, ObjectEvent, object_events, pod_log
from reconciler.cluster.logs import default_container
from reconciler.cluster.tree import TreeNode
from reconciler.errors import NotFoundError
from reconciler.manifest.objects import ResourceKey

LOG_LINES: Final = 200
"""Lines that are read from the end of a log, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class LogEnd:
    """The last lines of a container's log; ``containers`` are all that the pod has, init containers first."""

    container: str
    containers: tuple[str, ...]
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.lines)


class NodeSource(Protocol):
    """Tells what there is to say of an object beyond its node.

    Both methods raise `ReconcilerError` where that cannot be read.
    """

    def events(self, node: TreeNode) -> Sequence[ObjectEvent]: ...

    def log(self, node: TreeNode, container: str) -> LogEnd: ...


class ClusterNodes:
    """Reads from the cluster at the moment of the call."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def events(self, node: TreeNode) -> Sequence[ObjectEvent]:
        return object_events(self._connection, node.key, uid=node.uid)

    def log(self, node: TreeNode, container: str) -> LogEnd:
        return read_log_end(self._connection, node.key, container=container)


def read_log_end(
    connection: Connection, key: ResourceKey, *, container: str = "", lines: int = LOG_LINES, previous: bool = False
) -> LogEnd:
    """The last ``lines`` of a container's log; by default of the one that kubectl would choose.

    Raises
    ------
    NotFoundError
        When the pod has no such container.
    ClusterError
        When there is no such pod, or no log of it yet.
    """
    pod = connection.get(f"/api/v1/namespaces/{key.namespace}/pods/{key.name}")
    names = _containers(pod)
    chosen = container or default_container(pod)
    if chosen not in names:
        raise NotFoundError(f"{key} has no container {chosen}; it has {', '.join(names) or 'none'}")
    log = pod_log(
        connection, key.namespace, key.name, LogOptions(container=chosen, tail_lines=lines, previous=previous)
    )
    return LogEnd(chosen, names, tuple(log))


def _containers(pod: Mapping[str, Any]) -> tuple[str, ...]:
    spec = pod.get("spec") or {}
    return tuple(str(entry["name"]) for field in ("initContainers", "containers") for entry in spec.get(field) or ())
