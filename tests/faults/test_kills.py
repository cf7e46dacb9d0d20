"""A run that is killed at a named point: the next one finishes its work (threats.md, rows 16 to 21)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.history import open_store
from reconciler.kill_points import POINTS
from tests.faults.harness import Case, Cluster, Outcome
from tests.faults.invariants import check
from tests.faults.scenarios import SCENARIOS, WAVES, Scenario
from tests.faults.stage import Ended

TWICE = frozenset({"fetch", "render", "lock", "record-begin", "record-end", "status-write", "unlock", "namespace"})
"""Passed before and after one side effect only."""


def places() -> Iterator[tuple[str, str, str]]:
    for scenario in SCENARIOS.values():
        for point in scenario.points:
            for index in ("first", "middle", "last"):
                if index != "middle" or point not in TWICE or scenario.name == "family":
                    yield scenario.name, point, index


def number(index: str, passes: int) -> int:
    return {"first": 1, "middle": (passes + 1) // 2, "last": passes}[index]


def killed_at(stack: ExitStack, cluster: Cluster, scenario: Scenario, point: str, count: int, folder: Path) -> Case:
    """A case whose run was killed there; earlier where it was not passed so often: a conflict makes for one pass more."""
    said: list[Ended] = []
    for passes in range(count, max(count - 3, 0), -1):
        case = stack.enter_context(cluster.case(scenario, folder / f"{passes}"))
        said.append(case.run(point=f"{point}:{passes}"))
        if said[-1].killed:
            return case
    raise AssertionError(f"{point}:{count} was not reached: {said}")


@pytest.mark.parametrize(("name", "point", "index"), [pytest.param(*place, id="-".join(place)) for place in places()])
def test_killed(sandboxed: Cluster, tmp_path: Path, name: str, point: str, index: str) -> None:
    scenario = SCENARIOS[name]
    outcome = sandboxed.outcome(scenario, tmp_path / "undisturbed")
    with ExitStack() as stack:
        case = killed_at(stack, sandboxed, scenario, point, number(index, outcome.passes[point]), tmp_path)
        check(case, outcome, case.run())


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("waves", "apply-sent:2", "apply-before:3"),
        ("waves", "prune-after:1", "wave-end:1"),
        ("hooks", "hook-create:2", "hook-wait:1"),
        ("hooks", "hook-wait:2", "hook-finalizer:1"),
        ("hooks", "hook-create:8", "record-end:1"),
        ("failing", "hook-create:4", "hook-finalizer:2"),
        ("family", "namespace:1", "record-begin:2"),
        ("deletion", "prune-after:2", "hook-create:3"),
    ],
)
def test_killed_twice_in_a_row(sandboxed: Cluster, tmp_path: Path, name: str, first: str, second: str) -> None:
    outcome = sandboxed.outcome(SCENARIOS[name], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS[name], tmp_path / "case") as case:
        assert case.run(point=first).killed
        # What it comes to depends on what is left to do.
        case.run(point=second)
        check(case, outcome, case.run())


def test_every_point_is_passed_and_every_scenario_passes_its_own(sandboxed: Cluster, tmp_path: Path) -> None:
    passed: set[str] = set()
    for scenario in SCENARIOS.values():
        outcome: Outcome = sandboxed.outcome(scenario, tmp_path / scenario.name)
        assert set(outcome.passes) == set(scenario.points), scenario.name
        passed |= set(outcome.passes)
    # The notebook is saved by a job, which has a test of its own below.
    assert passed == set(POINTS) - {"notebook-save"}


@pytest.mark.parametrize("passes", [1, 2])
def test_killed_while_the_notebook_is_saved(sandboxed: Cluster, tmp_path: Path, passes: int) -> None:
    """The notebook is there whole or not at all, and the history knows of the operation."""
    outcome = sandboxed.outcome(WAVES, tmp_path / "undisturbed")
    with sandboxed.case(WAVES, tmp_path / "case") as case:
        saved = case.folder / "saved.ipynb"
        words = ("run", "sync", "-p", "application=shop", "-p", "prune=true", "--to", str(saved))
        killed = case.start(point=f"notebook-save:{passes}", words=words).wait(timeout_s=150)
        assert killed.killed, killed.errors
        assert saved.exists() == (passes == 2)
        if saved.exists():
            assert json.loads(saved.read_text())["cells"]
        with open_store(f"sqlite:///{case.folder}/history.db") as store:
            (record,) = store.records()
            assert record.phase == "Succeeded"
            assert store.verify().ok
        ended = case.run()
        assert ended.status == 0, ended.errors
        assert case.state() == outcome.state
