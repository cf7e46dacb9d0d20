"""One ``git cat-file`` process that stays and answers many names in one exchange.

Source: the formats of ``--batch`` and ``--batch-check`` in git-cat-file(1).
"""

import subprocess
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TypeVar

from reconciler.errors import RepositoryError
from reconciler.processes.process import kill_group
from reconciler.source.git.command import NO_GIT

NAMES = 64
"""Names of one exchange. All of them fit into a pipe, so that they are written before the first answer is read."""

_DRAINED = 2**20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Header:
    """Id, kind (``blob``, ``tree``, ``commit``, ``tag``) and size in bytes of an object."""

    object_id: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Content:
    """An object with its bytes; None where they were not wanted."""

    header: Header
    data: bytes | None


class CatFile:
    """Headers of objects, or objects with ``contents``, by vetted names; one thread at a time.

    Raises
    ------
    RepositoryError
        When Git is not installed.
    """

    def __init__(self, environment: Mapping[str, str], *, contents: bool) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - an argument list of ours, no shell
                ["git", "cat-file", "--batch" if contents else "--batch-check"],  # noqa: S607 - the git of the user's PATH
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                # An interrupt from the keyboard is ours to handle.
                start_new_session=True,
            )
        except OSError as error:
            raise RepositoryError(NO_GIT) from error
        self._end = weakref.finalize(self, _end, self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def headers(self, names: Sequence[str]) -> list[Header | None]:
        """One for each name; None where there is no such object, or several.

        Raises
        ------
        EOFError, OSError
            When the process has died.
        """
        return self._answers(names, lambda _stream, header: header)

    def contents(self, names: Sequence[str], *, limit: int) -> list[Content | None]:
        """As `headers`; the bytes of an object with more than ``limit`` are left out."""

        def read(stream: IO[bytes], header: Header) -> Content:
            if header.size > limit:
                # What is not wanted need not be kept; the stream has to be read to its end for the next answer.
                for size in (*[_DRAINED] * ((header.size + 1) // _DRAINED), (header.size + 1) % _DRAINED):
                    _exactly(stream, size)
                return Content(header, None)
            return Content(header, _exactly(stream, header.size + 1)[:-1])

        return self._answers(names, read)

    def close(self) -> None:
        """End the process."""
        self._end()

    def _answers(self, names: Sequence[str], take: Callable[[IO[bytes], Header], _T]) -> list[_T | None]:
        answers: list[_T | None] = []
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        for start in range(0, len(names), NAMES):
            asked = names[start : start + NAMES]
            stdin.write("".join(f"{name}\n" for name in asked).encode())
            stdin.flush()
            for _ in asked:
                header = _header(stdout.readline())
                answers.append(take(stdout, header) if header is not None else None)
        return answers


def _header(line: bytes) -> Header | None:
    if not line.endswith(b"\n"):
        raise EOFError("the process has ended")
    fields = line.split()
    # Otherwise the name, which may hold spaces, and what is wrong with it.
    if len(fields) != 3 or not fields[2].isdigit():
        return None
    return Header(fields[0].decode("ascii"), fields[1].decode("ascii"), int(fields[2]))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("the process has ended")
    return data


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        kill_group(process.pid)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with suppress(OSError):
            stream.close()
    process.wait()
