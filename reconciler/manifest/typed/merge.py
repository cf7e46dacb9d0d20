"""The typed merge: an applied object onto the live one, and the set of fields the applied one names.

One walk over the applied object does both; whatever only the live object has is kept by reference, and a part that
the merge leaves as it is is the live part itself, so that ``merged is live`` says that nothing changed.

Source: sigs.k8s.io/structured-merge-diff v6 (typed/merge, typed/tofieldset), and what kube-apiserver v1.37.2 answers.
"""

from collections.abc import Mapping
from operator import is_
from typing import Any, Final

from reconciler.manifest.openapi import Schema
from reconciler.manifest.typed.elements import element_of
from reconciler.manifest.typed.fieldset import EMPTY, LEAF, FieldSet

_MISSING: Final = object()
_NUMBERS: Final = (int, float)


class NotOfTypeError(ValueError):
    """The applied object does not fit its schema; `reconciler.manifest.typed.validate` says where."""


def merge(schema: Schema, live: Any, target: Any) -> tuple[Any, FieldSet]:
    """The merged object, and the fields that the target names.

    Raises
    ------
    NotOfTypeError
        When the target, or a list of the live object, does not fit the schema.
    """
    merged, fields = _merge_value(schema, live, target)
    return merged, EMPTY if fields is None else fields


def same(left: Any, right: Any) -> bool:
    """Deep equality of JSON values: numbers by value, but ``true`` is not 1."""
    if left is right:
        return True
    kind = type(left)
    if kind is str:
        return bool(left == right)
    if kind is dict:
        if type(right) is not dict or len(left) != len(right):
            return False
        for key, value in left.items():
            other = right.get(key, _MISSING)
            if value is not other and not same(value, other):
                return False
        return True
    if kind is list:
        if type(right) is not list or len(left) != len(right):
            return False
        return all(map(same, left, right))
    return bool(left == right and (kind is type(right) or (kind in _NUMBERS and type(right) in _NUMBERS)))


def _merge_value(schema: Schema, live: Any, target: Any) -> tuple[Any, FieldSet | None]:
    """The merged value and the set below its path; None when the path is not named at all (an empty list)."""
    kind = type(target)
    if kind is dict:
        if not schema.is_map:
            raise NotOfTypeError
        return _merge_map(schema, live, target)
    if kind is list:
        if not schema.is_list:
            raise NotOfTypeError
        return _merge_list(schema, live, target)
    if target is None:
        return _merge_null(schema, live), LEAF
    if kind not in schema.scalar_types:
        raise NotOfTypeError
    return (live if same(live, target) else target), LEAF


def _merge_null(schema: Schema, live: Any) -> Any:
    """A null replaces scalars and atomic values; a granular map or list keeps what it has."""
    if schema.is_map:
        keeps = not schema.map_atomic and type(live) is dict and bool(live)
    else:
        keeps = not schema.scalar and schema.list_type != "atomic" and type(live) is list and bool(live)
    return live if keeps else None


def _merge_map(schema: Schema, live: Any, target: dict[str, Any]) -> tuple[Any, FieldSet | None]:
    is_map = type(live) is dict
    if schema.map_atomic:
        require_type(schema, target)
        return (live if is_map and same(live, target) else target), LEAF
    if not target:
        return (live if is_map else target), LEAF
    base: Mapping[str, Any] = live if is_map else {}
    fields = schema.fields
    changed: dict[str, Any] | None = None
    named: FieldSet = {}
    for key, value in target.items():
        child = fields.get(key)
        known = child is not None
        if child is None:
            child = schema.element
            if child is None:
                raise NotOfTypeError
        current = base.get(key, _MISSING)
        kind = type(value)
        if kind is str or kind is int or kind is bool:  # By far the most frequent kinds, so they are not worth a call.
            if kind not in child.scalar_types:
                raise NotOfTypeError
            merged = current if type(current) is kind and current == value else value
            if kind is int and type(current) is float and current == value:
                merged = current
            named["f:" + key] = LEAF
        else:
            merged, below = _merge_value(child, current, value)
            if below is not None:
                named["f:" + key] = below if known or not below else {".": LEAF, **below}
            elif not known:
                named["f:" + key] = LEAF
        if merged is not current:
            if changed is None:
                changed = dict(base)
            changed[key] = merged
    # A map that names only empty lists names nothing; an empty set below it would say that it names itself.
    return (live if changed is None else changed), named or None


