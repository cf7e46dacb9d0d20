"""Argo CD's objects in the cluster: Applications read, their status written."""

from collections.abc import Mapping
from typing import Any

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.live import get_object, list_objects
from reconciler.cluster.write import patch_object
from reconciler.errors import NotFoundError
from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.terms import ARGO_GROUP, ARGO_VERSION


def application_resource(discovery: Discovery) -> ApiResource:
    """Where Applications live.

    Raises
    ------
    NotFoundError
        When the cluster lacks Argo CD's custom resource definitions.
    """
    found = discovery.find(GroupVersionKind(ARGO_GROUP, ARGO_VERSION, "Application"))
    if found is None:
        raise NotFoundError(
            "the cluster does not know Applications; install the definitions with: gitops-nb crds | kubectl apply "
            "--server-side -f -, or read the Application from a file with -f FILE"
        )
    return found


def list_applications(connection: Connection, discovery: Discovery, *, namespace: str) -> tuple[Manifest, ...]:
    """The Application objects of a namespace, by name."""
    return list_objects(connection, application_resource(discovery), namespace=namespace).objects


def get_application(connection: Connection, discovery: Discovery, *, namespace: str, name: str) -> Manifest | None:
    """One Application object, None when it, or its kind, is not there."""
    resource = discovery.find(GroupVersionKind(ARGO_GROUP, ARGO_VERSION, "Application"))
    return None if resource is None else get_object(connection, resource, namespace=namespace, name=name)


def get_project(connection: Connection, discovery: Discovery, *, namespace: str, name: str) -> Manifest | None:
    """One AppProject object, None when it, or its kind, is not there."""
    resource = discovery.find(GroupVersionKind(ARGO_GROUP, ARGO_VERSION, "AppProject"))
    return None if resource is None else get_object(connection, resource, namespace=namespace, name=name)


def patch_status(connection: Connection, discovery: Discovery, live: Manifest, patch: Mapping[str, Any]) -> None:
    """Merge a patch into ``status``, which for Applications is no sub-resource."""
    if patch:
        patch_object(connection, application_resource(discovery), live, {"status": dict(patch)})
