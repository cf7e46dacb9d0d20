"""Manifests: objects and their keys, YAML and JSON as Kubernetes reads them, schemas, and the typed merge."""

from reconciler.manifest.objects import (
    GroupVersionKind,
    Manifest,
    ResourceKey,
    annotations_of,
    flatten_lists,
    metadata_of,
    name_of,
    namespace_of,
    require_object,
)
from reconciler.manifest.openapi import OpenApi
from reconciler.manifest.quantity import canonical_quantity
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed import (
    CLIENT_SIDE_APPLY_MANAGER,
    FieldConflict,
    FieldOwner,
    FieldPath,
    ItemKey,
    ItemValue,
    Ownership,
    Prediction,
    field_owners,
    migrate_client_side_apply,
    predict_apply,
    predict_update,
)
from reconciler.manifest.yaml import dump_document, load_document, load_documents

__all__ = [
    "CLIENT_SIDE_APPLY_MANAGER",
    "FieldConflict",
    "FieldOwner",
    "FieldPath",
    "GroupVersionKind",
    "ItemKey",
    "ItemValue",
    "Manifest",
    "OpenApi",
    "Ownership",
    "Prediction",
    "ResourceKey",
    "Schema",
    "annotations_of",
    "canonical_quantity",
    "dump_document",
    "field_owners",
    "flatten_lists",
    "load_document",
    "load_documents",
    "metadata_of",
    "migrate_client_side_apply",
    "name_of",
    "namespace_of",
    "predict_apply",
    "predict_update",
    "require_object",
]
