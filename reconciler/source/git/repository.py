"""Git repositories as bare mirrors in the user's cache: fetched once a run, read by plumbing, never checked out."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from platformdirs import user_cache_dir

from reconciler.errors import GenerationError, RepositoryError, RevisionError
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import MAX_FILE_BYTES, Kind, TreeStore
from reconciler.source.git.mirror import Mirror, git_library
from reconciler.source.git.revisions import Refs, find_revision, parse_revision, unknown_revision
from reconciler.source.git.urls import parse_repository_url

if TYPE_CHECKING:
    from git import Repo

MAX_TREE_BYTES = 16 * 2**20
MAX_TREES = 20_000
"""Parsed folders that are kept in memory."""

_KINDS = {"40000": Kind.FOLDER, "120000": Kind.LINK, "160000": Kind.SUBMODULE}


@dataclass(frozen=True, slots=True)
class RevisionMetadata:
    """Who made a commit, when (UTC) and why."""

    author: str
    date: datetime
    message: str


class RepositoryCache:
    """The mirrors of one run, in ``directory`` (default: the user's cache folder), one folder a repository.

    Parameters
    ----------
    directory
        Folder of the mirrors, made with mode 0700.
    fetch_timeout_s
        Seconds a fetch may take; it is killed then, with all it started.
    user_settings
        Let Git read the user's own settings, above all credential helpers, while it fetches.
    """

    def __init__(
        self, directory: Path | None = None, *, fetch_timeout_s: float = 300, user_settings: bool = True
    ) -> None:
        self._directory = directory or Path(user_cache_dir("gitops-nb")) / "repositories"
        self._fetch_timeout_s = fetch_timeout_s
        self._user_settings = user_settings
        self._opened: dict[str, Repository] = {}
        self._lock = threading.RLock()

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False) -> "Repository":
        """The repository at ``url``, fetched unless this cache did so before.

        Parameters
        ----------
        fetch
            False: take the mirror as the last run left it.

        Raises
        ------
        RepositoryError
            Not a repository, or an address that is refused.
        RepositoryUnreachableError
            No answer.
        """
        parsed = parse_repository_url(url, allow_local=allow_local)
        with self._lock:
            repository = self._opened.get(parsed.key)
            if repository is None:
                path = self._directory / parsed.key
                mirror = Mirror(parsed, path, timeout_s=self._fetch_timeout_s, user_settings=self._user_settings)
                repository = Repository(mirror)
                self._opened[parsed.key] = repository
        # Outside the lock: several repositories may be fetched at a time.
        if fetch:
            repository.fetch_once()
        else:
            repository.require_mirror()
        return repository

    def close(self) -> None:
        """End the Git processes that serve reads."""
        with self._lock:
            for repository in self._opened.values():
                repository.close()
            self._opened.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Repository:
    """One mirror; made by `RepositoryCache.open`. Safe to share between threads."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._fetched = False
        self._repo: Repo | None = None
        self._refs: Refs | None = None
        self._trees: dict[str, Mapping[str, tuple[Kind, str]]] = {}
        self._lock = threading.RLock()

    def __str__(self) -> str:
        return str(self._mirror)

    def resolve(self, target_revision: str) -> str:
        """The commit id of ``HEAD`` (or empty), a branch, tag, ``refs/…``, or a full or abbreviated (7 or more) commit id.

        Raises
        ------
        RevisionError
            When it is not there or not a revision; near names are suggested.
        """
        revision = parse_revision(target_revision, str(self))
        with self._lock:
            refs = self._read_refs()
            wanted = find_revision(revision, refs, str(self))
            commit = wanted.commit
            if not commit and wanted.object_id:
                commit = self._commit_of(wanted.object_id) or self._fetch_commit(wanted.object_id)
            if not commit and wanted.ref:
                commit = self._fetch_ref(wanted.ref)
            if not commit:
                raise unknown_revision(revision, refs, str(self))
            return commit

    def revision_metadata(self, revision: str) -> RevisionMetadata:
        """Author, date and message of a commit id that `resolve` gave.

        Raises
        ------
        RevisionError
            When the mirror has no such commit.
        """
        from git import Commit  # loads Git's Python side, which a run without Git sources never needs

        with self._lock:
            if self._commit_of(revision) != revision:
                raise RevisionError(f"commit {shown(revision)} is not in {self}")
            commit = Commit(self._open(), bytes.fromhex(revision))
            author = f"{commit.author.name} <{commit.author.email}>" if commit.author.email else str(commit.author.name)
            message = commit.message if isinstance(commit.message, str) else commit.message.decode("utf-8", "replace")
            return RevisionMetadata(author, datetime.fromtimestamp(commit.authored_date, UTC), message.strip())

    def read_object(self, object_id: str, *, kind: str, limit: int = MAX_FILE_BYTES) -> bytes:
        """Bytes of a blob or tree.

        Raises
        ------
        GenerationError
            When it is larger than ``limit`` bytes, missing, or of another kind.
        """
        with self._lock:
            _, found, size = self._header(object_id)
            if found != kind:
                raise GenerationError(f"object {object_id[:12]} of {self} is a {found}, expected a {kind}")
            if size > limit:
                raise GenerationError(
                    f"a file of {size} bytes in {self} is over the limit of {limit} bytes (object {object_id[:12]})"
                )
            try:
                return bytes(self._open().git.get_object_data(object_id)[3])
            except (ValueError, OSError) as error:
                raise self._unreadable(object_id) from error

    def tree_of(self, revision: str) -> str:
        """Id of the root tree of a commit id that `resolve` gave."""
        return self._header(f"{revision}^{{tree}}")[0]

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        """Name to kind and object id of what a folder holds, sorted by name."""
        entries = self._trees.get(tree_id)
        if entries is None:
            data = self.read_object(tree_id, kind="tree", limit=MAX_TREE_BYTES)
            if len(self._trees) >= MAX_TREES:
                self._trees.clear()
            entries = self._trees[tree_id] = dict(sorted(self._parse_tree(data)))
        return entries

    def read(self, object_id: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
        """The bytes of a file."""
        return self.read_object(object_id, kind="blob", limit=limit)

    def size(self, object_id: str) -> int:
        """Size of an object in bytes, without reading it."""
        return self._header(object_id)[2]

    def submodule(self, commit: str, path: str, modules: bytes) -> tuple[TreeStore, str]:
        """Objects and root folder of the submodule at ``path``; ``modules`` is the text of ``.gitmodules``."""
        raise GenerationError(f"{shown(path)} in {self} lies in a submodule ({commit[:7]}); submodules are not fetched")

    def fetch_once(self) -> None:
        """Bring the mirror up to date, the first time it is asked for."""
        with self._lock:
            if self._fetched:
                return
            self._mirror.update()
            # The reading processes know the packs they saw when they started.
            self.close()
            self._fetched = True
            self._refs = None

    def require_mirror(self) -> None:
        """Check that an earlier run left a mirror."""
        self._mirror.require()

    def close(self) -> None:
        """End the Git processes of this mirror; the next read starts them again."""
        with self._lock:
            if self._repo is not None:
                self._repo.close()
                self._repo = None

    def _parse_tree(self, data: bytes) -> Iterator[tuple[str, tuple[Kind, str]]]:
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
            yield name, (_KINDS.get(mode, Kind.FILE), data[end + 1 : end + 21].hex())
            position = end + 21

    def _fetch_ref(self, ref: str) -> str:
        """A ref outside branches and tags, such as ``refs/pull/7/head``; the name was vetted by `parse_revision`."""
        if not self._fetched or ref.startswith(("refs/heads/", "refs/tags/", "refs/reconciler/")):
            return ""
        if not self._mirror.fetch(f"+{ref}:{ref}"):
            return ""
        self.close()
        self._refs = None
        return self._read_refs().commits.get(ref, "")

    def _fetch_commit(self, object_id: str) -> str:
        """A commit that no branch or tag reaches, where the server gives it by id."""
        if not self._fetched or len(object_id) < 40:
            return ""
        if not self._mirror.fetch(object_id):
            return ""
        self.close()
        return self._commit_of(object_id)

    def _read_refs(self) -> Refs:
        if self._refs is None:
            self._mirror.require()
            form = "%(refname)%09%(objecttype)%09%(objectname)%09%(*objecttype)%09%(*objectname)"
            self._refs = Refs(dict(self._commit_refs(self._output("for-each-ref", f"--format={form}").splitlines())))
        return self._refs

    def _commit_refs(self, lines: Sequence[str]) -> list[tuple[str, str]]:
        refs = []
        for line in lines:
            name, kind, object_id, peeled_kind, peeled = line.split("\t")
            if kind == "commit":
                refs.append((name, object_id))
            elif peeled_kind == "commit":
                refs.append((name, peeled))
            elif peeled_kind == "tag" and (commit := self._commit_of(object_id)):
                refs.append((name, commit))
        return refs

    def _commit_of(self, object_id: str) -> str:
        """The commit that a hexadecimal id, whole or abbreviated, names; empty when none or several."""
        try:
            return self._header(f"{object_id}^{{commit}}")[0]
        except RepositoryError:
            return ""

    def _header(self, name: str) -> tuple[str, str, int]:
        """Id, kind and size of the object that a vetted name means."""
        with self._lock:
            try:
                # GitPython declares text here and returns what came over the pipe.
                header: tuple[Any, Any, int] = self._open().git.get_object_header(name)
            except (ValueError, OSError) as error:
                raise self._unreadable(name) from error
        return header[0].decode(), header[1].decode(), header[2]

    def _unreadable(self, name: str) -> RepositoryError:
        # The reading process may have died; the next read starts another.
        self.close()
        return RepositoryError(f"object {name[:12]} of {self} cannot be read: the mirror is incomplete; fetch again")

    def _open(self) -> "Repo":
        if self._repo is None:
            git = git_library()
            try:
                self._repo = git.Repo(self._mirror.path, expand_vars=False)
            except git.GitError as error:
                raise RepositoryError(f"the mirror of {self} is damaged; fetch again") from error
            self._repo.git.update_environment(**self._mirror.reading_environment())
        return self._repo

    def _output(self, *command: str) -> str:
        git = self._open().git
        return str(git.execute([git.GIT_PYTHON_GIT_EXECUTABLE, *command]))
