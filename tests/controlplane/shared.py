"""One control plane for all test processes of a session.

It belongs to a supervisor process of its own. Every user holds a shared lock on one file for as long as it lives; the
supervisor waits for the exclusive lock on it, gets it when the last user has left (the kernel frees the lock of a
process that was killed), and then stops what it started.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import FileLock

from tests.controlplane.binaries import Binaries, ensure_binaries
from tests.controlplane.server import ControlPlane, ControlPlaneError

_ROOT = Path(__file__).resolve().parents[2]
_POLL_S = 0.05


@contextmanager
def shared_control_plane(directory: Path, binaries: Binaries) -> Iterator[Path]:
    """Join the control plane of this `directory`, or start it; yields its kubeconfig.

    Raises
    ------
    ControlPlaneError
        With what the supervisor said, where it does not come up.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "users").open("a") as users:
        with FileLock(directory / "start.lock"):
            # Waits while a supervisor whose users have all left is still stopping.
            fcntl.flock(users, fcntl.LOCK_SH)
            kubeconfig = _running(directory) or _launch(directory, binaries)
        yield kubeconfig


def _running(directory: Path) -> Path | None:
    ready = directory / "ready"
    return Path(ready.read_text()) if ready.exists() else None


def _launch(directory: Path, binaries: Binaries) -> Path:
    with (directory / "supervisor.log").open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "tests.controlplane.shared", str(directory)],
            cwd=_ROOT,
            env=os.environ | {"KUBEBUILDER_ASSETS": str(binaries.directory)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while (kubeconfig := _running(directory)) is None:
        if supervisor.poll() is not None:
            said = (directory / "supervisor.log").read_text(errors="replace").strip()
            raise ControlPlaneError(f"the control plane did not start:\n{said[-4000:]}")
        time.sleep(_POLL_S)
    # It outlives this process when others still use it, and is reaped by the system then.
    supervisor.returncode = 0
    return kubeconfig


def supervise(directory: Path, *, wait: Callable[[IO[str]], None]) -> None:
    """Run a control plane until `wait` returns, given the file that the users hold locked."""
    ready = directory / "ready"
    with (directory / "users").open("a") as users:
        try:
            with ControlPlane(ensure_binaries()) as plane:
                partial = directory / "ready.partial"
                partial.write_text(f"{plane.kubeconfig}")
                partial.rename(ready)
                sys.stderr.write(f"ready in {plane.started_in_s:.1f} s\n")
                wait(users)
        finally:
            ready.unlink(missing_ok=True)


def _until_unused(users: IO[str]) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)


def _main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        supervise(Path(sys.argv[1]), wait=_until_unused)
    except ControlPlaneError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _main()
