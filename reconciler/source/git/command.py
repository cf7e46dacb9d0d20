"""One Git command that may use the network: own process group, and limits of time, memory, output and size on disk."""

import os
import re
import selectors
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.processes.process import kill_group, limit_memory

NO_GIT = "git is not installed or not on PATH; install Git 2.32 or newer"
ERROR_BYTES = 64 * 2**10
_CHUNK = 2**16
_NO_MEMORY = re.compile("[Oo]ut of memory|Cannot allocate memory")
_LOOK_S = 0.2
"""Seconds between two looks at what has been written to disk."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one command may take: ``disk_bytes`` in ``growing`` folders, ``output_bytes`` of standard output.

    ``memory_bytes`` is address space of each process, on Linux.
    """

    timeout_s: float = 300.0
    output_bytes: int = 64 * 2**20
    disk_bytes: int = 4 * 2**30
    memory_bytes: int = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command wrote; ``status`` is its exit status."""

    status: int
    stdout: bytes
    stderr: str


def run_git(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    where: str,
    limits: Limits,
    given: bytes = b"",
    growing: Sequence[Path] = (),
) -> Ended:
    """Run ``git`` with the whole environment given.

    Parameters
    ----------
    where
        The repository, for messages.
    given
        Standard input.
    growing
        Folders that the command writes to; looked at while it runs.

    Raises
    ------
    RepositoryError
        When it sends more than the limits allow, or Git is not installed.
    RepositoryUnreachableError
        When it takes longer than the limits allow. The whole group is killed in all cases.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
            ["git", *arguments],  # noqa: S607 - the git of the user's PATH
            stdin=subprocess.PIPE if given else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
    except OSError as error:
        raise RepositoryError(NO_GIT) from error
    with process:
        try:
            limit_memory(process.pid, limits.memory_bytes)
            stdout, stderr = _collect(process, given, where, limits, growing)
            process.wait()
        finally:
            if process.poll() is None:
                kill_group(process.pid)
                process.wait()
    ended = Ended(process.returncode, stdout, stderr.decode("utf-8", "replace"))
    if ended.status and _NO_MEMORY.search(ended.stderr):
        raise RepositoryError(f"{where} sent more than {limits.memory_bytes} bytes of memory hold, which is refused")
    return ended


def _collect(
    process: "subprocess.Popen[bytes]", given: bytes, where: str, limits: Limits, growing: Sequence[Path]
) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    collected = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    out, err = collected.values()
    deadline = time.monotonic() + limits.timeout_s
    rest = memoryview(given)
    with selectors.DefaultSelector() as selector:
        for descriptor in collected:
            selector.register(descriptor, selectors.EVENT_READ)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin.fileno(), selectors.EVENT_WRITE)
        next_look = time.monotonic() + _LOOK_S
        while selector.get_map():
            for key, event in selector.select(max(0.0, min(deadline, next_look) - time.monotonic())):
                if event & selectors.EVENT_WRITE:
                    rest = _write(process, rest)
                    if not rest:
                        selector.unregister(key.fd)
                        process.stdin.close()  # type: ignore[union-attr] # it was registered
                    continue
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fd)
                elif key.fd == process.stdout.fileno() or len(err) < ERROR_BYTES:
                    collected[key.fd].extend(chunk)
            if len(out) > limits.output_bytes:
                raise RepositoryError(f"{where} sent more than {limits.output_bytes} bytes, which is refused")
            if time.monotonic() >= deadline:
                raise RepositoryUnreachableError(f"{where} did not answer within {limits.timeout_s:g} s")
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + _LOOK_S
                # A helper that was started before the limit was set has none yet.
                for pid in _descendants(process.pid):
                    limit_memory(pid, limits.memory_bytes)
                if _bytes_in(growing) > limits.disk_bytes:
                    raise RepositoryError(f"{where} sent more than {limits.disk_bytes} bytes, which is refused")
    return bytes(out), bytes(err)


def _write(process: "subprocess.Popen[bytes]", rest: memoryview) -> memoryview:
    assert process.stdin is not None
    try:
        return rest[os.write(process.stdin.fileno(), rest[:_CHUNK]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:
        return rest[:0]


def _descendants(pid: int) -> Iterator[int]:
    """The processes that a process started, and those these started; none where the system does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)


def _bytes_in(folders: Sequence[Path]) -> int:
    """Bytes of what is being written: Git and git-lfs keep it in temporary files until it is whole."""
    size = 0
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith("tmp_") or folder.name in ("incomplete", "tmp"):
                        size += entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
    return size
