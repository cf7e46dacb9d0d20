"""Live objects for a batch of applications: each kind listed once, however many applications ask for it."""

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Final

from reconciler.cluster import ApiResource, Connection, Discovery, Listing, get_object, list_many
from reconciler.cluster.tracking import TrackingSettings, application_of, is_managed_by
from reconciler.errors import ClusterError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, namespace_of

Wanted = tuple[ApiResource, str]
"""A kind, and the namespace where its objects are wanted; empty for kinds without one."""

WHOLE_CLUSTER: Final = 4
"""From so many namespaces on, one list of the whole cluster is cheaper than a list of each."""


class BatchLive:
    """What the cluster holds of the kinds and namespaces that a batch of applications wants.

    Parameters
    ----------
    wanted
        All that will be asked for; nothing else is listed.
    tracking
        How objects are marked with their application.
    """

    def __init__(
        self, connection: Connection, discovery: Discovery, wanted: Iterable[Wanted], tracking: TrackingSettings
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._wanted = tuple(dict.fromkeys(wanted))
        self._tracking = tracking
        self._namespaces: dict[str, bool] = {}

    @cached_property
    def listings(self) -> Mapping[Wanted, Listing]:
        """Every listing that is wanted, by kind and namespace; one that failed carries its error."""
        namespaces: dict[ApiResource, list[str]] = {}
        for resource, namespace in self._wanted:
            namespaces.setdefault(resource, []).append(namespace)
        whole = [resource for resource, found in namespaces.items() if len(found) >= WHOLE_CLUSTER]
        found: dict[Wanted, Listing] = {}
        with _without_garbage_collection():
            for listing in list_many(self._connection, [(resource, "") for resource in whole]):
                # Who may not list the whole cluster may still list the namespaces.
                if listing.error is None:
                    found.update(_split(listing, namespaces[listing.resource]))
            rest = [pair for pair in self._wanted if pair not in found]
            listings = list_many(self._connection, rest)
        found.update(((listing.resource, listing.namespace), listing) for listing in listings)
        return found

    @cached_property
    def objects(self) -> Mapping[ResourceKey, Manifest]:
        """All objects by key."""
        return {ResourceKey.of(obj): obj for listing in self.listings.values() for obj in listing.objects}

    @cached_property
    def tracked(self) -> Mapping[str, Sequence[ResourceKey]]:
        """Keys of the objects that bear an application's mark, by the application's tracking name."""
        found: dict[str, list[ResourceKey]] = {}
        for key, obj in self.objects.items():
            name = application_of(obj, self._tracking)
            if name and is_managed_by(obj, name, self._tracking):
                found.setdefault(name, []).append(key)
        return found

    def error_of(self, wanted: Wanted) -> ClusterError | None:
        """Why a kind could not be listed."""
        listing = self.listings.get(wanted)
        return listing.error if listing is not None else None

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
        (listing,) = list_many(self._connection, [(resource, "")])
        if listing.error is None:
            there = {ResourceKey.of(obj).name for obj in listing.objects}
            self._namespaces.update((name, name in there) for name in missing)


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Decoding big lists makes many objects and no garbage; looking for it would take longer than the decoding."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _split(listing: Listing, namespaces: Sequence[str]) -> Mapping[Wanted, Listing]:
    by_namespace: dict[str, list[Manifest]] = {namespace: [] for namespace in namespaces}
    for obj in listing.objects:
        if (found := by_namespace.get(namespace_of(obj))) is not None:
            found.append(obj)
    return {
        (listing.resource, namespace): Listing(listing.resource, namespace, tuple(objects), listing.resource_version)
        for namespace, objects in by_namespace.items()
    }
