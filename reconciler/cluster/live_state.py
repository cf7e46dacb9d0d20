"""Live state that stays current: each kind and namespace is listed once and then watched, for an open notebook."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self

import orjson

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import PARALLEL_LISTS, Listing
from reconciler.cluster.raw import RawObject, WatchEvent, parse_object
from reconciler.cluster.reflector import DEFAULT_PACE, Pace, Reflector
from reconciler.errors import ClusterError, ClusterUnreachableError
from reconciler.manifest.objects import Manifest, ResourceKey

log = logging.getLogger(__name__)

FIRST_LIST_S: Final = 60.0
CLOSE_S: Final = 2.0

Place = tuple[ApiResource, str]
"""A kind and a namespace, empty for all or for cluster-scoped kinds."""


class LiveState:
    """Objects of an API server, current without asking.

    Any thread may use it. Objects are held as packed JSON and decoded when they are asked for; what is given out is the
    caller's own copy.

    Parameters
    ----------
    on_change
        Called after every change with the object's key, or None when a whole kind was listed or failed; from the watching
        threads, one at a time for each kind.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_change: Callable[[ResourceKey | None], None] = lambda _key: None,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self._connection = connection
        self._on_change = on_change
        self._pace = pace
        self._changed = threading.Condition()
        self._revision = 0
        self._closed = False
        self._stores: dict[Place, _Store] = {}
        self._threads: list[threading.Thread] = []
        self._gate = threading.Semaphore(PARALLEL_LISTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def revision(self) -> int:
        """Counts changes; equal numbers mean equal state."""
        with self._changed:
            return self._revision

    @property
    def places(self) -> tuple[Place, ...]:
        """What is followed, by kind, then namespace."""
        with self._changed:
            return tuple(sorted(self._stores, key=_order))

    def follow(self, wanted: Iterable[Place]) -> None:
        """Begin to follow kinds in namespaces; what is followed already stays as it is.

        Raises
        ------
        ClusterError
            After `close`.
        """
        with self._changed:
            if self._closed:
                raise ClusterError("this live state is closed; make a new one")
            for resource, namespace in wanted:
                place = (resource, namespace if resource.namespaced else "")
                if place in self._stores:
                    continue
                store = self._stores[place] = _Store(self, resource)
                store.reflector = Reflector(
                    self._connection, resource, store, namespace=place[1], pace=self._pace, gate=self._gate
                )
                thread = threading.Thread(
                    target=store.reflector.run, name=f"gitops-nb-watch-{resource.plural}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def listings(self, wanted: Iterable[Place], *, timeout_s: float = FIRST_LIST_S) -> list[Listing]:
        """As `list_many`, from what is held; kinds and namespaces that are new are followed from now on.

        Waits for the first list of each. One that failed, or took more than ``timeout_s`` seconds, carries its error and no
        objects: what was known before may no longer be so.
        """
        pairs = list(
            dict.fromkeys((resource, namespace if resource.namespaced else "") for resource, namespace in wanted)
        )
        self.follow(pairs)
        self._await_first(pairs, timeout_s)
        return [self._listing(place) for place in pairs]

    def held(self, resource: ApiResource, namespace: str = "") -> tuple[RawObject, ...]:
        """The objects of a kind that is followed, undecoded: for comparisons by uid and version; by namespace and name."""
        with self._changed:
            store = self._stores.get((resource, namespace if resource.namespaced else ""))
            found = list(store.objects.values()) if store is not None else []
        return tuple(sorted(found, key=lambda obj: (obj.namespace, obj.name)))

    def get(self, resource: ApiResource, *, namespace: str = "", name: str) -> Manifest | None:
        """One object of a kind that is followed, as last seen; None when it is not there."""
        with self._changed:
            for place in ((resource, namespace), (resource, "")):
                store = self._stores.get(place)
                found = store.objects.get((namespace, name)) if store is not None else None
                if found is not None:
                    break
        return found.load(resource) if found is not None else None

    def observe(self, resource: ApiResource, obj: Manifest) -> None:
        """Take in what a write was answered with, before its event comes; older versions change nothing."""
        raw = parse_object(orjson.dumps(obj))
        with self._changed:
            stores = [self._stores.get((resource, place)) for place in dict.fromkeys((raw.namespace, ""))]
        for store in stores:
            if store is not None:
                store.observe(raw)

    def wait_for_change(self, since: int, *, timeout_s: float | None = None) -> int:
        """Wait until `revision` is beyond ``since``, at most ``timeout_s`` seconds; the revision then."""
        with self._changed:
            self._changed.wait_for(lambda: self._revision > since or self._closed, timeout_s)
            return self._revision

    def close(self) -> None:
        """End all watches and their threads.

        A watch ends at once; a list that is under way is not waited for longer than two seconds, and ends on its own.
        """
        with self._changed:
            self._closed = True
            threads, stores = list(self._threads), list(self._stores.values())
            self._changed.notify_all()
        for store in stores:
            store.reflector.close()
        deadline = time.monotonic() + CLOSE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _await_first(self, places: Sequence[Place], timeout_s: float) -> None:
        with self._changed:
            stores = [self._stores[place] for place in places]
            self._changed.wait_for(lambda: self._closed or all(store.asked for store in stores), timeout_s)

    def _listing(self, place: Place) -> Listing:
        resource, namespace = place
        with self._changed:
            store = self._stores[place]
            error, version, asked = store.error, store.version, store.asked
        if not asked:
            error = ClusterUnreachableError(f"{resource.gvk} is not listed yet: {self._connection.name} takes too long")
        if error is not None:
            return Listing(resource, namespace, error=error)
        objects = tuple(obj.load(resource) for obj in self.held(resource, namespace))
        return Listing(resource, namespace, objects, version)

    def tell(self, key: ResourceKey | None) -> None:
        """Count a change and wake who waits."""
        with self._changed:
            self._revision += 1
            self._changed.notify_all()
        if self._closed:
            return
        try:
            self._on_change(key)
        except Exception:  # a listener's fault must not end the watch that tells it
            log.exception("a listener of the live state failed")

    def lock(self) -> Any:
        """Guards the stores."""
        return self._changed


class _Store:
    """The objects of one kind and namespace: a reflector writes, the live state reads, under its lock."""

    def __init__(self, state: LiveState, resource: ApiResource) -> None:
        self._state = state
        self._resource = resource
        self.reflector: Reflector
        self.objects: dict[tuple[str, str], RawObject] = {}
        self.version = ""
        self.error: ClusterError | None = None
        self.asked = False

    def replace(self, objects: Sequence[RawObject], version: str) -> None:
        with self._state.lock():
            self.objects = {(obj.namespace, obj.name): obj for obj in objects}
            self.version, self.error, self.asked = version, None, True
        self._state.tell(None)

    def change(self, event: WatchEvent) -> None:
        obj = event.object
        name = (obj.namespace, obj.name)
        with self._state.lock():
            before = self.objects.get(name)
            if before is not None and _is_older(obj.version, before.version):
                return
            if event.type == "DELETED":
                self.objects.pop(name, None)
            else:
                self.objects[name] = obj
            self.version, self.error = obj.version, None
        self._tell(obj)

    def _tell(self, obj: RawObject) -> None:
        gvk = self._resource.gvk
        self._state.tell(ResourceKey(gvk.group, gvk.kind, obj.namespace, obj.name))

    def observe(self, obj: RawObject) -> None:
        """Take in an object of another origin, unless something newer was seen, its deletion included."""
        name = (obj.namespace, obj.name)
        with self._state.lock():
            before = self.objects.get(name)
            newest = before.version if before is not None else self.version
            if obj.version == newest or _is_older(obj.version, newest):
                return
            self.objects[name] = obj
        self._tell(obj)

    def fail(self, error: ClusterError) -> None:
        with self._state.lock():
            self.error, self.asked = error, True
        self._state.tell(None)


def _is_older(version: str, than: str) -> bool:
    """Whether a version precedes another; versions of one kind are numbers that grow.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions (comparable since 1.35).
    """
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _order(place: Place) -> tuple[Any, ...]:
    return (place[0].gvk, place[1])
