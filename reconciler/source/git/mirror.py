"""A bare mirror of one repository: made, fetched, and moved aside when it is damaged."""

import logging
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source.git.environment import git_environment
from reconciler.source.git.failures import REFUSED_OBJECT, explain, is_own_damage
from reconciler.source.git.revisions import HEAD_REF
from reconciler.source.git.urls import RepositoryURL

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 600.0
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class Mirror:
    """The mirror of ``url`` at ``path``; one process at a time writes to it.

    Parameters
    ----------
    timeout_s
        Seconds a fetch may take; it is killed then, with all it started.
    user_settings
        Let Git read the user's own settings while it fetches.
    """

    def __init__(self, url: RepositoryURL, path: Path, *, timeout_s: float, user_settings: bool) -> None:
        self.url = url
        self.path = path
        self._timeout_s = timeout_s
        self._user_settings = user_settings

    def __str__(self) -> str:
        return str(self.url)

    def update(self) -> None:
        """Fetch all branches, all tags and HEAD; what the remote no longer has goes.

        Raises
        ------
        RepositoryError
            Not a repository, refused, or the mirror cannot be written.
        RepositoryUnreachableError
            No answer.
        """
        if self.url.is_local and not Path(self.url.path).is_dir():
            raise RepositoryError(f"{self} is not a Git repository: there is no such folder; check repoURL")
        with self._locked():
            for attempt in (1, 2):
                self._ensure()
                failure = self._fetch(*_REFSPECS, f"+HEAD:{HEAD_REF}")
                if failure and REFUSED_OBJECT.search(failure):
                    # An empty repository, or a HEAD that names a missing branch.
                    failure = self._fetch(*_REFSPECS)
                if not failure:
                    return
                if attempt == 2 or not is_own_damage(failure):
                    raise explain(failure, str(self))
                self._move_aside()

    def fetch(self, refspec: str) -> bool:
        """Fetch one ref or commit more; false when the remote has it not, or does not give it."""
        with self._locked():
            failure = self._fetch(refspec)
        if failure and not REFUSED_OBJECT.search(failure):
            raise explain(failure, str(self))
        return not failure

    def require(self) -> None:
        """Check that an earlier run left a mirror."""
        if not (self.path / "HEAD").is_file():
            raise RepositoryError(f"{self} is not in the cache yet; run once with fetching on")

    def reading_environment(self) -> dict[str, str]:
        """Variables for Git commands that only read: neither network nor settings of the user's."""
        return git_environment(self.path, self.url, user_settings=False)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(f"{self.path}.lock", timeout=LOCK_TIMEOUT_S, mode=0o600):
                yield
        except Timeout as error:
            raise RepositoryUnreachableError(
                f"{self}: another run has been fetching it for {LOCK_TIMEOUT_S:.0f} s"
            ) from error
        except OSError as error:
            raise RepositoryError(
                f"{self}: the mirror in {self.path.parent} cannot be written: {error.strerror}"
            ) from error

    def _ensure(self) -> None:
        if self.path.exists() and not all(
            (self.path / name).exists() for name in ("HEAD", "config", "objects", "refs")
        ):
            self._move_aside()
        if not self.path.exists():
            self.path.mkdir(mode=0o700)
            if failure := self._run("init", "--bare", "--quiet", "--template="):
                raise explain(failure, str(self))

    def _move_aside(self) -> None:
        """Keep one damaged mirror for inspection and begin a new one."""
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        log.warning("the mirror of %s is damaged; moved to %s and fetched again", self, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        self.path.rename(damaged)

    def _fetch(self, *refspecs: str) -> str:
        options = ["--quiet", "--force", "--prune", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"]
        if self.url.is_local:
            # A checkout on a build machine is often shallow.
            options.append("--update-shallow")
        return self._run("fetch", *options, "--end-of-options", "origin", *refspecs)

    def _run(self, *command: str) -> str:
        """Run a Git command that may use the network; what it wrote to stderr when it failed, else empty."""
        git = git_library().Git(str(self.path))
        environment = git_environment(self.path, self.url, user_settings=self._user_settings)
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


def git_library() -> Any:
    """GitPython, which looks for the ``git`` program when it is imported.

    Raises
    ------
    RepositoryError
        When Git is not installed.
    """
    try:
        import git
    except ImportError as error:
        raise RepositoryError("git is not installed or not on PATH; install Git 2.30 or newer") from error
    return git
