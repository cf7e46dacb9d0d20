import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.errors import GenerationError, RepositoryUnreachableError
from reconciler.processes.worker import WorkerLimits, WorkerPool
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.jsonnet import evaluate, program
from reconciler.source.jsonnet.evaluate import Arguments, Evaluator, engine_version, read_source
from tests.reconciler.source.support import tree_at
from tests.repositories import GitRepository

FILES: Mapping[str, str | bytes] = {
    "app/main.jsonnet": "import 'near.libsonnet'",
    "app/near.libsonnet": "{ near: import 'deep/inner.libsonnet', text: importstr 'text.txt' }",
    "app/deep/inner.libsonnet": "{ back: importstr '../text.txt' }",
    "app/text.txt": "ü\n",
    "app/raw.bin": bytes([0, 127, 255]),
    "app/both.libsonnet": "'app'",
    "lib/one/both.libsonnet": "'one'",
    "lib/two/both.libsonnet": "'two'",
    "lib/one/first.libsonnet": "import 'second.libsonnet'",
    "lib/one/second.libsonnet": "'beside'",
    "lib/fails.libsonnet": "{\n  a: error 'not ready'\n}\n",
    "lib/broken.libsonnet": "{ secret: 'hunter2'\n  oops",
    "lib/missing.libsonnet": "{ a: import 'nowhere.libsonnet' }",
}


@pytest.fixture
def tree(git_repository: Callable[[Mapping[str, str | bytes]], GitRepository], repositories: RepositoryCache) -> Tree:
    origin = git_repository(FILES)
    return tree_at(repositories.open(origin.url, allow_local=True), origin.head)


@pytest.fixture(params=["go", "rust"])
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerPool]:
    """Workers with either engine: where one is missing, the other serves."""
    file = Path(program.__file__)
    if request.param == "rust":
        pytest.importorskip("rjsonnet")
        file = tmp_path / "program.py"
        file.write_text(Path(program.__file__).read_text().replace("import _gojsonnet", "import _no_such_engine"))
    pool = WorkerPool(file, limits=WorkerLimits(timeout_s=30, memory_bytes=evaluate.LIMITS.memory_bytes))
    yield pool
    pool.close()


@pytest.fixture
def is_rust(workers: WorkerPool) -> bool:
    return "_no_such_engine" in workers._program.read_text()


def test_imports_come_from_the_tree(tree: Tree, workers: WorkerPool) -> None:
    value = Evaluator(tree, workers=workers).evaluate("app/main.jsonnet", read_source(tree, "app/main.jsonnet"))
    assert value == {"near": {"back": "ü\n"}, "text": "ü\n"}


def test_importing_bytes(tree: Tree, workers: WorkerPool, is_rust: bool) -> None:
    evaluator = Evaluator(tree, workers=workers)
    assert evaluator.evaluate("app/x.jsonnet", "importbin 'text.txt'") == list("ü\n".encode())
    if is_rust:
        with pytest.raises(
            GenerationError, match=r"import 'raw\.bin': not UTF-8 text, which the jsonnet engine rjsonnet cannot"
        ):
            evaluator.evaluate("app/x.jsonnet", "importbin 'raw.bin'")
    else:
        assert evaluator.evaluate("app/x.jsonnet", "importbin 'raw.bin'") == [0, 127, 255]


def test_the_order_of_libraries(tree: Tree, workers: WorkerPool) -> None:
    evaluator = Evaluator(tree, ["lib/one", "lib/two"], packages={"some/package": "lib/one"}, workers=workers)
    assert evaluator.evaluate("app/x.jsonnet", "import 'both.libsonnet'") == "app"
    assert evaluator.evaluate("x.jsonnet", "import 'both.libsonnet'") == "two"
    assert evaluator.evaluate("x.jsonnet", "import 'first.libsonnet'") == "beside"
    assert evaluator.evaluate("x.jsonnet", "import 'some/package/both.libsonnet'") == "one"


