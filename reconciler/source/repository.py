"""Git repositories as bare mirrors in the user's cache: fetched once a run, read by plumbing, never checked out."""

import logging
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from os import killpg
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout
from platformdirs import user_cache_dir

from reconciler.errors import GenerationError, RepositoryError, RepositoryUnreachableError, RevisionError
from reconciler.source.git_environment import git_environment
from reconciler.source.git_failures import REFUSED_OBJECT, explain, is_own_damage
from reconciler.source.paths import shown
from reconciler.source.revisions import HEAD_REF, Refs, find_revision, parse_revision, unknown_revision
from reconciler.source.urls import RepositoryURL, parse_repository_url

if TYPE_CHECKING:
    from git import Repo

log = logging.getLogger(__name__)

MAX_OBJECT_BYTES = 64 * 2**20
LOCK_TIMEOUT_S = 600.0
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


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
                repository = Repository(
                    parsed,
                    self._directory / parsed.key,
                    timeout_s=self._fetch_timeout_s,
                    user_settings=self._user_settings,
                )
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

    def __init__(self, url: RepositoryURL, mirror: Path, *, timeout_s: float, user_settings: bool) -> None:
        self.url = url
        self._mirror = mirror
        self._timeout_s = timeout_s
        self._user_settings = user_settings
        self._fetched = False
        self._repo: Repo | None = None
        self._refs: Refs | None = None
        self._lock = threading.RLock()

    def __str__(self) -> str:
        return str(self.url)

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

    def read_object(self, object_id: str, *, kind: str, limit: int = MAX_OBJECT_BYTES) -> bytes:
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

    def object_size(self, object_id: str) -> int:
        """Size of an object in bytes, without reading it."""
        return self._header(object_id)[2]

    def fetch_once(self) -> None:
        """Bring the mirror up to date, the first time it is asked for."""
        with self._lock:
            if self._fetched:
                return
            self._check_local()
            self._mirror.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with FileLock(f"{self._mirror}.lock", timeout=LOCK_TIMEOUT_S, mode=0o600):
                    self._fetch_mirror()
            except Timeout as error:
                raise RepositoryUnreachableError(
                    f"{self}: another run has been fetching it for {LOCK_TIMEOUT_S:.0f} s"
                ) from error
            except OSError as error:
                raise RepositoryError(
                    f"{self}: the mirror in {self._mirror.parent} cannot be written: {error.strerror}"
                ) from error
            self._fetched = True
            self._refs = None

    def require_mirror(self) -> None:
        """Check that an earlier run left a mirror."""
        if not (self._mirror / "HEAD").is_file():
            raise RepositoryError(f"{self} is not in the cache yet; run once with fetching on")

    def close(self) -> None:
        """End the Git processes of this mirror; the next read starts them again."""
        with self._lock:
            if self._repo is not None:
                self._repo.close()
                self._repo = None

    def _check_local(self) -> None:
        if self.url.is_local and not Path(self.url.path).is_dir():
            raise RepositoryError(f"{self} is not a Git repository: there is no such folder; check repoURL")

    def _fetch_mirror(self) -> None:
        for attempt in (1, 2):
            self._ensure_mirror()
            failure = self._run(*self._fetch_command(*_REFSPECS, f"+HEAD:{HEAD_REF}"))
            if failure and REFUSED_OBJECT.search(failure):
                # An empty repository, or a HEAD that names a missing branch.
                failure = self._run(*self._fetch_command(*_REFSPECS))
            if not failure:
                return
            if attempt == 2 or not is_own_damage(failure):
                raise explain(failure, str(self))
            self._move_aside()

    def _ensure_mirror(self) -> None:
        if self._mirror.exists() and not self._is_sound():
            self._move_aside()
        if not self._mirror.exists():
            self._mirror.mkdir(mode=0o700)
            if failure := self._run("init", "--bare", "--quiet", "--template="):
                raise explain(failure, str(self))

    def _is_sound(self) -> bool:
        return all((self._mirror / name).exists() for name in ("HEAD", "config", "objects", "refs"))

    def _move_aside(self) -> None:
        """Keep one damaged mirror for inspection and begin a new one."""
        self.close()
        damaged = self._mirror.with_name(f"{self._mirror.name}.damaged")
        log.warning("the mirror of %s is damaged; moved to %s and fetched again", self, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        self._mirror.rename(damaged)

    def _fetch_command(self, *refspecs: str) -> tuple[str, ...]:
        options = ["--quiet", "--force", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
        if self.url.is_local:
            # A checkout on a build machine is often shallow.
            options.append("--update-shallow")
        return ("fetch", *options, "--end-of-options", "origin", *refspecs)

    def _fetch_ref(self, ref: str) -> str:
        """A ref outside branches and tags, such as ``refs/pull/7/head``; the name was vetted by `parse_revision`."""
        if not self._fetched or ref.startswith(("refs/heads/", "refs/tags/", "refs/reconciler/")):
            return ""
        if not self._fetch_more(f"+{ref}:{ref}"):
            return ""
        self._refs = None
        return self._read_refs().commits.get(ref, "")

    def _fetch_commit(self, object_id: str) -> str:
        """A commit that no branch or tag reaches, where the server gives it by id."""
        if not self._fetched or len(object_id) < 40:
            return ""
        return self._commit_of(object_id) if self._fetch_more(object_id) else ""

    def _fetch_more(self, refspec: str) -> bool:
        with FileLock(f"{self._mirror}.lock", timeout=LOCK_TIMEOUT_S, mode=0o600):
            failure = self._run(*self._fetch_command(refspec))
        # The reading processes know the packs they saw when they started.
        self.close()
        if failure and not REFUSED_OBJECT.search(failure):
            raise explain(failure, str(self))
        return not failure

    def _read_refs(self) -> Refs:
        if self._refs is None:
            self.require_mirror()
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
            git = _git_library()
            try:
                self._repo = git.Repo(self._mirror, expand_vars=False)
            except git.GitError as error:
                raise RepositoryError(f"the mirror of {self} is damaged; fetch again") from error
            self._repo.git.update_environment(**git_environment(self._mirror, self.url, user_settings=False))
        return self._repo

    def _output(self, *command: str) -> str:
        git = self._open().git
        return str(git.execute([git.GIT_PYTHON_GIT_EXECUTABLE, *command]))

    def _run(self, *command: str) -> str:
        """Run a Git command that may use the network; what it wrote to stderr when it failed, else empty."""
        git = _git_library().Git(str(self._mirror))
        environment = git_environment(self._mirror, self.url, user_settings=self._user_settings)
        command = (git.GIT_PYTHON_GIT_EXECUTABLE, *command)
        # The handle ends the process when it is dropped.
        handle = git.execute(command, as_process=True, env=environment, start_new_session=True)
        process = handle.proc
        try:
            stderr = process.communicate(timeout=self._timeout_s)[1]
        except BaseException as error:
            # The group holds ssh or the https helper as well.
            with suppress(ProcessLookupError, PermissionError):
                killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise RepositoryUnreachableError(f"{self} did not answer within {self._timeout_s:g} s") from error
            raise
        if process.returncode == 0:
            return ""
        return str(stderr.decode("utf-8", "replace")) or f"git ended with status {process.returncode}"


def _git_library() -> Any:
    """GitPython, which looks for the ``git`` program when it is imported."""
    try:
        import git
    except ImportError as error:
        raise RepositoryError("git is not installed or not on PATH; install Git 2.30 or newer") from error
    return git
