"""Live objects for a batch of applications: each kind listed once, however many applications ask for it."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Final, Protocol

from reconciler.cluster import ApiResource, Connection, Discovery, get_object
from reconciler.cluster.live import list_many_raw
from reconciler.cluster.raw import RawListing, RawObject
from reconciler.cluster.tracking import TrackingSettings
from reconciler.engine.views import LiveObject, View, Views, Wanted
from reconciler.errors import ClusterError
from reconciler.manifest.objects import GroupVersionKind, ResourceKey

WHOLE_CLUSTER: Final = 4
"""From so many namespaces on, one list of the whole cluster is cheaper than a list of each."""


_OBJECTS_BETWEEN_COLLECTIONS: Final = 500_000


@contextmanager
def seldom_collecting_garbage() -> Iterator[None]:
    """Decoding thousands of objects makes many that stay and hardly any garbage; looking for it would double the time."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], _OBJECTS_BETWEEN_COLLECTIONS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class LiveSource(Protocol):
    """Where live objects come from."""

    def listings(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, RawListing]:
        """The objects of each kind and namespace; a listing that failed carries its error."""

    def forget(self, resources: Iterable[ApiResource]) -> None:
        """The schemas of these kinds have changed, and with them the objects that the API server shows."""


class Listed:
    """Lists at every question."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def listings(self, wanted: Sequence[Wanted]) -> Mapping[Wanted, RawListing]:
        namespaces: dict[ApiResource, list[str]] = {}
        for resource, namespace in wanted:
            namespaces.setdefault(resource, []).append(namespace)
        whole = [resource for resource, found in namespaces.items() if len(found) >= WHOLE_CLUSTER]
        found: dict[Wanted, RawListing] = {}
        for listing in list_many_raw(self._connection, [(resource, "") for resource in whole]):
            # Who may not list the whole cluster may still list the namespaces.
            if listing.error is None:
                found.update(_split(listing, namespaces[listing.resource]))
        listings = list_many_raw(self._connection, [pair for pair in wanted if pair not in found])
        found.update(((listing.resource, listing.namespace), listing) for listing in listings)
        return found

    def forget(self, resources: Iterable[ApiResource]) -> None:
        """Nothing is held."""


class BatchLive:
    """What the cluster holds of the kinds and namespaces that a batch of applications wants.

    Parameters
    ----------
    wanted
        All that will be asked for; nothing else is listed.
    source
        Gives the objects, asked once.
    views
        What was known of them at earlier questions.
    tracking
        How objects are marked with their application.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        wanted: Iterable[Wanted],
        *,
        source: LiveSource,
        views: Views,
        tracking: TrackingSettings,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._wanted = tuple(dict.fromkeys(wanted))
        self._source = source
        self._views = views
        self._tracking = tracking
        self._namespaces: dict[str, bool] = {}

    @cached_property
    def views(self) -> Mapping[Wanted, View]:
        """What was listed, by kind and namespace."""
        listings = self._source.listings(self._wanted)
        return {pair: self._views.of(listings[pair]) for pair in self._wanted}

    @cached_property
    def tracked(self) -> Mapping[str, Sequence[LiveObject]]:
        """The objects that bear an application's mark, by the application's tracking name."""
        found: dict[str, dict[ResourceKey, LiveObject]] = {}
        for view in self.views.values():
            for name, objects in view.tracked(self._tracking).items():
                found.setdefault(name, {}).update((each.key, each) for each in objects)
        return {name: tuple(objects.values()) for name, objects in found.items()}

    def find(self, key: ResourceKey, resource: ApiResource | None = None) -> LiveObject | None:
        """One object, at the version of ``resource`` where it is listed so; None where it is not there or not wanted."""
        own = self.views.get((resource, key.namespace)) if resource is not None else None
        if own is not None:
            return own.objects.get(key)
        for place in ((key.group, key.kind, key.namespace), (key.group, key.kind, "")):
            for view in self._by_kind.get(place, ()):
                found = view.objects.get(key)
                if found is not None:
                    return found
        return None

    @cached_property
    def _by_kind(self) -> Mapping[tuple[str, str, str], Sequence[View]]:
        found: dict[tuple[str, str, str], list[View]] = {}
        for (resource, namespace), view in self.views.items():
            found.setdefault((resource.gvk.group, resource.gvk.kind, namespace), []).append(view)
        return found

    def error_of(self, wanted: Wanted) -> ClusterError | None:
        """Why a kind could not be listed."""
        view = self.views.get(wanted)
        return view.error if view is not None else None

    def namespace_exists(self, name: str) -> bool:
        """Whether a namespace is there; what is no namespace at all is no obstacle."""
        resource = self._discovery.find(GroupVersionKind("", "v1", "Namespace"))
        if not name or resource is None:
            return True
        if name not in self._namespaces:
            self._namespaces[name] = get_object(self._connection, resource, namespace="", name=name) is not None
        return self._namespaces[name]

    def find_namespaces(self, names: Iterable[str]) -> None:
        """Look up many namespaces at once, before they are asked for one by one."""
        resource = self._discovery.find(GroupVersionKind("", "v1", "Namespace"))
        missing = sorted({name for name in names if name} - self._namespaces.keys())
        if resource is None or len(missing) < WHOLE_CLUSTER:
            return
        listing = self._source.listings([(resource, "")])[resource, ""]
        if listing.error is None:
            there = {obj.name for obj in listing.objects}
            self._namespaces.update((name, name in there) for name in missing)


def _split(listing: RawListing, namespaces: Sequence[str]) -> Mapping[Wanted, RawListing]:
    by_namespace: dict[str, list[RawObject]] = {namespace: [] for namespace in namespaces}
    for obj in listing.objects:
        if (found := by_namespace.get(obj.namespace)) is not None:
            found.append(obj)
    if "" in by_namespace:
        by_namespace[""] = list(listing.objects)
    resource, version = listing.resource, listing.resource_version
    return {
        (resource, namespace): RawListing(resource, namespace, tuple(objects), version)
        for namespace, objects in by_namespace.items()
    }
