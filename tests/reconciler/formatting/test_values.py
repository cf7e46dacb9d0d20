from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from reconciler.diff.records import ABSENT, Masked
from reconciler.formatting.values import (
    counted,
    format_duration,
    format_instant,
    format_value,
    plain_value,
    short_revision,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("nginx:1.28", "nginx:1.28", id="text"),
        pytest.param("3", '"3"', id="text that looks like a number"),
        pytest.param(3, "3", id="number"),
        pytest.param("true", '"true"', id="text that looks like a boolean"),
        pytest.param(True, "true", id="boolean"),
        pytest.param("", '""', id="empty text"),
        pytest.param(None, "null", id="null"),
        pytest.param(ABSENT, "(absent)", id="absent"),
        pytest.param("(absent)", '"(absent)"', id="text that imitates absence"),
        pytest.param(Masked("9c1d20ab"), "(masked 9c1d20ab)", id="secret"),
        pytest.param("(masked 9c1d20ab)", '"(masked 9c1d20ab)"', id="text that imitates a mask"),
        pytest.param({"a": [1, Masked("77")]}, '{"a": [1, "(masked 77)"]}', id="secret inside a mapping"),
        pytest.param("a\nb", '"a\\nb"', id="lines"),
        pytest.param("a\u202eb", "a\\u202eb", id="bidirectional"),
        pytest.param({"k\u202e": "\x1b[0m"}, '{"k\\u202e": "\\u001b[0m"}', id="bidirectional inside a mapping"),
        pytest.param("x" * 500, "x" * 400 + "… (100 more characters)", id="long"),
    ],
)
def test_format_value(value: Any, shown: str) -> None:
    assert format_value(value) == shown


def test_plain_value_is_json_with_masks_as_text() -> None:
    assert plain_value({"a": (Masked("77"), ABSENT, None)}) == {"a": ["(masked 77)", None, None]}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.04, "0.0 s"),
        (9.5, "9.5 s"),
        (59.4, "59 s"),
        (75, "1 min 15 s"),
        (3599.6, "1 h 00 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_format_duration(seconds: float | None, shown: str) -> None:
    assert format_duration(seconds) == shown


def test_instants_are_shown_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert format_instant(datetime(2026, 11, 23, 16, 5, 9, tzinfo=east)) == "2026-11-23 14:05:09Z"
    assert format_instant(datetime(2026, 11, 23, 14, 5, 9, 999_999, tzinfo=UTC)) == "2026-11-23 14:05:09Z"
    assert format_instant(None) == ""


@pytest.mark.parametrize(
    ("revision", "shown"),
    [
        ("3f9c1e2ab54d6f7788990011223344556677889a", "3f9c1e2"),
        ("feature/x", "feature/x"),
        ("v1\u202e", "v1\\u202e"),
        ("", ""),
    ],
)
def test_short_revision(revision: str, shown: str) -> None:
    assert short_revision(revision) == shown


def test_counted() -> None:
    assert [counted(1, "field"), counted(0, "field"), counted(2, "entry", "entries")] == [
        "1 field",
        "0 fields",
        "2 entries",
    ]
