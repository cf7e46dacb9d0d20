"""Fixtures of the tests of crashes and faults: a process that forks runs, and a sandbox, one for all tests of a process."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.faults.harness", "tests.faults.invariants")

from tests.faults.harness import Cluster, sandbox_cluster, warm_stage  # noqa: E402
from tests.faults.stage import Stage  # noqa: E402
from tests.reconciler.engine.places import shop  # noqa: E402

__all__ = ["sandboxed", "shop", "stage"]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with warm_stage(tmp_path_factory.mktemp("warm")) as warm:
        yield warm


@pytest.fixture(scope="session")
def sandboxed(stage: Stage) -> Iterator[Cluster]:
    with sandbox_cluster(stage) as cluster:
        yield cluster
