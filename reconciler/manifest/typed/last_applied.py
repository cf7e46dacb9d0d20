"""The last-applied annotation of client-side apply, as the API server treats it for the manager ``kubectl``.

Source: k8s.io/apimachinery v0.37 (util/managedfields/internal/lastapplied*).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.manifest.openapi import Schema
from reconciler.manifest.typed.compare import compare, field_set
from reconciler.manifest.typed.fieldset import EMPTY, FieldSet, difference
from reconciler.manifest.typed.merge import NotOfTypeError
from reconciler.terms import ANNOTATION_LAST_APPLIED

KUBECTL: Final = "kubectl"
"""The one manager for whom the annotation counts: what it applied client-side is no conflict."""
_MAX_ANNOTATIONS_BYTES: Final = 256 * 1024


def applied_before(schema: Schema, live: Mapping[str, Any]) -> FieldSet:
    """Fields that were applied client-side and are still as they were applied."""
    text = _annotations(live).get(ANNOTATION_LAST_APPLIED)
    try:
        applied = json.loads(text) if isinstance(text, str) and text else None
        if not isinstance(applied, dict) or applied.get("apiVersion") != live.get("apiVersion"):
            return EMPTY
        changes = compare(schema, applied, dict(live))
        fields = field_set(schema, applied)
    except (ValueError, NotOfTypeError, RecursionError):
        return EMPTY
    return difference(difference(fields, changes.written), changes.removed)


def with_last_applied(result: Manifest, target: Mapping[str, Any]) -> Manifest:
    """The object with its annotation, where it has one, telling of this apply."""
    annotations = _annotations(result)
    if not annotations.get(ANNOTATION_LAST_APPLIED):
        return result
    metadata = dict(metadata_of(target))
    own = {key: value for key, value in _annotations(target).items() if key != ANNOTATION_LAST_APPLIED}
    if isinstance(metadata.get("annotations"), Mapping):
        metadata["annotations"] = own
    text = json.dumps({**target, "metadata": metadata}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    updated = {**annotations, ANNOTATION_LAST_APPLIED: text + "\n"}
    if sum(len(key.encode()) + len(str(value).encode()) for key, value in updated.items()) > _MAX_ANNOTATIONS_BYTES:
        del updated[ANNOTATION_LAST_APPLIED]
    return {**result, "metadata": {**metadata_of(result), "annotations": updated}}


def _annotations(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    annotations = metadata_of(obj).get("annotations")
    return annotations if isinstance(annotations, Mapping) else {}
