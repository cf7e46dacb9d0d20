"""All objects that bear an Application's mark, wherever they are: what its deletion has to find."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.live import list_many
from reconciler.cluster.tracking import TrackingSettings, is_managed_by
from reconciler.manifest.objects import Manifest, ResourceKey


@dataclass(frozen=True, slots=True)
class Owned:
    """The objects found, by key, and the kinds that could not be listed, each with its reason."""

    objects: tuple[Manifest, ...]
    gaps: tuple[tuple[ApiResource, str], ...] = ()


def find_owned(
    connection: Connection,
    discovery: Discovery,
    application: str,
    *,
    tracking: TrackingSettings,
    namespaces: Iterable[str],
    is_excluded: Callable[[str, str], bool] = lambda _group, _kind: False,
) -> Owned:
    """List every kind, by its metadata first, in the given namespaces and without one, and read what is the Application's.

    Parameters
    ----------
    application
        The name by which it marks its objects.
    is_excluded
        Whether a group and kind is none of Argo CD's business (``resource.exclusions``).
    """
    places: list[tuple[ApiResource, str]] = []
    for resource in discovery.resources:
        group, kind = resource.gvk.group, resource.gvk.kind
        preferred = discovery.preferred(group, kind) is resource
        if preferred and {"list", "delete"} <= resource.verbs and not is_excluded(group, kind):
            places += (
                [(resource, namespace) for namespace in sorted(set(namespaces))]
                if resource.namespaced
                else [(resource, "")]
            )
    listings = list_many(connection, places, metadata_only=True)
    gaps = tuple((listing.resource, str(listing.error)) for listing in listings if listing.error is not None)
    holding = [
        (listing.resource, listing.namespace)
        for listing in listings
        if any(is_managed_by(obj, application, tracking) for obj in listing.objects)
    ]
    whole = list_many(connection, holding)
    gaps += tuple((listing.resource, str(listing.error)) for listing in whole if listing.error is not None)
    found = {
        ResourceKey.of(obj): obj
        for listing in whole
        for obj in listing.objects
        if is_managed_by(obj, application, tracking)
    }
    return Owned(tuple(found[key] for key in sorted(found)), gaps)