def _merge_list(schema: Schema, live: Any, target: list[Any]) -> tuple[Any, FieldSet | None]:
    is_list = type(live) is list
    if schema.list_type == "atomic":
        require_type(schema, target)
        return (live if is_list and same(live, target) else target), LEAF
    if not target:
        return (live if is_list else target), None
    wanted = _index(schema, target)
    named: FieldSet = {}
    if not is_list or not live:
        items = [_merge_item(schema, _MISSING, item, element, named) for element, item in wanted.items()]
        return items, named
    present, positions = _index_live(schema, live)
    merged = {
        element: _merge_item(schema, positions.get(element, _MISSING), item, element, named)
        for element, item in wanted.items()
    }
    order = list(wanted)
    result = list(merged.values()) if present == order else _ordered(present, live, order, merged)
    unchanged = len(result) == len(live) and all(map(is_, result, live))
    return (live if unchanged else result), named


def _merge_item(schema: Schema, live: Any, target: Any, element: str, named: FieldSet) -> Any:
    merged, below = _merge_value(schema.item, live, target)
    named[element] = {".": LEAF, **below} if below else LEAF
    return merged


def _index(schema: Schema, items: list[Any]) -> dict[str, Any]:
    """Items of an applied list by element; duplicates are refused."""
    index: dict[str, Any] = {}
    for item in items:
        element = element_of(schema, item)
        if element is None or element in index:
            raise NotOfTypeError
        index[element] = item
    return index


def _index_live(schema: Schema, items: list[Any]) -> tuple[list[str], dict[str, Any]]:
    """The elements of a live list in order, and its items by element; of duplicates there is no item to merge with."""
    elements: list[str] = []
    index: dict[str, Any] = {}
    for item in items:
        element = element_of(schema, item)
        if element is None:
            raise NotOfTypeError
        elements.append(element)
        index[element] = None if element in index else item
    return elements, index


def _ordered(present: list[str], live: list[Any], wanted: list[str], merged: dict[str, Any]) -> list[Any]:
    """Interleave: applied items in the applied order, live-only items in theirs, each before the shared item it preceded.

    An item that both have waits for its turn in the applied order, which is where it then stands.
    """
    result: list[Any] = []
    in_live = set(present)
    shared = [element for element in wanted if element in in_live]
    turn = 0
    left, right = 0, 0
    while left < len(present) and right < len(wanted):
        element, applied = present[left], wanted[right]
        if element != applied:
            if element not in merged:
                result.append(live[left])
                left += 1
                continue
            if turn < len(shared) and element != shared[turn]:
                left += 1
                continue
            if turn >= len(shared):
                left += 1
        else:
            left += 1
        result.append(merged[applied])
        right += 1
        if turn < len(shared) and shared[turn] == applied:
            turn += 1
    result.extend(merged[element] for element in wanted[right:])
    result.extend(item for element, item in zip(present[left:], live[left:], strict=True) if element not in merged)
    return result


def require_type(schema: Schema, value: Any) -> None:
    """Check a value against its schema without merging it.

    Raises
    ------
    NotOfTypeError
        When it does not fit.
    """
    kind = type(value)
    if kind is dict:
        if not schema.is_map:
            raise NotOfTypeError
        fields, element = schema.fields, schema.element
        for key, item in value.items():
            child = fields.get(key) or element
            if child is None:
                raise NotOfTypeError
            require_type(child, item)
    elif kind is list:
        if not schema.is_list:
            raise NotOfTypeError
        if schema.list_type != "atomic":
            _index(schema, value)
        for item in value:
            require_type(schema.item, item)
    elif value is not None and kind not in schema.scalar_types:
        raise NotOfTypeError
