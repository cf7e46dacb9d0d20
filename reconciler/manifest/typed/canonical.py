"""What the API server makes of a merged object when it decodes it: quantities, empty values, system metadata.

Only what the schema, the table of zero values and the live object show is foreseen: an applier that owns a field which
live has not shows that the server left it out.
"""

import base64
from collections.abc import Mapping
from operator import is_
from typing import Any, Final

from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.manifest.quantity import canonical_quantity
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.defaults import defaults_of, is_allocated, knows_defaults, possible_defaults
from reconciler.manifest.typed.elements import elements_of
from reconciler.manifest.typed.fieldset import EMPTY, FieldSet, below, is_member
from reconciler.manifest.typed.merge import same
from reconciler.manifest.typed.zero_values import keeps_zero

_SYSTEM_FIELDS: Final = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "resourceVersion",
    "selfLink",
    "uid",
)
_POD_SPEC: Final = "io.k8s.api.core.v1.PodSpec"
_MISSING: Final = object()
_ZEROS: Final = {"string": "", "numeric": 0, "boolean": False}


def canonical(schema: Schema, live: Mapping[str, Any] | None, new: Manifest, owned: FieldSet) -> Manifest:
    """The object as the API server would store it, as far as that can be told.

    Parameters
    ----------
    owned
        Fields that the writer owned before.
    """
    if new is live:
        return new
    new = _with_system_fields(live, new)
    if new.get("kind") == "Secret" and new.get("apiVersion") == "v1" and isinstance(new.get("stringData"), Mapping):
        new = _with_encoded_data(new)
    result = _value(schema, live, new, owned)
    return result if isinstance(result, dict) else new


def is_default(schema: Schema, field: str, value: Any, holder: Mapping[str, Any]) -> bool:
    """Whether the server fills this field of a type in with this value, where an apply leaves it out.

    Parameters
    ----------
    holder
        The map that has the field.
    """
    if field in schema.defaults and same(schema.defaults[field], value):
        return True
    others = {key: item for key, item in holder.items() if key != field}
    defaults = possible_defaults(schema, others)
    return field in defaults and same(_value(schema.child(field), _MISSING, defaults[field], EMPTY), value)


def _with_system_fields(live: Mapping[str, Any] | None, new: Manifest) -> Manifest:
    """The object with the metadata that only the server writes as live has it."""
    metadata = new.get("metadata")
    before = metadata_of(live or {})
    if not isinstance(metadata, dict) or metadata is before:
        return new
    wrong = [key for key in _SYSTEM_FIELDS if metadata.get(key, _MISSING) != before.get(key, _MISSING)]
    if not wrong:
        return new
    kept = {key: value for key, value in metadata.items() if key not in wrong}
    kept.update((key, before[key]) for key in wrong if key in before)
    return {**new, "metadata": kept}


def _with_encoded_data(secret: Manifest) -> Manifest:
    """``stringData`` is written into ``data`` and not kept."""
    encoded = {
        key: base64.b64encode(text.encode()).decode()
        for key, text in secret["stringData"].items()
        if isinstance(text, str)
    }
    result = {key: value for key, value in secret.items() if key != "stringData"}
    return {**result, "data": {**(secret.get("data") or {}), **encoded}} if encoded else result


def _value(schema: Schema, live: Any, new: Any, owned: FieldSet, *, in_map: bool = False) -> Any:
    if new is live:
        return live
    if isinstance(new, dict) and schema.is_map:
        return _map(schema, live if isinstance(live, dict) else {}, new, owned)
    if isinstance(new, list) and schema.is_list:
        return _list(schema, live if isinstance(live, list) else [], new, owned)
    if schema.format == "quantity" and isinstance(new, str | int | float):
        return canonical_quantity(new, milli=in_map)
    if schema.format == "byte" and isinstance(new, str):
        return new.replace("\n", "").replace("\r", "")
    return new


