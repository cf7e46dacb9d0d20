"""Git repositories as bare mirrors in the user's cache: fetched once a run, read by plumbing, never checked out."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from reconciler.errors import RepositoryError, RevisionError
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import MAX_FILE_BYTES, Kind, TreeStore
from reconciler.source.git.cat_file import Header
from reconciler.source.git.lfs import MAX_POINTER_BYTES, Pointer, parse_pointer, read_content
from reconciler.source.git.metadata import RevisionMetadata, read_metadata
from reconciler.source.git.mirror import Mirror
from reconciler.source.git.objects import MAX_TREE_BYTES, ObjectReader, UnreadableError, executables, parse_tree
from reconciler.source.git.refs import BRANCHES, TAGS
from reconciler.source.git.revisions import (
    Refs,
    Wanted,
    find_revision,
    parse_revision,
    parse_tag_prefix,
    unknown_revision,
)
from reconciler.source.git.submodules import EMPTY_TREE, NotFetched, SubmoduleStore, resolve_url, submodule_url

MAX_TREES = 20_000
"""Parsed folders that are kept in memory."""

_T = TypeVar("_T")


class Opener(Protocol):
    """Where a submodule's repository is from."""

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False, project: str = "") -> "Repository": ...


@dataclass(frozen=True, slots=True)
class ContentOptions:
    """What is fetched beside the repository's own objects: Git LFS files, and submodules by ``modules`` for ``project``."""

    lfs: bool = False
    modules: Opener | None = None
    project: str = ""


