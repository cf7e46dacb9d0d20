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
    given, data = result.get("stringData"), result.get("data") or {}
    if is_secret(result) and isinstance(given, Mapping) and isinstance(data, Mapping):
        # What is no text stays, for the schema to refuse it.
        rest = {name: value for name, value in given.items() if not isinstance(value, str)}
        encoded = {name: _base64(value) for name, value in given.items() if isinstance(value, str)}
        result = {name: value for name, value in result.items() if name != "stringData"}
        result["data"] = {**data, **encoded}
        if rest:
            result["stringData"] = rest
    return result


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()


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
