"""The sandbox's memory: objects, one monotonic revision, and the events that watches replay.

Stored objects are shared, never changed in place: whoever wants another object stores another.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.status import expired

HISTORY_EVENTS = 20_000
"""Events kept for watches that resume; older resourceVersions answer 410."""


class GroupResource(NamedTuple):
    """``("apps", "deployments")``; the group is empty for the core group."""

    group: str
    resource: str


class ObjectName(NamedTuple):
    """Namespace (empty for cluster-scoped objects) and name."""

    namespace: str
    name: str

    @property
    def order(self) -> str:
        """The key of lists' order: as in etcd, where a namespace ``a-b`` comes before ``a``."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Event:
    """One change. ``before`` is None for ADDED; ``object`` of DELETED is the last state, at the deletion's revision."""

    revision: int
    type: str
    resource: GroupResource
    name: ObjectName
    object: Manifest
    before: Manifest | None


@dataclass(frozen=True, slots=True)
class Saved:
    """What `Store.save` keeps."""

    revision: int
    objects: Mapping[GroupResource, Mapping[ObjectName, Manifest]]


Listener = Callable[[Event], None]


def object_name(obj: Manifest) -> ObjectName:
    metadata = obj["metadata"]
    return ObjectName(metadata.get("namespace", ""), metadata["name"])


def _order(name: ObjectName) -> str:
    return name.order


class Store:
    """Objects by group, resource, namespace and name.

    Parameters
    ----------
    history:
        How many events are kept.
    """

    def __init__(self, history: int = HISTORY_EVENTS) -> None:
        self.revision = 1
        self._objects: dict[GroupResource, dict[ObjectName, Manifest]] = {}
        self._events: deque[Event] = deque(maxlen=history)
        self._forgotten = 1
        self._listeners: list[Listener] = []

    def get(self, resource: GroupResource, name: ObjectName) -> Manifest | None:
        return self._objects.get(resource, {}).get(name)

    def objects(self, resource: GroupResource, namespace: str = "") -> list[Manifest]:
        """Every object of a resource in the order of `ObjectName.order`; all namespaces when ``namespace`` is empty."""
        return [obj for _, obj in self._items(resource, namespace)]

    def resources(self) -> list[GroupResource]:
        """The resources that hold objects now."""
        return sorted(resource for resource, objects in self._objects.items() if objects)

    def put(self, resource: GroupResource, obj: Manifest) -> Manifest:
        """Store an object under the next revision and tell the listeners; returns it with its resourceVersion."""
        name = object_name(obj)
        self.revision += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.revision)}}
        objects = self._objects.setdefault(resource, {})
        before = objects.get(name)
        objects[name] = obj
        self._record(Event(self.revision, "MODIFIED" if before else "ADDED", resource, name, obj, before))
        return obj

    def remove(self, resource: GroupResource, name: ObjectName) -> Manifest:
        """Forget an object; returns its last state at the deletion's revision. KeyError if there is none."""
        before = self._objects[resource].pop(name)
        self.revision += 1
        obj = {**before, "metadata": {**before["metadata"], "resourceVersion": str(self.revision)}}
        self._record(Event(self.revision, "DELETED", resource, name, obj, before))
        return obj

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every later event; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def events_since(self, resource: GroupResource, revision: int) -> list[Event]:
        """The events of a resource after ``revision``.

        Raises
        ------
        StatusError
            410 when the history no longer reaches back that far.
        """
        if revision < self._forgotten:
            raise expired(f"too old resource version: {revision} ({self._forgotten})")
        later = []
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            if event.resource == resource:
                later.append(event)
        return later[::-1]

    def objects_at(self, resource: GroupResource, namespace: str, revision: int) -> list[Manifest]:
        """The list as it was at ``revision``: what a continue token promises. Raises StatusError 410 as above."""
        items = dict(self._items(resource, namespace))
        for event in reversed(self.events_since(resource, revision)):
            if namespace and event.name.namespace != namespace:
                continue
            if event.before is None:
                items.pop(event.name, None)
            else:
                items[event.name] = event.before
        return [items[name] for name in sorted(items, key=_order)]

    def forget_history(self) -> None:
        """Drop every event kept, as compaction does: watches from an older revision then answer 410."""
        self._events.clear()
        self._forgotten = self.revision

    def save(self) -> "Saved":
        """All objects as they are now, to `restore` later."""
        return Saved(self.revision, {resource: dict(objects) for resource, objects in self._objects.items()})

    def restore(self, saved: "Saved") -> None:
        """Go back to what was saved, its revision included, as a cluster does that is restored from a backup.

        Listeners are told of what changes by it; no watch can go on from an earlier revision.
        """
        self.revision = saved.revision
        for resource in {*self._objects, *saved.objects}:
            now, then = self._objects.get(resource, {}), saved.objects.get(resource, {})
            self._objects[resource] = dict(then)
            for name in now.keys() | then.keys():
                before, after = now.get(name), then.get(name)
                if before is not after:
                    obj = after if after is not None else before or {}
                    kind = "DELETED" if after is None else "MODIFIED" if before is not None else "ADDED"
                    self._record(Event(self.revision, kind, resource, name, obj, before))
        self.forget_history()

    def _items(self, resource: GroupResource, namespace: str) -> Iterator[tuple[ObjectName, Manifest]]:
        objects = self._objects.get(resource, {})
        for name in sorted((name for name in objects if not namespace or name.namespace == namespace), key=_order):
            yield name, objects[name]

    def _record(self, event: Event) -> None:
        if len(self._events) == self._events.maxlen:
            self._forgotten = self._events[0].revision
        self._events.append(event)
        for listener in tuple(self._listeners):
            listener(event)
