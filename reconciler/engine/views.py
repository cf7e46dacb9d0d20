"""What listings say, kept from one question to the next: objects by key, and whose they are."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from reconciler.cluster import ApiResource
from reconciler.cluster.raw import RawListing, RawObject
from reconciler.cluster.tracking import TrackingMethod, TrackingSettings, application_of, is_managed_by
from reconciler.manifest.objects import Manifest, ResourceKey

Wanted = tuple[ApiResource, str]
"""A kind, and the namespace where its objects are wanted; empty for kinds without one."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveObject:
    """An object of the cluster that nobody has decoded yet."""

    key: ResourceKey
    resource: ApiResource
    raw: RawObject

    def load(self) -> Manifest:
        """The whole object, a copy of the caller's own."""
        return self.raw.load(self.resource)


class View:
    """One listing: the same view for as long as the listing says the same."""

    def __init__(self, listing: RawListing) -> None:
        self._listing = listing
        #: Stands for what is said, without holding it in memory.
        self.stamp = object()
        self.resource = listing.resource
        self.error = listing.error
        self._tracked: tuple[TrackingSettings, Mapping[str, Sequence[LiveObject]]] | None = None

    def says(self, listing: RawListing) -> bool:
        """Whether a newer listing has the same objects at the same versions."""
        mine, others = self._listing.objects, listing.objects
        if self.error is not None or listing.error is not None or len(mine) != len(others):
            return False
        return mine is others or all(map(_is_same, mine, others))

    @cached_property
    def objects(self) -> Mapping[ResourceKey, LiveObject]:
        """All objects by key."""
        resource, gvk = self.resource, self.resource.gvk
        keys = (ResourceKey(gvk.group, gvk.kind, raw.namespace, raw.name) for raw in self._listing.objects)
        return {key: LiveObject(key, resource, raw) for key, raw in zip(keys, self._listing.objects, strict=True)}

    def tracked(self, settings: TrackingSettings) -> Mapping[str, Sequence[LiveObject]]:
        """The objects that bear an application's mark, by the application's tracking name."""
        if self._tracked is None or self._tracked[0] != settings:
            found: dict[str, list[LiveObject]] = {}
            for each in self.objects.values():
                by_label = settings.method is TrackingMethod.LABEL
                if not by_label and not each.raw.tracking:
                    continue
                obj = each.load() if by_label else each.raw.head(each.resource)
                name = application_of(obj, settings)
                if name and is_managed_by(obj, name, settings):
                    found.setdefault(name, []).append(each)
            self._tracked = (settings, found)
        return self._tracked[1]


class Views:
    """The newest view of every place that was ever asked for."""

    def __init__(self) -> None:
        self._known: dict[Wanted, View] = {}

    def of(self, listing: RawListing) -> View:
        """The view of a listing; the one from before, where that says the same."""
        place = (listing.resource, listing.namespace)
        known = self._known.get(place)
        if known is None or not known.says(listing):
            known = self._known[place] = View(listing)
        return known

    def forget(self, resources: Iterable[ApiResource]) -> None:
        """The API server may show these kinds otherwise than it did, at the same versions."""
        changed = set(resources)
        self._known = {place: view for place, view in self._known.items() if place[0] not in changed}


class Decoded(Mapping[ResourceKey, Manifest]):
    """Live objects by key, each decoded when it is asked for.

    Parameters
    ----------
    keys
        The keys that may be there, in order.
    find
        The object of a key, None where there is none.
    """

    def __init__(self, keys: Iterable[ResourceKey], find: Callable[[ResourceKey], LiveObject | None]) -> None:
        self._keys = tuple(keys)
        self._find = find
        self._manifests: dict[ResourceKey, Manifest] = {}

    @cached_property
    def _objects(self) -> Mapping[ResourceKey, LiveObject]:
        return {key: found for key in self._keys if (found := self._find(key)) is not None}

    def __getitem__(self, key: ResourceKey) -> Manifest:
        if key not in self._manifests:
            self._manifests[key] = self._objects[key].load()
        return self._manifests[key]

    def __contains__(self, key: object) -> bool:
        return key in self._objects

    def __iter__(self) -> Iterator[ResourceKey]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)


def _is_same(one: RawObject, other: RawObject) -> bool:
    # Computed objects, such as those of a metrics API, have no version.
    return one is other or (one.version == other.version != "" and one.uid == other.uid and one.name == other.name)
