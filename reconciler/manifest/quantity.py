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
_NANO: Final = Decimal("1e-9")
_MILLI: Final = Decimal("1e-3")
_NANO_POWER: Final = -9
_MAX_FAST_DIGITS: Final = 18


def canonical_quantity(value: str | int | float, *, milli: bool = False) -> str | int | float:
    """The text that the API server makes of a quantity: no fraction, the largest suffix, at most nano precision.

    Most texts that have that form already are kept, ``2E3`` or ``+1`` for instance, and so is what is no quantity,
    which the API server refuses.

    Parameters
    ----------
    milli
        Round up to thousandths, as in lists of resources (limits, requests, capacity).
    """
    text = str(value).strip()
    match = None if isinstance(value, bool) else _QUANTITY.fullmatch(text)
    if match is None:
        return value
    # Any precision the grammar allows, exponents of three digits included.
    with localcontext(prec=2000):
        number = _parse(match)
        step = _MILLI if milli else _NANO
        if not number % step and _is_kept(match):
            return text
        number = number.quantize(step, rounding=ROUND_UP) if number % step else number
        if not number:
            return "0"
        sign, number = ("-" if number < 0 else ""), abs(number)
        if match["binary"] and number >= 1024 and number == number.to_integral_value():
            return sign + _binary_text(int(number))
        return sign + _decimal_text(number, exponential=match["exponent"] is not None)


def quantity_value(text: str) -> Decimal:
    """The number that a quantity means.

    Raises
    ------
    ValueError
        When it is none.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a quantity")
    return _parse(match)


def _parse(match: re.Match[str]) -> Decimal:
    number = Decimal(match["number"])
    if match["binary"]:
        number *= Decimal(1024) ** _BINARY[match["binary"]]
        return max(min(number, _LARGEST), -_LARGEST)
    return number.scaleb(int(match["exponent"][1:]) if match["exponent"] else _DECIMAL[match["decimal"] or ""])


def _is_kept(match: re.Match[str]) -> bool:
    """Whether the API server's parser takes the text for canonical (it guesses, to be quick)."""
    whole, _, fraction = match["number"].lstrip("+-").partition(".")
    digits = (whole.lstrip("0") or "0") + fraction
    if match["binary"]:
        power = _BINARY[match["binary"]] * 10
        is_short = not fraction and 14 - len(digits) - int(power * 0.3) >= 0
        return is_short and int(digits) % 8 != 0
    power = int(match["exponent"][1:]) if match["exponent"] else _DECIMAL[match["decimal"] or ""]
    scale = power - len(fraction)
    is_short = len(digits) <= _MAX_FAST_DIGITS and scale >= _NANO_POWER
    return is_short and scale % 3 == 0 and digits[0] != "0" and not digits.endswith("000")


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
    return f"{mantissa}{_DECIMAL_NAMES.get(power, '')}"
