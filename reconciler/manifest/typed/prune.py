"""Removing what an applier no longer names, unless someone else does or it was never named.

Source: sigs.k8s.io/structured-merge-diff v6 (merge/update, typed/remove).
"""

from collections.abc import Iterable
from typing import Any, Final

from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.compare import field_set
from reconciler.manifest.typed.elements import elements_of
from reconciler.manifest.typed.fieldset import (
    LEAF,
    FieldSet,
    below,
    difference,
    has_below,
    intersection,
    is_member,
    union,
)


def prune(schema: Schema, merged: Any, last: FieldSet, named: FieldSet, others: Iterable[FieldSet]) -> Any:
    """The merged object without the fields that were in ``last``, are not ``named`` now and belong to no one else.

    What lies below a removed field goes with it only if it was named too, or if nothing but it held it there: a
    default that the server added to a list item does not keep the item alive.

    Parameters
    ----------
    last
        Fields the applier named the time before.
    named
        Fields it names now.
    others
        Fields of every other manager.
    """
    gone = difference(last, named)
    return _pruned(schema, merged, gone, last, named, [fields for fields in others if fields]) if gone else merged


def _pruned(
    schema: Schema, merged: Any, gone: FieldSet, last: FieldSet, named: FieldSet, others: list[FieldSet]
) -> Any:
    narrowed = _pruned_below(schema, merged, gone, last, named, others)
    if narrowed is not _NOT_BELOW:
        return narrowed
    # What else the applier named it still names, so that the rest of the value stays whatever becomes of this part.
    part = _part(schema, merged, gone)
    sets = [_restricted(fields, gone) for fields in others]
    removed = removed_fields(schema, part, _restricted(last, gone), _restricted(named, gone), sets)
    return remove_items(schema, merged, removed)


_NOT_BELOW: Final = object()


def _pruned_below(
    schema: Schema, merged: Any, gone: FieldSet, last: FieldSet, named: FieldSet, others: list[FieldSet]
) -> Any:
    """The same, where everything that goes lies below fields and items that stay: the rest is not looked at."""
    positions = _positions(schema, merged, gone)
    if len(positions) < len(gone) or not all(has_below(named, element) for element in gone):
        return _NOT_BELOW
    result = merged
    for element, position in positions.items():
        child = schema.item if type(merged) is list else schema.child(position)
        sets = [fields for fields in (_children(each, element) for each in others) if fields]
        inner, before, now = (_children(fields, element) for fields in (gone, last, named))
        kept = _pruned(child, merged[position], inner, before, now, sets)
        if not kept:
            return _NOT_BELOW
        if kept is not merged[position]:
            result = merged.copy() if result is merged else result
            result[position] = kept
    return result


def _positions(schema: Schema, value: Any, elements: FieldSet) -> dict[str, Any]:
    """Where those of these fields or items are that can be taken apart."""
    if type(value) is dict and schema.is_map and not schema.map_atomic:
        keys = {element: element[2:] for element in elements if element[0] == "f"}
        return {element: key for element, key in keys.items() if type(value.get(key)) in (dict, list)}
    if type(value) is list and schema.is_list and schema.list_type == "map":
        present = elements_of(schema, value)
        return {element: present.index(element) for element in elements if present.count(element) == 1}
    return {}


def _children(fields: FieldSet, element: str) -> FieldSet:
    node = below(fields, element)
    return {child: inner for child, inner in node.items() if child != "."} if "." in node else node


def _part(schema: Schema, value: Any, elements: FieldSet) -> Any:
    """The value with these fields or items only, where it can be taken apart."""
    if type(value) is dict and schema.is_map and not schema.map_atomic:
        return {key: item for key, item in value.items() if f"f:{key}" in elements}
    if type(value) is list and value and schema.is_list and schema.list_type != "atomic":
        pairs = zip(elements_of(schema, value), value, strict=True)
        return [item for element, item in pairs if element in elements]
    return value


def _restricted(fields: FieldSet, elements: FieldSet) -> FieldSet:
    return {element: fields[element] for element in elements if element in fields}


def removed_fields(schema: Schema, merged: Any, last: FieldSet, named: FieldSet, others: list[FieldSet]) -> FieldSet:
    """The fields that go from a value: named before, and held by nothing that stays."""
    owned = named
    for fields in others:
        owned = union(owned, fields)
    last = with_structs(schema, last)
    present = present_fields(schema, merged)
    stripped = present_fields(schema, remove_items(schema, merged, last))
    unowned = difference(present, union(stripped, with_structs(schema, owned)))
    kept = present_fields(schema, remove_items(schema, merged, unowned))
    return intersection(difference(present, kept), last)


def present_fields(schema: Schema, value: Any) -> FieldSet:
    """The fields that a value has, known structs included."""
    return with_structs(schema, field_set(schema, value))


def with_structs(schema: Schema | None, fields: FieldSet) -> FieldSet:
    """The set with every known field that has members below it as a member of its own."""
    result: FieldSet = {}
    for element, node in fields.items():
        if not node or element == ".":
            result[element] = LEAF
            continue
        child: Schema | None = None
        known = False
        if element[0] == "f" and schema is not None and schema.is_map:
            known = element[2:] in schema.fields
            child = schema.fields.get(element[2:]) or schema.element
        elif element[0] == "k" and schema is not None and schema.is_list:
            child = schema.item
        inner = with_structs(child, node)
        result[element] = {".": LEAF, **inner} if known else inner
    return result


def remove_items(schema: Schema, value: Any, fields: FieldSet) -> Any:
    """The value without the fields and items of the set; maps and lists that become empty become null.

    Atomic values are not taken apart.
    """
    if not fields:
        return value
    if type(value) is dict and value and schema.is_map and not schema.map_atomic:
        kept: dict[str, Any] = {}
        for key, item in value.items():
            element = "f:" + key
            if is_member(fields, element):
                continue
            inner = below(fields, element)
            kept[key] = remove_items(schema.child(key), item, inner) if has_below(fields, element) else item
        return kept or None
    if type(value) is list and value and schema.is_list and schema.list_type != "atomic":
        items = []
        for element, item in zip(elements_of(schema, value), value, strict=True):
            if is_member(fields, element):
                continue
            inner = below(fields, element)
            items.append(remove_items(schema.item, item, inner) if has_below(fields, element) else item)
        return items or None
    return value if type(value) not in (dict, list) else None
