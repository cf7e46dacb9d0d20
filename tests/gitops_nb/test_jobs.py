"""Job notebooks: what they declare, what they are given, where they are kept and what they report."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from gitops_nb.jobs import (
    RESULT_MIME,
    Parameter,
    _output_path,
    check_parameters,
    describe_parameters,
    find_notebook,
    read_result,
    run_job,
)
from reconciler.errors import UsageError

Make = Callable[..., Path]
DECLARED = """\
# What this job does.
application: str = ""  # name of the Application
dry_run: bool = True  # try everything, change nothing
retries: int = 3
timeout_s: float = 600.0  # give up after so many seconds
clusters: list[str] = []  # kubeconfig contexts
weights: dict[str, int] = {}
limit: int | None = None  # at most so many
anything: object = None
plain = 5
required: str
"""
NAMES = "application, dry_run, retries, timeout_s, clusters, weights, limit, anything"


def cell(source: str | list[str], *tags: str, kind: str = "code") -> dict[str, Any]:
    common = {
        "cell_type": kind,
        "id": f"c{len(source)}",
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
    }
    return {**common, "execution_count": None, "outputs": []} if kind == "code" else common


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": list(cells), "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A notebook file with this parameters cell, or with these cells."""

    def write(source: str = DECLARED, *others: dict[str, Any], content: Any = None, name: str = "job.ipynb") -> Path:
        path = tmp_path / name
        document = notebook(cell(source, "parameters"), *others) if content is None else content
        path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return path

    return write


# Declarations.


def test_parameters_are_described_in_their_order(make: Make) -> None:
    assert describe_parameters(make()) == [
        Parameter("application", "str", "''", "name of the Application"),
        Parameter("dry_run", "bool", "True", "try everything, change nothing"),
        Parameter("retries", "int", "3", ""),
        Parameter("timeout_s", "float", "600.0", "give up after so many seconds"),
        Parameter("clusters", "list[str]", "[]", "kubeconfig contexts"),
        Parameter("weights", "dict[str, int]", "{}", ""),
        Parameter("limit", "int | None", "None", "at most so many"),
        Parameter("anything", "object", "None", ""),
    ]


def test_a_default_of_several_lines_has_its_comment_at_its_end(make: Make) -> None:
    (found,) = describe_parameters(make('text: str = (\n    "a"  # not this\n    "b"\n)  # this\n'))
    assert (found.default, found.help) == ("'ab'", "this")


def test_a_source_of_lines_with_odd_breaks(make: Make) -> None:
    lines = ['a: str = "\u2028"  # first\n', "b: int = 1  # second"]
    assert [one.help for one in describe_parameters(make(content=notebook(cell(lines, "parameters"))))] == [
        "first",
        "second",
    ]


def test_the_job_of_ours() -> None:
    found = {parameter.name: parameter for parameter in describe_parameters(find_notebook("sync"))}
    assert (found["dry_run"].type, found["dry_run"].default) == ("bool", "True")
    assert all(parameter.type and parameter.help for parameter in found.values())


PARAMETERS = cell("a: int = 1", "parameters")
BROKEN: dict[str, tuple[Any, str]] = {
    "not JSON": (b"{", "not a notebook (JSONDecodeError)"),
    "not UTF-8": (b"\xff\xfe", "not a notebook (UnicodeDecodeError)"),
    "empty": (b"", "not a notebook (JSONDecodeError)"),
    "a list": ([], "not a notebook (TypeError)"),
    "without cells": ({"nbformat": 4}, "not a notebook (KeyError)"),
    "of the third format": ({"worksheets": [{"cells": [PARAMETERS]}], "nbformat": 3}, "not a notebook (KeyError)"),
    "cells are an object": ({"cells": {"a": 1}}, "not a notebook (AttributeError)"),
    "a cell is text": ({"cells": ["x"]}, "not a notebook (AttributeError)"),
    "a cell without source": ({"cells": [{"metadata": {"tags": ["parameters"]}}]}, "not a notebook (KeyError)"),
    "a source of numbers": ({"cells": [{**PARAMETERS, "source": [1]}]}, "not a notebook (TypeError)"),
    "nested without end": (b"[" * 100_000, "not a notebook (RecursionError)"),
    "no cell": ({"cells": []}, "expected one cell tagged 'parameters', found 0"),
    "no tagged cell": (notebook(cell("a: int = 1")), "expected one cell tagged 'parameters', found 0"),
    "null tags": (
        {"cells": [{"metadata": {"tags": None}, "source": ""}]},
        "expected one cell tagged 'parameters', found 0",
    ),
    "two tagged cells": (notebook(PARAMETERS, PARAMETERS), "expected one cell tagged 'parameters', found 2"),
    "a cell that does not parse": (
        notebook(cell("a: int = 1\nb: int = = 2", "parameters")),
        "the parameters cell does not parse: line 2: invalid syntax",
    ),
    "a magic": (
        notebook(cell("%pip install x", "parameters")),
        "the parameters cell does not parse: line 1: invalid syntax",
    ),
}


