"""Runs one command and ends all that it started: ``python -I -S supervisor.py COMMAND [ARGUMENT]...``.

A process that leaves its group and session, and whose parents have ended, is adopted here rather than by the system
(PR_SET_CHILD_SUBREAPER, Linux), and so found. Elsewhere the command's own group is ended.

The exit status is the command's; 128 and the signal's number where a signal ended it. SIGTERM ends the command early.
"""

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_NOT_STARTED = 127
_ENDING_S = 5.0


def main(command: list[str]) -> int:
    """Run the command; its exit status."""
    _adopt_orphans()
    waited = {signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    try:
        pid = _start(command)
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return _NOT_STARTED
    try:
        return _wait(pid, waited)
    finally:
        _end_all(pid)


def _start(command: list[str]) -> int:
    # A session of its own: what the command does to its group does not reach this process.
    try:
        return os.posix_spawnp(command[0], command, os.environ, setsigmask=(), setsigdef=(signal.SIGPIPE,), setsid=True)
    except NotImplementedError:
        return os.posix_spawnp(command[0], command, os.environ, setsigmask=(), setpgroup=0)


def _wait(pid: int, waited: set[signal.Signals]) -> int:
    while True:
        found = signal.sigwait(waited)
        if found != signal.SIGCHLD:
            return 128 + found
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    return code if code >= 0 else 128 - code


def _end_all(pid: int) -> None:
    """Kill children until there are none: those of a killed one become ours."""
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + _ENDING_S
    while time.monotonic() < deadline:
        for child in _children():
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        signal.sigtimedwait({signal.SIGCHLD}, 0.05)


def _children() -> list[int]:
    own = os.getpid()
    # Not pathlib: it takes as long to load as all the rest of this program.
    with suppress(OSError), open(f"/proc/{own}/task/{own}/children", encoding="ascii") as stream:  # noqa: PTH123
        return [int(pid) for pid in stream.read().split()]
    return []


def _adopt_orphans() -> None:
    with suppress(AttributeError, OSError):
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
