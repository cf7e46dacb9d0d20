"""Kubernetes quantities in their canonical form: ``0.5`` is ``500m``, ``1024Mi`` is ``1Gi``.

Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
"""

import re
from fractions import Fraction
from math import ceil
from typing import Final

from reconciler.sandbox.status import StatusError, bad_request

_PATTERN: Final = re.compile(r"([+-]?)([0-9]*(?:\.[0-9]*)?)(?:([eE][+-]?[0-9]+)|([numkMGTPE]|[KMGTPE]i)?)")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY: Final = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_NANO: Final = 10**9


def canonical_quantity(value: object) -> str:
    """The canonical text of a quantity given as a string or a number.

    Raises
    ------
    StatusError
        400 when it is none.
    """
    text = str(value)
    match = _PATTERN.fullmatch(text)
    if match is None or match[2] in ("", ".") or isinstance(value, bool):
        raise malformed_quantity()
    number = Fraction(match[2] if match[2][0] != "." else f"0{match[2]}")
    if match[1] == "-":
        number = -number
    exponent, suffix = match[3], match[4] or ""
    if exponent:
        return _decimal(number * Fraction(10) ** int(exponent[1:]), exponent=True)
    if suffix.endswith("i"):
        number *= 1024 ** _BINARY.index(suffix)
        binary = number.denominator == 1 and abs(number) >= 1024
        return _binary(int(number)) if binary else _decimal(number)
    return _decimal(number * Fraction(10) ** _DECIMAL[suffix])


def quantity_value(text: object) -> Fraction:
    """The number that a quantity stands for; 0 when it is not one."""
    match = _PATTERN.fullmatch(str(text))
    if match is None or match[2] in ("", "."):
        return Fraction(0)
    number = Fraction(match[1] + (match[2] if match[2][0] != "." else f"0{match[2]}"))
    if match[3]:
        return number * Fraction(10) ** int(match[3][1:])
    suffix = match[4] or ""
    return number * (1024 ** _BINARY.index(suffix) if suffix.endswith("i") else Fraction(10) ** _DECIMAL[suffix])


def malformed_quantity() -> StatusError:
    pattern = r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
    return bad_request(f"quantities must match the regular expression '{pattern}'")


def _decimal(number: Fraction, *, exponent: bool = False) -> str:
    # Nothing finer than a nano-unit is kept; the rest is rounded away from zero.
    nanos = ceil(abs(number) * _NANO)
    if nanos == 0:
        return "0"
    power = -9
    while power < 18 and nanos % 1000 == 0:
        nanos, power = nanos // 1000, power + 3
    sign = "-" if number < 0 else ""
    if exponent:
        return f"{sign}{nanos}e{power}" if power else f"{sign}{nanos}"
    return f"{sign}{nanos}{_DECIMAL_SUFFIX[power]}"


def _binary(number: int) -> str:
    power = 0
    while power < 6 and number % 1024 == 0:
        number, power = number // 1024, power + 1
    return f"{number}{_BINARY[power]}"
