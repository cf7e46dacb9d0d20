"""A commit and its ancestors, read as a stream by two Git processes, however long the history is."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Timer
from typing import IO, TYPE_CHECKING

from reconciler.errors import GenerationError, RepositoryError
from reconciler.processes.process import kill_group
from reconciler.source.git.signed_objects import MAX_BYTES

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much of a history may be verified: ``commits`` read at most, within ``seconds`` of time."""

    commits: int = 200_000
    seconds: float = 120.0


@contextmanager
def open_history(repository: "Repository", tip: str, limits: HistoryLimits) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Id and bytes of ``tip`` and its ancestors, each after all of its children; reading may end at any point.

    A shallow history ends without an error: parents that a commit names and that do not come are missing.

    Raises
    ------
    GenerationError
        When a limit is exceeded, at the commit that exceeds it.
    RepositoryError
        When Git cannot read the history.
    """
    path, variables = repository.reading()
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"} | variables
    # A shallow history ends where it was cut; whoever reads compares with the parents that the commits name.
    environment.pop("GIT_SHALLOW_FILE", None)
    late = Event()
    with _start(["git", "rev-list", "--topo-order", tip, "--"], path, environment, subprocess.DEVNULL) as ids:
        assert ids.stdout is not None
        with _start(["git", "cat-file", "--batch", "--buffer"], path, environment, ids.stdout) as objects:
            # Only cat-file may hold this end, or rev-list would not notice that nobody reads on.
            ids.stdout.close()

            def end() -> None:
                for process in (ids, objects):
                    if process.returncode is None:
                        kill_group(process.pid)

            def end_late() -> None:
                late.set()
                end()

            timer = Timer(limits.seconds, end_late)
            timer.daemon = True
            timer.start()
            try:
                assert objects.stdout is not None
                yield _read(objects.stdout, ids, f"{repository} at {tip[:7]}", limits, late)
            finally:
                timer.cancel()
                end()


def _start(
    command: list[str], folder: "os.PathLike[str]", environment: dict[str, str], stdin: "int | IO[bytes]"
) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise RepositoryError(f"git cannot be started: {error.strerror}; install Git 2.30 or newer") from error


def _read(
    stream: IO[bytes], ids: "subprocess.Popen[bytes]", where: str, limits: HistoryLimits, late: Event
) -> Iterator[tuple[str, bytes]]:
    count = 0
    deadline = time.monotonic() + limits.seconds
    # The timer ends a read that waits; what has been read already is the clock's.
    while (header := stream.readline()) and time.monotonic() < deadline:
        fields = header.split()
        if len(fields) != 3 or fields[1] != b"commit":
            break
        if count >= limits.commits:
            raise GenerationError(
                f"the history of {where} has more than {limits.commits} commits to verify; "
                "seal it by a signed commit with the trailer Argocd-gpg-seal, or use mode head"
            )
        size = int(fields[2])
        if size > MAX_BYTES:
            raise GenerationError(f"a commit of {size} bytes in {where} is over the limit of {MAX_BYTES} bytes")
        data = stream.read(size + 1)
        if len(data) != size + 1:
            break
        count += 1
        yield fields[0].decode("ascii", "replace"), data[:-1]
    if late.is_set() or time.monotonic() >= deadline:
        raise GenerationError(
            f"verifying the history of {where} took more than {limits.seconds:g} s, after {count} commits; "
            "seal it by a signed commit with the trailer Argocd-gpg-seal, or use mode head"
        )
    if header or ids.wait() != 0:
        raise RepositoryError(f"the history of {where} cannot be read: the mirror is incomplete; fetch again")
