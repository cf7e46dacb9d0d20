"""Places in an object: by names and indexes as JSON pointers and jq have them, or by the keys of list items."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.jq.records import Steps
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.elements import element_of
from reconciler.manifest.typed.paths import Element, FieldPath, ItemKey, ItemValue, parse_element

_GONE: Final = object()
_KEPT: Final = object()
_Tree = dict[str | int, Any]


def pointer_steps(obj: Any, pointer: str) -> Steps | None:
    """Where a JSON pointer (RFC 6901) leads, or None where the object has nothing there."""
    steps: list[str | int] = []
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(obj, Mapping) and name in obj:
            steps.append(name)
            obj = obj[name]
        elif isinstance(obj, list) and name.isascii() and name.isdigit() and int(name) < len(obj):
            steps.append(int(name))
            obj = obj[int(name)]
        else:
            return None
    return tuple(steps) if pointer.startswith("/") else None


def pointer_text(steps: Steps) -> str:
    """The place as a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def path_steps(obj: Any, path: Iterable[Element]) -> Steps | None:
    """Where a field path leads in this object, or None where it has no such field."""
    steps: list[str | int] = []
    for element in path:
        step = _step(obj, element)
        if step is None:
            return None
        steps.append(step)
        obj = obj[step]
    return tuple(steps)


def _step(obj: Any, element: Element) -> str | int | None:
    if isinstance(element, str):
        return element if isinstance(obj, Mapping) and element in obj else None
    if not isinstance(obj, list):
        return None
    if isinstance(element, int):
        return element if 0 <= element < len(obj) else None
    return next((index for index, item in enumerate(obj) if _is_item(element, item)), None)


def _is_item(element: ItemKey | ItemValue, item: Any) -> bool:
    return element.matches(item) if isinstance(element, ItemKey) else bool(item == element.value)


def value_at(obj: Any, steps: Steps) -> Any:
    """The value at a place that is there."""
    for step in steps:
        obj = obj[step]
    return obj


def field_path(schema: Schema, obj: Any, steps: Steps) -> FieldPath:
    """The place by the keys of list items, where the schema has them."""
    elements: list[Element] = []
    for step in steps:
        element: Element = step
        if isinstance(step, int):
            named = element_of(schema, obj[step]) if schema.is_list and schema.list_type != "atomic" else None
            element = parse_element(named) if named is not None else step
            schema = schema.item
        else:
            schema = schema.child(step)
        elements.append(element)
        obj = obj[step]
    return FieldPath(elements)


def without(obj: Any, places: Iterable[Steps]) -> Any:
    """The object without these places; a map or list that becomes empty by it goes as well."""
    tree: _Tree = {}
    for steps in places:
        node = tree
        for step in steps[:-1]:
            node = node.setdefault(step, {})
            if node is None:
                break
        else:
            if steps:
                node[steps[-1]] = None
    result = _pruned(obj, tree)
    return {} if result is _GONE else result


def _pruned(value: Any, tree: _Tree) -> Any:
    pairs: list[tuple[Any, Any]]
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return value
    kept = []
    for step, inner in pairs:
        below = tree.get(step, _KEPT)
        left = inner if below is _KEPT else _GONE if below is None else _pruned(inner, below)
        if left is not _GONE:
            kept.append((step, left))
    if not kept and pairs:
        return _GONE
    return dict(kept) if isinstance(value, Mapping) else [left for _, left in kept]


def with_value(obj: Any, path: tuple[Element, ...], value: Any) -> Any:
    """The object with this value at this path, its parents made where they are missing; everything else is shared."""
    if not path:
        return value
    element, rest = path[0], path[1:]
    if isinstance(element, str):
        members = dict(obj) if isinstance(obj, Mapping) else {}
        members[element] = with_value(members.get(element), rest, value)
        return members
    items = list(obj) if isinstance(obj, list) else []
    index = _step(items, element)
    if index is None:
        fresh = dict(element.fields) if isinstance(element, ItemKey) else None
        items.append(with_value(fresh, rest, value))
    else:
        items[int(index)] = with_value(items[int(index)], rest, value)
    return items