@pytest.mark.parametrize(("content", "expected"), BROKEN.values(), ids=BROKEN)
def test_a_broken_notebook(make: Make, content: Any, expected: str) -> None:
    path = make(content=content)
    with pytest.raises(UsageError) as caught:
        describe_parameters(path)
    assert str(caught.value) == f"{path}: {expected}"


def test_a_notebook_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a notebook \(FileNotFoundError\)"):
        describe_parameters(tmp_path / "absent.ipynb")


# Values.

VALUES: dict[str, tuple[str, Any, Any]] = {
    "text": ("application", "guestbook", "guestbook"),
    "text that looks like a number": ("application", "5", "5"),
    "text with quotes": ("application", 'it\'s "quoted"', 'it\'s "quoted"'),
    "empty text": ("application", "", ""),
    "true": ("dry_run", True, True),
    "false as text": ("dry_run", "false", False),
    "TRUE as text": ("dry_run", "TRUE", True),
    "a number": ("retries", 5, 5),
    "a number as text": ("retries", "-5", -5),
    "a fraction": ("timeout_s", 1.5, 1.5),
    "a fraction as text": ("timeout_s", "1.5", 1.5),
    "a whole number for a fraction": ("timeout_s", 2, 2.0),
    "a whole number as text for a fraction": ("timeout_s", "2", 2.0),
    "a list": ("clusters", ["a", "b"], ["a", "b"]),
    "a list as text": ("clusters", "['a', 'b']", ["a", "b"]),
    "an empty list as text": ("clusters", "[]", []),
    "a dict as text": ("weights", "{'a': 1}", {"a": 1}),
    "a value that may be absent": ("limit", "5", 5),
    "an absent value": ("limit", None, None),
    "an absent value as text": ("limit", "None", None),
    "of no known type": ("anything", {"a": [1]}, {"a": [1]}),
    "of no known type as text": ("anything", "(1, 'a')", (1, "a")),
}


@pytest.mark.parametrize(("name", "value", "expected"), VALUES.values(), ids=VALUES)
def test_a_value(make: Make, name: str, value: Any, expected: Any) -> None:
    checked = check_parameters(make(), {name: value})
    assert checked == {name: expected}
    assert type(checked[name]) is type(expected)


REFUSED: dict[str, tuple[str, Any, str]] = {
    "a number for text": ("application", 5, "parameter application: 5 is no str"),
    "null for text": ("application", None, "parameter application: None is no str"),
    "a number for a flag": ("dry_run", 1, "parameter dry_run: 1 is no bool"),
    "yes for a flag": ("dry_run", "yes", "parameter dry_run: 'yes' is no bool"),
    "nothing for a flag": ("dry_run", "", "parameter dry_run: '' is no bool"),
    "a flag for a number": ("retries", True, "parameter retries: True is no int"),
    "a fraction for a number": ("retries", "1.5", "parameter retries: '1.5' is no int"),
    "a float for a number": ("retries", 1.0, "parameter retries: 1.0 is no int"),
    "words for a number": ("retries", "three", "parameter retries: 'three' is no int"),
    "a flag for a fraction": ("timeout_s", False, "parameter timeout_s: False is no float"),
    "words for a fraction": ("timeout_s", "soon", "parameter timeout_s: 'soon' is no float"),
    "words for a list": ("clusters", "a,b", "parameter clusters: 'a,b' is no list[str]"),
    "a dict for a list": ("clusters", "{'a': 1}", "parameter clusters: \"{'a': 1}\" is no list[str]"),
    "a tuple for a list": ("clusters", ("a",), "parameter clusters: ('a',) is no list[str]"),
    "a list of numbers for a list of text": (
        "clusters",
        "['a', 1]",
        "parameter clusters: \"['a', 1]\" is no list[str]",
    ),
    "a dict of text for a dict of numbers": (
        "weights",
        {"a": "b"},
        "parameter weights: {'a': 'b'} is no dict[str, int]",
    ),
    "a dict with other keys": ("weights", {1: 1}, "parameter weights: {1: 1} is no dict[str, int]"),
    "code for a list": ("clusters", "[open('x')]", "parameter clusters: \"[open('x')]\" is no list[str]"),
    "a dict that cannot be": ("weights", "{[]: 1}", "parameter weights: '{[]: 1}' is no dict[str, int]"),
    "words where a value may be absent": ("limit", "few", "parameter limit: 'few' is no int | None"),
    "words for no known type": ("anything", "some words", "parameter anything: 'some words' is no object"),
    "a parameter that is not declared": ("aplication", "x", f"unknown parameter aplication; there are {NAMES}"),
    "a variable without a type": ("plain", 5, f"unknown parameter plain; there are {NAMES}"),
    "a name without a default": ("required", "x", f"unknown parameter required; there are {NAMES}"),
}


