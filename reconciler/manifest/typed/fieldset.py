"""Sets of fields, in the form that managedFields keeps them: a trie of path elements.

A set is a mapping from path element (``f:replicas``, ``k:{"name":"web"}``, ``v:"x"``, ``i:0``) to the set below it. An
element is itself a member when the mapping below it is empty or holds ``"."``. Sets share their parts and are never
changed once made; `LEAF`, the set below a member without children, is shared by all.

Source: sigs.k8s.io/structured-merge-diff v6 (fieldpath), FieldsV1 of k8s.io/apimachinery.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from reconciler.errors import SpecError
from reconciler.manifest.schema import DEDUCED, Schema
from reconciler.manifest.typed.elements import canonical_element, element_order

FieldSet: TypeAlias = dict[str, "FieldSet"]

LEAF: Final[FieldSet] = {}
EMPTY: Final[FieldSet] = {}
#: Beside what lies below an element, says that the element itself is a member.
SELF: Final = "."
_ONLY_SELF: Final = frozenset({SELF})


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of either set."""
    if left is right or not right:
        return left
    if not left:
        return right
    result = dict(left)
    for element, below in right.items():
        mine = result.get(element)
        if mine is None:
            result[element] = below
        elif mine is not below:
            result[element] = _union_below(mine, below)
    return result


