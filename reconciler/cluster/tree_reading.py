"""Reads a resource tree: the metadata of all that could be owned, then whole objects of what is shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.live import PARALLEL_LISTS, Listing, get_object, list_many
from reconciler.cluster.orphans import OrphanSearch, find_orphans
from reconciler.cluster.resource_filter import DEFAULT_FILTER, ResourceFilter
from reconciler.cluster.tree import (
    Assess,
    Forest,
    ResourceTree,
    TreeGap,
    TreeNode,
    arrange,
    make_node,
    missing_node,
    uid_of,
)
from reconciler.errors import ClusterError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.threads import Lane

# Nothing but its metadata is shown of these; Secrets are not even read.
_METADATA_SUFFICES: Final = frozenset(
    {
        ("", "ConfigMap"),
        ("", "Secret"),
        ("", "ServiceAccount"),
        ("", "Endpoints"),
        ("apps", "ControllerRevision"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("rbac.authorization.k8s.io", "Role"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
    }
)
# Their spec says what they own, so that their metadata is not enough.
_READ_WHOLE: Final = frozenset({("apps", "StatefulSet")})
_SINGLY: Final = 3
"""Up to so many objects of a kind are read one by one; more of them are listed."""

Place = tuple[ApiResource, str]


@dataclass(frozen=True, slots=True)
class TreeRequest:
    """What a tree is read for.

    Parameters
    ----------
    managed
        The live objects that the application manages, whole.
    missing
        Keys and versions of what is in Git only.
    assess
        Gives the health of a whole object; without it no node has any.
    orphans
        Look for orphaned objects of a namespace, too.
    namespaces
        Namespaces to look into beside those of managed objects: what a cluster-scoped object owns may lie anywhere, and
        all namespaces are searched for it only when this holds an empty text.
    """

    managed: Sequence[Manifest]
    missing: Sequence[tuple[ResourceKey, str]] = ()
    assess: Assess | None = None
    orphans: OrphanSearch | None = None
    namespaces: frozenset[str] = frozenset()
    resource_filter: ResourceFilter = DEFAULT_FILTER


def read_tree(connection: Connection, discovery: Discovery, request: TreeRequest) -> ResourceTree:
    """Read the tree of what an application manages.

    Kinds that cannot be listed are gaps of the tree, each with its reason, and hide nothing else. An object that vanishes
    meanwhile is left out. An API server that does not answer at all leaves the managed objects as given, and gaps.
    """
    places, gaps = _places(connection, discovery, request)
    whole_places = [place for place in places if _kind(place[0]) in _READ_WHOLE]
    partial = list_many(connection, [place for place in places if place not in whole_places], metadata_only=True)
    listings = [*partial, *list_many(connection, whole_places)]
    gaps += [_gap(listing) for listing in listings if listing.error is not None]
    known = {ResourceKey.of(obj): obj for listing in listings for obj in listing.objects}
    managed = {ResourceKey.of(obj): obj for obj in request.managed}
    forest = Forest({**known, **managed}.values())
    shown = forest.owned_by(managed)
    orphans = find_orphans(forest, managed, request.orphans) if request.orphans is not None else set()
    wanted = (shown | orphans) - set(managed)
    whole, failed = _read_whole(connection, discovery, {key: forest.objects[key] for key in wanted})
    nodes = [
        replace(
            _node(key, managed.get(key) or whole.get(key), forest, request),
            managed=key in managed,
            orphaned=key in orphans,
            reason=failed.get(key, ""),
        )
        for key in (shown | orphans)
        if key in managed or key in whole or key in failed or _kind_of(key) in _METADATA_SUFFICES
    ]
    nodes += [missing_node(key, version) for key, version in request.missing if key not in managed]
    return arrange(nodes, gaps)


def _node(key: ResourceKey, whole: Manifest | None, forest: Forest, request: TreeRequest) -> TreeNode:
    parents = forest.parents[key]
    if whole is None:
        return make_node(forest.objects[key], parents=parents)
    return make_node(whole, parents=parents, assess=request.assess)


def _places(connection: Connection, discovery: Discovery, request: TreeRequest) -> tuple[list[Place], list[TreeGap]]:
    """The kinds and namespaces in which owned objects may lie."""
    namespaces = {key.namespace for key in map(ResourceKey.of, request.managed) if key.namespace}
    namespaces |= request.namespaces | ({request.orphans.namespace} if request.orphans is not None else set())
    if "" in namespaces:
        namespaces = {""}
    # Kubernetes' own cluster-scoped kinds own nothing that lies outside of namespaces.
    clusterwide = any(
        not key.namespace and "." in key.group and not key.group.endswith(".k8s.io")
        for key in map(ResourceKey.of, request.managed)
    )
    places: list[Place] = []
    for resource in discovery.resources:
        group, kind = _kind(resource)
        if "list" not in resource.verbs or discovery.preferred(group, kind) is not resource:
            continue
        if group in discovery.stale_groups or request.resource_filter.excludes(group, kind, cluster=connection.server):
            continue
        if resource.namespaced:
            places += [(resource, namespace) for namespace in sorted(namespaces)]
        elif clusterwide:
            places.append((resource, ""))
    stale = [
        TreeGap(group, "", "", f"the API server behind the group {group} does not answer")
        for group in sorted(discovery.stale_groups)
    ]
    return places, stale if namespaces or clusterwide else []


def _read_whole(
    connection: Connection, discovery: Discovery, wanted: Mapping[ResourceKey, Manifest]
) -> tuple[dict[ResourceKey, Manifest], dict[ResourceKey, str]]:
    """Whole objects of what only metadata is known of, and why some could not be read."""
    by_place: dict[Place, list[ResourceKey]] = {}
    found: dict[ResourceKey, Manifest] = {}
    for key, obj in wanted.items():
        resource = discovery.find(GroupVersionKind.of(obj))
        if _kind_of(key) in _READ_WHOLE or "spec" in obj or "status" in obj:
            found[key] = obj
        elif resource is not None and _kind_of(key) not in _METADATA_SUFFICES:
            by_place.setdefault((resource, key.namespace), []).append(key)
    single = [(place[0], key) for place, keys in by_place.items() if len(keys) <= _SINGLY for key in keys]
    failed: dict[ResourceKey, str] = {}
    for key, obj_or_error in _get_all(connection, single):
        if isinstance(obj_or_error, ClusterError):
            failed[key] = str(obj_or_error)
        elif obj_or_error is not None:
            found[key] = obj_or_error
    for listing in list_many(connection, [place for place, keys in by_place.items() if len(keys) > _SINGLY]):
        keys = by_place[(listing.resource, listing.namespace)]
        if listing.error is not None:
            failed |= dict.fromkeys(keys, str(listing.error))
        found |= {ResourceKey.of(obj): obj for obj in listing.objects if ResourceKey.of(obj) in set(keys)}
    # An object of the same name that was made since is another one.
    same = {key: obj for key, obj in found.items() if uid_of(obj) == uid_of(wanted[key])}
    return same, failed


def _get_all(
    connection: Connection, wanted: Iterable[tuple[ApiResource, ResourceKey]]
) -> list[tuple[ResourceKey, Manifest | ClusterError | None]]:
    def one(pair: tuple[ApiResource, ResourceKey]) -> tuple[ResourceKey, Manifest | ClusterError | None]:
        resource, key = pair
        try:
            return key, get_object(connection, resource, namespace=key.namespace, name=key.name)
        except ClusterError as error:
            return key, error

    pairs = list(wanted)
    if not pairs:
        return []
    with Lane(PARALLEL_LISTS) as pool:
        return list(pool.map(one, pairs))


def _kind(resource: ApiResource) -> tuple[str, str]:
    return resource.gvk.group, resource.gvk.kind


def _kind_of(key: ResourceKey) -> tuple[str, str]:
    return key.group, key.kind


def _gap(listing: Listing) -> TreeGap:
    group, kind = _kind(listing.resource)
    return TreeGap(group, kind, listing.namespace, str(listing.error))
