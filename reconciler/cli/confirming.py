"""Questions before what cannot be undone."""

import sys
from enum import Enum, auto

import typer

from reconciler.errors import UsageError


class Answer(Enum):
    """What somebody at a terminal said; ``ALL``: yes, and do not ask again."""

    YES = auto()
    NO = auto()
    ALL = auto()


def require_terminal(what: str) -> None:
    """Where nobody can be asked, nothing is done that would be asked for.

    Raises
    ------
    UsageError
        Without a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{what} is asked for at a terminal, and there is none; say --yes to do it without asking")


def ask(question: str, *, several: bool = False) -> Answer:
    """Ask on stderr until there is an answer; ``several`` allows all at once. An end of the input is an interrupt."""
    answers = {"y": Answer.YES, "yes": Answer.YES, "n": Answer.NO, "no": Answer.NO} | (
        {"a": Answer.ALL, "all": Answer.ALL} if several else {}
    )
    while True:
        sys.stderr.write(f"{question} [y/n{'/a' if several else ''}] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise typer.Abort
        if answer := answers.get(line.strip().lower()):
            return answer
