"""A private folder for one render: files of a commit, written by our own writer and removed afterwards."""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.errors import GenerationError
from reconciler.source.files.paths import parent_of, shown
from reconciler.source.files.tree import Entry, Kind, Tree

MAX_FILES = 20_000
MAX_BYTES = 256 * 2**20
MAX_FOLDERS = 5_000
MAX_DEPTH = 100


class Workspace:
    """A folder of mode 0700 with a random name. Links are never written: what a link names is copied in its place."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folder: Path | None = None
        self._bytes = 0
        self._folders = 0
        self._made: set[str] = {""}
        self._written: set[str] = set()

    @property
    def folder(self) -> Path:
        assert self._folder is not None, "entered before use"
        return self._folder

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="gitops-nb-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def add(self, path: str, file: Entry, *, data: bytes | None = None) -> None:
        """Write a file of the commit at ``path``, unless it is there; ``data`` stands in for its bytes."""
        if path in self._written:
            return
        if len(self._written) >= MAX_FILES:
            raise GenerationError(f"more than {MAX_FILES} files are needed from {self._tree}; narrow the path")
        data = self._tree.read(file) if data is None else data
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            raise GenerationError(f"more than {MAX_BYTES // 2**20} MiB are needed from {self._tree}; narrow the path")
        self._written.add(path)
        self.write(path, data)

    def add_folder(self, path: str, folder: Entry, *, field: str) -> None:
        """Write a folder with all below it.

        Parameters
        ----------
        field
            Names the folder in messages.
        """
        self._add_folder(path, folder, (), field)

    def write(self, path: str, data: bytes) -> None:
        """Write bytes of our own making, or of the commit, at a path that does not exist yet."""
        self._make(parent_of(path))
        try:
            # Many files a render: no Path for each.
            target = f"{self.folder}/{path}"
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except FileExistsError as error:
            raise GenerationError(
                f"{shown(path)} in {self._tree} exists twice on this file system; names differ only in case"
            ) from error
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)

    def _make(self, folder: str) -> None:
        """Make a folder and those above it."""
        missing = []
        while folder not in self._made:
            missing.append(folder)
            folder = parent_of(folder)
        for name in reversed(missing):
            # Folders of other names may be one where the file system does not tell upper from lower case.
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
            self._made.add(name)

    def _add_folder(self, path: str, folder: Entry, above: tuple[str, ...], field: str) -> None:
        if folder.object_id in above:
            raise GenerationError(f"{field}: {shown(path)} in {self._tree} holds itself through a symbolic link")
        self._folders += 1
        if self._folders > MAX_FOLDERS or len(above) > MAX_DEPTH:
            raise GenerationError(
                f"{field}: {shown(path)} in {self._tree} is more than {MAX_DEPTH} folders deep, or one of more than {MAX_FOLDERS}"
            )
        for child in self._tree.children(folder):
            name = child.name
            entry = child if child.kind in (Kind.FILE, Kind.FOLDER) else self._tree.find(child.path)
            if entry is None:
                continue
            inner = f"{path}/{name}" if path else name
            if entry.kind is Kind.FOLDER:
                self._add_folder(inner, entry, (*above, folder.object_id), field)
            else:
                self.add(inner, entry)
