"""Secret values never leave the comparison: a keyed digest says equal or changed, and nothing else.

Masking goes by the field, never by how a value looks, so that a live value that imitates the mask is masked as well.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.diff.records import ABSENT, Masked
from reconciler.manifest.objects import Manifest
from reconciler.terms import ANNOTATION_LAST_APPLIED

SECRET_FIELDS: Final = ("data", "stringData")


class Masker:
    """Masks with a key that lives as long as one run, so that digests of different runs say nothing about each other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def mask(self, value: Any) -> Any:
        """The value's mask; an absent one stays absent."""
        if value is ABSENT or isinstance(value, Masked):
            return value
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
        digest = hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return Masked(digest[:8])

    def mask_object(self, obj: Mapping[str, Any]) -> Manifest:
        """A copy that may be shown: a Secret's values and what kubectl's last-applied annotation repeats are masked."""
        result: Manifest = dict(obj)
        metadata = result.get("metadata")
        if isinstance(metadata, Mapping):
            result["metadata"] = self._mask_metadata(metadata, secret=is_secret(obj))
        if is_secret(obj):
            for field in SECRET_FIELDS:
                values = result.get(field)
                if isinstance(values, Mapping):
                    result[field] = {name: str(self.mask(value)) for name, value in values.items()}
                elif values is not None:
                    result[field] = str(self.mask(values))
        return result

    def mask_value(self, path: Sequence[Any], value: Any) -> Any:
        """The value at a path of a Secret, masked where it is data; ``path`` holds the steps from the root."""
        if not path and isinstance(value, Mapping):
            return self.mask_object(value)
        if path[:1] and path[0] in SECRET_FIELDS:
            if isinstance(value, Mapping) and len(path) == 1:
                return {name: self.mask(inner) for name, inner in value.items()}
            return self.mask(value)
        return self.mask_last_applied(path, value)

    def mask_last_applied(self, path: Sequence[Any], value: Any) -> Any:
        """The value at a path of any object, what kubectl's annotation repeats of it masked."""
        if path[:1] and path[0] == "metadata" and value is not ABSENT:
            if tuple(path[1:]) == ("annotations", ANNOTATION_LAST_APPLIED):
                return self.mask(value)
            if len(path) == 1 and isinstance(value, Mapping):
                return self._mask_metadata(value, secret=True)
            if tuple(path[1:]) == ("annotations",) and isinstance(value, Mapping):
                return self._mask_annotations(value)
        return value

    def _mask_metadata(self, metadata: Mapping[str, Any], *, secret: bool) -> Mapping[str, Any]:
        annotations, managed = metadata.get("annotations"), metadata.get("managedFields")
        changed: dict[str, Any] = {}
        if isinstance(annotations, Mapping) and ANNOTATION_LAST_APPLIED in annotations:
            changed["annotations"] = self._mask_annotations(annotations)
        if secret and isinstance(managed, list):
            changed["managedFields"] = [_without_secret_paths(entry) for entry in managed]
        return {**metadata, **changed} if changed else metadata

    def _mask_annotations(self, annotations: Mapping[str, Any]) -> Mapping[str, Any]:
        if ANNOTATION_LAST_APPLIED not in annotations:
            return annotations
        return {**annotations, ANNOTATION_LAST_APPLIED: str(self.mask(annotations[ANNOTATION_LAST_APPLIED]))}


def _without_secret_paths(entry: Any) -> Any:
    """A managedFields entry of a Secret with the names of its keys and nothing below them.

    Ownership of an item of a set is written by its value, so that an entry made for it could carry one.
    """
    fields = entry.get("fieldsV1") if isinstance(entry, Mapping) else None
    if not isinstance(fields, Mapping):
        return entry
    kept = dict(fields)
    for field in SECRET_FIELDS:
        below = kept.get(f"f:{field}")
        if isinstance(below, Mapping):
            kept[f"f:{field}"] = {name: {} for name in below if str(name) == "." or str(name).startswith("f:")}
    return {**entry, "fieldsV1": kept}


def is_secret(obj: Mapping[str, Any]) -> bool:
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"
