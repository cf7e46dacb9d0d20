"""Every form of output: what a terminal or a spreadsheet would act on is shown, never done."""

import csv
import io
import json
import unicodedata
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note, plain, visible
from reconciler.cli.settings import OutputFormat, Settings
from reconciler.errors import UsageError
from reconciler.terms import SyncStatus

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
ROWS = [
    {"name": "shop", "sync": "Synced", "wave": -1, "at": AT, "dry_run": True, "note": None},
    {"name": "a,b", "sync": SyncStatus.OUT_OF_SYNC, "wave": 10, "at": AT, "dry_run": False, "note": 'say "x"'},
]
COLUMNS = ["name", "sync", "wave"]
WIDE = ["at", "dry_run", "note"]

Captured = pytest.CaptureFixture[str]


def settings(output: str = "table", *, quiet: bool = False) -> Settings:
    return Settings(output=OutputFormat(output), quiet=quiet)


EXPECTED = {
    "table": "NAME   SYNC        WAVE\nshop   Synced      -1\na,b    OutOfSync   10\n",
    "wide": (
        "NAME   SYNC        WAVE   AT                    DRY-RUN   NOTE\n"
        "shop   Synced      -1     2026-03-01 12:30:00   yes\n"
        'a,b    OutOfSync   10     2026-03-01 12:30:00             say "x"\n'
    ),
    "csv": (
        "name,sync,wave,at,dry_run,note\n"
        "shop,Synced,'-1,2026-03-01 12:30:00,yes,\n"
        '"a,b",OutOfSync,10,2026-03-01 12:30:00,,"say ""x"""\n'
    ),
    "name": "shop\na,b\n",
}


@pytest.mark.parametrize(("form", "expected"), EXPECTED.items())
def test_rows(form: str, expected: str, capsys: Captured) -> None:
    emit_rows(ROWS, settings(form), columns=COLUMNS, wide=WIDE)
    assert capsys.readouterr().out == expected


def test_rows_as_documents(capsys: Captured) -> None:
    emit_rows(ROWS, settings("json"), columns=COLUMNS)
    first, second = json.loads(capsys.readouterr().out)
    assert first == {"name": "shop", "sync": "Synced", "wave": -1, "at": AT.isoformat(), "dry_run": True, "note": None}
    assert second["sync"] == "OutOfSync"
    emit_rows(ROWS, settings("yaml"), columns=COLUMNS, data={"b": [1], "a": None})
    assert capsys.readouterr().out == "b:\n- 1\na: null\n"


@pytest.mark.parametrize(
    ("form", "expected"), [("table", ""), ("wide", ""), ("csv", "name\n"), ("name", ""), ("json", "[]\n")]
)
def test_no_rows(form: str, expected: str, capsys: Captured) -> None:
    emit_rows([], settings(form), columns=["name"])
    assert capsys.readouterr().out == expected


# A value, and how a line shows it.
HOSTILE = {
    "an escape sequence": ("a\x1b[2Jb", "a\\x1b[2Jb"),
    "an escape sequence of one character": ("a\x9b2Jb", "a\\x9b2Jb"),
    "a line break": ("a\nb", "a\\nb"),
    "a return to the line's start": ("a\rb", "a\\rb"),
    "a tab": ("a\tb", "a\\tb"),
    "a null": ("a\0b", "a\\x00b"),
    "a backspace": ("a\bb", "a\\x08b"),
    "delete": ("a\x7fb", "a\\x7fb"),
    "right to left": ("a\u202eb", "a\\u202eb"),
    "an isolate": ("a\u2066b", "a\\u2066b"),
    "an Arabic letter mark": ("a\u061cb", "a\\u061cb"),
    "of no width": ("a\u200bb", "a\\u200bb"),
    "a line separator": ("a\u2028b", "a\\u2028b"),
    "a byte order mark": ("a\ufeffb", "a\\ufeffb"),
    "half of a pair": ("a\ud800b", "a\\ud800b"),
    "a tag": ("a\U000e0041b", "a\\U000e0041b"),
    "letters of other scripts": ("naïve Ж 日本", "naïve Ж 日本"),
}


