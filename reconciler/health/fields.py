"""Reading an object's fields by type; what Kubernetes' typed conversion refuses is an error here too."""

from collections.abc import Mapping, Sequence
from typing import Any


class FieldTypeError(ValueError):
    """A field holds another type than its kind's schema says; the message names the field, never its value."""

    def __init__(self, path: Sequence[str], expected: str, value: Any) -> None:
        super().__init__(f"{'.'.join(path)}: expected {expected}, not {type(value).__name__}")


def field(obj: Mapping[str, Any], *path: str) -> Any:
    """The value at a path of mappings; None where any step is missing or null.

    Raises
    ------
    FieldTypeError
        When a step on the way is not a mapping.
    """
    value: Any = obj
    for depth, name in enumerate(path):
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise FieldTypeError(path[:depth], "a mapping", value)
        value = value.get(name)
    return value


def integer(obj: Mapping[str, Any], *path: str) -> int | None:
    """The integer at a path, or None."""
    value = field(obj, *path)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise FieldTypeError(path, "an integer", value)


def count(obj: Mapping[str, Any], *path: str) -> int:
    """The integer at a path; a status leaves out counts that are zero."""
    return integer(obj, *path) or 0


def text(obj: Mapping[str, Any], *path: str) -> str:
    """The string at a path, or the empty string."""
    value = field(obj, *path)
    if value is None or isinstance(value, str):
        return value or ""
    raise FieldTypeError(path, "a string", value)


def boolean(obj: Mapping[str, Any], *path: str) -> bool:
    """The boolean at a path, or False."""
    value = field(obj, *path)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise FieldTypeError(path, "a boolean", value)


def mappings(obj: Mapping[str, Any], *path: str) -> list[Mapping[str, Any]]:
    """The list of mappings at a path, or the empty list."""
    value = field(obj, *path)
    if value is None:
        return []
    if not isinstance(value, list):
        raise FieldTypeError(path, "a list", value)
    for item in value:
        if not isinstance(item, Mapping):
            raise FieldTypeError((*path[:-1], f"{path[-1]}[]"), "a mapping", item)
    return value


def condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    """The entry of ``status.conditions`` with that type, or None."""
    return next((entry for entry in mappings(obj, "status", "conditions") if entry.get("type") == kind), None)


def is_observed(obj: Mapping[str, Any]) -> bool:
    """Whether the controller's status speaks of the object's newest spec."""
    return count(obj, "metadata", "generation") <= count(obj, "status", "observedGeneration")
