import math

import pytest

from reconciler.manifest.scalars import key_text, resolve_plain, to_json_number

# What sigs.k8s.io/yaml v1.6.0 followed by the API machinery's JSON decoder makes of each text.
PLAIN = [
    ("012", 10),
    ("0o14", 12),
    ("0O14", 12),
    ("0x1F", 31),
    ("0X1f", 31),
    ("0b11", 3),
    ("-0x10", -16),
    ("-0b1", -1),
    ("-0o7", -7),
    ("+0x1F", 31),
    ("1e3", 1000),
    ("1E3", 1000),
    ("1.e5", 100000),
    ("1.0", 1),
    ("1.", 1),
    (".5", 0.5),
    ("+.5", 0.5),
    (".5e3", 500),
    ("0.1", 0.1),
    ("1e-7", 1e-7),
    ("-0", 0),
    ("-0.0", 0),
    ("08", 8),
    ("+12", 12),
    ("1_000", 1000),
    ("1__0", 10),
    ("0_7", 7),
    ("1_", 1),
    ("_1", "_1"),
    ("12:30:45", "12:30:45"),
    ("22:22", "22:22"),
    ("2001-01-01", "2001-01-01"),
    ("2001-99-99", "2001-99-99"),
    ("2001-12-14 21:59:43.10", "2001-12-14 21:59:43.10"),
    ("yes", True),
    ("y", True),
    ("On", True),
    ("TRUE", True),
    ("N", False),
    ("OFF", False),
    ("no", False),
    ("tRUE", "tRUE"),
    ("~", None),
    ("Null", None),
    ("", None),
    ("nULL", "nULL"),
    ("=", "="),
    ("<<", "<<"),
    (".", "."),
    ("0x", "0x"),
    ("0b", "0b"),
    ("0o8", "0o8"),
    ("+inf", "+inf"),
    ("1e3x", "1e3x"),
    ("1e400", "1e400"),
    ("1e20", 1e20),
    ("1.5e300", 1.5e300),
    ("9223372036854775807", 2**63 - 1),
    ("9223372036854775808", float(2**63)),
    ("18446744073709551615", float(2**64)),
    ("-9223372036854775808", -(2**63)),
    ("-9223372036854775809", -float(2**63)),
    ("9" * 30, 1e30),
    ("9" * 400, "9" * 400),
    ("1" * 5000, "1" * 5000),
    ("0x" + "f" * 40, "0x" + "f" * 40),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN, ids=[text[:24] or "empty" for text, _ in PLAIN])
def test_plain_scalar_is_read_as_kubernetes_reads_it(text: str, expected: object) -> None:
    value = resolve_plain(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = to_json_number(value)
    assert value == expected
    assert type(value) is type(expected)


def test_words_for_what_json_has_not() -> None:
    assert resolve_plain(".inf") == math.inf
    assert resolve_plain("-.INF") == -math.inf
    assert math.isnan(resolve_plain(".nan"))  # type: ignore[arg-type]


KEYS = [
    ("1", "1"),
    ("0x10", "16"),
    ("1.5", "1.5"),
    ("0.1", "0.1"),
    ("1e3", "1000"),
    ("1e6", "1e+06"),
    ("1e21", "1e+21"),
    ("1e-5", "1e-05"),
    ("16777217.5", "1.6777218e+07"),
    ("123456789.5", "1.2345679e+08"),
    ("1e300", ".inf"),
    (".inf", ".inf"),
    ("-.inf", "-.inf"),
    (".nan", ".nan"),
    ("yes", "true"),
    ("off", "false"),
    ("text", "text"),
    ("2001-01-01", "2001-01-01"),
    ("null", None),
]


@pytest.mark.parametrize(("text", "expected"), KEYS)
def test_key_becomes_text(text: str, expected: str | None) -> None:
    assert key_text(resolve_plain(text)) == expected
