"""Fields of custom kinds that hold built-in types: their values are compared as the built-in type writes them.

Source: util/argo/normalizers/knowntypes_normalizer.go of Argo CD 3.6.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

from reconciler.diff.fields import Change
from reconciler.diff.records import ABSENT
from reconciler.diff.rules import KnownTypeField
from reconciler.manifest import FieldPath, canonical_quantity

_QUANTITY_TYPES: Final = frozenset({"core/Quantity", "core/v1/ResourceList"})
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "divisor"})
_RESOURCE_LISTS: Final = frozenset(
    {"limits", "requests", "capacity", "hard", "overhead", "allocatable", "default", "defaultRequest", "max", "min"}
)
_DURATION_TYPES: Final = frozenset({"meta/v1/Duration"})
_UNITS_S: Final = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_DURATION: Final = re.compile(r"(?:\d{1,18}(?:\.\d{1,18})?(?:ns|us|µs|ms|s|m|h))+")
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


def is_same_by_type(change: Change, fields: Sequence[KnownTypeField]) -> bool:
    """Whether the two values are one and the same to the built-in type that a setting says is there."""
    names = tuple(element for element in change.path if isinstance(element, str))
    for entry in fields:
        inside = tuple(entry.field.split("."))
        if names[: len(inside)] == inside and _same(change, entry.type, names[len(inside) :], change.path):
            return True
    return False


def _same(change: Change, type_name: str, below: tuple[str, ...], path: FieldPath) -> bool:
    target, live = change.target, change.live
    if _is_empty(target) and _is_empty(live):
        return True
    if type_name in _DURATION_TYPES:
        return (seconds := _seconds(target)) is not None and seconds == _seconds(live)
    quantity = (
        type_name in _QUANTITY_TYPES
        or below[-1:] == ("storage",)
        or (bool(below) and below[-1] in _QUANTITY_FIELDS)
        or (len(below) > 1 and below[-2] in _RESOURCE_LISTS)
    )
    return (
        quantity
        and isinstance(target, str | int | float)
        and isinstance(live, str | int | float)
        and str(canonical_quantity(target)) == str(canonical_quantity(live))
    )


def _is_empty(value: Any) -> bool:
    return value is ABSENT or value is None or value in ({}, [])


def _seconds(value: Any) -> Fraction | None:
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        return Fraction(0) if value == "0" else None
    return sum((Fraction(number) * _UNITS_S[unit] for number, unit in _PART.findall(value)), Fraction(0))
