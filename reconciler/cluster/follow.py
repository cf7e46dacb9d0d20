"""Follow objects by watch: what is waited for is told at every change, and again after every cut."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from reconciler.cluster.connection import Connection, Stream
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import list_objects
from reconciler.errors import ClusterError
from reconciler.manifest.objects import Manifest, name_of

WATCH_IDLE_S: Final = 60.0
RETRY_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as it is now; ``object`` is None when it is gone, ``error`` is set when it cannot be seen."""

    resource: ApiResource
    namespace: str
    name: str
    object: Manifest | None = None
    error: ClusterError | None = None


class Follower:
    """Follows any number of objects, a thread for each kind and namespace, until it is closed.

    ``report`` is called from those threads. Every object is reported at least once. State is always taken from a list and
    the events after it, so that missed, repeated or late events change nothing.
    """

    def __init__(self, connection: Connection, report: Callable[[Sighting], None]) -> None:
        self._connection = connection
        self._report = report
        self._closed = threading.Event()
        self._streams: dict[int, Stream] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all watches; nothing is reported after the watching threads have noticed."""
        self._closed.set()
        with self._lock:
            for stream in self._streams.values():
                stream.close()

    def follow(self, objects: Iterable[tuple[ApiResource, str, str]]) -> None:
        """Follow objects given as (kind, namespace, name)."""
        groups: dict[tuple[ApiResource, str], set[str]] = {}
        for resource, namespace, name in objects:
            groups.setdefault((resource, namespace), set()).add(name)
        for (resource, namespace), names in groups.items():
            threading.Thread(target=self._run, args=(resource, namespace, frozenset(names)), daemon=True).start()

    def _run(self, resource: ApiResource, namespace: str, names: frozenset[str]) -> None:
        while not self._closed.is_set():
            try:
                self._list_and_watch(resource, namespace, names)
            except ClusterError as error:
                for name in names:
                    self._tell(Sighting(resource, namespace, name, error=error))
                self._closed.wait(RETRY_PAUSE_S)

    def _list_and_watch(self, resource: ApiResource, namespace: str, names: frozenset[str]) -> None:
        single = next(iter(names)) if len(names) == 1 else ""
        listing = list_objects(self._connection, resource, namespace=namespace, name=single)
        found = {name_of(obj): obj for obj in listing.objects}
        for name in sorted(names):
            self._tell(Sighting(resource, namespace, name, found.get(name)))
        query = {
            "watch": "true",
            "resourceVersion": listing.resource_version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(WATCH_IDLE_S)),
        } | ({"fieldSelector": f"metadata.name={single}"} if single else {})
        if self._closed.is_set():
            return
        with self._stream(resource, namespace, query) as stream:
            for event in stream:
                if self._closed.is_set() or event.get("type") == "ERROR":
                    # 410 Gone comes inside a stream that began well: the next round lists again.
                    return
                obj: Manifest = event["object"]
                name = name_of(obj)
                if event.get("type") != "BOOKMARK" and name in names:
                    self._tell(Sighting(resource, namespace, name, None if event["type"] == "DELETED" else obj))

    @contextlib.contextmanager
    def _stream(self, resource: ApiResource, namespace: str, query: dict[str, str]) -> Iterator[Stream]:
        stream = self._connection.stream(resource.path(namespace=namespace), query=query, idle_timeout_s=WATCH_IDLE_S)
        ident = threading.get_ident()
        with self._lock:
            self._streams[ident] = stream
            if self._closed.is_set():
                stream.close()
        try:
            yield stream
        finally:
            with self._lock:
                self._streams.pop(ident, None)

    def _tell(self, sighting: Sighting) -> None:
        if not self._closed.is_set():
            self._report(sighting)
