"""What the cluster tells of objects: their events, and the log of a pod's container."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.cluster.connection import Connection, Stream
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import PAGE_SIZE, list_many
from reconciler.cluster.node_info import instant
from reconciler.cluster.tree import ResourceTree, TreeGap
from reconciler.errors import UsageError
from reconciler.manifest.objects import GroupVersionKind, ResourceKey

_PODS: Final = ApiResource(GroupVersionKind("", "v1", "Pod"), "pods", True, frozenset({"get"}))
_EVENTS: Final = ApiResource(GroupVersionKind("", "v1", "Event"), "events", True, frozenset({"list"}))

LOG_BYTES: Final = 10 * 2**20
"""The most that is read of a log, unless told otherwise."""
LOG_IDLE_S: Final = 60.0
CLUSTER_SCOPED: Final = "default"
"""The namespace that keeps the events of cluster-scoped objects."""
EVENT_LIMIT: Final = 200
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One event about ``key``; ``type`` is Normal or Warning, ``count`` how often it was seen until ``last_seen_at``."""

    key: ResourceKey
    type: str
    reason: str
    message: str
    source: str
    count: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class EventReport:
    """Events of several objects, the newest last; ``gaps`` are the namespaces whose events could not be read."""

    events: tuple[ObjectEvent, ...]
    gaps: tuple[TreeGap, ...] = ()


def tree_events(connection: Connection, tree: ResourceTree) -> EventReport:
    """The events of all objects of a tree, by one list a namespace.

    Events of an earlier object of the same name are left out.

    Raises
    ------
    ClusterError
        When the events of no namespace can be read.
    """
    uids = {node.uid: node.key for node in tree.nodes if node.uid}
    missing = {node.key for node in tree.nodes if not node.uid}
    namespaces = sorted({node.key.namespace or CLUSTER_SCOPED for node in tree.nodes})
    listings = list_many(connection, [(_EVENTS, namespace) for namespace in namespaces])
    errors = [listing.error for listing in listings if listing.error is not None]
    if errors and len(errors) == len(listings):
        raise errors[0]
    found: list[ObjectEvent] = []
    for item in (item for listing in listings for item in listing.objects):
        about = item.get("involvedObject") or {}
        key = uids.get(about.get("uid") or "") or _named(about)
        if key in missing or about.get("uid") in uids:
            found.append(_event(item, key))
    gaps = [TreeGap("", _EVENTS.gvk.kind, entry.namespace, str(entry.error)) for entry in listings if entry.error]
    return EventReport(tuple(sorted(found, key=_order)), tuple(gaps))


def _named(about: Mapping[str, Any]) -> ResourceKey:
    metadata = {"name": about.get("name"), "namespace": about.get("namespace")}
    return ResourceKey.of(
        {"apiVersion": about.get("apiVersion") or "", "kind": about.get("kind"), "metadata": metadata}
    )


def _order(event: ObjectEvent) -> tuple[datetime, str, str, ResourceKey]:
    return event.last_seen_at or _BEGINNING, event.reason, event.message, event.key


def object_events(
    connection: Connection, key: ResourceKey, *, uid: str = "", limit: int = EVENT_LIMIT
) -> tuple[ObjectEvent, ...]:
    """The events of an object, newest first, at most ``limit``.

    With its ``uid`` those of an earlier object of the same name are left out.

    Raises
    ------
    ClusterError
        When they cannot be read.
    """
    selected = {"involvedObject.kind": key.kind, "involvedObject.name": key.name}
    if key.namespace:
        selected["involvedObject.namespace"] = key.namespace
    if uid:
        selected["involvedObject.uid"] = uid
    query = {
        "fieldSelector": ",".join(f"{field}={value}" for field, value in selected.items()),
        "limit": str(PAGE_SIZE),
    }
    path = _EVENTS.path(namespace=key.namespace or CLUSTER_SCOPED)
    found: list[ObjectEvent] = []
    token = ""
    while True:
        page = connection.get(path, query=query | ({"continue": token} if token else {}))
        found += [_event(item, key) for item in page.get("items") or () if _is_about(item, key)]
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            break
    found.sort(key=_order, reverse=True)
    return tuple(found[:limit])


