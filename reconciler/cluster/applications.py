"""Argo CD's objects in the cluster: Applications read, changed and followed, their status written."""

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.live import get_object, list_objects
from reconciler.cluster.write import patch_object
from reconciler.errors import ConflictError, NotFoundError
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.terms import ARGO_GROUP, ARGO_VERSION

FIELD_MANAGER: Final = "argocd-server"
"""Who owns what a person changes in an Application: as upstream not the manager of syncs, which would take it away again."""
MAX_CONFLICTS: Final = 5
"""How often an Application that changes meanwhile is read again and changed anew."""


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


def select_applications(connection: Connection, discovery: Discovery, *, namespace: str, selector: str) -> list[str]:
    """The names of the Applications that a label selector chooses; the API server reads it.

    Raises
    ------
    ClusterError
        For what is no selector, among others.
    """
    resource = application_resource(discovery)
    found = list_objects(connection, resource, namespace=namespace, labels=selector, metadata_only=True)
    return [str(metadata_of(obj)["name"]) for obj in found.objects]


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


def patch_application(
    connection: Connection,
    discovery: Discovery,
    *,
    namespace: str,
    name: str,
    change: Callable[[Manifest], Mapping[str, Any]],
    dry_run: bool = False,
) -> tuple[Manifest, Manifest]:
    """Change an Application as it is now: the object before, and after as the API server answers it.

    Parameters
    ----------
    change
        Gives the merge patch for the object that it is shown, empty for none. It is asked again when the object has changed
        meanwhile, so that no change of anybody is lost.
    dry_run
        The API server checks everything and keeps nothing.

    Raises
    ------
    NotFoundError
        When the Application is not there.
    ConflictError
        When it changes all the time.
    """
    resource = application_resource(discovery)
    attempt = 0
    while True:
        attempt += 1
        live = get_object(connection, resource, namespace=namespace, name=name)
        if live is None:
            raise NotFoundError(f"no Application {name} in namespace {namespace}")
        patch = dict(change(live))
        if not patch:
            return live, live
        version = {"resourceVersion": metadata_of(live)["resourceVersion"]}
        patch["metadata"] = {**patch.get("metadata", {}), **version}
        try:
            return live, patch_object(connection, resource, live, patch, field_manager=FIELD_MANAGER, dry_run=dry_run)
        except ConflictError:
            if attempt == MAX_CONFLICTS:
                raise


def await_application(
    connection: Connection,
    discovery: Discovery,
    *,
    namespace: str,
    name: str,
    until: Callable[[Manifest | None], bool],
    timeout_s: float | None = None,
) -> bool:
    """Watch an Application until it is so; False when ``timeout_s`` seconds are over.

    Parameters
    ----------
    until
        Asked for every state of the object, which is None when it is gone.

    Raises
    ------
    ClusterError
        When it cannot be watched.
    """
    seen: queue.SimpleQueue[Sighting] = queue.SimpleQueue()
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    with Follower(connection, seen.put) as follower:
        follower.follow([(application_resource(discovery), namespace, name)])
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                sighting = seen.get(timeout=left)
            except queue.Empty:
                return False
            if sighting.error is not None and not sighting.error.retryable:
                raise sighting.error
            if sighting.error is None and until(sighting.object):
                return True
