"""The typed merge: an applied object onto the live one, and the set of fields the applied one names.

One walk over the applied object does both; whatever only the live object has is kept by reference, and a part that
the merge leaves as it is is the live part itself, so that ``merged is live`` says that nothing changed.

Source: sigs.k8s.io/structured-merge-diff v6 (typed/merge, typed/tofieldset), and what kube-apiserver v1.37.2 answers.
"""

from operator import is_
from typing import Any, Final

from reconciler.manifest.schema import NotOfTypeError, Schema
from reconciler.manifest.typed.elements import elements_of
from reconciler.manifest.typed.fieldset import EMPTY, LEAF, SELF, FieldSet, with_element

_MISSING: Final = object()
_NUMBERS: Final = (int, float)
_STRINGS: Final = {str}


def merge(schema: Schema, live: Any, target: Any, last: FieldSet = EMPTY) -> tuple[Any, FieldSet]:
    """The merged object, and the fields that the target names.

    Parameters
    ----------
    last
        Fields that were named the time before; what is named again is that same part.

    Raises
    ------
    NotOfTypeError
        When the target, or a list of the live object, does not fit the schema.
    """
    merged, fields = _merge_value(schema, live, target, last)
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
        if set(map(type, left)) == _STRINGS:
            return bool(left == right)
        return all(map(same, left, right))
    return bool(left == right and (kind is type(right) or (kind in _NUMBERS and type(right) in _NUMBERS)))


def _merge_value(schema: Schema, live: Any, target: Any, last: FieldSet) -> tuple[Any, FieldSet | None]:
    """The merged value and the set below its path; None when the path is not named at all (an empty list)."""
    kind = type(target)
    if kind is dict:
        return _merge_map(schema, live, target, last, {})
    if kind is list:
        return _merge_list(schema, live, target, last)
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


def _merge_map(
    schema: Schema, live: Any, target: dict[str, Any], last: FieldSet, named: FieldSet
) -> tuple[Any, FieldSet | None]:
    """Merge a map; ``named`` is what its set begins with: the map itself, or nothing."""
    if not schema.is_map:
        raise NotOfTypeError
    is_map = type(live) is dict
    if schema.map_atomic:
        require_type(schema, target)
        return (live if is_map and same(live, target) else target), LEAF
    if not target:
        return (live if is_map else target), LEAF
    base: dict[str, Any] = live if is_map else EMPTY
    members, nothing = schema.members, len(named)
    changed: dict[str, Any] = {}
    is_last = not named or SELF in last
    for key, value in target.items():
        element, child, known, scalar_types = members[key]
        current, before = base.get(key, _MISSING), last.get(element)
        kind = type(value)
        if kind in scalar_types:  # By far the most frequent, so that it is not worth a call.
            below: FieldSet | None = LEAF
            if (type(current) is not kind or current != value) and (kind is str or not same(current, value)):
                changed[key] = value
        else:
            if kind is dict:
                merged, below = _merge_map(child, current, value, before or EMPTY, {} if known else {SELF: LEAF})
            else:
                merged, below = _merge_value(child, current, value, before or EMPTY)
            if merged is not current:
                changed[key] = merged
            if not known:
                below = with_element(below)
        if below is None:
            continue
        named[element] = below
        is_last = is_last and below is before
    # A map that names only empty lists names nothing; an empty set below it would say that it names itself.
    fields = last if is_last and len(named) == len(last) else named
    return ({**base, **changed} if changed else live), (fields if len(named) > nothing else None)


def _merge_list(schema: Schema, live: Any, target: list[Any], last: FieldSet) -> tuple[Any, FieldSet | None]:
    if not schema.is_list:
        raise NotOfTypeError
    is_list = type(live) is list
    if schema.list_type == "atomic":
        require_type(schema, target)
        return (live if is_list and same(live, target) else target), LEAF
    if not target:
        return (live if is_list else target), None
    wanted = elements_of(schema, target)
    if len(set(wanted)) < len(wanted):
        raise NotOfTypeError
    present = elements_of(schema, live) if is_list else []
    if present == wanted:
        currents = live
    else:
        # Of duplicates in live there is no item to merge with.
        items = _by_element(present, live if is_list else [])
        currents = [items.get(element, _MISSING) for element in wanted]
    merged, named = _merge_items(schema.item, wanted, currents, target, last)
    if present != wanted:
        merged = _ordered(present, live, wanted, dict(zip(wanted, merged, strict=True))) if present else merged
    unchanged = len(merged) == len(present) and all(map(is_, merged, live))
    return (live if unchanged else merged), named


def _merge_items(
    schema: Schema, elements: list[str], live: list[Any], target: list[Any], last: FieldSet
) -> tuple[list[Any], FieldSet]:
    """Merge items one by one; an item is always named itself."""
    named: FieldSet = {}
    items = []
    is_last = True
    for element, current, item in zip(elements, live, target, strict=True):
        before = last.get(element)
        if type(item) is dict:
            merged, below = _merge_map(schema, current, item, before or EMPTY, {SELF: LEAF})
        else:
            merged, below = _merge_value(schema, current, item, before or EMPTY)
        items.append(merged)
        named[element] = below = with_element(below)
        is_last = is_last and below is before
    return items, last if is_last and len(named) == len(last) else named


def _by_element(elements: list[str], items: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for element, item in zip(elements, items, strict=True):
        found[element] = None if element in found else item
    return found


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
            elements = elements_of(schema, value)
            if len(set(elements)) < len(elements):
                raise NotOfTypeError
        if not schema.item.scalar_types.issuperset(map(type, value)):
            for item in value:
                require_type(schema.item, item)
    elif value is not None and kind not in schema.scalar_types:
        raise NotOfTypeError
