"""Every write to a cluster. Nothing else in the project sends a request that changes an object."""

from typing import Any, Final

from reconciler.cluster.connection import APPLY_PATCH, MERGE_PATCH, Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.errors import NotFoundError
from reconciler.manifest.objects import Manifest, metadata_of, name_of, namespace_of
from reconciler.terms import FIELD_MANAGER

STRICT: Final = "Strict"
"""Field validation that refuses fields which the schema does not know, and repeated ones; ``Ignore`` drops them."""


def apply_object(
    connection: Connection, resource: ApiResource, obj: Manifest, *, validation: str = STRICT, dry_run: bool = False
) -> Manifest:
    """Server-side apply with force under Argo CD's field manager; the object as the API server answers it.

    With ``dry_run`` nothing is persisted.
    """
    query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": validation}
    if dry_run:
        query["dryRun"] = "All"
    path = resource.path_of(obj)
    result: Manifest = connection.request("PATCH", path, query=query, body=obj, content_type=APPLY_PATCH)
    return result


def patch_object(
    connection: Connection,
    resource: ApiResource,
    live: Manifest,
    patch: dict[str, Any],
    *,
    subresource: str = "",
    field_manager: str = FIELD_MANAGER,
    dry_run: bool = False,
) -> Manifest:
    """JSON merge patch of one object, or of its ``subresource``; the object as the API server answers it."""
    path = resource.path(namespace=namespace_of(live), name=name_of(live)) + (f"/{subresource}" if subresource else "")
    query = {"fieldManager": field_manager} | ({"dryRun": "All"} if dry_run else {})
    result: Manifest = connection.request("PATCH", path, query=query, body=patch, content_type=MERGE_PATCH)
    return result


def create_object(
    connection: Connection,
    resource: ApiResource,
    obj: Manifest,
    *,
    field_manager: str = FIELD_MANAGER,
    validation: str = STRICT,
    dry_run: bool = False,
) -> Manifest:
    """Create an object that has a name of its own; a name that is taken is a conflict."""
    query = {"fieldManager": field_manager, "fieldValidation": validation} | ({"dryRun": "All"} if dry_run else {})
    path = resource.path(namespace=namespace_of(obj))
    result: Manifest = connection.request("POST", path, query=query, body=obj)
    return result


def replace_object(
    connection: Connection,
    resource: ApiResource,
    obj: Manifest,
    live: Manifest,
    *,
    validation: str = STRICT,
    dry_run: bool = False,
) -> Manifest:
    """Put an object in the place of exactly this live one: it keeps its uid, and a newer version is a conflict."""
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": validation} | ({"dryRun": "All"} if dry_run else {})
    identity = {name: metadata_of(live)[name] for name in ("uid", "resourceVersion")}
    body = {**obj, "metadata": {**metadata_of(obj), **identity}}
    result: Manifest = connection.request("PUT", resource.path_of(live), query=query, body=body)
    return result


def delete_object(
    connection: Connection,
    resource: ApiResource,
    live: Manifest,
    *,
    propagation: str = "Foreground",
    dry_run: bool = False,
) -> bool:
    """Delete exactly this object, by its uid; False when it is not there any more.

    ``propagation`` is ``Foreground``, ``Background`` or ``Orphan``.
    """
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": propagation,
        "preconditions": {"uid": metadata_of(live)["uid"]},
    }
    if dry_run:
        body["dryRun"] = ["All"]
    try:
        connection.request("DELETE", resource.path_of(live), body=body)
    except NotFoundError:
        return False
    return True