def _union_below(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left:
        return right if not right or SELF in right else {SELF: LEAF, **right}
    if not right:
        return left if SELF in left else {SELF: LEAF, **left}
    return union(left, right)


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of ``left`` that are not in ``right``; a parent and its children are told apart."""
    if not left or left is right or left == right:
        return EMPTY
    if not right:
        return left
    result: FieldSet = {}
    for element, below in left.items():
        other = right.get(element)
        kept = below if other is None else None if other is below else _difference_below(below, other)
        if kept is not None:
            result[element] = kept
    return result


def _difference_below(left: FieldSet, right: FieldSet) -> FieldSet | None:
    """What is left below an element, or None when nothing is."""
    if left is right or left == right:
        return None
    member = (not left or SELF in left) and not (not right or SELF in right)
    children: FieldSet = {}
    for element, below in left.items():
        if element == SELF:
            continue
        other = right.get(element)
        kept = below if other is None else None if other is below else _difference_below(below, other)
        if kept is not None:
            children[element] = kept
    if not children:
        return LEAF if member else None
    return {SELF: LEAF, **children} if member else children


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of ``left`` that are neither in ``right`` nor below a member of it."""
    if not right or right.keys().isdisjoint(left):
        return left
    result: FieldSet = {}
    for element, below in left.items():
        other = right.get(element)
        if other is None:
            result[element] = below
        elif other and SELF not in other:
            children = recursive_difference(below, other)
            # The children of a member hold the self-marker, which the other set has not.
            if children or not below:
                result[element] = children if children.keys() - _ONLY_SELF else LEAF
    return result


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """Members of both sets."""
    if left is right:
        return left
    result: FieldSet = {}
    if len(right) < len(left):
        left, right = right, left
    for element, below in left.items():
        other = right.get(element)
        if other is None or element == SELF:
            continue
        common = _intersection_below(below, other)
        if common is not None:
            result[element] = common
    return result


def _intersection_below(left: FieldSet, right: FieldSet) -> FieldSet | None:
    member = (not left or SELF in left) and (not right or SELF in right)
    children = intersection(left, right) if left and right else EMPTY
    if not children:
        return LEAF if member else None
    return {SELF: LEAF, **children} if member else children


def below(fields: FieldSet, element: str) -> FieldSet:
    """The set below an element, empty where there is none."""
    found = fields.get(element)
    return EMPTY if found is None else found


def is_member(fields: FieldSet, element: str) -> bool:
    """Whether the element itself, not only something below it, is in the set."""
    found = fields.get(element)
    return found is not None and (not found or SELF in found)


def has_below(fields: FieldSet, element: str) -> bool:
    """Whether anything below the element is in the set."""
    found = fields.get(element)
    return found is not None and len(found) > (SELF in found)


def with_element(node: FieldSet | None) -> FieldSet:
    """The set below an element that becomes a member itself."""
    if not node or SELF in node:
        return node or LEAF
    return {SELF: LEAF, **node}


def iterate(fields: FieldSet, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every member, as a tuple of elements: of each level first the members, then what lies below, sorted."""
    elements = sorted_elements(fields)
    for element in elements:
        if is_member(fields, element):
            yield (*prefix, element)
    for element in elements:
        if has_below(fields, element):
            yield from iterate(fields[element], (*prefix, element))


def contains(fields: FieldSet, path: tuple[str, ...]) -> bool:
    """Whether a path is a member."""
    for element in path[:-1]:
        found = fields.get(element)
        if not found:
            return False
        fields = found
    return bool(path) and is_member(fields, path[-1])


def insert(fields: FieldSet, path: tuple[str, ...]) -> FieldSet:
    """The set with one more member."""
    node = LEAF
    for element in reversed(path):
        node = {element: node}
    return union(fields, node)


# --- fieldsV1 -----------------------------------------------------------------------------------------------------


def parse_fields(raw: Any, schema: Schema = DEDUCED) -> FieldSet:
    """Read a ``fieldsV1`` object; elements of unknown kinds are dropped, as the API server does.

    Where the schema has become atomic since the set was written, the members below are replaced by the field itself.

    Raises
    ------
    SpecError
        When it is not a ``fieldsV1`` object.
    """
    if not isinstance(raw, dict):
        raise SpecError("fieldsV1 is not an object; remove the entry from metadata.managedFields")
    fields = _parse_below(raw, schema)
    return EMPTY if fields is LEAF else {element: node for element, node in fields.items() if element != SELF}


def _parse_below(raw: Mapping[str, Any], schema: Schema | None) -> FieldSet:
    if not raw:
        return LEAF
    if schema is not None and _is_atomic_now(schema):
        schema, collapsed = None, True
    else:
        collapsed = False
    result: FieldSet = {}
    for element, child in raw.items():
        if element[:2] == "f:":
            if child == {}:
                result[element] = LEAF
                continue
            below_schema = None if schema is None or not schema.is_map else _field_schema(schema, element[2:])
        elif element == SELF:
            result[SELF] = LEAF
            continue
        else:
            canonical = canonical_element(element)
            if canonical is None:
                continue
            element = canonical
            below_schema = schema.item if schema is not None and schema.is_list and not schema.is_map else None
        if not isinstance(child, dict):
            raise SpecError(f"fieldsV1 holds {element!r} that is not an object")
        result[element] = _parse_below(child, below_schema)
    return LEAF if collapsed or not (result.keys() - _ONLY_SELF) else result


def _is_atomic_now(schema: Schema) -> bool:
    if schema.is_map:
        return schema.map_atomic and not (schema.element is DEDUCED and not schema.fields)
    return not schema.scalar and schema.is_list and schema.list_type == "atomic"


def _field_schema(schema: Schema, field: str) -> Schema | None:
    found = schema.fields.get(field) or schema.element
    # The API server leaves free-form types as they are.
    return None if found is DEDUCED else found


def format_fields(fields: FieldSet, read: FieldSet = EMPTY, written: Mapping[str, Any] = EMPTY) -> dict[str, Any]:
    """Write a set as a ``fieldsV1`` object, its keys in the API server's order.

    Parameters
    ----------
    read
        A set that shares parts with this one, ``written`` the object that it was read from and is written as: of those
        parts the result has what is written there.
    """
    if fields is read and fields:
        return dict(written)
    elements = [element for element in written if element in fields]
    if len(elements) < len(fields):
        elements = ([SELF] if SELF in fields else []) + sorted_elements(fields)
    result: dict[str, Any] = {}
    for element in elements:
        below, before = fields[element], read.get(element)
        if not below:
            result[element] = {}
        elif below is before:
            result[element] = written[element]
        else:
            result[element] = format_fields(below, before or EMPTY, written[element] if before else EMPTY)
    return result


def sorted_elements(fields: FieldSet) -> list[str]:
    """Elements without the self-marker: fields by name, then keys, values and indices by what they hold."""
    elements = [element for element in fields if element != SELF]
    if len(elements) > 1:
        if all(element[0] == "f" for element in elements):
            elements.sort()
        else:
            elements.sort(key=element_order)
    return elements
