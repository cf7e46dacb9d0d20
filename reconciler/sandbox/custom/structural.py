"""Pruning and defaulting by a structural schema.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/{pruning,defaulting}, v0.37.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
EMBEDDED: Final = "x-kubernetes-embedded-resource"
_ROOT: Final = ("apiVersion", "kind", "metadata")


def prune(value: Any, schema: Mapping[str, Any], *, root: bool = True) -> tuple[Any, list[str]]:
    """``value`` without the members that the schema does not know, and the paths of those."""
    dropped: list[str] = []
    return _prune(value, schema, "", dropped, root=root), dropped


def _prune(value: Any, schema: Mapping[str, Any], path: str, dropped: list[str], *, root: bool = False) -> Any:
    if isinstance(value, list):
        items = schema.get("items") or {}
        if not items and schema.get(PRESERVE):
            return value
        return [_prune(item, items, f"{path}[{index}]", dropped) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    values = schema.get("additionalProperties")
    preserve = bool(schema.get(PRESERVE))
    meta = root or bool(schema.get(EMBEDDED))
    result = {}
    for key, inner in value.items():
        where = f"{path}.{key}" if path else key
        if meta and key in _ROOT:
            result[key] = inner
        elif key in properties:
            result[key] = _prune(inner, properties[key], where, dropped)
        elif isinstance(values, Mapping):
            result[key] = _prune(inner, values, where, dropped)
        elif preserve or values is True:
            result[key] = inner
        else:
            dropped.append(where)
    return result


def apply_schema_defaults(value: Any, schema: Mapping[str, Any]) -> None:
    """Fill defaults in place; a null that the schema does not allow counts as absent where there is a default."""
    if isinstance(value, list):
        for item in value:
            apply_schema_defaults(item, schema.get("items") or {})
        return
    if not isinstance(value, dict):
        return
    properties = schema.get("properties") or {}
    for key, inner in properties.items():
        missing = key not in value or (value[key] is None and not inner.get("nullable"))
        if "default" in inner and missing:
            value[key] = orjson.loads(orjson.dumps(inner["default"]))
        if key in value:
            apply_schema_defaults(value[key], inner)
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping):
        for key, inner in value.items():
            if key not in properties:
                apply_schema_defaults(inner, values)


def drop_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    """``value`` without the nulls of members that have a default but may not be null, so that defaulting fills them."""
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties") or {}
    return {
        key: drop_nulls(inner, properties.get(key) or {})
        for key, inner in value.items()
        if inner is not None or "default" not in (properties.get(key) or {}) or properties[key].get("nullable")
    }
