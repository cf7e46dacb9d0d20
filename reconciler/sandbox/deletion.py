"""Deleting objects: grace periods, finalizers, propagation and preconditions.

Source: k8s.io/apiserver/pkg/registry/rest/delete.go and pkg/registry/generic/registry/store.go, v0.37.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import CRDS, NAMESPACES, Cluster, format_time
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import Cause, bad_request, conflict, invalid, not_found, not_supported
from reconciler.sandbox.store import GroupResource, ObjectName
from reconciler.sandbox.strategy import PODS, clone

CRD_FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"
_POLICIES: Final = ("Foreground", "Background", "Orphan")
# These answer with the object that was deleted, all others with a Status.
_RETURN_OBJECT: Final = frozenset(
    [
        *(
            GroupResource("", name)
            for name in (
                "namespaces",
                "persistentvolumeclaims",
                "persistentvolumes",
                "pods",
                "podtemplates",
                "resourcequotas",
                "serviceaccounts",
                "services",
            )
        ),
        *(
            GroupResource("storage.k8s.io", name)
            for name in ("csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses")
        ),
    ]
)


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """``grace_s`` is None for the kind's default; ``propagation`` is empty for the default."""

    grace_s: int | None = None
    propagation: str = ""
    uid: str = ""
    resource_version: str = ""
    dry_run: bool = False
    orphan_dependents: bool | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """The last state of an object, and whether it is gone already."""

    object: Manifest
    immediately: bool


def parse_delete_options(body: Any, query: Mapping[str, str]) -> DeleteOptions:
    """Options from a DeleteOptions body, else from the query string.

    Raises
    ------
    StatusError
        400 or 422 for options that cannot be.
    """
    if body is not None and not isinstance(body, dict):
        raise bad_request("decoded object cannot be converted to DeleteOptions")
    given = body or {}
    if not body:
        given = {key: query[key] for key in ("propagationPolicy",) if query.get(key)}
        if query.get("gracePeriodSeconds"):
            given["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
        if query.get("orphanDependents"):
            given["orphanDependents"] = query["orphanDependents"] == "true"
        if query.get("dryRun"):
            given["dryRun"] = [query["dryRun"]]
    policy = given.get("propagationPolicy") or ""
    if policy and policy not in _POLICIES:
        raise _invalid_options(not_supported("propagationPolicy", policy, [*_POLICIES, "nil"]))
    orphan = given.get("orphanDependents")
    if policy and orphan is not None:
        text = f'Invalid value: "{policy}": orphanDependents and deletionPropagation cannot be both set'
        raise _invalid_options(Cause("FieldValueInvalid", text, "propagationPolicy"))
    dry_run = given.get("dryRun") or []
    if any(value != "All" for value in dry_run):
        raise _invalid_options(not_supported("dryRun", dry_run, ["All"]))
    wanted = given.get("preconditions") or {}
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    return DeleteOptions(
        given.get("gracePeriodSeconds"),
        policy,
        wanted.get("uid") or "",
        wanted.get("resourceVersion") or "",
        bool(dry_run),
        orphan,
    )


def returns_object(resource: Resource) -> bool:
    """Whether the answer to a completed deletion is the object rather than a Status."""
    return resource.storage in _RETURN_OBJECT


def delete_object(cluster: Cluster, resource: Resource, name: ObjectName, options: DeleteOptions) -> Deleted:
    """Delete an object, or begin to.

    Raises
    ------
    StatusError
        404, or 409 for a precondition that does not hold.
    """
    live = cluster.store.get(resource.storage, name)
    if live is None:
        raise not_found(resource.group, resource.plural, name.name)
    _check_preconditions(resource, live, options)
    finalizers = _finalizers(resource, live, options)
    grace = _grace(resource, live, options)
    waits = bool(finalizers) or grace > 0
    if resource.storage == NAMESPACES:
        waits = waits or bool((live.get("spec") or {}).get("finalizers"))
    if not waits:
        if not options.dry_run:
            cluster.store.remove(resource.storage, name)
        return Deleted(live, immediately=True)
    marked = _mark(cluster, resource, live, finalizers, grace)
    if marked == live or options.dry_run:
        return Deleted(marked, immediately=False)
    return Deleted(cluster.store.put(resource.storage, marked), immediately=False)


def _mark(cluster: Cluster, resource: Resource, live: Manifest, finalizers: list[str], grace: int) -> Manifest:
    obj: Manifest = clone(live)
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = format_time(cluster.clock() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
        if metadata.get("generation"):
            metadata["generation"] += 1
    elif grace < (metadata.get("deletionGracePeriodSeconds") or 0):
        metadata["deletionTimestamp"] = format_time(cluster.clock() + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if resource.storage == NAMESPACES:
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
        metadata.pop("deletionGracePeriodSeconds", None)
    if resource.storage == CRDS:
        metadata.pop("deletionGracePeriodSeconds", None)
    return obj


def _check_preconditions(resource: Resource, live: Manifest, options: DeleteOptions) -> None:
    metadata = live["metadata"]
    checks = (
        ("UID", options.uid, metadata["uid"], "deleted and then recreated"),
        ("ResourceVersion", options.resource_version, metadata["resourceVersion"], "modified"),
    )
    for what, wanted, actual, happened in checks:
        if wanted and wanted != actual:
            why = f"the {what} in the precondition ({wanted}) does not match the {what} in record ({actual})"
            # The real server names the kind here, where other conflicts name the resource.
            raise conflict(
                resource.group, resource.kind, metadata["name"], f"{why}. The object might have been {happened}"
            )


def _finalizers(resource: Resource, live: Manifest, options: DeleteOptions) -> list[str]:
    finalizers = [str(name) for name in live["metadata"].get("finalizers") or ()]
    policy = options.propagation
    if not policy and resource.storage == GroupResource("", "replicationcontrollers"):
        policy = "Orphan"
    if policy:
        finalizers = [name for name in finalizers if name not in (FOREGROUND, ORPHAN)]
    if policy in ("Foreground", "Orphan"):
        finalizers.append(FOREGROUND if policy == "Foreground" else ORPHAN)
    if resource.storage == CRDS and not live["metadata"].get("deletionTimestamp"):
        finalizers = [*finalizers, *([CRD_FINALIZER] if CRD_FINALIZER not in finalizers else [])]
    return finalizers


def _grace(resource: Resource, live: Manifest, options: DeleteOptions) -> int:
    """Only pods that run somewhere are given time.

    Source: k8s.io/kubernetes/pkg/registry/core/pod/strategy.go, CheckGracefulDelete.
    """
    if resource.storage != PODS:
        return 0
    spec, status = live.get("spec") or {}, live.get("status") or {}
    grace = options.grace_s if options.grace_s is not None else spec.get("terminationGracePeriodSeconds", 30)
    if not spec.get("nodeName") or status.get("phase") in ("Failed", "Succeeded"):
        return 0
    current = live["metadata"].get("deletionGracePeriodSeconds")
    if live["metadata"].get("deletionTimestamp") and current is not None:
        return int(min(current, grace)) if options.grace_s is not None else int(current)
    return max(int(grace), 0)


def _invalid_options(cause: Cause) -> Any:
    return invalid("meta.k8s.io", "DeleteOptions", "", [cause])