def _map(schema: Schema, live: Mapping[str, Any], new: dict[str, Any], owned: FieldSet) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, item in new.items():
        before = live.get(key, _MISSING)
        if item is before:
            result[key] = item
            continue
        if schema.drops_unknown and key not in schema.fields:
            continue
        child = schema.child(key)
        element = "f:" + key
        value = _value(child, before, item, below(owned, element), in_map=key not in schema.fields)
        if value is None and value is not before and not (child.nullable and not schema.structured):
            if schema.structured and key in schema.required and child.is_list:
                # An empty list that is always written.
                result[key] = None
                continue
            value = schema.defaults.get(key, _go_zero(child) if schema.structured else None)
            if value is None or (key in schema.fields and key not in schema.defaults):
                if before is _MISSING or not _outlives_null(schema, key, owned):
                    continue
                value = before
        is_absent_owned = before is _MISSING and is_member(owned, element)
        if value is not before and _is_left_out(schema, child, key, value, is_absent_owned=is_absent_owned):
            continue
        if value == [] and schema.structured and key in schema.required:
            value = None
        result[key] = before if _is_same_scalar(value, before) else value
    _add_defaults(schema, live, result)
    account = result.get("serviceAccountName") or result.get("serviceAccount")
    if account and schema.name == _POD_SPEC:
        # An old name of the field, which always says the same.
        result["serviceAccountName"] = result["serviceAccount"] = account
    unchanged = len(result) == len(live) and all(result[key] is live.get(key, _MISSING) for key in result)
    return live if unchanged and isinstance(live, dict) else result


def _outlives_null(schema: Schema, key: str, owned: FieldSet) -> bool:
    """Whether live's value stays where a null is applied."""
    if is_allocated(schema, key):
        return True
    # What the server puts in place of a null is not known of every type; where one was applied before, live has it.
    return not knows_defaults(schema) and is_member(owned, f"f:{key}")


def _add_defaults(schema: Schema, live: Mapping[str, Any], result: dict[str, Any]) -> None:
    for key, default in defaults_of(schema, result).items():
        if result.get(key) is None and not (key in result and schema.child(key).nullable):
            before = live.get(key, _MISSING)
            value = _value(schema.child(key), before, default, EMPTY)
            result[key] = before if same(before, value) else value


def _is_same_scalar(value: Any, before: Any) -> bool:
    return type(value) is type(before) and not isinstance(value, dict | list) and bool(value == before)


def _go_zero(schema: Schema) -> Any:
    if schema.format in ("quantity", "byte"):
        return "0" if schema.format == "quantity" else None
    return _ZEROS.get(schema.scalar)


def _is_left_out(schema: Schema, child: Schema, key: str, value: Any, *, is_absent_owned: bool) -> bool:
    """Whether the server writes no such value."""
    if value or key in schema.required:
        return False
    if is_absent_owned:
        return True
    if not schema.structured or key not in schema.fields:
        return False
    if isinstance(value, dict | list):
        # An empty list or map of a Go type is left out; an empty struct is kept.
        return isinstance(value, list) or not child.fields
    return child.scalar in _ZEROS and key not in schema.defaults and not keeps_zero(schema.name, key)


def _list(schema: Schema, live: list[Any], new: list[Any], owned: FieldSet) -> list[Any]:
    if schema.list_type == "map":
        # Of items that share their keys each is still known by itself.
        known = set(map(id, live))
        elements = elements_of(schema, new)
        before = dict(zip(elements_of(schema, live), live, strict=True))
        olds = [before.get(element, _MISSING) for element in elements]
        items = [
            item if id(item) in known else _value(schema.item, old, item, below(owned, element))
            for element, old, item in zip(elements, olds, new, strict=True)
        ]
    else:
        pairs = zip(live + [_MISSING] * max(len(new) - len(live), 0), new, strict=False)
        items = [_value(schema.item, old, item, EMPTY) for old, item in pairs]
    unchanged = len(items) == len(live) and all(map(is_, items, live))
    return live if unchanged else items