class Repository:
    """One mirror; made by `RepositoryCache.open`. Safe to share between threads."""

    def __init__(self, mirror: Mirror, options: ContentOptions | None = None) -> None:
        self._mirror = mirror
        self._options = options or ContentOptions()
        self._reader = ObjectReader(mirror)
        self._fetched = False
        self._failure: RepositoryError | None = None
        self._rebuilt = False
        self._refs: Refs | None = None
        self._resolved: dict[tuple[str, str], str] = {}
        self._extra: set[str] = set()
        self._roots: dict[str, str] = {}
        self._trees: dict[str, Mapping[str, tuple[Kind, str]]] = {}
        self._pointers: dict[str, Pointer | None] = {}
        self._lock = threading.RLock()

    def __str__(self) -> str:
        return str(self._mirror)

    @property
    def mirror(self) -> Mirror:
        """Where its objects are, and how its remote is reached."""
        return self._mirror

    @property
    def is_shallow(self) -> bool:
        """Whether the mirror lacks a part of the history (``depth`` in the repository's Secret)."""
        return self._mirror.is_shallow

    def resolve(self, target_revision: str, tag_prefix: str = "") -> str:
        """The commit id of what a source asks for.

        That is ``HEAD`` (or empty), a branch, a tag, ``refs/…``, a full or abbreviated (7 or more) commit id, or a version
        constraint, which chooses among the tags that begin with ``tag_prefix``.

        Raises
        ------
        RevisionError
            When it is not there or not a revision; near names are suggested.
        """
        commit = self._resolved.get((target_revision, tag_prefix))
        if commit is None:
            with self._lock:
                commit = self._resolve(target_revision, tag_prefix)
                self._resolved[target_revision, tag_prefix] = commit
        return commit

    def annotated_tag(self, target_revision: str, tag_prefix: str = "") -> str:
        """Id of the annotated tag that a revision names or chooses; empty for a lightweight one and for all else."""
        with self._lock:
            refs, wanted = self._find(target_revision, tag_prefix)
            object_id = refs.ids.get(wanted.ref, "") if wanted.ref.startswith(TAGS) else ""
            return object_id if object_id and self._header(object_id).kind == "tag" else ""

    def is_tag(self, name: str) -> bool:
        """Whether a revision that `resolve` knows is exactly the name of a tag."""
        with self._lock:
            return f"{TAGS}{name.removeprefix(TAGS)}" in self._read_refs().ids and name != "HEAD"

    def revision_metadata(self, revision: str) -> RevisionMetadata:
        """Author, date and message of a commit id that `resolve` gave.

        Raises
        ------
        RevisionError
            When the mirror has no such commit.
        """
        with self._lock:
            if self._reader.commit_of(revision) != revision:
                raise RevisionError(f"commit {shown(revision)} is not in {self}")
            return read_metadata(self._mirror, revision)

    def read_object(self, object_id: str, *, kind: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Bytes of an object of a kind (``blob``, ``tree``, ``commit``, ``tag``), Git LFS pointers as they are.

        Raises
        ------
        GenerationError
            When it is larger than ``limit`` bytes, missing, or of another kind.
        """
        return self.read_objects([object_id], kind=kind, limit=limit)[0]

    def read_objects(self, object_ids: Sequence[str], *, kind: str, limit: int = MAX_FILE_BYTES) -> list[bytes]:
        """Bytes of objects of one kind, in few exchanges; errors are those of `read_object`."""
        return self._required(lambda: self._reader.read_all(object_ids, kind=kind, limit=limit))

    def reading(self) -> tuple[Path, dict[str, str]]:
        """The mirror's folder and the variables with which Git may read it; a shallow history ends in an error."""
        return self._mirror.path, self._mirror.reading_environment()

    def tree_of(self, revision: str) -> str:
        """Id of the root tree of a commit id that `resolve` gave."""
        root = self._roots.get(revision)
        if root is None:
            if len(self._roots) >= MAX_TREES:
                self._roots.clear()
            root = self._roots[revision] = self._header(f"{revision}^{{tree}}").object_id
        return root

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        """Name to kind and object id of what a folder holds, sorted by name."""
        entries = self._trees.get(tree_id)
        if entries is None:
            data = self.read_object(tree_id, kind="tree", limit=MAX_TREE_BYTES)
            if len(self._trees) >= MAX_TREES:
                self._trees.clear()
            entries = self._trees[tree_id] = dict(sorted(parse_tree(data, str(self))))
        return entries

    def executables(self, tree_id: str) -> frozenset[str]:
        """Names of the files in a folder that are programs."""
        return executables(self.read_object(tree_id, kind="tree", limit=MAX_TREE_BYTES), str(self))

    def read(self, object_id: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file; where Git LFS is on, of the file that a pointer stands for."""
        return self.read_all([object_id], limit=limit)[0]

    def read_all(self, object_ids: Sequence[str], *, limit: int = MAX_FILE_BYTES) -> list[bytes]:
        """The bytes of files, as `read` gives them."""
        found = self.read_objects(object_ids, kind="blob", limit=limit)
        return [self._content(data, limit) for data in found] if self._options.lfs else found

    def sizes(self, object_ids: Sequence[str]) -> list[int]:
        """Sizes of files in bytes, without reading them."""
        sizes = [header.size for header in self._required(lambda: self._reader.headers(object_ids))]
        if not self._options.lfs:
            return sizes
        return [self._real_size(object_id, size) for object_id, size in zip(object_ids, sizes, strict=True)]

    def submodule(self, commit: str, path: str, modules: bytes) -> tuple[TreeStore, str]:
        """Objects and root folder of the submodule at ``path``; ``modules`` is the text of ``.gitmodules``.

        Raises
        ------
        RepositoryError
            For an address that is refused, or a repository that cannot be had.
        RevisionError
            When it has no such commit. Where submodules are not fetched, only entering one is an error.
        """
        return self.enter_submodule(commit, path, modules, depth=1)

    def enter_submodule(self, commit: str, path: str, modules: bytes, *, depth: int) -> tuple[TreeStore, str]:
        """As `submodule`, for one that lies in ``depth`` repositories."""
        where = f"{shown(path)} of {self}"
        if self._options.modules is None:
            return NotFetched(where), EMPTY_TREE
        try:
            url, local = resolve_url(self._mirror.url, submodule_url(modules, path, str(self)), str(self))
            inner = self._options.modules.open(
                url, fetch=self._fetched, allow_local=local, project=self._options.project
            )
            found = inner.resolve(commit)
            return SubmoduleStore(inner, depth), inner.tree_of(found)
        except (RepositoryError, RevisionError) as error:
            raise type(error)(f"submodule {where}: {error}") from error

    def fetch_once(self) -> None:
        """Bring the mirror up to date, the first time it is asked for; a failure is that of the whole run.

        Raises
        ------
        RepositoryError
            As `Mirror.update` does.
        """
        if not self._fetched:
            with self._lock:
                self._fetch()

    def expire(self) -> None:
        """Begin another run: the next `fetch_once` looks at the remote again. What was read stays."""
        with self._lock:
            self._fetched = False
            self._failure = None
            self._rebuilt = False
            self._extra.clear()
            self._resolved.clear()

    def require_mirror(self) -> None:
        """Check that an earlier run left a mirror."""
        if not self._fetched:
            self._mirror.require()

    def close(self) -> None:
        """End the Git processes of this mirror; the next read starts them again."""
        self._reader.close()

    def _fetch(self) -> None:
        if self._fetched:
            return
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))
        try:
            changed = self._mirror.update()
        except RepositoryError as error:
            self._failure = error
            raise
        if changed:
            self._forget()
        self._fetched = True

    def _resolve(self, target_revision: str, tag_prefix: str) -> str:
        refs, wanted = self._find(target_revision, tag_prefix)
        commit = ""
        if wanted.ref.startswith((BRANCHES, TAGS, "refs/reconciler/")) or not self._fetched:
            commit = self._peeled(refs, wanted.ref)
        elif wanted.ref:
            commit = self._fetch_ref(wanted.ref)
        elif wanted.object_id:
            commit = self._reader.commit_of(wanted.object_id) or self._fetch_commit(wanted.object_id)
        if not commit:
            raise unknown_revision(wanted.name, refs, str(self))
        return commit

    def _find(self, target_revision: str, tag_prefix: str) -> tuple[Refs, Wanted]:
        revision = parse_revision(target_revision, str(self))
        prefix = parse_tag_prefix(tag_prefix, str(self))
        refs = self._read_refs()
        return refs, find_revision(revision, prefix, refs, self._reader.commit_of, str(self))

    def _peeled(self, refs: Refs, ref: str) -> str:
        object_id = refs.ids.get(ref, "")
        return self._reader.commit_of(object_id) if object_id else ""

    def _fetch_ref(self, ref: str) -> str:
        """A ref outside branches and tags, such as ``refs/pull/7/head``; the name was vetted by `parse_revision`."""
        if ref not in self._extra:
            if not self._mirror.fetch(f"+{ref}:{ref}"):
                return ""
            self._extra.add(ref)
            self._refs = None
        return self._peeled(self._read_refs(), ref)

    def _fetch_commit(self, object_id: str) -> str:
        """A commit that no branch or tag reaches, where the server gives it by id."""
        if not self._fetched or len(object_id) < 40 or not self._mirror.fetch(object_id):
            return ""
        return self._reader.commit_of(object_id)

    def _read_refs(self) -> Refs:
        if self._refs is None:
            self._mirror.require()
            self._refs = Refs(self._mirror.refs())
        return self._refs

    def _content(self, data: bytes, limit: int) -> bytes:
        pointer = parse_pointer(data)
        return data if pointer is None else read_content(self._mirror, pointer, data, limit=limit)

    def _real_size(self, object_id: str, size: int) -> int:
        """That of the file which a pointer of Git LFS stands for."""
        if size > MAX_POINTER_BYTES:
            return size
        if object_id not in self._pointers:
            self._pointers[object_id] = parse_pointer(self.read_object(object_id, kind="blob"))
        pointer = self._pointers[object_id]
        return size if pointer is None else pointer.size

    def _header(self, name: str) -> Header:
        return self._required(lambda: self._reader.header(name))

    def _required(self, read: Callable[[], _T]) -> _T:
        """Read what must be there; where it is not, the mirror is damaged and is fetched anew, once a run."""
        try:
            return read()
        except UnreadableError:
            with self._lock:
                if not self._fetched:
                    raise
                if not self._rebuilt:
                    self._rebuilt = True
                    self._reader.close()
                    self._mirror.rebuild()
                    self._forget()
            return read()

    def _forget(self) -> None:
        self._refs = None
        self._resolved.clear()
