"""Live state that stays current: each kind and namespace is listed once and then watched, for an open notebook."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Self

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import PARALLEL_LISTS
from reconciler.cluster.raw import RawListing, RawObject, WatchEvent
from reconciler.cluster.reflector import DEFAULT_PACE, Pace, Reflector
from reconciler.errors import ClusterError, ClusterUnreachableError
from reconciler.manifest.objects import Manifest, ResourceKey

log = logging.getLogger(__name__)

FIRST_LIST_S: Final = 60.0
CATCH_UP_S: Final = 5.0
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
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            for resource, namespace in wanted:
                place = (resource, namespace if resource.namespaced else "")
                if place in self._stores:
                    continue
                store = self._stores[place] = _Store(self, place)
                store.reflector = Reflector(
                    self._connection, resource, store, namespace=place[1], pace=self._pace, gate=self._gate
                )
                thread = threading.Thread(
                    target=store.reflector.run, name=f"gitops-nb-watch-{resource.plural}", daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def drop(self, unwanted: Iterable[Place]) -> None:
        """Follow these no longer, and forget what they held."""
        with self._changed:
            stores = [store for place in unwanted if (store := self._stores.pop(place, None)) is not None]
            self._revision += 1
            self._changed.notify_all()
        for store in stores:
            store.reflector.close()

    def listings(self, wanted: Iterable[Place], *, timeout_s: float = FIRST_LIST_S) -> list[RawListing]:
        """As `list_many_raw`, from what is held; what no place covers yet is followed from now on.

        Waits for the first list of each. One that failed, or took more than ``timeout_s`` seconds, carries its error and no
        objects: what was known before may no longer be so. While nothing changes, ``objects`` stays the same tuple.
        """
        pairs = list(
            dict.fromkeys((resource, namespace if resource.namespaced else "") for resource, namespace in wanted)
        )
        with self._changed:
            self.follow(pair for pair in pairs if self._covering(*pair) is None)
            self._changed.wait_for(lambda: self._closed or all(self._is_asked(pair) for pair in pairs), timeout_s)
            return [self._listing(*pair) for pair in pairs]

    def held(self, resource: ApiResource, namespace: str = "") -> tuple[RawObject, ...]:
        """The objects of a kind that is followed, undecoded: for comparisons by uid and version; by namespace and name."""
        with self._changed:
            store = self._covering(resource, namespace)
            return store.within(namespace) if store is not None else ()

    def catch_up(self, listings: Iterable[RawListing], *, timeout_s: float = CATCH_UP_S) -> list[RawListing]:
        """Wait until what is held is at least as new as these lists, which were just made; those that it cannot be held to.

        A watch reports what happened before a list sooner or later; one that has not after ``timeout_s`` seconds is given
        up, and its kind listed and watched anew. Given back are lists that failed, and those of what cannot be seen now.
        """
        with self._changed:
            unseen: list[RawListing] = []
            behind = list(listings)

            def caught_up() -> bool:
                unseen.extend(each for each in behind if each.error is not None or self._is_blind(each))
                behind[:] = [each for each in behind if each not in unseen and self._is_behind(each)]
                return self._closed or not behind

            self._changed.wait_for(caught_up, timeout_s)
            late = [store.place for each in behind if (store := self._covering(each.resource, each.namespace))]
        if late:
            self.drop(late)
            self.listings(late)
        return unseen

    def get(self, resource: ApiResource, *, namespace: str = "", name: str) -> Manifest | None:
        """One object of a kind that is followed, as last seen; None when it is not there."""
        with self._changed:
            for place in ((resource, namespace), (resource, "")):
                store = self._stores.get(place)
                found = store.objects.get((namespace, name)) if store is not None else None
                if found is not None:
                    break
        return found.load(resource) if found is not None else None

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
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))

    def _covering(self, resource: ApiResource, namespace: str) -> "_Store | None":
        """What holds a kind in a namespace: the store of the whole cluster, where there is one."""
        return self._stores.get((resource, "")) or self._stores.get((resource, namespace))

    def _is_asked(self, place: Place) -> bool:
        store = self._covering(*place)
        return store is not None and store.asked

    def _is_blind(self, listing: RawListing) -> bool:
        store = self._covering(listing.resource, listing.namespace)
        return store is None or store.error is not None

    def _is_behind(self, listing: RawListing) -> bool:
        store = self._covering(listing.resource, listing.namespace)
        return store is not None and store.is_behind(listing)

    def _listing(self, resource: ApiResource, namespace: str) -> RawListing:
        store = self._covering(resource, namespace)
        error = store.error if store is not None else None
        if store is None or not store.asked:
            error = ClusterUnreachableError(f"{resource.gvk} is not listed yet: {self._connection.name} takes too long")
        if store is None or error is not None:
            return RawListing(resource, namespace, error=error)
        return RawListing(resource, namespace, store.within(namespace), store.version)

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

    def __init__(self, state: LiveState, place: Place) -> None:
        self._state = state
        self.place = place
        self.reflector: Reflector
        self.objects: dict[tuple[str, str], RawObject] = {}
        self.version = ""
        self.error: ClusterError | None = None
        self.asked = False
        self._within: dict[str, tuple[RawObject, ...]] = {}

    def within(self, namespace: str) -> tuple[RawObject, ...]:
        """The objects of a namespace, or all, by namespace and name; the same tuple until one of them changes."""
        found = self._within.get(namespace)
        if found is None:
            every = namespace in ("", self.place[1])
            own = [obj for obj in self.objects.values() if every or obj.namespace == namespace]
            found = self._within[namespace] = tuple(sorted(own, key=lambda obj: (obj.namespace, obj.name)))
        return found

    def is_behind(self, listing: RawListing) -> bool:
        """Whether a list shows something that is not seen here yet."""
        if not self.asked:
            return True
        listed = {(obj.namespace, obj.name): obj.version for obj in listing.objects}
        for name, version in listed.items():
            held = self.objects.get(name)
            # What is gone here although this version was passed has been deleted since.
            if not _has_reached(held.version if held is not None else self.version, version):
                return True
        return any(
            (obj.namespace, obj.name) not in listed and not _is_older(listing.resource_version, obj.version)
            for obj in self.within(listing.namespace)
        )

    def replace(self, objects: Sequence[RawObject], version: str) -> None:
        with self._state.lock():
            self.objects = {(obj.namespace, obj.name): obj for obj in objects}
            self._within.clear()
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
            for namespace in {obj.namespace, self.place[1], ""}:
                self._within.pop(namespace, None)
            self.version, self.error = obj.version, None
        gvk = self.place[0].gvk
        self._state.tell(ResourceKey(gvk.group, gvk.kind, obj.namespace, obj.name))

    def fail(self, error: ClusterError) -> None:
        with self._state.lock():
            self.error, self.asked = error, True
        self._state.tell(None)


def _is_older(version: str, than: str) -> bool:
    """Whether a version precedes another; versions of one kind are numbers that grow.

    Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions (comparable since 1.35).
    """
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)


def _has_reached(version: str, other: str) -> bool:
    return version == other or _is_older(other, version)


def _order(place: Place) -> tuple[Any, ...]:
    return (place[0].gvk, place[1])
