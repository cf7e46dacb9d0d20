"""The same on a real API server: kills, and the API server itself restarted in the middle of a wave."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.controlplane.binaries import Binaries
from tests.controlplane.server import ControlPlane
from tests.faults.harness import Cluster, open_cluster
from tests.faults.invariants import check, check_operations
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import Stage
from tests.faults.test_kills import killed_at

pytestmark = [pytest.mark.controlplane, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def real(controlplane: Path, stage: Stage) -> Iterator[Cluster]:
    with open_cluster(controlplane, stage, None) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def own_plane(controlplane_binaries: Binaries) -> Iterator[ControlPlane]:
    """One that nobody else uses, for tests that stop its API server."""
    with ControlPlane(controlplane_binaries) as plane:
        yield plane


@pytest.fixture(scope="module")
def own(own_plane: ControlPlane, stage: Stage) -> Iterator[Cluster]:
    with open_cluster(own_plane.kubeconfig, stage, None) as cluster:
        yield cluster


@pytest.mark.parametrize(
    ("name", "point", "count"),
    [
        ("waves", "dry-run", 1),
        ("waves", "apply-sent", 2),
        ("waves", "apply-after", 5),
        ("waves", "wave-end", 1),
        ("waves", "prune-before", 2),
        ("waves", "prune-after", 1),
        ("waves", "status-write", 1),
        ("hooks", "hook-create", 2),
        ("hooks", "hook-create", 8),
        ("hooks", "hook-wait", 2),
        ("hooks", "hook-finalizer", 1),
        ("hooks", "hook-finalizer", 6),
        ("failing", "hook-create", 4),
        ("family", "namespace", 2),
        ("family", "apply-sent", 1),
        ("deletion", "prune-after", 2),
        ("deletion", "hook-create", 4),
    ],
    ids=str,
)
def test_killed(real: Cluster, tmp_path: Path, name: str, point: str, count: int) -> None:
    scenario = SCENARIOS[name]
    outcome = real.outcome(scenario, tmp_path / "undisturbed")
    with ExitStack() as stack:
        case = killed_at(stack, real, scenario, point, count, tmp_path)
        check(case, outcome, case.run())


@pytest.mark.parametrize(
    ("name", "point"), [("waves", "apply-sent:2"), ("waves", "wave-end:1"), ("hooks", "hook-wait:1")]
)
def test_01_the_api_server_restarts_in_the_middle(
    own_plane: ControlPlane, own: Cluster, tmp_path: Path, name: str, point: str
) -> None:
    """The run does not end before it is back, and is the same operation then."""
    scenario = SCENARIOS[name]
    outcome = own.outcome(scenario, tmp_path / "undisturbed")
    with own.case(scenario, tmp_path / "case") as case:
        run = case.start(point=f"stop:{point}")
        assert run.wait().halted
        own_plane.stop_apiserver()
        run.signal(signal.SIGCONT)
        own_plane.start_apiserver()
        case.await_cluster()
        # The controllers of Kubernetes come back in their own time: client-go pauses up to 30 s between its tries.
        ended = run.wait(timeout_s=120)
        assert ended.status == 0, ended.errors
        check_operations(case, ended)
        assert len(case.records) == 1
        check(case, outcome, case.run())
