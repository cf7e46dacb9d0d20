"""Follow single objects by watch: what is waited for is told at every change, and again after every cut."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.raw import RawObject, WatchEvent
from reconciler.cluster.reflector import Pace, Reflector
from reconciler.errors import ClusterError
from reconciler.manifest.objects import Manifest

Place = tuple[ApiResource, str, str]
"""A kind, a namespace (empty for cluster-scoped kinds) and a name."""

WAITING_PACE: Final = Pace(idle_s=60.0, watch_s=60.0, pause_s=0.2, longest_pause_s=2.0)
"""Of watches that somebody waits for."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object as it is now; ``object`` is None when it is gone, ``error`` is set when it cannot be seen.

    ``last`` is how a watch told that a deleted object had been at its end.
    """

    resource: ApiResource
    namespace: str
    name: str
    object: Manifest | None = None
    error: ClusterError | None = None
    last: Manifest | None = None


class Follower:
    """Follows any number of objects, a watch for those of one kind and namespace that are asked for together, until closed.

    ``report`` is called from the watching threads. Every object is reported at least once. State is taken from a list and the
    events after it (`Reflector`), so that missed, repeated or late events change nothing.
    """

    def __init__(
        self, connection: Connection, report: Callable[[Sighting], None], *, pace: Pace = WAITING_PACE
    ) -> None:
        self._connection = connection
        self._report = report
        self._pace = pace
        self._lock = threading.Lock()
        self._closed = False
        self._groups: list[_Group] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all watches; nothing is reported after the watching threads have noticed."""
        with self._lock:
            self._closed = True
            groups, self._groups = self._groups, []
        for group in groups:
            group.reflector.close()

    def follow(self, objects: Iterable[Place]) -> None:
        """Follow objects from now on."""
        wanted: dict[tuple[ApiResource, str], set[str]] = {}
        for resource, namespace, name in objects:
            wanted.setdefault((resource, namespace), set()).add(name)
        for (resource, namespace), names in wanted.items():
            group = _Group(self._report, resource, namespace, names)
            # One object of a namespace that may hold many is asked for by name.
            single = next(iter(names)) if len(names) == 1 else ""
            group.reflector = Reflector(
                self._connection, resource, group, namespace=namespace, name=single, pace=self._pace
            )
            with self._lock:
                if self._closed:
                    return
                self._groups.append(group)
            threading.Thread(
                target=group.reflector.run, name=f"gitops-nb-follow-{resource.plural}", daemon=True
            ).start()

    def forget(self, place: Place) -> None:
        """Follow an object no longer; a watch of which nothing is left ends."""
        with self._lock:
            ended = [group for group in self._groups if group.forget(place)]
            self._groups = [group for group in self._groups if group not in ended]
        for group in ended:
            group.reflector.close()


class _Group:
    """The objects of one watch: takes what its reflector sees."""

    reflector: Reflector

    def __init__(
        self, report: Callable[[Sighting], None], resource: ApiResource, namespace: str, names: set[str]
    ) -> None:
        self._report = report
        self._resource = resource
        self._namespace = namespace
        self._names = names

    def forget(self, place: Place) -> bool:
        """Whether nothing is left to be followed."""
        if place[:2] == (self._resource, self._namespace):
            self._names.discard(place[2])
        return not self._names

    def replace(self, objects: Sequence[RawObject], version: str) -> None:
        found = {obj.name: obj for obj in objects}
        for name in sorted(self._names):
            obj = found.get(name)
            self._tell(Sighting(*self._place(name), object=obj.load(self._resource) if obj is not None else None))

    def change(self, event: WatchEvent) -> None:
        name = event.object.name
        if name not in self._names:
            return
        obj = event.object.load(self._resource)
        gone = event.type == "DELETED"
        self._tell(Sighting(*self._place(name), object=None if gone else obj, last=obj if gone else None))

    def fail(self, error: ClusterError) -> None:
        for name in sorted(self._names):
            self._tell(Sighting(*self._place(name), error=error))

    def _place(self, name: str) -> Place:
        return self._resource, self._namespace, name

    def _tell(self, sighting: Sighting) -> None:
        if not self.reflector.closed:
            self._report(sighting)
