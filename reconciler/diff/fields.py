"""Where two objects of one kind differ, field by field, along their schema."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reconciler.diff.defaults import is_default
from reconciler.diff.records import ABSENT
from reconciler.manifest.openapi import Schema
from reconciler.manifest.typed.elements import element_of
from reconciler.manifest.typed.merge import same
from reconciler.manifest.typed.paths import FieldPath, parse_element

ROOT: Final = FieldPath()


@dataclass(frozen=True, slots=True)
class Change:
    """Two values of one field, each `ABSENT` where there is none."""

    path: FieldPath
    target: Any
    live: Any


def diff_fields(
    schema: Schema, target: Any, live: Any, path: FieldPath = ROOT, *, predicted: bool = False
) -> Iterator[Change]:
    """The fields that differ, in the order of their names; items of list maps are matched by their keys.

    A subtree that only one side has is one change, but for maps of free keys such as labels, which are one a key.

    Parameters
    ----------
    predicted
        Whether the target is what an apply would leave, so far as it can be predicted: then the server's defaults are no
        change where the target lacks them, and another order of items with keys is one.
    """
    if target is live or (target is not ABSENT and live is not ABSENT and same(target, live)):
        return
    if _is_nothing(schema, target) and _is_nothing(schema, live):
        return
    if schema.is_map and not schema.map_atomic and _both_maps(schema, target, live):
        yield from _diff_maps(schema, _mapping(target), _mapping(live), path, predicted=predicted)
    elif isinstance(target, list) and isinstance(live, list):
        yield from _diff_lists(schema, target, live, path, predicted=predicted)
    elif predicted and isinstance(target, Mapping) and isinstance(live, Mapping):
        # Replaced as a whole, and told field by field all the same.
        yield from _diff_maps(schema, target, live, path, predicted=True)
    else:
        yield Change(path, target, live)


def _diff_maps(
    schema: Schema, target: Mapping[str, Any], live: Mapping[str, Any], path: FieldPath, *, predicted: bool
) -> Iterator[Change]:
    for name in sorted({*target, *live}):
        mine, theirs = target.get(name, ABSENT), live.get(name, ABSENT)
        if not (predicted and (mine is ABSENT or mine is None) and is_default(schema, name, theirs, live)):
            yield from diff_fields(schema.child(name), mine, theirs, path.append(name), predicted=predicted)


def _both_maps(schema: Schema, target: Any, live: Any) -> bool:
    """Whether to go into the maps: both are there, or one is and its keys are free."""
    free = not schema.fields
    maps = [isinstance(value, Mapping) or (free and value in (ABSENT, None)) for value in (target, live)]
    return all(maps)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_nothing(schema: Schema, value: Any) -> bool:
    """Absent, null, or an empty list or free map, which the API server does not keep; an empty struct is something."""
    return value is ABSENT or value is None or value == [] or (value == {} and not schema.fields)


def _diff_lists(
    schema: Schema, target: Sequence[Any], live: Sequence[Any], path: FieldPath, *, predicted: bool
) -> Iterator[Change]:
    if schema.is_list and schema.list_type != "atomic":
        mine, theirs = _by_element(schema, target), _by_element(schema, live)
        if mine is not None and theirs is not None:
            for element in [*mine, *(element for element in theirs if element not in mine)]:
                step = path.append(parse_element(element))
                one, other = mine.get(element, ABSENT), theirs.get(element, ABSENT)
                yield from diff_fields(schema.item, one, other, step, predicted=predicted)
            if predicted and schema.list_type == "map" and _reordered(mine, theirs):
                yield Change(path, list(target), list(live))
            return
    if len(target) != len(live):
        yield Change(path, list(target), list(live))
        return
    for index, (one, other) in enumerate(zip(target, live, strict=True)):
        yield from diff_fields(schema.item, one, other, path.append(index), predicted=predicted)


def _reordered(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return [element for element in mine if element in theirs] != [element for element in theirs if element in mine]


def _by_element(schema: Schema, items: Sequence[Any]) -> dict[str, Any] | None:
    """The items by their keys or values; None where an item has no key or two have the same."""
    found: dict[str, Any] = {}
    for item in items:
        element = element_of(schema, item)
        if element is None or element in found:
            return None
        found[element] = item
    return found
