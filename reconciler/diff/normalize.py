"""What is set aside before target and live are compared (gitops-engine/pkg/diff/diff.go, normalization)."""

import base64
from collections.abc import Mapping
from typing import Any, Final

from reconciler.diff.secrets import is_secret
from reconciler.manifest.objects import Manifest
from reconciler.terms import ANNOTATION_LAST_APPLIED

SERVER_METADATA: Final = frozenset(
    {"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "deletionTimestamp"}
    | {"deletionGracePeriodSeconds"}
)


def normalize_target(target: Mapping[str, Any]) -> Manifest:
    """The target as an API server would keep it: no server-set metadata, ``stringData`` folded into ``data``."""
    result: Manifest = dict(target)
    metadata = result.get("metadata")
    if isinstance(metadata, Mapping):
        result["metadata"] = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
    if is_secret(result) and isinstance(result.get("stringData"), Mapping):
        encoded = {
            name: base64.b64encode(value.encode()).decode()
            for name, value in result.pop("stringData").items()
            if isinstance(value, str)
        }
        result["data"] = {**(result.get("data") or {}), **encoded}
    return result


def comparable(obj: Mapping[str, Any], *, keep_status: bool = False) -> Manifest:
    """What of an object takes part in a comparison: no status, no metadata that only the server sets."""
    result: Manifest = {name: value for name, value in obj.items() if name != "status" or keep_status}
    metadata = result.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
        annotations = kept.get("annotations")
        if isinstance(annotations, Mapping) and ANNOTATION_LAST_APPLIED in annotations:
            kept["annotations"] = {
                name: value for name, value in annotations.items() if name != ANNOTATION_LAST_APPLIED
            }
        result["metadata"] = kept
    return result
