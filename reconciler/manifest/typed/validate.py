"""What is wrong with an object by its schema, in the API server's words, and the object without its unknown fields.

Source: sigs.k8s.io/structured-merge-diff v6 (typed/validate).
"""

from typing import Any

from reconciler.errors import Violation
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.elements import element_of
from reconciler.manifest.typed.paths import FieldPath, parse_element

_SCALARS = {"numeric": "a number", "string": "a string", "boolean": "a boolean", "untyped": "a scalar"}


def validate(schema: Schema, value: Any, path: FieldPath | None = None) -> list[Violation]:
    """Every way in which a value does not fit its schema, sorted by field path."""
    return sorted(_violations(schema, value, FieldPath() if path is None else path))


def _violations(schema: Schema, value: Any, path: FieldPath) -> list[Violation]:
    if isinstance(value, dict) and schema.is_map:
        found = []
        for key, item in value.items():
            child = schema.fields.get(key) or schema.element
            if child is None:
                found.append(Violation(str(path.child(key)), "field not declared in schema"))
            else:
                found += _violations(child, item, path.child(key))
        return found
    if isinstance(value, list) and schema.is_list:
        return _list_violations(schema, value, path)
    if value is None or type(value) in schema.scalar_types:
        return []
    return [Violation(str(path), f"expected {_expected(schema)}, got {_kind(value)}")]


def _list_violations(schema: Schema, items: list[Any], path: FieldPath) -> list[Violation]:
    found = []
    seen: set[str] = set()
    for position, item in enumerate(items):
        place = path.item(position)
        if schema.list_type != "atomic":
            element = element_of(schema, item)
            if element is None:
                found.append(Violation(str(place), _no_element(schema, item)))
                continue
            place = path.append(parse_element(element))
            if element in seen:
                found.append(Violation(str(place), "duplicate entries for key"))
            seen.add(element)
        found += _violations(schema.item, item, place)
    return found


def _no_element(schema: Schema, item: Any) -> str:
    if schema.list_type == "set":
        return f"an item of a set must be a scalar, got {_kind(item)}"
    if not isinstance(item, dict):
        return f"an item of a list by keys must be a mapping, got {_kind(item)}"
    return f"item omits all key fields ({', '.join(schema.keys)})"


def _expected(schema: Schema) -> str:
    kinds = [_SCALARS[schema.scalar]] if schema.scalar else []
    kinds += ["a mapping"] if schema.is_map else []
    kinds += ["a list"] if schema.is_list else []
    return " or ".join(kinds)


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


def without_unknown_fields(schema: Schema, value: Any) -> Any:
    """The value without fields that its schema does not declare; the value itself when there are none."""
    if isinstance(value, dict) and schema.is_map:
        kept = {}
        for key, item in value.items():
            child = schema.fields.get(key) or schema.element
            if child is not None:
                kept[key] = without_unknown_fields(child, item)
        unchanged = len(kept) == len(value) and all(kept[key] is value[key] for key in kept)
        return value if unchanged else kept
    if isinstance(value, list) and schema.is_list:
        items = [without_unknown_fields(schema.item, item) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value
