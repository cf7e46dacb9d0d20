from datetime import timedelta

import pytest

from reconciler.sync.durations import parse_duration, parse_seconds_or_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("30s", 30),
        ("1h30m", 5400),
        ("1h1h", 7200),
        ("2.5s", 2.5),
        (".5s", 0.5),
        ("1.s", 1),
        ("-1m", -60),
        ("+1m", 60),
        ("1500ms", 1.5),
        ("10µs", 0.00001),
        ("10us", 0.00001),
        ("1h0m0.25s", 3600.25),
        ("2562047h", 2562047 * 3600),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "1d", "1h 30m", "1h30", "--1s", "+-0", ".s", "1e3s", "1H", "2562048h", "٣s", "1s" * 60]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|longer than 292 years"):
        parse_duration(text)


def test_seconds_need_no_unit_where_upstream_says_so() -> None:
    assert parse_seconds_or_duration("5") == timedelta(seconds=5)
    assert parse_seconds_or_duration("-5") == timedelta(seconds=-5)
    assert parse_seconds_or_duration("5m") == timedelta(minutes=5)
    for text in ("5 m", "9" * 20, "9" * 5000):
        with pytest.raises(ValueError, match=r"duration|292 years"):
            parse_seconds_or_duration(text)
