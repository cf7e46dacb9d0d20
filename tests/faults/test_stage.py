"""The process that forks runs: what ends it, or a run, ends no test process."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.harness import Cluster
from tests.faults.scenarios import WAVES
from tests.faults.stage import Stage


@pytest.fixture(scope="module")
def own(sandboxed: Cluster) -> Iterator[Cluster]:
    """The cluster of all tests, with a process for runs that no other test uses."""
    with Stage() as stage:
        yield Cluster(sandboxed.client, stage, sandboxed.sandbox)


def pipes(pid: int | str) -> set[str]:
    """The pipes and sockets that a process holds."""
    found = set[str]()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.add(str(entry.readlink()))
    return {link for link in found if link.startswith(("pipe:", "socket:"))}


def has_ended(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except OSError:
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def test_a_run_is_no_part_of_the_tests_session_and_holds_none_of_its_pipes(own: Cluster, tmp_path: Path) -> None:
    with own.case(WAVES, tmp_path / "case") as case:
        run = case.start(point="stop:dry-run:1")
        assert run.wait().halted
        ours = pipes("self")
        assert len(ours & pipes(own.stage.pid)) == 2, "its orders and its answers"
        assert not ours & pipes(run.pid)
        sessions = {os.getsid(pid) for pid in (0, own.stage.pid, run.pid)}
        assert len(sessions) == 3
        assert len({os.getpgid(pid) for pid in (0, own.stage.pid, run.pid)}) == 3


def test_a_stage_that_is_killed_takes_its_runs_along_and_is_followed_by_another(own: Cluster, tmp_path: Path) -> None:
    with own.case(WAVES, tmp_path / "case") as case:
        halted = case.start(point="stop:dry-run:1")
        assert halted.wait().halted
        os.kill(own.stage.pid, signal.SIGKILL)
        assert has_ended(halted.pid)
        with pytest.raises(AssertionError, match=r"the process that forks runs has ended by itself \(status -9\)"):
            case.start()
        with pytest.raises(AssertionError, match="the run has ended with the process that forked it"):
            halted.signal(signal.SIGCONT)
    with own.case(WAVES, tmp_path / "next") as case:
        assert case.run().status == 0


def test_what_a_stage_says_at_its_end_is_told(own: Cluster, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"(?s)\(status 1\); it said: Traceback .*KeyError: 'no such order'"):
        own.stage.order(do="no such order")
    with own.case(WAVES, tmp_path / "case") as case:
        assert case.run().status == 0