@pytest.mark.parametrize(("name", "value", "expected"), REFUSED.values(), ids=REFUSED)
def test_a_value_that_does_not_fit(make: Make, name: str, value: Any, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_parameters(make(), {name: value})
    assert str(caught.value) == f"job.ipynb: {expected}"


def test_a_value_nested_without_end(make: Make) -> None:
    with pytest.raises(UsageError, match="is no list"):
        check_parameters(make(), {"clusters": "[" * 100_000})


def test_everything_wrong_comes_at_once(make: Make) -> None:
    with pytest.raises(UsageError) as caught:
        check_parameters(
            make(), {"dry_run": "maybe", "application": "fine", "aplication": "x", "retries": "no", "b": 1}
        )
    assert str(caught.value) == (
        f"job.ipynb: parameter dry_run: 'maybe' is no bool; unknown parameter aplication; there are {NAMES}; "
        f"parameter retries: 'no' is no int; unknown parameter b; there are {NAMES}"
    )


def test_what_is_not_given_keeps_its_default(make: Make) -> None:
    assert check_parameters(make(), {}) == {}


# The file that is kept.

DEFAULT = "runs/{application}/{stamp}-{run}.ipynb"
PLACES = {
    "by its application": ({"application": "guestbook"}, "guestbook"),
    "by the file of the application": ({"application_file": "apps/shop.yaml"}, "shop"),
    "the name wins over the file": ({"application": "guestbook", "application_file": "apps/shop.yaml"}, "guestbook"),
    "by the job": ({}, "sync"),
    "an empty name is none": ({"application": "", "application_file": ""}, "sync"),
    "a name with a folder": ({"application": "../../etc/passwd"}, "-..-etc-passwd"),
    "a name of dots": ({"application": ".."}, "application"),
    "a name with a separator and blanks": ({"application": "a b\\c:d"}, "a-b-c-d"),
    "a name with a null": ({"application": "a\0b"}, "a-b"),
    "a name with braces": ({"application": "{run}"}, "-run-"),
}


@pytest.mark.parametrize(("values", "folder"), PLACES.values(), ids=PLACES)
def test_where_an_executed_notebook_goes(values: dict[str, str], folder: str) -> None:
    path = _output_path(DEFAULT, Path("jobs/sync.ipynb"), values, "0123abcd")
    assert path.is_absolute()
    assert path.parent == Path("runs", folder).absolute()
    assert re.fullmatch(r"\d{8}T\d{6}Z-0123abcd\.ipynb", path.name)


def test_a_template_of_the_caller_s() -> None:
    path = _output_path("{job}-{application}-{run}{{x}}.ipynb", Path("jobs/sync.ipynb"), {"application": "a"}, "7")
    assert path == Path("sync-a-7{x}.ipynb").absolute()


@pytest.mark.parametrize(
    "template",
    [
        "{who}.ipynb",
        "{}.ipynb",
        "{application.name}.ipynb",
        "{application[x]}.ipynb",
        "{run",
        "run}",
        "{run:d}",
        "{run!z}",
    ],
)
def test_a_template_that_cannot_be_filled_in(template: str) -> None:
    with pytest.raises(UsageError) as caught:
        _output_path(template, Path("sync.ipynb"), {}, "7")
    assert (
        str(caught.value) == f"--to {template}: only {{application}}, {{job}}, {{stamp}} and {{run}} can be filled in"
    )


# Which notebook.


def test_a_notebook_by_its_path(make: Make) -> None:
    path = make()
    assert find_notebook(str(path)) == path


def test_a_job_by_its_name() -> None:
    found = find_notebook("sync")
    assert (found.name, found.is_file()) == ("sync.ipynb", True)


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "absent.ipynb"
    with pytest.raises(UsageError, match=rf"^{re.escape(str(path))}: no such notebook$"):
        find_notebook(str(path))


@pytest.mark.parametrize("name", ["snyc", "", "sync.py", "jobs/sync"])
def test_a_job_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_notebook(name)
    assert str(caught.value).startswith(f"{name}: no such job; there are ")
    assert "sync" in str(caught.value).partition("there are")[2]
    assert str(caught.value).endswith("; or give the path of a notebook")


# What it reports.


def reporting(*bundles: Any) -> nbformat.NotebookNode:
    outputs = [{"output_type": "display_data", "metadata": {}, "data": data} for data in bundles]
    return nbformat.from_dict(notebook({**cell("report()"), "outputs": outputs}, cell("# the end", kind="markdown")))


REPORTS = {
    "the result": (
        reporting({RESULT_MIME: {"summary": "done", "exit_status": 1}}),
        {"summary": "done", "exit_status": 1},
    ),
    "beside other forms": (reporting({"text/plain": "x"}, {RESULT_MIME: {"a": 1}, "text/html": "y"}), {"a": 1}),
    "no result": (reporting({"text/plain": "x"}), {}),
    "no outputs": (reporting(), {}),
    "a result that is no object": (reporting({RESULT_MIME: ["a"]}), {}),
    "a result that is text": (reporting({RESULT_MIME: "done"}), {}),
}


@pytest.mark.parametrize(("given", "expected"), REPORTS.values(), ids=REPORTS)
def test_the_report(given: nbformat.NotebookNode, expected: dict[str, Any]) -> None:
    assert read_result(given) == expected


def test_the_last_report_counts() -> None:
    first, last = (cell(f"report({number})") for number in (1, 22))
    for one, number in ((first, 1), (last, 2)):
        one["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {RESULT_MIME: {"number": number}}}]
    assert read_result(nbformat.from_dict(notebook(first, last))) == {"number": 2}


def test_a_stream_is_no_report() -> None:
    talking = {**cell("print()"), "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}]}
    assert read_result(nbformat.from_dict(notebook(talking))) == {}


def test_nothing_runs_and_nothing_is_written_where_parameters_are_wrong(make: Make, tmp_path: Path) -> None:
    path = make(DECLARED, cell("raise SystemExit('it ran')"))
    with pytest.raises(UsageError, match="unknown parameter aplication"):
        run_job(path, {"aplication": "x"}, output=str(tmp_path / "out" / "{run}.ipynb"))
    assert sorted(tmp_path.iterdir()) == [path]


# Notebooks that end badly, executed.


def reports(status: int) -> str:
    bundle = {RESULT_MIME: {"summary": "synced", "exit_status": status}}
    return f"display({bundle!r}, raw=True)"


RUNS = {
    "it reports": (reports(0), 0, "synced", {"summary": "synced", "exit_status": 0}),
    "it reports a failure": (reports(1), 1, "synced", {"summary": "synced", "exit_status": 1}),
    "it says nothing": ("a = 1", 0, "done", {}),
    "an error of ours keeps its exit status": (
        "from reconciler.errors import ForbiddenError\nraise ForbiddenError('secrets may not\\nbe listed')",
        3,
        "secrets may not be listed",
        {},
    ),
    "another error is named": ("raise ValueError('no')", 1, "ValueError: no", {}),
    "a report before an error": (
        f"{reports(4)}\nraise ValueError('no')",
        4,
        "ValueError: no",
        {"summary": "synced", "exit_status": 4},
    ),
    "an exit": ("import sys\nsys.exit(5)", 1, "SystemExit: 5", {}),
}


@pytest.mark.parametrize(("source", "status", "summary", "result"), RUNS.values(), ids=RUNS)
def test_a_run(make: Make, tmp_path: Path, source: str, status: int, summary: str, result: dict[str, Any]) -> None:
    path = make("application: str = ''\nnotebook: str = ''", cell(source))
    before = path.read_bytes()
    outcome = run_job(path, {"application": "shop"}, output=str(tmp_path / "runs" / "{application}" / "{run}.ipynb"))
    assert (outcome.exit_status, outcome.summary, outcome.result) == (status, summary, result)
    executed = Path(outcome.notebook)
    assert executed.parent == tmp_path / "runs" / "shop"
    injected = next(
        one for one in nbformat.read(executed, 4).cells if "injected-parameters" in one.metadata.get("tags", ())
    )
    assert 'application = "shop"' in injected.source
    assert f'notebook = "{executed}"' in injected.source
    assert path.read_bytes() == before


LOOK = f"""\
import json, os
from pathlib import Path
from ipykernel.connect import get_connection_info
info = json.loads(get_connection_info())
folder = Path(info["ip"]).parent
found = {{"transport": info["transport"], "folder": str(folder), "mode": oct(folder.stat().st_mode & 0o777)}}
display({{{RESULT_MIME!r}: {{**found, "here": os.listdir()}}}}, raw=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sockets of the file system are a matter of Unix")
def test_a_kernel_is_reached_in_a_folder_that_is_only_ours(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a name of all runs, in the working directory, two runs at once would reach each other's kernels."""
    path = make("application: str = ''", cell(LOOK))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    found = run_job(path, {}, output=str(tmp_path / "out.ipynb")).result
    assert (found["transport"], found["mode"], found["here"]) == ("ipc", "0o700", [])
    assert Path(found["folder"]) not in (here, Path())
    assert not Path(found["folder"]).exists()