def _is_about(item: Mapping[str, Any], key: ResourceKey) -> bool:
    """Kinds of two groups may share a name, which no field selector tells apart in all versions."""
    version = (item.get("involvedObject") or {}).get("apiVersion")
    return not version or GroupVersionKind.of({"apiVersion": version}).group == key.group


def _event(item: Mapping[str, Any], key: ResourceKey) -> ObjectEvent:
    series, source = item.get("series") or {}, item.get("source") or {}
    seen = (
        instant(series.get("lastObservedTime")) or instant(item.get("lastTimestamp")) or instant(item.get("eventTime"))
    )
    created = instant((item.get("metadata") or {}).get("creationTimestamp"))
    return ObjectEvent(
        key=key,
        type=str(item.get("type") or "Normal"),
        reason=str(item.get("reason") or ""),
        message=str(item.get("message") or ""),
        source=str(source.get("component") or item.get("reportingComponent") or ""),
        count=series.get("count") or item.get("count") or 1,
        first_seen_at=instant(item.get("firstTimestamp")) or instant(item.get("eventTime")) or created,
        last_seen_at=seen or created,
    )


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a log is read.

    ``container`` may be empty for a pod with one. ``previous`` is the container's run before its last restart.
    ``tail_lines`` and ``since_s`` (seconds) count from the end; of what they leave at most ``limit_bytes`` is read.
    ``follow`` goes on until the container ends, the reader stops, or nothing comes for ``idle_timeout_s`` seconds.
    """

    container: str = ""
    previous: bool = False
    tail_lines: int | None = None
    since_s: int | None = None
    timestamps: bool = False
    follow: bool = False
    limit_bytes: int = LOG_BYTES
    idle_timeout_s: float = LOG_IDLE_S

    def __post_init__(self) -> None:
        for name, least in (("tail_lines", 0), ("since_s", 1), ("limit_bytes", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is {value}; give {least} or more")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the request."""
        given = {
            "container": self.container,
            "previous": "true" if self.previous else "",
            "tailLines": "" if self.tail_lines is None else str(self.tail_lines),
            "sinceSeconds": "" if self.since_s is None else str(self.since_s),
            "timestamps": "true" if self.timestamps else "",
            "follow": "true" if self.follow else "",
            "limitBytes": "" if self.follow else str(self.limit_bytes),
        }
        return {name: value for name, value in given.items() if value}


DEFAULT_LOG: Final = LogOptions()


class PodLog:
    """The lines of a container's log as they come, without their ends; what is not UTF-8 is replaced. To iterate once.

    Lines may hold terminal sequences: show them through `reconciler.formatting.visible`.
    """

    def __init__(self, stream: Stream, *, limit_bytes: int) -> None:
        self._stream = stream
        self._left = limit_bytes

    def __iter__(self) -> Generator[str, None, None]:
        rest = b""
        for chunk in self._stream.chunks():
            *lines, rest = (rest + chunk[: self._left]).split(b"\n")
            self._left -= len(chunk)
            for line in lines:
                yield line.decode("utf-8", "replace")
            if self._left <= 0:
                break
        if rest:
            yield rest.decode("utf-8", "replace")

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._stream.close()


def open_log(connection: Connection, namespace: str, name: str, options: LogOptions = DEFAULT_LOG) -> PodLog:
    """Ask for a container's log; an error is raised here and not at the first line.

    Raises
    ------
    ClusterError
        When there is no such pod or container, or it has no (previous) log yet.
    """
    path = f"{_PODS.path(namespace=namespace, name=name)}/log"
    # A refusal of the log is a Status; a server that can give only what is asked for would refuse that.
    stream = connection.stream(
        path, query=options.query, idle_timeout_s=options.idle_timeout_s, accept="text/plain, */*"
    )
    return PodLog(stream, limit_bytes=options.limit_bytes)


def pod_log(
    connection: Connection, namespace: str, name: str, options: LogOptions = DEFAULT_LOG
) -> Generator[str, None, None]:
    """The lines of `open_log` alone; close the iterator to stop early."""
    return iter(open_log(connection, namespace, name, options))
