"""Objects of a mirror, read by Git processes that stay."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from reconciler.errors import GenerationError, RepositoryError
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import MAX_FILE_BYTES, Kind, TooLargeError
from reconciler.source.git.cat_file import CatFile, Header
from reconciler.source.git.environment import whole_environment
from reconciler.source.git.mirror import Mirror

MAX_TREE_BYTES = 16 * 2**20

_KINDS = {"40000": Kind.FOLDER, "120000": Kind.LINK, "160000": Kind.SUBMODULE}
_EXECUTABLE = "100755"
_T = TypeVar("_T")


class UnreadableError(RepositoryError):
    """An object that the mirror does not have, or that is damaged there."""


class ObjectReader:
    """Reads objects by vetted names, many in one exchange; safe to share between threads."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        # By whether they give the contents.
        self._processes: dict[bool, CatFile] = {}
        self._lock = threading.RLock()

    def header(self, name: str) -> Header:
        """The object that a name means; errors are those of `headers`."""
        return self.headers([name])[0]

    def headers(self, names: Sequence[str]) -> list[Header]:
        """The objects that names mean.

        Raises
        ------
        UnreadableError
            When one is not there.
        """
        return self._asked(names, lambda process: process.headers(names), contents=False)

    def read(self, object_id: str, *, kind: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Bytes of an object; errors are those of `read_all`."""
        return self.read_all([object_id], kind=kind, limit=limit)[0]

    def read_all(self, object_ids: Sequence[str], *, kind: str, limit: int = MAX_FILE_BYTES) -> list[bytes]:
        """Bytes of objects of one kind.

        Raises
        ------
        TooLargeError
            When one is larger than ``limit`` bytes.
        GenerationError
            When one is missing, or of another kind.
        """
        found = []
        answers = self._asked(object_ids, lambda process: process.contents(object_ids, limit=limit), contents=True)
        for object_id, answer in zip(object_ids, answers, strict=True):
            if answer.header.kind != kind:
                raise GenerationError(
                    f"object {object_id[:12]} of {self._mirror} is a {answer.header.kind}, expected a {kind}"
                )
            if answer.data is None:
                raise TooLargeError(f"a file in {self._mirror} (object {object_id[:12]})", answer.header.size, limit)
            found.append(answer.data)
        return found

    def commit_of(self, object_id: str) -> str:
        """The commit that a hexadecimal id, whole or abbreviated, leads to; empty when none or several."""
        try:
            return self.header(f"{object_id}^{{commit}}").object_id
        except UnreadableError:
            return ""

    def close(self) -> None:
        """End the processes; the next read starts another."""
        with self._lock:
            for process in self._processes.values():
                process.close()
            self._processes.clear()

    def _asked(self, names: Sequence[str], ask: "Callable[[CatFile], list[_T | None]]", *, contents: bool) -> list[_T]:
        """Ask again, of a new process, when there was no answer: the old one may have died."""
        with self._lock:
            fresh = contents not in self._processes
            try:
                answers = ask(self._process(contents=contents))
            except (EOFError, OSError) as error:
                self.close()
                if not fresh:
                    return self._asked(names, ask, contents=contents)
                raise self._unreadable(names[0]) from error
        known = [answer for answer in answers if answer is not None]
        if len(known) < len(answers):
            raise self._unreadable(names[answers.index(None)])
        return known

    def _process(self, *, contents: bool) -> CatFile:
        process = self._processes.get(contents)
        if process is None:
            environment = whole_environment(self._mirror.reading_environment(), user_settings=False)
            process = self._processes[contents] = CatFile(environment, contents=contents)
        return process

    def _unreadable(self, name: str) -> UnreadableError:
        return UnreadableError(
            f"object {name[:12]} of {self._mirror} cannot be read: the mirror is incomplete; fetch again"
        )


def parse_tree(data: bytes, where: str) -> Iterator[tuple[str, tuple[Kind, str]]]:
    """Entries of a tree object: ``mode SP name NUL id`` each.

    Raises
    ------
    RepositoryError
        For a name that Git itself never writes, such as ``..`` or ``.git``.
    """
    for mode, name, object_id in _rows(data, where):
        yield name, (_KINDS.get(mode, Kind.FILE), object_id)


def executables(data: bytes, where: str) -> frozenset[str]:
    """Names of the files in a tree object that are programs; errors are those of `parse_tree`."""
    return frozenset(name for mode, name, _ in _rows(data, where) if mode == _EXECUTABLE)


def _rows(data: bytes, where: str) -> Iterator[tuple[str, str, str]]:
    """Mode, name and object id of each entry."""
    position, size = 0, len(data)
    while position < size:
        space = data.index(b" ", position)
        end = data.index(b"\0", space)
        name = data[space + 1 : end].decode("utf-8", "surrogateescape")
        if name in ("", ".", "..") or "/" in name or name.lower() == ".git":
            raise RepositoryError(f"{where} holds a folder with the entry {shown(name)}, which is refused")
        yield data[position:space].decode("ascii", "replace").lstrip("0"), name, data[end + 1 : end + 21].hex()
        position = end + 21
