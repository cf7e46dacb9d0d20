"""The process that forks runs: ``python -m tests.faults.forking``, see `tests.faults.stage`.

It has one thread, so that a fork is safe, and takes orders as lines of JSON: it starts runs, waits for one to end or to halt,
sends signals, and says which processes a run has left.
"""

import atexit
import ctypes
import gc
import importlib
import inspect
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.faults.stage import BACKOFF_S, ESTABLISHED_S, IDLE_S, LEASE_S, MODULES, PAGE, TRACE

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class _Parent:
    """Forks runs and is their parent, as well as that of what they leave."""

    def __init__(self) -> None:
        self._command: Any = None
        self._prctl = ctypes.CDLL(None).prctl
        self._prctl(_PR_SET_CHILD_SUBREAPER, 1)

    def start(self, words: list[str], folder: str, environment: Mapping[str, str]) -> dict[str, Any]:
        assert len(list(Path("/proc/self/task").iterdir())) == 1, "a process of several threads must not fork"
        pid = os.fork()
        if not pid:
            self._run(words, Path(folder), environment)
        return {"pid": pid}

    def _run(self, words: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        """The run itself; ends the process as the command line would. It does not outlive the process that forked it."""
        os.setsid()
        self._prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
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
    from reconciler.cluster import connection, follow, live, raw
    from reconciler.cluster.lease import ApplicationLock
    from reconciler.sync.run_options import RunOptions

    if IDLE_S in environment:
        object.__setattr__(follow.WAITING_PACE, "idle_s", float(environment[IDLE_S]))
    if PAGE in environment:
        for module in (live, raw):
            module.PAGE_SIZE = int(environment[PAGE])  # type: ignore[misc]
    if LEASE_S in environment:
        defaults = ApplicationLock.__init__.__kwdefaults__ or {}
        defaults["duration_s"] = int(environment[LEASE_S])
    if BACKOFF_S in environment:
        for retries in (connection.RETRIES, connection.PATIENT_RETRIES):
            retries.backoff_factor = float(environment[BACKOFF_S])
    if ESTABLISHED_S in environment:
        given = inspect.signature(RunOptions).bind()
        given.apply_defaults()
        given.arguments["established_s"] = float(environment[ESTABLISHED_S])
        RunOptions.__init__.__defaults__ = tuple(given.arguments.values())


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
    acts = {
        "begin": lambda: {"ready": True},
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
