import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.errors import GenerationError
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.jsonnet import evaluate, program
from reconciler.source.jsonnet.evaluate import Arguments, Evaluator, engine_version, read_source
from reconciler.source.processes.worker import WorkerLimits, WorkerPool
from tests.reconciler.source.support import tree_at
from tests.repositories import GitRepository

FILES: Mapping[str, str | bytes] = {
    "app/main.jsonnet": "import 'near.libsonnet'",
    "app/near.libsonnet": "{ near: import 'deep/inner.libsonnet', text: importstr 'text.txt', raw: importbin 'raw.bin' }",
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

type_of_pool = WorkerPool


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


def test_imports_come_from_the_tree(tree: Tree, workers: WorkerPool) -> None:
    value = Evaluator(tree, workers=workers).evaluate("app/main.jsonnet", read_source(tree, "app/main.jsonnet"))
    if "raw" in value and len(value["raw"]) == 3:
        assert value.pop("raw") == [0, 127, 255]
    assert value == {"near": {"back": "ü\n"}, "text": "ü\n"}
