"""One runner for tools that read a repository's content: own process group, clean environment, limits of time and size."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import GenerationError

MEMORY_BYTES = 4 * 2**30
"""Address space; Go reserves about 800 MB of it before it does anything."""
OUTPUT_BYTES = 64 * 2**20
ERROR_BYTES = 64 * 2**10
_CHUNK = 2**16
_ENDING_S = 10.0
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


@dataclass(frozen=True, slots=True)
class Output:
    """What a tool that ended wrote; ``status`` is its exit status, negative for a signal."""

    status: int
    stdout: bytes
    stderr: str


def run_tool(
    command: Sequence[str | Path],
    *,
    what: str,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    supervised: bool = False,
) -> Output:
    """Run a command without input and take its output.

    Parameters
    ----------
    what
        Names the work in messages, such as ``kustomize build of apps/web``.
    environment
        The whole environment; nothing is inherited.
    supervised
        Run it below ``supervisor.py``, which ends all that the command started, also what left its group. It costs the start
        of an interpreter; for commands that start others.

    Raises
    ------
    GenerationError
        When it cannot start, exceeds ``timeout_s`` seconds or writes more than 64 MiB. All that it started is killed then.
    """
    words = [str(part) for part in command]
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
            [sys.executable, "-I", "-S", str(_SUPERVISOR), *words] if supervised else words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument or variable holds a NUL character"
        raise GenerationError(f"{what}: {words[0]} cannot be started: {reason}") from error
    limit_memory(process.pid, MEMORY_BYTES)
    with process:
        try:
            stdout, stderr = _collect(process, what, time.monotonic() + timeout_s, timeout_s)
            status = process.wait(timeout=max(1.0, timeout_s))
        finally:
            if process.returncode is None:
                if supervised:
                    _end_politely(process)
                kill_group(process.pid)
                process.wait()
    return Output(status, stdout, stderr.decode("utf-8", "replace"))


def _end_politely(process: subprocess.Popen[bytes]) -> None:
    """Let a supervisor end what it runs."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_ENDING_S)


def limit_memory(pid: int, size: int) -> None:
    """Limit the address space of a child; only Linux can do so for another process."""
    import resource  # there is none on Windows

    if hasattr(resource, "prlimit"):
        with suppress(OSError, ValueError):
            resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def kill_group(pid: int) -> None:
    """Kill a process that leads its own group, with all it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _collect(process: subprocess.Popen[bytes], what: str, deadline: float, timeout_s: float) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    collected = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for stream in collected:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise GenerationError(f"{what} took more than {timeout_s:.0f} s and was ended")
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    collected[process.stdout].extend(chunk)
                else:
                    collected[process.stderr].extend(chunk)
                    # What matters is said last.
                    del collected[process.stderr][:-ERROR_BYTES]
            if len(collected[process.stdout]) > OUTPUT_BYTES:
                raise GenerationError(f"{what} wrote more than {OUTPUT_BYTES // 2**20} MiB and was ended")
    return bytes(collected[process.stdout]), bytes(collected[process.stderr])
