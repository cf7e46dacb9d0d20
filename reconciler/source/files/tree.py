"""The files of one commit or archive, read from its objects: symbolic links are judged here, never by a file system."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import Enum
from itertools import groupby, islice
from typing import Protocol

from reconciler.errors import GenerationError, RevisionError
from reconciler.source.files.paths import join, parent_of, resolve_path, shown
from reconciler.source.observations import Looked

MAX_LINKS = 40
"""Links followed on the way to one file, as Linux does."""
MAX_LINK_BYTES = 4096
MAX_FILE_BYTES = 64 * 2**20
MAX_WALKED = 200_000
"""Entries of one walk."""
READ_TOGETHER = 32
"""Files that are read in one exchange, and so in memory at once."""
TOGETHER_BYTES = 2**20
"""Of each of them."""
MODULES = ".gitmodules"
MAX_MODULES_BYTES = 2**20


class TooLargeError(GenerationError):
    """A file over a limit."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(f"{what} has {size} bytes; the limit is {limit}")


class Kind(Enum):
    """What a tree entry is."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SUBMODULE = "submodule"


class TreeStore(Protocol):
    """Where a tree's objects are; an id pins its content, a folder's all that is below it."""

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        """Name to kind and object id, sorted by name."""
        ...

    def read(self, object_id: str, *, limit: int) -> bytes:
        """The bytes of a file; `TooLargeError` when there are more than ``limit``."""
        ...

    def read_all(self, object_ids: Sequence[str], *, limit: int) -> list[bytes]:
        """The bytes of files, in few exchanges; `TooLargeError` when one has more than ``limit``."""
        ...

    def sizes(self, object_ids: Sequence[str]) -> list[int]:
        """Bytes of files, counted without reading them."""
        ...

    def submodule(self, commit: str, path: str, modules: bytes) -> "tuple[TreeStore, str]":
        """Objects and root folder of the submodule at ``path``; ``modules`` is the text of ``.gitmodules``."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """``path`` is where the entry really lies, links followed; ``object_id`` names its content in ``store``."""

    path: str
    kind: Kind
    object_id: str
    store: TreeStore = field(repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Tree:
    """A tree of files; reads what is asked for and nothing else, and notes it in ``looked``.

    Parameters
    ----------
    store, root_id
        The objects, and the id of the root folder.
    name, revision
        Where it is from, for messages, and its commit or version.
    looked
        Where to note what was looked at.
    """

    def __init__(
        self, store: TreeStore, root_id: str, *, name: str, revision: str, looked: set[Looked] | None = None
    ) -> None:
        self.name = name
        self.revision = revision
        self._root = Entry("", Kind.FOLDER, root_id, store)
        self._looked: set[Looked] = set() if looked is None else looked
        # Folders by the paths that led to them through neither links nor submodules: nothing was noted on the way.
        self._plain: dict[str, Entry] = {}

    def __str__(self) -> str:
        return f"{self.name} at {self.revision[:7] if len(self.revision) in (40, 64) else self.revision}"

    def find(self, path: str) -> Entry | None:
        """The file or folder at ``path``, links and submodules followed; None when there is none.

        Raises
        ------
        GenerationError
            When a link on the way leaves the tree or leads back to itself.
        RepositoryError
            When a submodule on the way cannot be had.
        """
        parent, _, name = path.rpartition("/")
        if (folder := self._plain.get(parent)) is not None:
            pending, repository, here = _parts(name), self._root, folder
        else:
            pending, repository, here = _parts(path), self._root, self._root
        links, is_plain = 0, True
        while pending:
            if here.kind is not Kind.FOLDER:
                self._looked.add(("nothing", join(here.path, pending[-1]), ""))
                return None
            name = pending.pop()
            found = _child(here, name)
            if found is None:
                self._looked.add(("nothing", join(here.path, name), ""))
                return None
            if found.kind is Kind.SUBMODULE:
                repository = here = self._enter(found, repository)
                is_plain = False
            elif found.kind is Kind.LINK:
                links += 1
                is_plain = False
                if links > MAX_LINKS:
                    raise GenerationError(f"{shown(path)} in {self} goes through more than {MAX_LINKS} symbolic links")
                pending += _parts(self._link_target(found, path))
                repository = here = self._root
            else:
                here = found
        self._looked.add(("is", here.path, here.kind.value))
        if is_plain and here.kind is Kind.FOLDER:
            self._plain[path] = here
        return here

    def peek(self, path: str) -> Entry | None:
        """What lies at ``path``, links not followed: a link on the way is the answer. Notes nothing."""
        repository = here = self._root
        for name in path.split("/") if path else ():
            found = _child(here, name) if here.kind is Kind.FOLDER else None
            if found is None or found.kind is Kind.LINK:
                return found
            here = found
            if found.kind is Kind.SUBMODULE:
                repository = here = self._enter(found, repository)
        return here

    def still(self, looked: Looked) -> bool:
        """Whether an earlier look at a tree would see the same in this one."""
        kind, path, object_id = looked
        found = self.peek(path)
        if kind == "nothing" or found is None:
            return kind == "nothing" and found is None
        if found.path != path:
            return False
        if kind == "is":
            return found.kind.value == object_id
        if kind == "names":
            return found.kind is Kind.FOLDER and names_digest(found) == object_id
        return found.kind.value == kind and found.object_id == object_id

    def folder(self, path: str, *, field: str) -> Entry:
        """The folder at ``path``.

        Raises
        ------
        RevisionError
            When there is none; near names are suggested.
        """
        entry = self.find(path)
        if entry is None:
            raise RevisionError(f"{field}: there is no {shown(path)} in {self}{self._near(path)}")
        if entry.kind is not Kind.FOLDER:
            raise RevisionError(f"{field}: {shown(path)} in {self} is a file; name the folder that holds it")
        return entry

    def children(self, folder: Entry) -> Iterator[Entry]:
        """The entries of a folder by name; neither links nor submodules are followed."""
        self._looked.add(("names", folder.path, names_digest(folder)))
        for name, (kind, object_id) in folder.store.entries(folder.object_id).items():
            yield Entry(join(folder.path, name), kind, object_id, folder.store)

    def walk(self, folder: Entry, *, recurse: bool) -> Iterator[tuple[str, Entry]]:
        """Files below ``folder`` by path relative to it, sorted.

        Links to files are followed; links to folders and dangling links are left out
        (reposerver/repository/repository.go of Argo CD).
        """
        prefix = len(folder.path) + 1 if folder.path else 0
        files = [(entry.path[prefix:], entry) for entry in self._walk(folder, recurse=recurse)]
        for path, entry in sorted(files, key=lambda pair: pair[0]):
            file = self.find(entry.path) if entry.kind is Kind.LINK else entry
            if file is not None and file.kind is Kind.FILE:
                yield path, file

    def read(self, file: Entry, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file.

        Raises
        ------
        TooLargeError
            When it has more than ``limit`` bytes.
        """
        self._looked.add(("file", file.path, file.object_id))
        try:
            return file.store.read(file.object_id, limit=limit)
        except TooLargeError as error:
            raise TooLargeError(f"{file.path} in {self}", error.size, error.limit) from None

    def contents(
        self, files: Iterable[tuple[str, Entry]], *, limit: int = MAX_FILE_BYTES
    ) -> Iterator[tuple[str, bytes]]:
        """Names of files with their bytes, in their order and in few exchanges; large ones are read one by one.

        Errors are those of `read`.
        """
        waiting = iter(files)
        while together := list(islice(waiting, READ_TOGETHER)):
            for store, group in _by_store(together):
                self._looked.update(("file", file.path, file.object_id) for _, file in group)
                try:
                    found = store.read_all([file.object_id for _, file in group], limit=min(limit, TOGETHER_BYTES))
                except TooLargeError:
                    # Never more than one of them in memory; the error says which it is.
                    yield from ((name, self.read(file, limit=limit)) for name, file in group)
                else:
                    yield from zip((name for name, _ in group), found, strict=True)

    def size(self, file: Entry) -> int:
        """The bytes of a file, counted without reading it."""
        return self.sizes([file])[0]

    def sizes(self, files: Sequence[Entry]) -> list[int]:
        """The bytes of files, counted without reading them."""
        self._looked.update(("file", file.path, file.object_id) for file in files)
        groups = _by_store((file.path, file) for file in files)
        return [size for store, group in groups for size in store.sizes([file.object_id for _, file in group])]

    def _walk(self, folder: Entry, *, recurse: bool) -> Iterator[Entry]:
        pending, walked = [folder], 0
        while pending:
            for entry in self.children(pending.pop()):
                walked += 1
                if walked > MAX_WALKED:
                    raise GenerationError(
                        f"{shown(folder.path)} in {self} holds more than {MAX_WALKED} entries; narrow the path"
                    )
                if entry.kind in (Kind.FILE, Kind.LINK):
                    yield entry
                elif recurse and (inner := entry if entry.kind is Kind.FOLDER else self.find(entry.path)):
                    pending.append(inner)

    def _enter(self, submodule: Entry, repository: Entry) -> Entry:
        """The root of a submodule of ``repository``, which is the root of the tree or of another submodule."""
        modules = _child(repository, MODULES)
        if modules is None or modules.kind is not Kind.FILE:
            raise GenerationError(f"{shown(submodule.path)} in {self} is a submodule without an entry in {MODULES}")
        text = modules.store.read(modules.object_id, limit=MAX_MODULES_BYTES)
        path = submodule.path[len(repository.path) + 1 if repository.path else 0 :]
        store, root_id = submodule.store.submodule(submodule.object_id, path, text)
        return Entry(submodule.path, Kind.FOLDER, root_id, store)

    def _link_target(self, link: Entry, asked: str) -> str:
        self._looked.add(("link", link.path, link.object_id))
        text = link.store.read(link.object_id, limit=MAX_LINK_BYTES).decode("utf-8", "surrogateescape")
        try:
            return resolve_path(parent_of(link.path), text, field="link")
        except GenerationError:
            # What the link says is content; the message names only what was asked for.
            raise GenerationError(
                f"{shown(asked)} in {self}: the symbolic link {shown(link.path)} leaves the repository, which is refused"
            ) from None

    def _near(self, path: str) -> str:
        parent = self.find(parent_of(path))
        if parent is None or parent.kind is not Kind.FOLDER:
            return ""
        folders = [entry.name for entry in self.children(parent) if entry.kind in (Kind.FOLDER, Kind.LINK)]
        near = get_close_matches(path.rpartition("/")[2], folders, n=3, cutoff=0.6)
        if near:
            return f"; did you mean {' or '.join(join(parent.path, name) for name in near)}?"
        shown_names = ", ".join(join(parent.path, name) for name in folders[:5])
        return f"; there are: {shown_names}{' and more' if len(folders) > 5 else ''}" if folders else ""


def names_digest(folder: Entry) -> str:
    """Digest of the names and kinds in a folder."""
    entries = folder.store.entries(folder.object_id)
    text = "\0".join(f"{name}\0{kind.value}" for name, (kind, _) in entries.items())
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _by_store(files: Iterable[tuple[str, Entry]]) -> Iterator[tuple[TreeStore, list[tuple[str, Entry]]]]:
    """Files that follow each other and lie in one repository."""
    for _, group in groupby(files, key=lambda named: id(named[1].store)):
        together = list(group)
        yield together[0][1].store, together


def _parts(path: str) -> list[str]:
    """The path's steps, the first at the end, to pop from."""
    return [part for part in reversed(path.split("/")) if part]


def _child(folder: Entry, name: str) -> Entry | None:
    found = folder.store.entries(folder.object_id).get(name)
    return Entry(join(folder.path, name), found[0], found[1], folder.store) if found else None
