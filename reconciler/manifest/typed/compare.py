"""Which fields differ between two objects of one kind, and which fields an object has.

Source: sigs.k8s.io/structured-merge-diff v6 (typed/compare, typed/tofieldset).
"""

from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.elements import elements_of
from reconciler.manifest.typed.fieldset import EMPTY, LEAF, FieldSet, union
from reconciler.manifest.typed.merge import same


@dataclass(frozen=True, slots=True)
class FieldChanges:
    """Fields of the second object that differ from the first; none is in two of the sets."""

    removed: FieldSet
    modified: FieldSet
    added: FieldSet

    @property
    def written(self) -> FieldSet:
        """Fields whose value comes from the second object."""
        return union(self.modified, self.added)

    def __bool__(self) -> bool:
        return bool(self.removed or self.modified or self.added)


_Parts = tuple[FieldSet | None, FieldSet | None, FieldSet | None]
_SAME: Final[_Parts] = (None, None, None)
_MODIFIED: Final[_Parts] = (None, LEAF, None)


def compare(schema: Schema, left: Any, right: Any) -> FieldChanges:
    """Compare two objects; parts they share by reference cost nothing.

    Raises
    ------
    NotOfTypeError
        When a list does not fit the schema.
    """
    removed, modified, added = _compare(schema, left, right)
    return FieldChanges(removed or EMPTY, modified or EMPTY, added or EMPTY)


def _compare(schema: Schema, left: Any, right: Any) -> _Parts:
    if left is right:
        return _SAME
    if schema.is_map and not schema.map_atomic:
        # Null and, where the schema allows other kinds as well, values of those have no keys to compare.
        mine = left if type(left) is dict else {}
        theirs = right if type(right) is dict else {}
        if mine or theirs:
            parts = _compare_maps(schema, mine, theirs)
            replaced = _is_other_kind(left) or _is_other_kind(right)
            return _with_modified(parts) if replaced and not same(left, right) else parts
    if schema.is_list and schema.list_type != "atomic":
        mine_items = left if type(left) is list else []
        their_items = right if type(right) is list else []
        if mine_items or their_items:
            return _compare_lists(schema, mine_items, their_items)
    return _SAME if same(left, right) else _MODIFIED


def _is_other_kind(value: Any) -> bool:
    return value is not None and type(value) is not dict


def _with_modified(parts: _Parts) -> _Parts:
    """A value that changed its kind is modified itself, besides the keys it gained or lost."""
    removed, modified, added = parts
    return removed, ({".": LEAF, **modified} if modified else LEAF), added


def _compare_maps(schema: Schema, left: dict[str, Any], right: dict[str, Any]) -> _Parts:
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    for key, value in left.items():
        if key not in right:
            removed["f:" + key] = all_fields(schema.child(key), value)
            continue
        other = right[key]
        if value is not other:
            _collect("f:" + key, _compare(schema.child(key), value, other), removed, modified, added)
    for key, value in right.items():
        if key not in left:
            added["f:" + key] = all_fields(schema.child(key), value)
    return removed or None, modified or None, added or None


def _collect(element: str, parts: _Parts, removed: FieldSet, modified: FieldSet, added: FieldSet) -> None:
    for part, total in zip(parts, (removed, modified, added), strict=True):
        if part is not None:
            total[element] = part


def _compare_lists(schema: Schema, left: list[Any], right: list[Any]) -> _Parts:
    """Items are compared by element, whatever their order."""
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    before, after = elements_of(schema, left), elements_of(schema, right)
    mine, theirs = dict(zip(before, left, strict=True)), dict(zip(after, right, strict=True))
    if len(mine) < len(left) or len(theirs) < len(right):
        return _compare_groups(schema, _group(before, left), _group(after, right))
    for element, item in mine.items():
        if element not in theirs:
            removed[element] = all_fields(schema.item, item)
        elif item is not theirs[element]:
            _collect(element, _compare(schema.item, item, theirs[element]), removed, modified, added)
    for element, item in theirs.items():
        if element not in mine:
            added[element] = all_fields(schema.item, item)
    return removed or None, modified or None, added or None


def _compare_groups(schema: Schema, mine: dict[str, list[Any]], theirs: dict[str, list[Any]]) -> _Parts:
    """Items some of which share their element; those are one atomic value."""
    removed: FieldSet = {}
    modified: FieldSet = {}
    added: FieldSet = {}
    for element, items in mine.items():
        others = theirs.get(element, [])
        if len(items) == 1 and len(others) == 1:
            _collect(element, _compare(schema.item, items[0], others[0]), removed, modified, added)
        elif len(items) == 1:
            removed[element] = all_fields(schema.item, items[0])
            if others:
                added[element] = LEAF
        elif len(others) > 1:
            if not same(items, others):
                modified[element] = LEAF
        else:
            removed[element] = LEAF
            if others:
                added[element] = all_fields(schema.item, others[0])
    for element, items in theirs.items():
        if element not in mine:
            added[element] = all_fields(schema.item, items[0]) if len(items) == 1 else LEAF
    return removed or None, modified or None, added or None


def _group(elements: list[str], items: list[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for element, item in zip(elements, items, strict=True):
        groups.setdefault(element, []).append(item)
    return groups


def all_fields(schema: Schema, value: Any) -> FieldSet:
    """The set below a field that appears or disappears as a whole: itself and everything in it."""
    if type(value) is dict and value and schema.is_map and not schema.map_atomic:
        fields: FieldSet = {".": LEAF}
        for key, item in value.items():
            fields["f:" + key] = all_fields(schema.child(key), item)
        return fields
    if type(value) is list and value and schema.is_list and schema.list_type != "atomic":
        fields = {".": LEAF}
        for element, items in _group(elements_of(schema, value), value).items():
            fields[element] = all_fields(schema.item, items[0]) if len(items) == 1 else LEAF
        return fields
    return LEAF


def field_set(schema: Schema, obj: Any) -> FieldSet:
    """The fields that an object names: leaves, keys of maps and items of lists, but not the structs they lie in."""
    return _named(schema, obj) or EMPTY


def _named(schema: Schema, value: Any) -> FieldSet | None:
    """The set below a path, or None when the path names nothing."""
    kind = type(value)
    if kind is dict and schema.is_map:
        if schema.map_atomic or not value:
            return LEAF
        fields: FieldSet = {}
        for key, item in value.items():
            below = _named(schema.child(key), item)
            if key not in schema.fields:
                fields["f:" + key] = {".": LEAF, **below} if below else LEAF
            elif below is not None:
                fields["f:" + key] = below
        return fields or None
    if kind is list and schema.is_list and schema.list_type != "atomic":
        items: FieldSet = {}
        for element, group in _group(elements_of(schema, value), value).items():
            below = _named(schema.item, group[0]) if len(group) == 1 else None
            items[element] = {".": LEAF, **below} if below else LEAF
        return items or None
    return LEAF
