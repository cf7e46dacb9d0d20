"""Objects of a mirror, read by one Git process that stays."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.errors import GenerationError, RepositoryError
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import MAX_FILE_BYTES, Kind, TooLargeError
from reconciler.source.git.mirror import Mirror, git_library

if TYPE_CHECKING:
    from git import Repo

MAX_TREE_BYTES = 16 * 2**20

_KINDS = {"40000": Kind.FOLDER, "120000": Kind.LINK, "160000": Kind.SUBMODULE}
_DRAINED = 2**20
_EXECUTABLE = "100755"
_T = TypeVar("_T")


class UnreadableError(RepositoryError):
    """An object that the mirror does not have, or that is damaged there."""


class ObjectReader:
    """Reads objects by vetted names; safe to share between threads."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._repo: Repo | None = None
        self._lock = threading.RLock()

    def header(self, name: str) -> tuple[str, str, int]:
        """Id, kind and size of the object that a name means.

        Raises
        ------
        UnreadableError
            When there is none.
        """

        def ask() -> tuple[str, str, int]:
            # GitPython declares text here and returns what came over the pipe.
            header: tuple[Any, Any, int] = self.repo().git.get_object_header(name)
            return header[0].decode(), header[1].decode(), header[2]

        return self._retried(name, ask)

    def read(self, object_id: str, *, kind: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Bytes of an object.

        Raises
        ------
        TooLargeError
            When it is larger than ``limit`` bytes.
        GenerationError
            When it is missing, or of another kind.
        """

        def ask() -> tuple[Any, Any, Any]:
            # One exchange: the answer says kind and size before the bytes.
            _, found, size, stream = self.repo().git.stream_object_data(object_id)
            if int(size) > limit:
                # What is not wanted need not be kept; the stream has to be read to its end for the next answer.
                while stream.read(_DRAINED):
                    pass
                return found, size, b""
            return found, size, stream.read()

        found, size, data = self._retried(object_id, ask)
        if found != kind.encode():
            raise GenerationError(f"object {object_id[:12]} of {self._mirror} is a {found.decode()}, expected a {kind}")
        if size > limit:
            raise TooLargeError(f"a file in {self._mirror} (object {object_id[:12]})", size, limit)
        return bytes(data)

    def commit_of(self, object_id: str) -> str:
        """The commit that a hexadecimal id, whole or abbreviated, leads to; empty when none or several."""
        try:
            return self.header(f"{object_id}^{{commit}}")[0]
        except UnreadableError:
            return ""

    def repo(self) -> "Repo":
        """GitPython's view of the mirror."""
        with self._lock:
            if self._repo is None:
                git = git_library()
                try:
                    self._repo = git.Repo(self._mirror.path, expand_vars=False)
                except git.GitError as error:
                    raise RepositoryError(f"the mirror of {self._mirror} is damaged; fetch again") from error
                self._repo.git.update_environment(**self._mirror.reading_environment())
            return self._repo

    def close(self) -> None:
        """End the process; the next read starts another."""
        with self._lock:
            if self._repo is not None:
                self._repo.close()
                self._repo = None

    def _retried(self, name: str, ask: Callable[[], _T]) -> _T:
        """Ask again, of a new process, when the answer is no object: the old one may have died."""
        with self._lock:
            fresh = self._repo is None
            try:
                return ask()
            except (ValueError, OSError) as error:
                self.close()
                if not fresh and not _is_missing(error):
                    return self._retried(name, ask)
                raise UnreadableError(
                    f"object {name[:12]} of {self._mirror} cannot be read: the mirror is incomplete; fetch again"
                ) from error


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


def _is_missing(error: Exception) -> bool:
    """Whether the process lives and knows no such object."""
    return "could not be resolved" in str(error)
