"""Hostile jsonnet: imports that leave the repository, and programs that hang, recurse or eat memory (threats 12, 16, 22)."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from reconciler.errors import GenerationError, ReconcilerError
from reconciler.processes.worker import WorkerLimits, WorkerPool
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.jsonnet import evaluate
from reconciler.source.jsonnet.evaluate import Evaluator
from tests.reconciler.source.support import tree_at
from tests.repositories import GitRepository

CANARY = "canary-6f1d"
ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in pairwise("abcdefghij")
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    folder = tmp_path_factory.mktemp("jsonnet")
    (folder / "canary.libsonnet").write_text(f"'{CANARY}'")
    origin = GitRepository.create(
        folder / "origin",
        {
            "app/main.jsonnet": "1",
            "app/near.libsonnet": "'near'",
            "app/cycle-a.libsonnet": "(import 'cycle-b.libsonnet') + {}",
            "app/cycle-b.libsonnet": "(import 'cycle-a.libsonnet') + {}",
            "app/large.txt": "x" * 10_000_001,
            **{f"app/half-{number}.txt": "x" * 9_000_000 for number in range(4)},
        },
    )
    links = {
        "app/out": "../../canary.libsonnet",
        "app/absolute": str(folder / "canary.libsonnet"),
        "app/chain": "out",
        "app/folder": "/etc",
        "app/loop": "loop",
    }
    for link, target in links.items():
        (origin.path / link).symlink_to(target)
    revision = origin.commit({})
    with RepositoryCache(folder / "mirrors") as cache:
        yield tree_at(cache.open(origin.url, allow_local=True), revision)


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerPool]:
    """One worker with a short deadline, so that each attack is followed by a request to the same pool."""
    file = Path(evaluate.__file__).with_name("program.py")
    pool = WorkerPool(file, limits=WorkerLimits(timeout_s=4, memory_bytes=2 * 2**30), size=1)
    yield pool
    pool.close()


def works(evaluator: Evaluator) -> bool:
    return evaluator.evaluate("app/x.jsonnet", "import 'near.libsonnet'") == "near"


@pytest.mark.parametrize("keyword", ["import", "importstr", "importbin"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../../canary.libsonnet", "leaves the repository"),
        ("../../../../../../../../etc/passwd", "leaves the repository"),
        ("deep/../../../canary.libsonnet", "leaves the repository"),
        ("/etc/passwd", "'/etc/passwd' is absolute"),
        ("//etc/passwd", "is absolute"),
        ("/proc/self/environ", "is absolute"),
        ("out", "the symbolic link 'app/out' leaves the repository"),
        ("absolute", "the symbolic link 'app/absolute' leaves the repository"),
        ("chain", "the symbolic link 'app/out' leaves the repository"),
        ("folder/passwd", "the symbolic link 'app/folder' leaves the repository"),
        ("loop", "goes through more than 40 symbolic links"),
        ("near\\u202e.libsonnet", "holds control characters"),
        (".git/config", "not found in"),
        ("http://127.0.0.1:9/x", "not found in"),
    ],
)
def test_imports_that_leave_the_repository(
    tree: Tree, workers: WorkerPool, keyword: str, name: str, message: str
) -> None:
    evaluator = Evaluator(tree, ["lib"], workers=workers)
    with pytest.raises(GenerationError) as caught:
        evaluator.evaluate("app/x.jsonnet", f'{keyword} "{name}"')
    assert message in str(caught.value)
    assert "root:" not in str(caught.value)
    assert CANARY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert works(evaluator)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import 'cycle-a.libsonnet'", "jsonnet app/x.jsonnet: max stack frames exceeded. (at app/cycle-"),
        ("local f(n) = 1 + f(n + 1); f(1)", "max stack frames exceeded. (at app/x.jsonnet:1:"),
        ("local a = { b: self.b }; a.b", "max stack frames exceeded."),
        ("local f(n) = if n < 2 then n else f(n - 1) + f(n - 2); f(80)", "took more than 4 s and was ended"),
        ("std.length(std.repeat('x', 100000000000))", "jsonnet app/x.jsonnet: "),
        (
            "local f(s, n) = if n == 0 then s else f(s + s, n - 1); std.length(f('xxxxxxxxxxxxxxxx', 60))",
            "needed more than 2048 MiB of memory and was ended",
        ),
        ("std.length(std.makeArray(1000000000, function(i) [i]))", "was ended"),
        ("[" * 300_000 + "]" * 300_000, "was ended"),
        ("std.foldl(function(a, b) [a], std.range(1, 100000), [])", "max stack frames exceeded."),
        ("[{ a: 'x' * 100 } for i in std.range(1, 200)]", "jsonnet app/x.jsonnet: "),
        ("local f(n) = if n < 0 then 0 else f(n + 1) tailstrict; f(1)", "was ended"),
        ("local half = importstr 'half-0.txt'; [half, half]", "makes more than 10 MB of JSON; split it"),
        ("importstr 'large.txt'", "app/large.txt in "),
        (
            " + ".join(f"std.length(importstr 'half-{number}.txt')" for number in range(4)),
            "more than 32 MB are imported",
        ),
        ("error importstr 'half-0.txt'", "jsonnet app/x.jsonnet: xxx"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_programs_without_end(tree: Tree, workers: WorkerPool, code: str, message: str) -> None:
    evaluator = Evaluator(tree, workers=workers)
    with pytest.raises(ReconcilerError) as caught:
        evaluator.evaluate("app/x.jsonnet", code)
    text = str(caught.value)
    assert message in text
    assert len(text) < 1500
    assert "\n" not in text
    assert works(evaluator)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("std.native('regexMatch')('(a+)+$', std.repeat('a', 40) + 'b')", "took more than 4 s and was ended"),
        (f"std.native('parseYaml')({json.dumps(ALIASES)})", "parseYaml:"),
        ("std.native('parseYaml')('!!python/object/apply:os.system [id]')", "parseYaml:1: "),
        ("std.native('parseJson')(std.repeat('[', 100000))", "jsonnet app/x.jsonnet: "),
        ("std.native('open')('/etc/passwd')", "jsonnet app/x.jsonnet: "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_native_functions(tree: Tree, workers: WorkerPool, code: str, message: str) -> None:
    evaluator = Evaluator(tree, natives=True, workers=workers)
    with pytest.raises(ReconcilerError) as caught:
        evaluator.evaluate("app/x.jsonnet", code)
    assert message in str(caught.value)
    assert "root:" not in str(caught.value)
    assert works(evaluator)
