"""Plain YAML scalars and map keys as Kubernetes reads them.

``kubectl`` and the API server read YAML with go-yaml v2 through sigs.k8s.io/yaml: YAML 1.1 booleans, octal and
underscored integers, but neither base 60 numbers nor dates; the result then passes through JSON, where a float
without a fraction becomes an integer and an integer beyond 64 bits a float.
"""

import math
import re
import struct
from datetime import datetime
from decimal import Decimal
from typing import Final

JsonScalar = str | int | float | bool | None

_WORDS: Final[dict[str, JsonScalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_NUMERIC_START: Final = frozenset("+-.0123456789")
_DECIMAL: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,19})")
_BASED: Final = re.compile(
    r"[-+]?0(?:[xX](?P<hex>[0-9a-fA-F]{1,16})|[bB](?P<bin>[01]{1,64})|[oO]?(?P<oct>[0-7]{1,22}))"
)
_UNDERSCORED: Final = re.compile(r"\.[0-9](?:_?[0-9])*(?:[eE][-+]?[0-9](?:_?[0-9])*)?")
"""A number that begins with its point goes to Go's ParseFloat as it is, which takes underscores between digits only."""
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ZONE: Final = r"(?:Z|[+-](?:[01][0-9]|2[0-4]):(?:[0-5][0-9]|60))"
_TIME: Final = r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.[0-9]+)?"
_TIMESTAMP: Final = re.compile(rf"([0-9]{{4}})-([0-9]{{1,2}})-([0-9]{{1,2}})(?:[Tt]{_TIME}{_ZONE}| +{_TIME})?")
_BASES: Final = (("hex", 16), ("bin", 2), ("oct", 8))
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1


def resolve_plain(text: str) -> JsonScalar:
    """The value of an unquoted YAML scalar, as go-yaml v2 decodes it into an interface.

    Infinities and NaN come back as floats; JSON has none, so the loader refuses them.

    Source: go.yaml.in/yaml v2 (resolve).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMERIC_START:
        return text
    plain = text.replace("_", "") if text[0] != "." or _UNDERSCORED.fullmatch(text) else text
    number = _parse_number(plain)
    return text if number is None else number


def _parse_number(text: str) -> int | float | None:
    integer: int | None = None
    if _DECIMAL.fullmatch(text):
        integer = int(text)
    elif based := _BASED.fullmatch(text):
        digits, base = next((based[name], base) for name, base in _BASES if based[name])
        integer = int(digits, base) if text[0] != "-" else -int(digits, base)
    # Only an integer without a sign may use the 64th bit.
    if integer is not None and _INT64_MIN <= integer < (2**63 if text[0] in "+-" else 2**64):
        return integer
    if _FLOAT.fullmatch(text):
        number = float(text)
        return None if math.isinf(number) else number
    return None


def to_json_number(number: float) -> int | float:
    """A YAML number as Kubernetes reads it back from JSON: an integer where it has no fraction and fits 64 bits.

    Source: sigs.k8s.io/yaml v1.6.0 (YAMLToJSON) followed by k8s.io/apimachinery's JSON decoder.
    """
    if isinstance(number, int):
        return number if _INT64_MIN <= number <= _INT64_MAX else float(number)
    if not number.is_integer() or abs(number) >= 2**64:
        return number
    # Go writes the shortest digits that identify the float, so those are the digits that count.
    integer = int(Decimal(repr(number)))
    return integer if _INT64_MIN <= integer <= _INT64_MAX else number


def key_text(value: JsonScalar) -> str | None:
    """The string that a non-string map key becomes in JSON; None for a null or an integer beyond 64 bits, which have none.

    Source: sigs.k8s.io/yaml v1.6.0; floats are written with 32 bits of precision.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value <= _INT64_MAX else None
    return _float32_text(value)


def is_timestamp(text: str) -> bool:
    """Whether go-yaml v2 takes ``!!timestamp`` for the text (parseTimestamp); the value stays text all the same."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    try:
        year, month, day, *time = (int(part) for part in match.groups() if part)
        hour, minute, second = time or (0, 0, 0)
        # Go knows the year 0, which is a leap year.
        datetime(year or 2000, month, day, hour, minute, second)
    except ValueError:
        return False
    return True


def _float32_text(number: float) -> str:
    """Go's ``strconv.FormatFloat(number, 'g', -1, 32)``, with YAML's words for infinities and NaN."""
    if math.isnan(number):
        return ".nan"
    single = _to_float32(number)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    text, digits = "", 0
    for digits in range(9):
        text = f"{single:.{digits}e}"
        if _to_float32(float(text)) == single:
            break
    mantissa, _, exponent = text.partition("e")
    power = int(exponent)
    if -4 <= power < 6:
        return f"{float(text):.{max(digits - power, 0)}f}"
    return f"{mantissa}e{power:+03d}"


def _to_float32(number: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)
