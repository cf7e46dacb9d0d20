"""JSON documents, one after another, as the API machinery reads them: faster than through the YAML parser."""

import json
import math
import re
from typing import Any, Final, Never

from reconciler.errors import SpecError
from reconciler.manifest.scalars import to_json_number

MAX_DEPTH: Final = 500
"""Levels of nesting; libyaml's own composer crashes the process far above this."""
MAX_NODES: Final = 10**6
"""Values of one document after its aliases are expanded."""

_SEPARATOR: Final = re.compile(r"(?:\s++|---[ \t]*+(?:#[^\n]*+)?(?:\n|\Z))*+")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


class _TooLargeError(ValueError):
    """A number that no float holds; the text is the number."""


def load_json_stream(text: str, *, file: str) -> list[Any] | None:
    """The documents of a JSON stream; None when the YAML parser has to judge it (and to name the line).

    Raises
    ------
    SpecError
        It is JSON, with a number that no float holds.
    """
    try:
        documents = _documents(text, _JSON)
    except _TooLargeError as error:
        try:
            _documents(text, _ANY_NUMBER)
        except (ValueError, RecursionError):
            return None
        number = str(error)
        line = text.count("\n", 0, text.index(number)) + 1
        raise SpecError(f"{file}:{line}: {number[:40]} is too large for a number; quote it if text is meant") from None
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(document, dict) and _is_small(document) for document in documents):
        return None
    if "\\ud" in text.lower() and _SURROGATE.search(json.dumps(documents, ensure_ascii=False)):
        return None
    return documents


def _documents(text: str, decoder: json.JSONDecoder) -> list[Any]:
    documents: list[Any] = []
    position = _skip_separator(text, 0)
    while position < len(text):
        document, position = decoder.raw_decode(text, position)
        documents.append(document)
        position = _skip_separator(text, position)
    return documents


def _skip_separator(text: str, position: int) -> int:
    match = _SEPARATOR.match(text, position)
    return match.end() if match else position


def _is_small(document: Any) -> bool:
    """Whether depth and number of values are within the limits; walks level by level, so it cannot recurse."""
    level, nodes = [document], 1
    for _ in range(MAX_DEPTH + 1):
        children: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                children.extend(value.values())
            elif isinstance(value, list):
                children.extend(value)
        nodes += len(children)
        if not children or nodes > MAX_NODES:
            return nodes <= MAX_NODES
        level = children
    return False


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


def _json_integer(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise _TooLargeError(text)
    return to_json_number(int(text) if len(text) <= 20 else number)


def _json_float(text: str) -> int | float:
    number = float(text)
    if math.isinf(number):
        raise _TooLargeError(text)
    return to_json_number(number)


def _json_constant(text: str) -> Never:
    raise ValueError(f"{text} is not JSON")


_JSON: Final = json.JSONDecoder(
    object_pairs_hook=_unique_object, parse_int=_json_integer, parse_float=_json_float, parse_constant=_json_constant
)
_ANY_NUMBER: Final = json.JSONDecoder(
    object_pairs_hook=_unique_object, parse_int=len, parse_float=len, parse_constant=_json_constant
)
