"""Server-side apply's typed merge: prediction, ownership and conflicts of fields, by the cluster's own schemas."""

from reconciler.manifest.typed.apply import Prediction, predict_apply, predict_update
from reconciler.manifest.typed.conflicts import FieldConflict
from reconciler.manifest.typed.ownership import (
    CLIENT_SIDE_APPLY_MANAGER,
    FieldOwner,
    Ownership,
    field_owners,
    migrate_client_side_apply,
)
from reconciler.manifest.typed.paths import FieldPath, ItemKey, ItemValue

__all__ = [
    "CLIENT_SIDE_APPLY_MANAGER",
    "FieldConflict",
    "FieldOwner",
    "FieldPath",
    "ItemKey",
    "ItemValue",
    "Ownership",
    "Prediction",
    "field_owners",
    "migrate_client_side_apply",
    "predict_apply",
    "predict_update",
]
