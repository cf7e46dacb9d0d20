"""One kind in one namespace, kept current: a list, then a watch from its version on, for as long as it is wanted."""

import contextlib
import logging
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from reconciler.cluster.connection import NO_RETRIES, Connection, Stream
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.raw import RawObject, WatchEvent, list_raw, parse_event
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError

log = logging.getLogger(__name__)

GONE: Final = 410
NOT_ALLOWED: Final = 405


class Sink(Protocol):
    """Takes what a reflector sees, in the reflector's own thread."""

    def replace(self, objects: Sequence[RawObject], version: str) -> None:
        """All objects, as they are at ``version``."""

    def change(self, event: WatchEvent) -> None:
        """One object was added, modified or deleted."""

    def fail(self, error: ClusterError) -> None:
        """The objects cannot be seen for now."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times in seconds.

    A watch on which nothing arrives for ``idle_s`` counts as dead: API servers send bookmarks about once a minute.
    ``watch_s`` is how long the server may keep a watch; reflectors add up to a fifth of it, so that they do not all come
    back at once. Failures are waited out for ``pause_s``, then twice as long, up to ``longest_pause_s``.
    """

    idle_s: float = 90.0
    watch_s: float = 300.0
    pause_s: float = 0.5
    longest_pause_s: float = 30.0


DEFAULT_PACE: Final = Pace()


class Reflector:
    """Lists and watches until `close`; `run` is the body of a thread.

    A cut, silent or finished watch goes on from the last version seen, bookmarks included; a version that is too old (410,
    as the answer or as an ERROR event within a stream) means listing anew. A kind that vanished has no objects, and is
    looked for again at the longest pause; one that may be listed but not watched is listed at that pace.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
    """

    def __init__(
        self,
        connection: Connection,
        resource: ApiResource,
        sink: Sink,
        *,
        namespace: str = "",
        name: str = "",
        pace: Pace = DEFAULT_PACE,
        gate: threading.Semaphore | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self._connection = connection
        self._name = name
        self._sink = sink
        self._pace = pace
        self._gate = gate or threading.Semaphore()
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._failures = 0
        self._watchable = "watch" in resource.verbs

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """End a watch at once, and a pause; a request under way is not waited for."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def run(self) -> None:
        while not self.closed:
            try:
                version = self._list()
                if self._watchable:
                    self._follow(version)
                else:
                    self._closed.wait(self._pace.longest_pause_s)
            except ClusterError as error:
                self._on_error(error)

    def _on_error(self, error: ClusterError) -> None:
        if self.closed:
            return
        if isinstance(error, NotFoundError):
            self._sink.replace((), "")
            self._closed.wait(self._pace.longest_pause_s)
            return
        log.debug("%s in %s: %s", self.resource.plural, self.namespace or "all namespaces", error)
        self._sink.fail(error)
        self._pause()

    def _list(self) -> str:
        with self._gate:
            if self.closed:
                return ""
            found, version = list_raw(self._connection, self.resource, namespace=self.namespace, name=self._name)
        if not self.closed:
            self._sink.replace(found, version)
        return version

    def _follow(self, version: str) -> None:
        """Watch from ``version`` on, across cuts; returns when it is too old to go on from."""
        while not self.closed:
            started, came = time.monotonic(), False
            try:
                for event in self._events(version):
                    came = True
                    self._failures = 0
                    version = event.object.version or version
                    if event.type != "BOOKMARK" and not self.closed:
                        self._sink.change(event)
            except ClusterError as error:
                if isinstance(error, ForbiddenError) or error.status == NOT_ALLOWED:
                    self._watchable = False
                    return
                if error.status != GONE:
                    raise
                if not came:
                    # A server that forgets at once would be listed without end.
                    self._pause()
                return
            if not came and time.monotonic() - started < self._pace.pause_s:
                self._pause()

    def _events(self, version: str) -> Iterator[WatchEvent]:
        path = self.resource.path(namespace=self.namespace)
        spread = 1 + zlib.crc32(path.encode()) % 100 / 500
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, int(self._pace.watch_s * spread))),
        } | ({"fieldSelector": f"metadata.name={self._name}"} if self._name else {})
        stream = self._connection.stream(path, query=query, idle_timeout_s=self._pace.idle_s, retries=NO_RETRIES)
        with self._held(stream):
            for line in stream.lines():
                if self.closed:
                    return
                yield parse_event(line)

    @contextlib.contextmanager
    def _held(self, stream: Stream) -> Iterator[None]:
        with self._lock:
            self._stream = stream
            if self.closed:
                stream.close()
        try:
            yield
        finally:
            with self._lock:
                self._stream = None

    def _pause(self) -> None:
        """Wait, longer from failure to failure until something comes again."""
        pause = min(self._pace.longest_pause_s, self._pace.pause_s * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._closed.wait(pause)
