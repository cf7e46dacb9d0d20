"""The command line as a whole: one line on stderr and an exit status for whatever goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from reconciler.cli.main import run
from reconciler.errors import (
    AccessDeniedError,
    ClusterError,
    ClusterUnreachableError,
    ReconcilerError,
    SpecError,
    StoreError,
    UsageError,
    Violation,
)
from tests.reconciler.cli.conftest import Call

COMMAND = Path(sys.executable).with_name("gitops-nb")


USAGE = {
    "an unknown command": ("nope", "No such command 'nope'; try: gitops-nb --help"),
    "an unknown verb": ("app nope", "No such command 'nope'; try: gitops-nb app --help"),
    "an unknown option": ("app list --nope", "No such option: --nope; try: gitops-nb app list --help"),
    "an unknown short option": ("-x", "No such option: -x; try: gitops-nb --help"),
    "a misspelt option": (
        "app sync shop --prnue",
        "No such option: --prnue (Possible options: --plan, --prune); try: gitops-nb app sync --help",
    ),
    "a missing argument": ("app history", "Missing argument 'APPLICATION'; try: gitops-nb app history --help"),
    "an argument too many": ("crds more", "Got unexpected extra argument(s) (more); try: gitops-nb crds --help"),
    "an option without its value": ("app list -o", "-o needs a value"),
    "an option of a command without its value": ("app sync shop --timeout", "Option '--timeout' requires an argument"),
    "a form that there is not": (
        "app list -o xml",
        "Invalid value for '--output' / '-o': 'xml' is not one of 'table', 'wide', 'json', 'yaml', 'csv', 'name'; try: ",
    ),
    "no number": (
        "history --limit x",
        "Invalid value for '--limit': Input should be a valid integer, unable to parse string as an integer; try: ",
    ),
    "a number out of range": (
        "history --limit 0",
        "Invalid value for '--limit': Input should be greater than or equal to 1; try: gitops-nb history --help",
    ),
    "options but no command": ("-o json --quiet", "Missing command; try: gitops-nb --help"),
    "a resource of another form": (
        "app plan -f absent.yaml --resource pod",
        "absent.yaml: No such file or directory; give the path of a file that holds an Application",
    ),
    "a parameter without a value": ("run sync -p prune", "-p prune: expected NAME=VALUE"),
    "a job that there is not": ("run nope", "nope: no such job; there are "),
}  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), USAGE.values(), ids=USAGE)
def test_wrong_use_is_one_line_and_exit_status_2(call: Call, words: str, expected: str) -> None:
    status, out, err = call(*words.split())
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"error: {expected}")


@pytest.mark.parametrize("words", ["", "app", "sandbox"])
def test_a_command_without_its_verb_shows_what_there_is(call: Call, words: str) -> None:
    status, out, err = call(*words.split())
    assert (status, err) == (2, f"error: no command given; try: {' '.join(['gitops-nb', *words.split()])} --help\n")
    assert "Usage" in out


@pytest.mark.parametrize(
    "words", ["--help", "-h", "app -h", "app sync --help", "run -h", "history --help", "crds --help"]
)
def test_help(call: Call, words: str) -> None:
    status, out, err = call(*words.split())
    assert (status, err) == (0, "")
    assert "Usage: " in out


def failing(error: BaseException) -> typer.Typer:
    """A command line whose one command fails so."""
    application = typer.Typer(pretty_exceptions_enable=False)

    @application.command()
    def fail(debug: bool = False) -> None:
        raise error

    return application


ERRORS: dict[str, tuple[BaseException, int, str]] = {
    "one of ours": (ReconcilerError("it failed"), 1, "error: it failed\n"),
    "bad use": (UsageError("no such thing"), 2, "error: no such thing\n"),
    "bad input": (
        SpecError("apps.yaml", [Violation("b", "is wrong"), Violation("a", "is missing")]),
        2,
        "error: apps.yaml: a: is missing; b: is wrong\n",
    ),
    "denied": (AccessDeniedError("ada may not sync shop"), 3, "error: ada may not sync shop\n"),
    "unreachable": (ClusterUnreachableError("nobody answers"), 4, "error: nobody answers\n"),
    "no store": (StoreError("the disk is full"), 4, "error: the disk is full\n"),
    "of several lines": (ClusterError("one\n  two\r\n"), 1, "error: one two\n"),
    "with control characters": (ClusterError("a\x1b[2Jb\u202ec"), 1, "error: a\\x1b[2Jb\\u202ec\n"),
    "interrupted": (KeyboardInterrupt(), 130, "interrupted\n"),
    "given up": (typer.Abort(), 130, "interrupted\n"),
    "a status of its own": (typer.Exit(1), 1, ""),
    "a fault of ours": (
        ZeroDivisionError("with a secret"),
        1,
        "error: internal error (ZeroDivisionError); --debug shows where\n",
    ),
}


@pytest.mark.parametrize(("error", "status", "err"), ERRORS.values(), ids=ERRORS)
def test_an_error(call: Call, error: BaseException, status: int, err: str) -> None:
    assert call(application=failing(error)) == (status, "", err)


@pytest.mark.parametrize("error", [UsageError("no such thing"), ZeroDivisionError("why")], ids=["of ours", "a fault"])
def test_debug_shows_the_traceback(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        run(failing(error), ["--debug"])


def command(*words: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "COLUMNS": "100", **variables}
    return subprocess.Popen(
        [COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def test_the_installed_command() -> None:
    with command("app", "list", "--nope") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "error: No such option: --nope; try: gitops-nb app list --help\n"


@pytest.mark.parametrize(
    "words", [("crds",), ("run", "sync", "--show-parameters")], ids=["more than a pipe holds", "less"]
)
def test_a_reader_that_has_seen_enough(words: tuple[str, ...]) -> None:
    with command(*words) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_crds_are_data_on_stdout(call: Call) -> None:
    status, out, err = call("crds", "-o", "name")
    assert (status, err) == (0, "")
    assert out.count("kind: CustomResourceDefinition") == 3