@pytest.mark.parametrize(("value", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text(value: str, shown: str, capsys: Captured) -> None:
    assert visible(value) == shown
    row: list[dict[str, Any]] = [{"name": value}]
    for form, expected in (("table", f"NAME\n{shown}\n"), ("wide", f"NAME\n{shown}\n"), ("name", f"{shown}\n")):
        emit_rows(row, settings(form), columns=["name"])
        assert capsys.readouterr().out == expected
    emit_rows(row, settings("csv"), columns=["name"])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["name"], [shown]]
    note(value, settings())
    assert capsys.readouterr().err == f"{shown}\n"


@given(st.text())
def test_a_cell_is_one_line_that_a_terminal_only_shows(text: str) -> None:
    shown = visible(text)
    assert shown.splitlines() in ([], [shown])
    acting = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not acting & {unicodedata.category(character) for character in shown}


FORMULAS = {
    "=": ("=1+1", "'=1+1"),
    "= alone": ("=", "'="),
    "+": ("+1", "'+1"),
    "-": ("-1", "'-1"),
    "@": ("@SUM(A1)", "'@SUM(A1)"),
    "a call of a program": ("=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"),
    "behind a tab": ("\t=1", "\\t=1"),
    "behind a return": ("\r=1", "\\r=1"),
    "inside": ("a=1", "a=1"),
    "a negative number": (-5, "'-5"),
    "already quoted": ("'=1", "'=1"),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("value", "cell"), FORMULAS.values(), ids=FORMULAS)
def test_a_spreadsheet_takes_no_cell_for_a_formula(value: Any, cell: str, capsys: Captured) -> None:
    emit_rows([{"name": value, "other": "x"}], settings("csv"), columns=["name", "other"])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["name", "other"], [cell, "x"]]


def test_a_formula_is_quoted_in_csv_alone(capsys: Captured) -> None:
    emit_rows([{"name": "=1"}], settings("table"), columns=["name"])
    assert capsys.readouterr().out == "NAME\n=1\n"
    emit_rows([{"name": "=1"}], settings("json"), columns=["name"])
    assert json.loads(capsys.readouterr().out) == [{"name": "=1"}]


# Records as data.


@dataclass(frozen=True)
class Inner:
    status: SyncStatus = SyncStatus.SYNCED
    hidden: str = field(default="secret", repr=False)


@dataclass(frozen=True)
class Record:
    inner: Inner
    names: frozenset[str]
    at: datetime
    pairs: tuple[int, ...] = (1, 2)


def test_a_record_as_data() -> None:
    record = Record(Inner(), frozenset({"b", "a"}), AT)
    assert plain({"record": record, 5: None}) == {
        "record": {
            "inner": {"status": "Synced"},
            "names": ["a", "b"],
            "at": "2026-03-01T12:30:00+00:00",
            "pairs": [1, 2],
        },
        "5": None,
    }


@pytest.mark.parametrize("form", ["table", "wide", "csv", "name"])
def test_a_document_has_two_forms(form: str) -> None:
    assert not is_document(settings(form))
    with pytest.raises(UsageError, match=rf"^-o {form} does not fit here; use -o json or -o yaml$"):
        emit_data({}, settings(form))


@pytest.mark.parametrize(
    ("text", "expected"), [("", ""), ("a\n", "a\n"), ("a", "a\n")], ids=["nothing", "a line", "no end"]
)
def test_text_ends_its_last_line(text: str, expected: str, capsys: Captured) -> None:
    emit_text(text)
    assert capsys.readouterr().out == expected


def test_notes_go_to_stderr_unless_quiet(capsys: Captured) -> None:
    note("hello", settings())
    note("hush", settings(quiet=True))
    assert capsys.readouterr() == ("", "hello\n")
