"""Live state: list the kinds and namespaces that are needed, page by page."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from reconciler.cluster.connection import JSON, RETRIES, Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.raw import RawListing, list_raw
from reconciler.errors import ClusterError, NotFoundError
from reconciler.manifest.objects import Manifest
from reconciler.threads import Lane

PAGE_SIZE: Final = 500
PARALLEL_LISTS: Final = 8
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of one kind in one namespace (empty: all), at ``resource_version``; ``error`` instead if it failed."""

    resource: ApiResource
    namespace: str
    objects: tuple[Manifest, ...] = ()
    resource_version: str = ""
    error: ClusterError | None = None


def list_objects(
    connection: Connection,
    resource: ApiResource,
    *,
    namespace: str = "",
    name: str = "",
    labels: str = "",
    metadata_only: bool = False,
) -> Listing:
    """All objects of a kind, page by page; ``labels`` is a label selector.

    With ``metadata_only`` the API server leaves out all but kind and metadata, unless it cannot.
    A page that has expired (410) is answered with one fresh, unpaged list.
    """
    path = resource.path(namespace=namespace)
    query = {"limit": str(PAGE_SIZE)} | ({"fieldSelector": f"metadata.name={name}"} if name else {})
    query |= {"labelSelector": labels} if labels else {}
    accept = METADATA_LIST if metadata_only else JSON
    items: list[Manifest] = []
    token = ""
    while True:
        try:
            page = connection.get(path, query=query | ({"continue": token} if token else {}), accept=accept)
        except ClusterError as error:
            if error.status == 410 and token:
                items, token = [], ""
                query.pop("limit", None)
                continue
            raise
        for item in page.get("items") or ():
            # Lists leave out what every item has in common.
            item |= {"apiVersion": resource.gvk.api_version, "kind": resource.gvk.kind}
            items.append(item)
        token = page["metadata"].get("continue") or ""
        if not token:
            return Listing(resource, namespace, tuple(items), str(page["metadata"].get("resourceVersion") or ""))


def list_many(
    connection: Connection, wanted: Iterable[tuple[ApiResource, str]], *, metadata_only: bool = False
) -> list[Listing]:
    """List several (kind, namespace) pairs at once; a list that fails carries its error, the others their objects."""

    def one(pair: tuple[ApiResource, str]) -> Listing:
        resource, namespace = pair
        try:
            return list_objects(connection, resource, namespace=namespace, metadata_only=metadata_only)
        except NotFoundError:
            # The kind went away since discovery, which leaves nothing to list.
            return Listing(resource, namespace)
        except ClusterError as error:
            return Listing(resource, namespace, error=error)

    return _at_once(one, wanted)


def list_many_raw(connection: Connection, wanted: Iterable[tuple[ApiResource, str]]) -> list[RawListing]:
    """As `list_many`, undecoded: for callers that look into few of the objects."""

    def one(pair: tuple[ApiResource, str]) -> RawListing:
        resource, namespace = pair
        try:
            # What is read once and let go again is not worth compressing.
            found, version = list_raw(connection, resource, namespace=namespace, compress=False, retries=RETRIES)
        except NotFoundError:
            return RawListing(resource, namespace)
        except ClusterError as error:
            return RawListing(resource, namespace, error=error)
        return RawListing(resource, namespace, tuple(found), version)

    return _at_once(one, wanted)


def _at_once(one: Callable[[tuple[ApiResource, str]], _T], wanted: Iterable[tuple[ApiResource, str]]) -> list[_T]:
    pairs = list(dict.fromkeys(wanted))
    if len(pairs) <= 1:
        return [one(pair) for pair in pairs]
    with Lane(PARALLEL_LISTS) as pool:
        return list(pool.map(one, pairs))


def get_object(connection: Connection, resource: ApiResource, *, namespace: str, name: str) -> Manifest | None:
    """One object as it is now, None when it is not there."""
    try:
        found: Manifest = connection.get(resource.path(namespace=namespace, name=name))
    except NotFoundError:
        return None
    return found
