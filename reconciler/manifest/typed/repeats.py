"""Whether an apply says what the same applier said the time before and live still has: by far the most frequent case.

One walk along target, live and the applier's fields that makes nothing. Where it is in doubt the answer is no, and the
merge (`reconciler.manifest.typed.merge`) tells.
"""

from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.elements import elements_of
from reconciler.manifest.typed.fieldset import EMPTY, LEAF, SELF, FieldSet
from reconciler.manifest.typed.merge import require_type, same

_IDENTITY: Final = ("apiVersion", "kind")
_NAMES: Final = ("name", "namespace")
_MISSING: Final = object()


def repeats(schema: Schema, live: Manifest, target: Manifest, last: FieldSet) -> bool:
    """Whether merging the target changes nothing of live and names exactly the fields ``last``, an object's identity apart.

    Raises
    ------
    NotOfTypeError
        When an atomic part of the target, or a list, does not fit the schema.
    """
    metadata, metadata_now = target.get("metadata"), live.get("metadata")
    if type(metadata) is not dict or type(metadata_now) is not dict:
        return False
    if any(live.get(name) != target.get(name) for name in _IDENTITY):
        return False
    if any(metadata_now.get(name) != metadata[name] for name in _NAMES if name in metadata):
        return False
    # Nobody owns an object's identity, so that it is looked at apart.
    named = {key: value for key, value in metadata.items() if key not in _NAMES}
    rest = {key: value for key, value in target.items() if key != "metadata" and key not in _IDENTITY}
    below = last.get("f:metadata", EMPTY)
    if named and not _repeats_map(schema.child("metadata"), metadata_now, named, below, 0):
        return False
    others = {element: fields for element, fields in last.items() if element != "f:metadata"} if named else last
    return bool(named or "f:metadata" not in last) and _repeats_map(schema, live, rest, others, 0)


def _repeats_map(schema: Schema, live: dict[str, Any], target: dict[str, Any], last: FieldSet, own: int) -> bool:
    """The same of a map; ``own`` is 1 where the map must be named itself, besides what lies in it."""
    if own and SELF not in last:
        return False
    members, expected = schema.members, len(target) + own
    for key, value in target.items():
        element, child, known, scalar_types = members[key]
        current, below = live.get(key, _MISSING), last.get(element)
        kind = type(value)
        if kind in scalar_types:
            if below is not LEAF or type(current) is not kind or current != value:
                return False
        elif type(current) is not kind:
            return False
        elif kind is dict and child.is_map:
            if not value:
                if below is not LEAF or (child.map_atomic and current):
                    return False
            elif child.map_atomic:
                if below is not LEAF or not _is_same_atomic(child, current, value):
                    return False
            elif not below or not _repeats_map(child, current, value, below, 0 if known else 1):
                return False
        elif kind is list and child.is_list:
            if child.list_type == "atomic":
                if below is not LEAF or not _is_same_atomic(child, current, value):
                    return False
            elif not value and known:
                # Such a list names nothing.
                if below is not None:
                    return False
                expected -= 1
            elif not below or not _repeats_list(child, current, value, below, 0 if known else 1):
                return False
        else:
            return False
    return expected == len(last)


def _repeats_list(schema: Schema, live: list[Any], target: list[Any], last: FieldSet, own: int) -> bool:
    elements = elements_of(schema, target)
    if len(last) != len(elements) + own or len(set(elements)) < len(elements) or (own and SELF not in last):
        return False
    if elements_of(schema, live) != elements:
        return False
    item_schema = schema.item
    for element, current, item in zip(elements, live, target, strict=True):
        below = last.get(element)
        if type(item) is dict:
            if not below or type(current) is not dict or item_schema.map_atomic:
                return False
            if not _repeats_map(item_schema, current, item, below, 1):
                return False
        elif below is not LEAF or type(item) not in item_schema.scalar_types or not same(current, item):
            return False
    return True


def _is_same_atomic(schema: Schema, live: Any, target: Any) -> bool:
    require_type(schema, target)
    return same(live, target)
