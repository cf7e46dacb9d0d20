"""The last-applied annotation of client-side apply, as the API server treats it for the manager ``kubectl``.

Source: k8s.io/apimachinery v0.37 (util/managedfields/internal/lastapplied*).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.manifest.schema import NotOfTypeError, Schema
from reconciler.manifest.typed.compare import compare, field_set
from reconciler.manifest.typed.fieldset import EMPTY, FieldSet, difference
from reconciler.manifest.typed.merge import require_type
from reconciler.terms import ANNOTATION_LAST_APPLIED

KUBECTL: Final = "kubectl"
"""The one manager for whom the annotation counts: what it applied client-side is no conflict."""
_MAX_ANNOTATIONS_BYTES: Final = 256 * 1024


def applied_before(schema: Schema, live: Manifest) -> FieldSet:
    """Fields that were applied client-side and are still as they were applied."""
    text = _annotations(live).get(ANNOTATION_LAST_APPLIED)
    try:
        applied = json.loads(text) if isinstance(text, str) and text else None
        if not isinstance(applied, dict) or applied.get("apiVersion") != live.get("apiVersion"):
            return EMPTY
        # Either one counts only where it is valid, without duplicates in lists by key.
        require_type(schema, applied)
        require_type(schema, live)
        changes = compare(schema, applied, live)
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
    text = json.dumps(
        _with_go_numbers({**target, "metadata": metadata}), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    updated = {**annotations, ANNOTATION_LAST_APPLIED: text + "\n"}
    if sum(len(key.encode()) + len(str(value).encode()) for key, value in updated.items()) > _MAX_ANNOTATIONS_BYTES:
        del updated[ANNOTATION_LAST_APPLIED]
    return {**result, "metadata": {**metadata_of(result), "annotations": updated}}


def _with_go_numbers(value: Any) -> Any:
    """The value with floats as Go writes them: without a fraction where there is none."""
    if isinstance(value, dict):
        return {key: _with_go_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_go_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value


def _annotations(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    annotations = metadata_of(obj).get("annotations")
    return annotations if isinstance(annotations, Mapping) else {}
