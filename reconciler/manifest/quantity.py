"""Resource quantities (``500m``, ``1Gi``) in the API server's canonical form.

Source: k8s.io/apimachinery/pkg/api/resource.
"""

import re
from decimal import ROUND_UP, Decimal, localcontext
from typing import Final

_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE])|(?P<exponent>[eE][+-]?[0-9]{1,3}))?"
)
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY_NAMES: Final = {power: name for name, power in _BINARY.items()}
_DECIMAL_NAMES: Final = {power: name for name, power in _DECIMAL.items()}
_LARGEST: Final = Decimal(2**63 - 1)
_SMALLEST_STEP: Final = Decimal("1e-9")


def canonical_quantity(value: str | int | float) -> str | int | float:
    """The canonical text of a quantity: no fraction, the largest suffix, at most nano precision.

    What is no quantity comes back as it is; the API server refuses it.
    """
    text = str(value).strip()
    match = None if isinstance(value, bool) else _QUANTITY.fullmatch(text)
    if match is None:
        return value
    # Any precision the grammar allows: sixty digits of number and three of exponent.
    with localcontext(prec=2000):
        number = Decimal(match["number"])
        if match["binary"]:
            number *= 1024 ** _BINARY[match["binary"]]
        elif match["exponent"]:
            number = number.scaleb(int(match["exponent"][1:]))
        else:
            number = number.scaleb(_DECIMAL[match["decimal"] or ""])
        sign = "-" if number < 0 else ""
        number = min(abs(number), _LARGEST)
        if number % _SMALLEST_STEP:
            number = number.quantize(_SMALLEST_STEP, rounding=ROUND_UP)
        if not number:
            return "0"
        if match["binary"] and number >= 1024 and number == number.to_integral_value():
            return sign + _binary_text(int(number))
        return sign + _decimal_text(number, exponential=match["exponent"] is not None)


def _binary_text(number: int) -> str:
    power = 0
    while number % 1024 == 0:
        number //= 1024
        power += 1
    return f"{number}{_BINARY_NAMES.get(power, '')}"


def _decimal_text(number: Decimal, *, exponential: bool) -> str:
    digits, exponent = number.normalize().as_tuple()[1:]
    mantissa, power = int("".join(map(str, digits))), int(exponent)
    shift = power % 3
    mantissa, power = mantissa * 10**shift, power - shift
    if exponential:
        return f"{mantissa}e{power}" if power else str(mantissa)
    return f"{mantissa}{_DECIMAL_NAMES[power]}"
