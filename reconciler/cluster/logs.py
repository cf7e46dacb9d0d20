"""The logs of several pods as one: merged by time, or as their lines come."""

import contextlib
import heapq
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.events import DEFAULT_LOG, LogOptions, PodLog, open_log
from reconciler.cluster.live import get_object
from reconciler.cluster.node_info import instant
from reconciler.cluster.tree import ResourceTree, TreeGap
from reconciler.errors import ClusterError, NotFoundError, UsageError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, annotations_of, name_of

MAX_PODS: Final = 10
"""So many logs are read at once, as in Argo CD (``server.maxPodLogsToRender``)."""
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"

_PODS: Final = ApiResource(GroupVersionKind("", "v1", "Pod"), "pods", True, frozenset({"get"}))
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_WAITING: Final = 1000
"""So many lines of a log that is followed wait for their reader."""
_WAKE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; ``at`` is when it was written, None where the server does not say."""

    pod: ResourceKey
    container: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Source:
    pod: ResourceKey
    container: str
    log: PodLog

    def lines(self) -> Iterator[LogLine]:
        for text in self.log:
            stamp, _, rest = text.partition(" ")
            at = instant(stamp)
            yield LogLine(self.pod, self.container, rest if at else text, at)


class LogReader:
    """Lines of several logs, to iterate once; close it to stop early.

    ``gaps`` are the pods whose log could not be read, each with its reason.
    """

    def __init__(self, sources: Sequence[_Source], gaps: Sequence[TreeGap], *, follow: bool) -> None:
        self._sources = sources
        self._follow = follow
        self.gaps = tuple(gaps)

    @property
    def containers(self) -> tuple[tuple[ResourceKey, str], ...]:
        """The pods and containers that are read."""
        return tuple((source.pod, source.container) for source in self._sources)

    def __iter__(self) -> Iterator[LogLine]:
        try:
            yield from self._as_they_come() if self._follow and len(self._sources) > 1 else self._by_time()
        finally:
            self.close()

    def close(self) -> None:
        """End the iteration, from any thread."""
        for source in self._sources:
            source.log.close()

    def _by_time(self) -> Iterator[LogLine]:
        return (line for _, line in heapq.merge(*map(_timed, self._sources), key=lambda pair: pair[0]))

    def _as_they_come(self) -> Iterator[LogLine]:
        lines: queue.Queue[LogLine | None] = queue.Queue(_WAITING)
        stopped = threading.Event()

        def put(line: LogLine | None) -> None:
            while not stopped.is_set():
                with contextlib.suppress(queue.Full):
                    lines.put(line, timeout=_WAKE_S)
                    return

        def read(source: _Source) -> None:
            try:
                for line in source.lines():
                    put(line)
                    if stopped.is_set():
                        return
            finally:
                put(None)

        for source in self._sources:
            threading.Thread(target=read, args=(source,), daemon=True).start()
        running = len(self._sources)
        try:
            while running:
                line = lines.get()
                if line is None:
                    running -= 1
                else:
                    yield line
        finally:
            stopped.set()


def _timed(source: _Source) -> Iterator[tuple[datetime, LogLine]]:
    """Lines with the time to sort them by: a line without one belongs to the line before."""
    last = _BEGINNING
    for line in source.lines():
        last = max(last, line.at or last)
        yield last, line


def tree_logs(
    connection: Connection,
    tree: ResourceTree,
    matches: Callable[[ResourceKey], bool] = lambda _key: True,
    options: LogOptions = DEFAULT_LOG,
) -> LogReader:
    """The logs of the pods that match, or that something owns which does.

    Of a pod with several containers that is read which ``options`` or its annotation for kubectl names, else the first.

    Raises
    ------
    UsageError
        When more than 10 pods match.
    NotFoundError
        When none does.
    ClusterError
        When no log can be read.
    """
    pods = select_pods(tree, matches)
    if not pods:
        raise NotFoundError("no pod matches; see what there is with: gitops-nb app tree")
    if len(pods) > MAX_PODS:
        raise UsageError(
            f"{len(pods)} pods match, and at most {MAX_PODS} logs are read at once; name a kind and a name"
        )
    sources: list[_Source] = []
    gaps: list[TreeGap] = []
    errors: list[ClusterError] = []
    for pod in pods:
        try:
            sources.append(_open(connection, pod, options))
        except ClusterError as error:
            errors.append(error)
            gaps.append(TreeGap("", f"log of {pod.name}", pod.namespace, str(error)))
    if not sources:
        raise errors[0]
    return LogReader(sources, gaps, follow=options.follow)


def select_pods(tree: ResourceTree, matches: Callable[[ResourceKey], bool]) -> tuple[ResourceKey, ...]:
    """The pods of a tree that match, or below what does, by key.

    Source: server/application/application.go (getSelectedPods) of Argo CD 3.6.
    """
    chosen: set[ResourceKey] = set()
    waiting = [node.key for node in tree.nodes if matches(node.key)]
    while waiting:
        key = waiting.pop()
        if key not in chosen:
            chosen.add(key)
            waiting += [child.key for child in tree.children(key)]
    pods = (node.key for node in tree.nodes if node.uid and not node.orphaned)
    return tuple(sorted(key for key in pods if key in chosen and (key.group, key.kind) == ("", "Pod")))


def _open(connection: Connection, pod: ResourceKey, options: LogOptions) -> _Source:
    container = options.container
    if not container:
        found = get_object(connection, _PODS, namespace=pod.namespace, name=pod.name)
        if found is None:
            raise NotFoundError(f'pods "{pod.name}" not found')
        container = default_container(found)
    asked = replace(options, container=container, timestamps=True)
    return _Source(pod, container, open_log(connection, pod.namespace, pod.name, asked))


def default_container(pod: Manifest) -> str:
    """The container that kubectl takes when none is named: that of the annotation, else the first."""
    spec: Mapping[str, Any] = pod.get("spec") or {}
    names = [name_of({"metadata": entry}) for entry in spec.get("containers") or ()]
    marked = annotations_of(pod).get(DEFAULT_CONTAINER, "")
    return marked if marked in names or not names else names[0]
