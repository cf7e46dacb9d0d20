"""Where two objects of one kind differ, field by field, along their schema."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.diff.records import ABSENT
from reconciler.manifest.schema import NotOfTypeError, Schema
from reconciler.manifest.typed.canonical import is_default
from reconciler.manifest.typed.elements import elements_of
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
    if not same(target, live):
        yield from _diff(schema, target, live, path, predicted=predicted)


def _diff(schema: Schema, target: Any, live: Any, path: FieldPath, *, predicted: bool) -> Iterator[Change]:
    if isinstance(target, dict) and isinstance(live, dict):
        # What an apply replaces as a whole is told field by field all the same.
        if predicted or (schema.is_map and not schema.map_atomic):
            yield from _diff_maps(schema, target, live, path, predicted=predicted)
        elif not same(target, live):
            yield Change(path, target, live)
    elif isinstance(target, list) and isinstance(live, list):
        yield from _diff_lists(schema, target, live, path, predicted=predicted)
    elif _is_nothing(schema, target) and _is_nothing(schema, live):
        return
    elif _has_free_keys(schema) and _is_map_or_nothing(target) and _is_map_or_nothing(live):
        yield from _diff_maps(schema, _map(target), _map(live), path, predicted=predicted)
    elif not same(target, live):
        yield Change(path, target, live)


def _diff_maps(
    schema: Schema, target: dict[str, Any], live: dict[str, Any], path: FieldPath, *, predicted: bool
) -> Iterator[Change]:
    changed = [name for name, mine in target.items() if mine is not live.get(name, ABSENT)]
    changed += [name for name in live if name not in target]
    for name in sorted(changed):
        mine, theirs = target.get(name, ABSENT), live.get(name, ABSENT)
        if type(mine) is str and mine == theirs:
            continue
        if not (predicted and (mine is ABSENT or mine is None) and is_default(schema, name, theirs, live)):
            yield from _diff(schema.child(name), mine, theirs, path.append(name), predicted=predicted)


def _has_free_keys(schema: Schema) -> bool:
    return schema.is_map and not schema.map_atomic and not schema.fields


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_map_or_nothing(value: Any) -> bool:
    return value is ABSENT or value is None or isinstance(value, dict)


def _is_nothing(schema: Schema, value: Any) -> bool:
    """Absent, null, or an empty list or free map, which the API server does not keep; an empty struct is something."""
    return value is ABSENT or value is None or value == [] or (value == {} and not schema.fields)


def _diff_lists(
    schema: Schema, target: list[Any], live: list[Any], path: FieldPath, *, predicted: bool
) -> Iterator[Change]:
    if schema.is_list and schema.list_type != "atomic":
        mine, theirs = _by_element(schema, target), _by_element(schema, live)
        if mine is not None and theirs is not None:
            for element in [*mine, *(element for element in theirs if element not in mine)]:
                one, other = mine.get(element, ABSENT), theirs.get(element, ABSENT)
                if one is not other:
                    step = path.append(parse_element(element))
                    yield from _diff(schema.item, one, other, step, predicted=predicted)
            if predicted and schema.list_type == "map" and _reordered(mine, theirs):
                yield Change(path, target, live)
            return
    if len(target) != len(live):
        yield Change(path, target, live)
        return
    for index, (one, other) in enumerate(zip(target, live, strict=True)):
        if one is not other:
            yield from _diff(schema.item, one, other, path.append(index), predicted=predicted)


def _reordered(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> bool:
    return [element for element in mine if element in theirs] != [element for element in theirs if element in mine]


def _by_element(schema: Schema, items: list[Any]) -> dict[str, Any] | None:
    """The items by their keys or values; None where an item has no key or two have the same."""
    try:
        elements = elements_of(schema, items)
    except NotOfTypeError:
        return None
    found = dict(zip(elements, items, strict=True))
    return found if len(found) == len(items) else None
