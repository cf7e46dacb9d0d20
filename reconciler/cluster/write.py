"""Every write to a cluster. Nothing else in the project sends a request that changes an object."""

from typing import Any

from reconciler.cluster.connection import APPLY_PATCH, MERGE_PATCH, Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.errors import NotFoundError
from reconciler.manifest.objects import Manifest, metadata_of, name_of, namespace_of
from reconciler.terms import FIELD_MANAGER


def apply_object(connection: Connection, resource: ApiResource, obj: Manifest, *, dry_run: bool = False) -> Manifest:
    """Server-side apply with force under Argo CD's field manager; the object as the API server answers it.

    With ``dry_run`` nothing is persisted.
    """
    query = {"fieldManager": FIELD_MANAGER, "force": "true", "fieldValidation": "Strict"}
    if dry_run:
        query["dryRun"] = "All"
    path = resource.path_of(obj)
    result: Manifest = connection.request("PATCH", path, query=query, body=obj, content_type=APPLY_PATCH)
    return result


def patch_object(connection: Connection, resource: ApiResource, live: Manifest, patch: dict[str, Any]) -> Manifest:
    """JSON merge patch of one object."""
    path = resource.path(namespace=namespace_of(live), name=name_of(live))
    query = {"fieldManager": FIELD_MANAGER}
    result: Manifest = connection.request("PATCH", path, query=query, body=patch, content_type=MERGE_PATCH)
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
