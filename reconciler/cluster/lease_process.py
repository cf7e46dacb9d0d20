"""Which process holds a lock, told so that another one on the same machine can see that it is no more."""

import hashlib
import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def own_process() -> str:
    """A mark of this process: machine since its start, process id, start time; empty where that cannot be told.

    The machine is a digest of the boot's id and the process namespace: a container, or a machine started anew, is another
    one. Only Linux tells these.
    """
    try:
        if str((_PROC / "self").readlink()) != str(os.getpid()):
            # Another namespace's view of the processes.
            return ""
        start = _start_time(os.getpid())
        return f"{_machine()}.{os.getpid()}.{start}" if start else ""
    except OSError:
        return ""


def has_ended(mark: str) -> bool:
    """Whether the marked process ran on this machine and certainly runs no more; False where that cannot be told."""
    machine, _, rest = mark.partition(".")
    pid, _, start = rest.partition(".")
    own = own_process()
    if not own or own.partition(".")[0] != machine or not pid.isdigit() or int(pid) < 1:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        # Another user's: it may be hidden, which is not the same as gone.
        pass
    try:
        found = _start_time(int(pid))
    except OSError:
        return False
    return found != start


def _machine() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text()
    namespace = (_PROC / "self/ns/pid").readlink()
    return hashlib.sha256(f"{boot.strip()} {namespace}".encode()).hexdigest()[:16]


def _start_time(pid: int) -> str:
    """When a process started, in ticks since the boot; empty for one that was killed and whose parent has not noticed.

    Source: proc_pid_stat(5); what follows the name in parentheses begins with field 3.
    """
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
