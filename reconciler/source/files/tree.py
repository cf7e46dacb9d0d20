"""The files of one commit, read from Git's objects: symbolic links are judged here, never by a file system."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum

from reconciler.errors import GenerationError, RepositoryError, RevisionError
from reconciler.source.files.paths import join, parent_of, resolve_path, shown
from reconciler.source.git.repository import Repository

MAX_LINKS = 40
"""Links followed on the way to one file, as Linux does."""
MAX_LINK_BYTES = 4096
MAX_TREE_BYTES = 16 * 2**20
MAX_WALKED = 200_000
"""Entries of one walk."""


class Kind(Enum):
    """What a tree entry is; a submodule's files are in another repository, which is never fetched."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "symbolic link"
    SUBMODULE = "submodule"


_KINDS = {"40000": Kind.FOLDER, "120000": Kind.LINK, "160000": Kind.SUBMODULE}


@dataclass(frozen=True, slots=True)
class Entry:
    """``path`` is where the entry really lies, links followed; ``object_id`` names its blob or tree."""

    path: str
    kind: Kind
    object_id: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class RevisionTree:
    """The tree of ``revision``, a commit id; reads what is asked for and nothing else."""

    def __init__(self, repository: Repository, revision: str) -> None:
        self.repository = repository
        self.revision = revision
        self._root = Entry("", Kind.FOLDER, repository.tree_of(revision))
        self._links: dict[str, str] = {}
        self._folders: dict[str, tuple[tuple[str, Kind, str], ...]] = {}

    def __str__(self) -> str:
        return f"{self.repository} at {self.revision[:7]}"

    def find(self, path: str) -> Entry | None:
        """The file, folder or submodule at ``path``, links followed; None when there is none.

        Raises
        ------
        GenerationError
            When a link on the way leaves the repository or leads back to itself.
        """
        pending = [part for part in path.split("/") if part]
        pending.reverse()
        here = self._root
        links = 0
        while pending:
            if here.kind is not Kind.FOLDER:
                return here if here.kind is Kind.SUBMODULE else None
            found = self._child(here, pending.pop())
            if found is None:
                return None
            if found.kind is Kind.LINK:
                links += 1
                if links > MAX_LINKS:
                    raise GenerationError(f"{shown(path)} in {self} goes through more than {MAX_LINKS} symbolic links")
                target = self._link_target(found, path)
                pending += [part for part in reversed(target.split("/")) if part]
                here = self._root
            else:
                here = found
        return here

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
        if entry.kind is Kind.SUBMODULE:
            raise RevisionError(
                f"{field}: {shown(path)} in {self} lies in the submodule {shown(entry.path)}; submodules are not fetched"
            )
        if entry.kind is not Kind.FOLDER:
            raise RevisionError(f"{field}: {shown(path)} in {self} is a file; name the folder that holds it")
        return entry

    def children(self, folder: Entry) -> Iterator[Entry]:
        """The entries of a folder by name, links not followed."""
        for name, kind, object_id in self._entries(folder.object_id):
            yield Entry(join(folder.path, name), kind, object_id)

    def walk(self, folder: Entry, *, recurse: bool) -> Iterator[tuple[str, Entry]]:
        """Files below ``folder`` by path relative to it, sorted.

        Links to files are followed; links to folders, dangling links and submodules are left out
        (reposerver/repository/repository.go of Argo CD).
        """
        prefix = len(folder.path) + 1 if folder.path else 0
        files = [(entry.path[prefix:], entry) for entry in self._walk(folder, recurse=recurse)]
        for path, entry in sorted(files, key=lambda pair: pair[0]):
            file = self.find(entry.path) if entry.kind is Kind.LINK else entry
            if file is not None and file.kind is Kind.FILE:
                yield path, file

    def read(self, file: Entry, *, limit: int | None = None) -> bytes:
        """The bytes of a file."""
        if limit is None:
            return self.repository.read_object(file.object_id, kind="blob")
        return self.repository.read_object(file.object_id, kind="blob", limit=limit)

    def _walk(self, folder: Entry, *, recurse: bool) -> Iterator[Entry]:
        pending, walked = [folder], 0
        while pending:
            for entry in self.children(pending.pop()):
                walked += 1
                if walked > MAX_WALKED:
                    raise GenerationError(
                        f"{shown(folder.path)} in {self} holds more than {MAX_WALKED} entries; narrow the path"
                    )
                if entry.kind is Kind.FOLDER and recurse:
                    pending.append(entry)
                elif entry.kind in (Kind.FILE, Kind.LINK):
                    yield entry

    def _child(self, folder: Entry, name: str) -> Entry | None:
        for found, kind, object_id in self._entries(folder.object_id):
            if found == name:
                return Entry(join(folder.path, name), kind, object_id)
        return None

    def _link_target(self, link: Entry, asked: str) -> str:
        text = self._links.get(link.object_id)
        if text is None:
            data = self.repository.read_object(link.object_id, kind="blob", limit=MAX_LINK_BYTES)
            text = self._links[link.object_id] = data.decode("utf-8", "surrogateescape")
        try:
            return resolve_path(parent_of(link.path), text, field="link")
        except GenerationError:
            # What the link says is content; the message names only what was asked for.
            raise GenerationError(
                f"{shown(asked)} in {self}: the symbolic link {shown(link.path)} leaves the repository, which is refused"
            ) from None

    def _entries(self, tree_id: str) -> tuple[tuple[str, Kind, str], ...]:
        entries = self._folders.get(tree_id)
        if entries is None:
            data = self.repository.read_object(tree_id, kind="tree", limit=MAX_TREE_BYTES)
            entries = self._folders[tree_id] = tuple(self._parse(data))
        return entries

    def _parse(self, data: bytes) -> Iterator[tuple[str, Kind, str]]:
        """Entries of a tree object: ``mode SP name NUL id`` each."""
        position, size = 0, len(data)
        while position < size:
            space = data.index(b" ", position)
            end = data.index(b"\0", space)
            name = data[space + 1 : end].decode("utf-8", "surrogateescape")
            # Git itself never writes such names; a crafted tree may.
            if name in ("", ".", "..") or "/" in name or name.lower() == ".git":
                raise RepositoryError(f"{self} holds a folder with the entry {shown(name)}, which is refused")
            mode = data[position:space].decode("ascii", "replace").lstrip("0")
            yield name, _KINDS.get(mode, Kind.FILE), data[end + 1 : end + 21].hex()
            position = end + 21

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
