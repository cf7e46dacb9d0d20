"""Starts runs of the command line by forking a process that has everything imported: a run costs no start.

``python -m tests.faults.stage`` is that process. It has one thread, so that a fork is safe, and takes orders as lines of JSON:
it starts runs, waits for one to end or to halt, sends signals, and says which processes a run has left.
"""

import atexit
import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from reconciler.kill_points import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
TRACE, MODULES = "FAULTS_TRACE", "FAULTS_MODULES"
IDLE_S, PAGE, LEASE_S = "FAULTS_IDLE_S", "FAULTS_PAGE", "FAULTS_LEASE_S"
"""Shorter times and pages than a run has: for how long a watch may be silent, and how long a holder of the lock."""
WAIT_S = 60.0
_PR_SET_CHILD_SUBREAPER = 36


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
        answer = self._stage.order(do="wait", pid=self.pid, timeout_s=timeout_s)
        output, errors = ((self._folder / name).read_text(errors="replace") for name in ("output", "errors"))
        self.ended = not answer["halted"]
        assert not answer["overdue"], f"the run did not end in {timeout_s:g} s; it said: {errors}"
        return Ended(answer["status"], output, errors, answer["halted"])

    def end(self) -> None:
        """Kill it, if it has not ended."""
        if not self.ended:
            self.signal(signal.SIGKILL)
            self.wait()

    def signal(self, number: int) -> None:
        self._stage.order(do="signal", pid=self.pid, number=int(number))


class Stage:
    """The forking process; one for all tests of a test process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.stage"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._runs = 0

    def __enter__(self) -> Self:
        assert self._read() == {"ready": True}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

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
        self.order(do="import", modules=str(modules))

    def order(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(order)}\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


class _Parent:
    """The other side."""

    def __init__(self) -> None:
        self._command: Any = None
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def start(self, words: list[str], folder: str, environment: Mapping[str, str]) -> dict[str, Any]:
        assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process of several threads must not fork"
        pid = os.fork()
        if not pid:
            self._run(words, Path(folder), environment)
        return {"pid": pid}

    def _run(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        """The run itself; ends the process as the command line would."""
        for number, name in enumerate(("", "output", "errors")):
            target = os.open(folder / name if name else os.devnull, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(target, number)
        os.environ.update(environment)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _shorten(environment)
        if TRACE in environment:
            _trace(Path(environment[TRACE]))
        from gitops_nb.cli import root
        from reconciler.cli.main import run

        status = 1
        try:
            run(self._command or root, words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        finally:
            if MODULES in environment:
                Path(environment[MODULES]).write_text("\n".join(sys.modules))
            # All of an interpreter's end but taking apart what was imported, which takes longer than the run.
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def wait(self, pid: int, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found, status = os.waitpid(pid, os.WUNTRACED | os.WNOHANG)
            if found:
                halted = os.WIFSTOPPED(status)
                return {
                    "status": 0 if halted else os.waitstatus_to_exitcode(status),
                    "halted": halted,
                    "overdue": False,
                }
            time.sleep(0.003)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return {"status": 0, "halted": False, "overdue": True}

    def signal(self, pid: int, number: int) -> dict[str, Any]:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        return {}

    def left(self) -> dict[str, Any]:
        """What runs left are children of this process; each gets a moment: a fetch that lost its run ends by itself."""
        deadline = time.monotonic() + 5
        while True:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return {"left": []}
            if time.monotonic() > deadline:
                return {"left": [_command(pid) for pid in _children()]}
            time.sleep(0.01)

    def load(self, modules: str) -> dict[str, Any]:
        for name in Path(modules).read_text().split():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    importlib.import_module(name)
                except Exception:  # noqa: BLE001 - some modules are made, not imported
                    continue
        from typer.main import get_command

        from gitops_nb.cli import root
        from reconciler.model import Application, AppProject

        self._command = get_command(root)
        for model in (Application, AppProject):
            model.model_rebuild()
        gc.collect()
        # A run need not look through what is shared by all.
        gc.freeze()
        return {}


def _trace(file: Path) -> None:
    """Note every kill point that is passed, and die at none."""
    from reconciler import kill_points

    os.environ[kill_points.VARIABLE] = "trace"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    kill_points._pass = lambda point, _wanted: os.write(descriptor, f"{point}\n".encode()) and None  # type: ignore[assignment,func-returns-value]


def _shorten(environment: Mapping[str, str]) -> None:
    from reconciler.cluster import follow, live, raw
    from reconciler.cluster.lease import ApplicationLock

    if IDLE_S in environment:
        object.__setattr__(follow.WAITING_PACE, "idle_s", float(environment[IDLE_S]))
    if PAGE in environment:
        for module in (live, raw):
            module.PAGE_SIZE = int(environment[PAGE])  # type: ignore[misc]
    if LEASE_S in environment:
        defaults = ApplicationLock.__init__.__kwdefaults__ or {}
        defaults["duration_s"] = int(environment[LEASE_S])


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return [int(word) for word in text.split()]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"process {pid}"


def _main() -> None:
    parent = _Parent()
    sys.stdout.write(f"{json.dumps({'ready': True})}\n")
    sys.stdout.flush()
    acts = {
        "start": parent.start,
        "wait": parent.wait,
        "signal": parent.signal,
        "left": parent.left,
        "import": parent.load,
    }
    for line in sys.stdin:
        order = json.loads(line)
        answer = acts[order.pop("do")](**order)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()
