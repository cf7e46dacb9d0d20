"""Field paths: where a field lies in an object, by name, by the keys of a list item, by value or by index."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from reconciler.errors import SpecError
from reconciler.manifest.typed.elements import canonical_element, key_element, value_element

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_STEP: Final = re.compile(
    rf"\.(?P<name>{_NAME.pattern})|\[(?P<quoted>{_STRING})\]|\[(?P<index>-?\d+)\]|\[=(?P<value>{_STRING}|[^\]]*)\]"
    rf"|\[(?P<keys>[^=\]\"]+=(?:{_STRING}|[^\]])*)\]"
)
_PAIR: Final = re.compile(rf"(?P<name>[^=,]+)=(?P<value>{_STRING}|[^,]*)(?:,|$)")


@dataclass(frozen=True, slots=True)
class ItemKey:
    """Selects the item of a list whose key fields have these values; sorted by name."""

    fields: tuple[tuple[str, Any], ...]

    def matches(self, item: Any) -> bool:
        if not isinstance(item, Mapping):
            return False
        return all(item.get(name) == value for name, value in self.fields)


@dataclass(frozen=True, slots=True)
class ItemValue:
    """Selects the item of a set that has this value."""

    value: Any


Element = str | ItemKey | ItemValue | int
"""A step of a path: a field's name, the keys or the value of a list item, or an index."""


class FieldPath(tuple[Element, ...]):
    """Where a field lies: a tuple of elements.

    ``str(path)`` is ``$.spec.template.spec.containers[name="web"].image``; names that are no identifiers are written
    ``["app.kubernetes.io/name"]``.
    """

    __slots__ = ()

    @classmethod
    def of(cls, elements: Iterable[str]) -> Self:
        """From path elements as managedFields writes them (``f:spec``, ``k:{"name":"web"}``)."""
        return cls(map(parse_element, elements))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form.

        Raises
        ------
        SpecError
            When it is not a path.
        """
        elements: list[Element] = []
        position = 1
        while text[:1] == "$" and position < len(text):
            step = _STEP.match(text, position)
            if step is None:
                break
            elements.append(_parse_step(step))
            position = step.end()
        if text[:1] != "$" or position < len(text):
            raise SpecError(f'{text[:80]!r} is not a field path such as $.spec.containers[name="web"].image')
        return cls(elements)

    def append(self, element: Element) -> "FieldPath":
        return FieldPath((*self, element))

    def child(self, field: str) -> "FieldPath":
        """The path of a field below this one."""
        return FieldPath((*self, field))

    def item(self, index: int) -> "FieldPath":
        """The path of a list item by position."""
        return FieldPath((*self, index))

    def is_below(self, other: "FieldPath") -> bool:
        """Whether this is ``other`` or lies inside it."""
        return self[: len(other)] == other

    def elements(self) -> tuple[str, ...]:
        """Path elements as managedFields writes them."""
        return tuple(map(format_element, self))

    def __str__(self) -> str:
        return "$" + "".join(_step_text(element) for element in self)

    def __repr__(self) -> str:
        return f"FieldPath({str(self)!r})"

    def server_text(self) -> str:
        """The path as the API server writes it in messages: ``.spec.containers[name="web"].image``."""
        return "".join("." + element if isinstance(element, str) else _step_text(element) for element in self)

    def pointer(self, obj: Any) -> str | None:
        """The path as a JSON pointer into an object; None when the object has no such field."""
        steps: list[str] = []
        for element in self:
            found = _descend(obj, element)
            if found is None:
                return None
            step, obj = found
            steps.append(step.replace("~", "~0").replace("/", "~1"))
        return "".join(f"/{step}" for step in steps)

    def value(self, obj: Any, default: Any = None) -> Any:
        """What an object has at this path, or the default."""
        for element in self:
            found = _descend(obj, element)
            if found is None:
                return default
            obj = found[1]
        return obj


def _descend(obj: Any, element: Element) -> tuple[str, Any] | None:
    if isinstance(element, str):
        return (element, obj[element]) if isinstance(obj, Mapping) and element in obj else None
    if not isinstance(obj, list):
        return None
    if isinstance(element, int):
        return (str(element), obj[element]) if 0 <= element < len(obj) else None
    for index, item in enumerate(obj):
        matches = element.matches(item) if isinstance(element, ItemKey) else item == element.value
        if matches:
            return str(index), item
    return None


def _parse_step(step: re.Match[str]) -> Element:
    if step["name"] is not None:
        return step["name"]
    if step["quoted"] is not None:
        return str(json.loads(step["quoted"]))
    if step["index"] is not None:
        return int(step["index"])
    if step["value"] is not None:
        return ItemValue(_parse_value(step["value"]))
    pairs = [(pair["name"], _parse_value(pair["value"])) for pair in _PAIR.finditer(step["keys"])]
    return ItemKey(tuple(sorted(pairs, key=lambda pair: pair[0])))


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise SpecError(f"{text[:80]!r} is not a JSON value in a field path") from None


def _step_text(element: Element) -> str:
    if isinstance(element, str):
        return f".{element}" if _NAME.fullmatch(element) else f"[{_value_text(element)}]"
    if isinstance(element, ItemKey):
        return "[" + ",".join(f"{name}={_value_text(value)}" for name, value in element.fields) + "]"
    return f"[={_value_text(element.value)}]" if isinstance(element, ItemValue) else f"[{element}]"


def _value_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def parse_element(element: str) -> Element:
    """A path element as managedFields writes it, as a step of a path.

    Raises
    ------
    SpecError
        When it is none.
    """
    kind, text = element[:2], element[2:]
    if kind == "f:":
        return text
    if canonical_element(element) is None:
        raise SpecError(f"{element[:40]!r} is not a path element")
    value = json.loads(text)
    if kind == "k:":
        return ItemKey(tuple(sorted(value.items())))
    return ItemValue(value) if kind == "v:" else int(value)


def format_element(element: Element) -> str:
    """The inverse of `parse_element`."""
    if isinstance(element, str):
        return "f:" + element
    if isinstance(element, ItemKey):
        return key_element(list(element.fields))
    return value_element(element.value) if isinstance(element, ItemValue) else f"i:{element}"
