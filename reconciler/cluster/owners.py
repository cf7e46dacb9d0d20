"""Who owns an object: its owner references, and the relations that Argo CD knows although no reference states them.

Source: gitops-engine/pkg/cache/references.go of Argo CD 3.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifest.objects import GroupVersionKind, ResourceKey, annotations_of, metadata_of, name_of
from reconciler.terms import ANNOTATION_SYNC_OPTIONS

_SERVICE_LABEL: Final = "kubernetes.io/service-name"
_ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
_ACCOUNT_UID: Final = "kubernetes.io/service-account.uid"
_OPERATOR_GROUP: Final = "olm.operatorGroup"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner as an object names it; without a ``uid`` it is found by kind and name."""

    group: str
    kind: str
    name: str
    uid: str = ""


def owners_of(obj: Mapping[str, Any]) -> tuple[Owner, ...]:
    """The owners of an object, of which metadata is enough.

    With the sync option ``ControllerReferencesOnly=true`` only the controller counts. Endpoints and EndpointSlices that
    nobody owns belong to their Service, a token Secret to its ServiceAccount, a ClusterServiceVersion to its OperatorGroup.
    """
    references = metadata_of(obj).get("ownerReferences")
    named = [entry for entry in references if isinstance(entry, Mapping)] if isinstance(references, list) else []
    annotations = annotations_of(obj)
    options = {part.strip() for part in annotations.get(ANNOTATION_SYNC_OPTIONS, "").split(",")}
    if "ControllerReferencesOnly=true" in options:
        return tuple(_owner(entry) for entry in named if entry.get("controller") is True)
    return (*map(_owner, named), *_inferred(obj, annotations, alone=not named))


def _owner(reference: Mapping[str, Any]) -> Owner:
    kind = GroupVersionKind.of(reference)
    return Owner(kind.group, kind.kind, str(reference.get("name") or ""), str(reference.get("uid") or ""))


def _inferred(obj: Mapping[str, Any], annotations: Mapping[str, str], *, alone: bool) -> tuple[Owner, ...]:
    kind = GroupVersionKind.of(obj)
    match (kind.group, kind.kind):
        case ("", "Endpoints") if alone:
            return (Owner("", "Service", name_of(obj)),)
        case ("discovery.k8s.io", "EndpointSlice") if alone:
            labels = metadata_of(obj).get("labels")
            service = labels.get(_SERVICE_LABEL) if isinstance(labels, Mapping) else None
            return (Owner("", "Service", str(service)),) if service else ()
        case ("", "Secret"):
            account, uid = annotations.get(_ACCOUNT_NAME), annotations.get(_ACCOUNT_UID)
            return (Owner("", "ServiceAccount", account, uid),) if account and uid else ()
        case ("operators.coreos.com", "ClusterServiceVersion"):
            group = annotations.get(_OPERATOR_GROUP)
            return (Owner("operators.coreos.com", "OperatorGroup", group),) if group else ()
    return ()


def is_claim_of(claim: ResourceKey, stateful_set: Mapping[str, Any]) -> bool:
    """Whether a PersistentVolumeClaim was made from a claim template of a StatefulSet: ``<template>-<set>-<ordinal>``."""
    key = ResourceKey.of(stateful_set)
    if (claim.group, claim.kind, claim.namespace) != ("", "PersistentVolumeClaim", key.namespace):
        return False
    spec = stateful_set.get("spec")
    templates = spec.get("volumeClaimTemplates") if isinstance(spec, Mapping) else None
    for template in templates if isinstance(templates, list) else ():
        prefix = f"{name_of(template)}-{key.name}-" if isinstance(template, Mapping) else ""
        if prefix and claim.name.startswith(prefix) and claim.name[len(prefix) :].isdecimal():
            return True
    return False
