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
        annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
        if (
            isinstance(metadata, Mapping)
            and isinstance(annotations, Mapping)
            and ANNOTATION_LAST_APPLIED in annotations
        ):
            masked = {**annotations, ANNOTATION_LAST_APPLIED: str(self.mask(annotations[ANNOTATION_LAST_APPLIED]))}
            result["metadata"] = {**metadata, "annotations": masked}
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
        return value


def is_secret(obj: Mapping[str, Any]) -> bool:
    return obj.get("kind") == "Secret" and obj.get("apiVersion") == "v1"
