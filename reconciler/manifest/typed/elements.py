"""Path elements: how fieldsV1 names a field, an item of a list by its keys, an item of a set, and an index.

Source: sigs.k8s.io/structured-merge-diff v6 (fieldpath/serialize-pe, typed/helpers).
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from reconciler.errors import SpecError
from reconciler.manifest.schema import NotOfTypeError, Schema

_HTML: Final = re.compile("[<>&\u2028\u2029]")
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@lru_cache(maxsize=4096)
def canonical_element(element: str) -> str | None:
    """A path element in the form this package writes it, or None for a kind of element it does not know.

    Raises
    ------
    SpecError
        When it is none.
    """
    kind, text = element[:2], element[2:]
    if kind == "f:":
        return element
    if len(element) < 2 or element[1] != ":":
        raise SpecError(f"fieldsV1 holds {element[:40]!r}, which is not a path element")
    if kind not in ("k:", "v:", "i:"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        raise SpecError(f"fieldsV1 holds {element[:40]!r}, which is not a path element") from None
    if kind == "v:":
        return value_element(value)
    if kind == "i:" and type(value) is int:
        return element
    if kind == "k:" and isinstance(value, dict):
        return key_element(sorted(value.items()))
    raise SpecError(f"fieldsV1 holds {element[:40]!r}, which is not a path element")


def key_element(pairs: list[tuple[str, Any]]) -> str:
    """The element of a list item, from its key fields sorted by name."""
    return "k:{" + ",".join(f"{_go_json(name, html=False)}:{_go_json(value)}" for name, value in pairs) + "}"


def value_element(value: Any) -> str:
    """The element of an item of a set."""
    return "v:" + _go_json(value)


def _go_json(value: Any, *, html: bool = True) -> str:
    """JSON as the API server writes it into path elements: compact, with HTML's special characters escaped."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e21:
        value = int(value)
    text = _encode(value)
    if html and isinstance(value, str):
        text = _HTML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text


def element_of(schema: Schema, item: Any) -> str | None:
    """The path element of an item of a set or of a list by keys; None where it has none, which is an error.

    Source: structured-merge-diff v6 (typed/helpers): defaults stand in for missing key fields, items of sets are
    scalars.
    """
    if schema.list_type == "set":
        if type(item) is str:
            cached = schema.key_cache.get(item)
            return cached if cached is not None else _remember(schema, item, value_element(item))
        return None if item is None or isinstance(item, dict | list) else value_element(item)
    if type(item) is not dict:
        return None
    keys = schema.keys
    if len(keys) == 1:
        value = item.get(keys[0])
        if type(value) is str:
            cached = schema.key_cache.get(value)
            return cached if cached is not None else _remember(schema, value, key_element([(keys[0], value)]))
    identity = tuple([item.get(key, _ABSENT) for key in keys])
    if not _CACHEABLE.issuperset(map(type, identity)):
        return _element_with_defaults(schema, item)
    cached = schema.key_cache.get(identity)
    if cached is not None:
        return cached
    element = _element_with_defaults(schema, item)
    return None if element is None else _remember(schema, identity, element)


def elements_of(schema: Schema, items: list[Any]) -> list[str]:
    """The path elements of all items of a set or of a list by keys, in order.

    Raises
    ------
    NotOfTypeError
        When an item has none.
    """
    if len(schema.keys) == 1:
        key, cache = schema.keys[0], schema.key_cache
        try:
            return [cache[item[key]] for item in items]
        except (KeyError, TypeError):
            pass  # An item not seen before, or none at all.
    elements = [element for item in items if (element := element_of(schema, item)) is not None]
    if len(elements) < len(items):
        raise NotOfTypeError
    return elements


_ABSENT: Final = object()
# Types whose values are equal only when their JSON is (True equals 1).
_CACHEABLE: Final = frozenset({str, int, object})
_CACHE_LIMIT: Final = 4096


def _remember(schema: Schema, identity: Any, element: str) -> str:
    if len(schema.key_cache) >= _CACHE_LIMIT:
        schema.key_cache.clear()
    schema.key_cache[identity] = element
    return element


def _element_with_defaults(schema: Schema, item: Mapping[str, Any]) -> str | None:
    defaults = schema.item.defaults
    pairs = [
        (key, item[key] if key in item else defaults[key]) for key in schema.keys if key in item or key in defaults
    ]
    return key_element(pairs) if pairs else None


@lru_cache(maxsize=4096)
def element_order(element: str) -> tuple[Any, ...]:
    """Sort key: fields by name, then list items by keys, set items by value, indices."""
    kind, text = element[0], element[2:]
    if kind == "f":
        return (0, text)
    if kind == "k":
        return (1, [(name, *_value_order(value)) for name, value in json.loads(text).items()])
    return (2, *_value_order(json.loads(text))) if kind == "v" else (3, int(text))


def _value_order(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    return (1, value) if isinstance(value, str) else (3, json.dumps(value, sort_keys=True))
