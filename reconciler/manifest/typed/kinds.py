"""What merging needs to know of the kind at hand: its schema, and the fields a request cannot write."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from reconciler.manifest.objects import GroupVersionKind
from reconciler.manifest.openapi import OpenApi
from reconciler.manifest.schema import DEDUCED, Schema
from reconciler.manifest.typed.fieldset import EMPTY, LEAF, FieldSet

STATUS: Final = "status"
SCALE: Final = "scale"

_STATUS_FIELDS: Final[FieldSet] = {"f:status": LEAF}
_SPEC_FIELDS: Final[FieldSet] = {"f:spec": LEAF}
_SPEC_AND_LABELS: Final[FieldSet] = {"f:spec": LEAF, "f:metadata": {"f:labels": LEAF}}
_SPEC_AND_METADATA: Final[FieldSet] = {"f:spec": LEAF, "f:metadata": LEAF}
# Source: kubernetes v1.37.2 pkg/registry/<group>/<kind>/strategy.go, GetResetFields.
_STATUS_RESETS: Final = {
    GroupVersionKind("apps", "v1", "Deployment"): _SPEC_AND_LABELS,
    GroupVersionKind("apps", "v1", "DaemonSet"): _SPEC_FIELDS,
    GroupVersionKind("", "v1", "Pod"): {
        "f:spec": LEAF,
        "f:metadata": {"f:deletionTimestamp": LEAF, "f:ownerReferences": LEAF},
    },
}
_METADATA_RESET_GROUPS: Final = frozenset(
    {
        "admissionregistration.k8s.io",
        "apiregistration.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "resource.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as one request sees it."""

    gvk: GroupVersionKind
    schema: Schema
    #: Sub-resource of the request, empty for the object itself.
    subresource: str
    #: Fields that the request cannot write: they stay as live has them and become no one's.
    reset: FieldSet
    #: Schema of the kind at an apiVersion.
    schema_at: Callable[[str], Schema]


def kind_of(gvk: GroupVersionKind, openapi: OpenApi, subresource: str = "") -> Kind:
    """The kind, free-form where the documents do not describe it."""
    schema = openapi.schema(gvk) or DEDUCED

    def schema_at(api_version: str) -> Schema:
        if api_version == gvk.api_version:
            return schema
        group, _, version = api_version.rpartition("/")
        return openapi.schema(GroupVersionKind(group, version, gvk.kind)) or schema

    return Kind(gvk, schema, subresource, _reset_fields(gvk, schema, openapi, subresource), schema_at)


def _reset_fields(gvk: GroupVersionKind, schema: Schema, openapi: OpenApi, subresource: str) -> FieldSet:
    if subresource == STATUS:
        if not schema.structured or gvk.group in _METADATA_RESET_GROUPS:
            return _SPEC_AND_METADATA
        return _STATUS_RESETS.get(gvk, _SPEC_FIELDS)
    if not subresource and openapi.has_status(gvk):
        return _STATUS_FIELDS
    return EMPTY
