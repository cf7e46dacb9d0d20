"""Questions at a terminal."""

import io
import sys

import pytest
import typer

from reconciler.cli.confirming import Answer, ask, require_terminal
from reconciler.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "several", "expected"),
    [
        ("y\n", False, Answer.YES),
        ("Yes\n", False, Answer.YES),
        ("n\n", True, Answer.NO),
        ("what\n\na\nno\n", False, Answer.NO),
        ("what\n a \n", True, Answer.ALL),
    ],
)
def test_answers(
    typed: str, several: bool, expected: Answer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert ask("Delete shop?", several=several) is expected
    choices = "[y/n/a]" if several else "[y/n]"
    assert capsys.readouterr().err == f"Delete shop? {choices} " * typed.count("\n")


def test_the_end_of_the_input_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("what\n"))
    with pytest.raises(typer.Abort):
        ask("Delete shop?")


def test_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="a deletion is asked for at a terminal, and there is none; say --yes"):
        require_terminal("a deletion")