def test_variables_and_arguments(tree: Tree, workers: WorkerPool) -> None:
    arguments = Arguments({"s": "1"}, {"c": "1 + 1"}, {"t": "3"}, {"u": "import 'lib/one/both.libsonnet'"})
    code = "function(t, u) [std.extVar('s'), std.extVar('c'), t, u]"
    assert Evaluator(tree, workers=workers).evaluate("app/x.jsonnet", code, arguments) == ["1", 2, "3", "one"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("error 'line one\\nline two'", "jsonnet app/x.jsonnet: line one line two (at app/x.jsonnet:1:1-"),
        ("error '\\u001b[31mred\\u202e'", "jsonnet app/x.jsonnet: \\x1b[31mred\\u202e (at "),
        ("local a = import '../lib/fails.libsonnet';\na.a", "not ready (at lib/fails.libsonnet:2:6-"),
        ("{ secret: 'hunter2'\n oops", "jsonnet app/x.jsonnet: "),
        ("import '../lib/broken.libsonnet'", "lib/broken.libsonnet:2:3"),
        ("import 'none.libsonnet'", "jsonnet app/x.jsonnet: import 'none.libsonnet' in app: not found in "),
        ("importstr 'none.txt'", "jsonnet app/x.jsonnet: import 'none.txt' in app: not found in "),
        ("import '../lib/missing.libsonnet'", "import 'nowhere.libsonnet' in lib: not found in "),
        ("import 'deep'", "import 'deep' in app: not found in "),
        ("std.extVar('none')", "none"),
        ("function(a) a", "a"),
        ("std.native('parseYaml')('a: b')", "jsonnet app/x.jsonnet: "),
    ],
)
def test_errors_in_one_line(tree: Tree, workers: WorkerPool, code: str, message: str) -> None:
    with pytest.raises(GenerationError) as caught:
        Evaluator(tree, workers=workers).evaluate("app/x.jsonnet", code)
    text = str(caught.value)
    assert message in text
    assert text.startswith("jsonnet app/x.jsonnet: ")
    assert "\n" not in text
    assert "hunter2" not in text
    assert "gitops-nb-worker" not in text
    assert "refused" not in text


def test_a_failed_import_says_where_it_stands(tree: Tree, workers: WorkerPool) -> None:
    with pytest.raises(
        GenerationError, match=r"; looked in lib \(at lib/missing\.libsonnet:1:6-.* < app/x\.jsonnet:1:"
    ):
        Evaluator(tree, workers=workers).evaluate("app/x.jsonnet", "(import '../lib/missing.libsonnet').a")


def test_an_error_of_the_repository_stays_what_it_is(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(path: str) -> None:
        raise RepositoryUnreachableError("git.example.com does not answer")

    monkeypatch.setattr(tree, "find", unreachable)
    with pytest.raises(RepositoryUnreachableError, match=r"^git\.example\.com does not answer$"):
        Evaluator(tree).evaluate("app/x.jsonnet", "import 'a'")


def test_what_was_read_is_noted(tree: Tree) -> None:
    Evaluator(tree, ["lib/one"]).evaluate("x.jsonnet", "import 'both.libsonnet'")
    looked = {(kind, path) for kind, path, _ in tree._looked}
    assert looked >= {("nothing", "both.libsonnet"), ("file", "lib/one/both.libsonnet")}


def test_numbers_are_those_of_kubernetes(tree: Tree) -> None:
    assert Evaluator(tree).evaluate("x.jsonnet", "[0.1, 3.0, 1e3, 4294967296]") == [0.1, 3, 1000, 4294967296]


def test_infinity_is_no_number(tree: Tree, workers: WorkerPool) -> None:
    with pytest.raises(GenerationError, match=r"^jsonnet x\.jsonnet: (overflow|makes a number that JSON has not)"):
        Evaluator(tree, workers=workers).evaluate("x.jsonnet", "1e400")


def test_reading_a_source(tree: Tree) -> None:
    assert read_source(tree, "lib/one/both.libsonnet") == "'one'"
    with pytest.raises(GenerationError, match=r"^app/raw\.bin: not UTF-8 text; save the file as UTF-8$"):
        read_source(tree, "app/raw.bin")
    with pytest.raises(GenerationError, match=r"^there is no file 'lib/one' in "):
        read_source(tree, "lib/one")


def test_the_engine_has_a_version() -> None:
    assert re.fullmatch(r"(gojsonnet|rjsonnet) \d+\.\d+\.\d+", engine_version())
