"""The mirrors of one run: each repository is opened and fetched once, however many Applications read it."""

import hashlib
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from platformdirs import user_cache_dir

from reconciler.source.credentials import CredentialStore
from reconciler.source.git.command import Limits
from reconciler.source.git.mirror import Mirror, MirrorOptions
from reconciler.source.git.repository import ContentOptions, Repository
from reconciler.source.git.urls import RepositoryURL, parse_repository_url


class RepositoryCache:
    """The mirrors of one run, in ``directory`` (default: the user's cache folder), one folder a repository.

    Parameters
    ----------
    directory
        Folder of the mirrors, made with mode 0700.
    fetch_timeout_s
        Seconds a fetch may take; it is killed then, with all it started.
    fetch_bytes
        Bytes that one fetch may write; it is killed then.
    user_settings
        Let Git read the user's own settings, above all credential helpers, while it fetches what ``credentials`` knows
        nothing of.
    credentials
        Those of Argo CD's Secrets and ConfigMaps.
    submodules
        Fetch submodules when something inside is asked for; otherwise asking is an error, and walking passes them by.
    lfs
        Read Git LFS files of every repository; otherwise of those whose Secret says ``enableLfs``.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        fetch_timeout_s: float = 300,
        fetch_bytes: int = 4 * 2**30,
        user_settings: bool = True,
        credentials: CredentialStore | None = None,
        submodules: bool = False,
        lfs: bool = False,
    ) -> None:
        self._directory = directory or Path(user_cache_dir("gitops-nb")) / "repositories"
        limits = Limits(fetch_timeout_s, disk_bytes=fetch_bytes)
        self._options = MirrorOptions(limits, user_settings, credentials)
        self._submodules = submodules
        self._lfs = lfs
        self._opened: dict[tuple[str, str], Repository] = {}
        self._by_url: dict[tuple[str, str, bool], Repository] = {}
        self._lock = threading.RLock()

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False, project: str = "") -> Repository:
        """The repository at ``url``, fetched unless this cache did so before.

        Parameters
        ----------
        fetch
            False: take the mirror as the last run left it.
        project
            The Application's project, whose own credentials come before those of all.

        Raises
        ------
        RepositoryError
            Not a repository, or an address that is refused.
        RepositoryUnreachableError
            No answer.
        SpecError
            When the Secret with the repository's credentials does not validate.
        """
        repository = self._by_url.get((url, project, allow_local))
        if repository is None:
            repository = self._find(url, project, allow_local=allow_local)
        # Outside the lock: several repositories may be fetched at a time.
        if fetch:
            repository.fetch_once()
        else:
            repository.require_mirror()
        return repository

    def expire(self) -> None:
        """Begin another run: every repository is compared with its remote again when it is next opened."""
        with self._lock:
            for repository in self._opened.values():
                repository.expire()

    def close(self) -> None:
        """End the Git processes that serve reads."""
        with self._lock:
            for repository in self._opened.values():
                repository.close()
            self._opened.clear()
            self._by_url.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _find(self, url: str, project: str, *, allow_local: bool) -> Repository:
        parsed = parse_repository_url(url, allow_local=allow_local)
        with self._lock:
            store = self._options.store
            credentials = store.find(url, project) if store is not None and not parsed.is_local else None
            scope = credentials.project if credentials else ""
            repository = self._opened.get((parsed.key, scope))
            if repository is None:
                content = ContentOptions(
                    lfs=self._lfs or bool(credentials and credentials.enable_lfs),
                    modules=self if self._submodules else None,
                    project=project,
                )
                repository = Repository(Mirror(parsed, self._path(parsed, scope), self._options, credentials), content)
                self._opened[parsed.key, scope] = repository
            self._by_url[url, project, allow_local] = repository
            return repository

    def _path(self, url: RepositoryURL, scope: str) -> Path:
        """A project's own credentials may see another repository than those of all, hence a mirror of its own."""
        name = hashlib.sha256(f"{url.key}|{scope}".encode()).hexdigest() if scope else url.key
        return self._directory / name
