"""Secret values never leave the comparison: a keyed digest says equal or changed, and nothing else.

Masking goes by the field, never by how a value looks, so that a live value that imitates the mask is masked as well.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reconciler.diff.records import ABSENT, Masked
from reconciler.manifest.objects import Manifest, is_secret
from reconciler.terms import ANNOTATION_LAST_APPLIED

SHOWN_FIELDS: Final = frozenset({"apiVersion", "kind", "metadata", "type", "immutable"})
"""Fields of a Secret that hold no value of it; every other one does, or may by a slip of the pen: ``stringdata``."""
SHOWN_METADATA: Final = frozenset(
    {
        "annotations",
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generateName",
        "generation",
        "labels",
        "managedFields",
        "name",
        "namespace",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
"""Fields of a Secret's metadata that are metadata; ``data`` that is indented too far lands beside them."""


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
        return with_secret_values(result, lambda _path, value: str(self.mask(value)))

    def mask_value(self, path: Sequence[Any], value: Any) -> Any:
        """The value at a path of a Secret, masked where it is none that may be shown; ``path`` has the steps from the root."""
        if not path and isinstance(value, Mapping):
            return self.mask_object(value)
        if tuple(path) == ("metadata",) and isinstance(value, Mapping):
            value = _secret_metadata(value, lambda _path, inner: self.mask(inner))
        depth = _secret_depth(path)
        if depth and len(path) == depth and isinstance(value, Mapping):
            return {name: self.mask(inner) for name, inner in value.items()}
        return self.mask(value) if depth else self.mask_last_applied(path, value)

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


def with_secret_values(obj: Mapping[str, Any], replaced: Callable[[str, Any], Any]) -> Manifest:
    """A copy with every value of a Secret replaced, and any other object as it is.

    Parameters
    ----------
    replaced
        Gives what stands for a value, from its path, such as ``data.user``, and the value.
    """
    if not is_secret(obj):
        return dict(obj)
    result = _replaced(obj, SHOWN_FIELDS, "", replaced)
    if isinstance(obj.get("metadata"), Mapping):
        result["metadata"] = _secret_metadata(obj["metadata"], replaced)
    return result


def _secret_metadata(metadata: Mapping[str, Any], replaced: Callable[[str, Any], Any]) -> Manifest:
    result = _replaced(metadata, SHOWN_METADATA, "metadata.", replaced)
    for name in ("labels", "annotations"):
        if isinstance(texts := metadata.get(name), Mapping):
            result[name] = {
                key: replaced(f"metadata.{name}.{key}", value) if isinstance(value, Mapping | list) else value
                for key, value in texts.items()
            }
    return result


def _replaced(
    fields: Mapping[str, Any], shown: frozenset[str], prefix: str, replaced: Callable[[str, Any], Any]
) -> Manifest:
    result: Manifest = {}
    for name, value in fields.items():
        path = f"{prefix}{name}"
        if name in shown or value is None:
            result[name] = value
        elif isinstance(value, Mapping):
            result[name] = {key: replaced(f"{path}.{key}", inner) for key, inner in value.items()}
        else:
            result[name] = replaced(path, value)
    return result


def _secret_depth(path: Sequence[Any]) -> int:
    """How many steps of a Secret's path lead to a field of values; none where it leads to what may be shown."""
    if path[:1] and path[0] == "metadata":
        return 2 if len(path) > 1 and path[1] not in SHOWN_METADATA else 0
    return 1 if path[:1] and path[0] not in SHOWN_FIELDS else 0


def _without_secret_paths(entry: Any) -> Any:
    """A managedFields entry of a Secret with the names of its keys and nothing below them.

    Ownership of an item of a set is written by its value, so that an entry made for it could carry one.
    """
    fields = entry.get("fieldsV1") if isinstance(entry, Mapping) else None
    if not isinstance(fields, Mapping):
        return entry
    kept = dict(fields)
    for field, below in fields.items():
        if str(field).removeprefix("f:") not in SHOWN_FIELDS and isinstance(below, Mapping):
            kept[field] = {name: {} for name in below if str(name) == "." or str(name).startswith("f:")}
    return {**entry, "fieldsV1": kept}
