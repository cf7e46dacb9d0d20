"""Starts runs of the command line by forking a process that has everything imported: a run costs no start.

That process is `tests.faults.forking`. It is no part of the test's own session and holds none of its pipes: whatever ends it
or a run of it ends no test process. A test that lost it fails, and the next one has a new one.
"""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reconciler.kill_points import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
TRACE, MODULES = "FAULTS_TRACE", "FAULTS_MODULES"
IDLE_S, PAGE, LEASE_S = "FAULTS_IDLE_S", "FAULTS_PAGE", "FAULTS_LEASE_S"
"""Shorter times and pages than a run has: for how long a watch may be silent, and how long a holder of the lock."""
BACKOFF_S, ESTABLISHED_S = "FAULTS_BACKOFF_S", "FAULTS_ESTABLISHED_S"
"""The first pause before a request is sent again, and for how long a kind that the run defines is looked for."""
WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: ``status`` its exit status, or minus a signal's number; ``halted`` it only stands still."""

    status: int
    output: str
    errors: str
    halted: bool = False

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL


class Run:
    """A run that was started."""

    def __init__(self, stage: "Stage", pid: int, folder: Path) -> None:
        self._stage = stage
        self._number = stage.number
        self._folder = folder
        self.pid = pid
        self.ended = False

    def wait(self, *, timeout_s: float = WAIT_S) -> Ended:
        """Wait until it ends or halts.

        Raises
        ------
        AssertionError
            When it does neither in time; it is killed then.
        """
        assert self._number == self._stage.number, "the run has ended with the process that forked it"
        answer = self._stage.order(do="wait", pid=self.pid, timeout_s=timeout_s)
        output, errors = ((self._folder / name).read_text(errors="replace") for name in ("output", "errors"))
        self.ended = not answer["halted"]
        assert not answer["overdue"], f"the run did not end in {timeout_s:g} s; it said: {errors}"
        return Ended(answer["status"], output, errors, answer["halted"])

    def end(self) -> None:
        """Kill it, if it has not ended, by itself or with the process that forked it."""
        if not self.ended and self._number == self._stage.number:
            self.signal(signal.SIGKILL)
            self.wait()

    def signal(self, number: int) -> None:
        assert self._number == self._stage.number, "the run has ended with the process that forked it"
        self._stage.order(do="signal", pid=self.pid, number=int(number))


class Stage:
    """The forking process; one for all tests of a test process.

    Attributes
    ----------
    number
        Counts the processes: another one follows one that has ended unasked.
    """

    def __init__(self) -> None:
        self.number = 0
        self._modules: Path | None = None
        self._runs = 0

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _open(self) -> None:
        self.number += 1
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open as long as the process is
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.forking"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
        )
        assert self._exchange({"do": "begin"}) == {"ready": True}

    def _close(self) -> str:
        """Wait for its end; what it said."""
        self._process.communicate(timeout=20)
        self._said.seek(0)
        with self._said as said:
            return said.read()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, words: Sequence[str], folder: Path, *, point: str = "", **variables: str) -> Run:
        """Begin a run in ``folder``, with its caches, its history and its temporary files there."""
        self._runs += 1
        own = folder / "runs" / f"{self._runs}"
        own.mkdir(parents=True)
        environment = {
            "XDG_CACHE_HOME": str(folder / "cache"),
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder),
            "GITOPS_NB_STORE": f"sqlite:///{folder}/history.db",
            VARIABLE: point,
            **variables,
        }
        (folder / "tmp").mkdir(exist_ok=True)
        answer = self.order(do="start", words=list(words), folder=str(own), environment=environment)
        return Run(self, answer["pid"], own)

    def left(self) -> list[str]:
        """The command lines of processes that runs have left, after they had a moment to end."""
        left: list[str] = self.order(do="left")["left"]
        return left

    def warm(self, modules: Path) -> None:
        """Import what a run had imported at its end."""
        self._modules = modules
        self.order(do="import", modules=str(modules))

    def order(self, **order: Any) -> dict[str, Any]:
        """Give an order and take the answer.

        Raises
        ------
        AssertionError
            When the process has ended unasked, and its runs with it; there is another one then.
        """
        answer = self._exchange(order)
        if answer is not None:
            return answer
        said = self._close()
        ended = self._process.returncode
        self._open()
        if self._modules is not None:
            self._exchange({"do": "import", "modules": str(self._modules)})
        raise AssertionError(f"the process that forks runs has ended by itself (status {ended}); it said: {said}")

    def _exchange(self, order: dict[str, Any]) -> dict[str, Any] | None:
        """None where the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{json.dumps(order)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self._process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer
