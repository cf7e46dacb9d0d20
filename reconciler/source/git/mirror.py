"""A bare mirror of one repository: made, fetched, and moved aside when it is damaged.

What to fetch is decided by comparing refs first: those of a local repository are read from its files, those of a remote one
asked for by ``git ls-remote``. Nothing new, nothing fetched; else only the refs that differ are, by name, so that a server
cannot press a million others upon the mirror.

A mirror has the whole history unless the repository's Secret says ``depth``. History is what commit metadata, an older
``--revision``, tags that a constraint chooses and signatures of ancestors are read from, and it comes but once. Of 5,000
commits of a 2 kB file each over HTTPS, the first fetch took 0.76 s of CPU (server included) and 7.7 MB; ``--depth 1``
0.19 s and 0.2 MB; ``--filter=blob:none`` 0.29 s and 2.3 MB, and then a connection for every file that is read. So a filter
is not used, and ``depth`` is for repositories whose history is really large.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.kill_points import reach
from reconciler.source.credentials import CredentialStore, RepositoryCredentials
from reconciler.source.git.access import Access, granted
from reconciler.source.git.command import Ended, Limits, run_git
from reconciler.source.git.environment import git_environment, whole_environment
from reconciler.source.git.failures import REFUSED_OBJECT, STALE_LOCK, explain, is_own_damage
from reconciler.source.git.refs import git_folder, parse_advertised, read_mirror_refs, read_refs, tracked
from reconciler.source.git.revisions import HEAD_REF, is_ref_name
from reconciler.source.git.urls import RepositoryURL

log = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 600.0
MAX_REFS = 200_000
LISTING_BYTES = 64 * 2**20
"""Of what ``git ls-remote`` writes; GitHub's largest repositories list some ten."""
LISTING_MEMORY_BYTES = 2**30
MAX_PACKS = 50
"""Packs of a mirror, one a fetch, before they are put together."""
MAX_LOOSE_REFS = 20
"""Refs of a first fetch that stay in files of their own."""
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_OPTIONS = (
    "--quiet",
    "--force",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--no-show-forced-updates",
)


@dataclass(frozen=True, slots=True)
class MirrorOptions:
    """How mirrors are fetched; ``user_settings``: Git may read the user's own, above all credential helpers."""

    limits: Limits = field(default_factory=Limits)
    user_settings: bool = True
    store: CredentialStore | None = None


class Mirror:
    """The mirror of ``url`` at ``path``; one process at a time writes to it."""

    def __init__(
        self, url: RepositoryURL, path: Path, options: MirrorOptions, credentials: RepositoryCredentials | None = None
    ) -> None:
        self.url = url
        self.path = path
        self.credentials = credentials
        self._options = options

    def __str__(self) -> str:
        return str(self.url)

    def beside(self, path: Path) -> "Mirror":
        """Another folder for the same repository, reached in the same way."""
        return Mirror(self.url, path, self._options, self.credentials)

    @property
    def is_shallow(self) -> bool:
        """Whether parts of the history are missing."""
        return (self.path / "shallow").is_file()

    def update(self) -> bool:
        """Fetch all branches, all tags and HEAD; what the remote no longer has goes.

        Returns
        -------
        bool
            Whether anything was fetched.

        Raises
        ------
        RepositoryError
            Not a repository, refused, or the mirror cannot be written.
        RepositoryUnreachableError
            No answer.
        """
        if self.url.is_local and not Path(self.url.path).is_dir():
            raise RepositoryError(f"{self} is not a Git repository: there is no such folder; check repoURL")
        with self._locked(), self._access() as access:
            for attempt in (1, 2, 3):
                self._ensure()
                failure, changed = self._synchronize(access, patient=attempt < 3)
                if not failure:
                    return changed
                if attempt < 3 and REFUSED_OBJECT.search(failure):
                    # The remote changed between question and fetch.
                    continue
                if attempt < 3 and STALE_LOCK.search(failure):
                    # A run that was killed left it; ours is the only one that writes here.
                    self._tidy()
                    continue
                if attempt == 3 or not is_own_damage(failure):
                    break
                self._move_aside()
            # Git leaves the part of a pack that it got.
            self._tidy()
            raise explain(failure, str(self))

    def rebuild(self) -> None:
        """Move a mirror aside that cannot be read, and fetch it anew."""
        with self._locked():
            if self.path.exists():
                self._move_aside()
        self.update()

    def fetch(self, refspec: str) -> bool:
        """Fetch one ref or commit more; false when the remote has it not, or does not give it."""
        with self._locked(), self._access() as access:
            failure = self._fetch(access, [refspec])
        if failure and not REFUSED_OBJECT.search(failure):
            raise explain(failure, str(self))
        return not failure

    def require(self) -> None:
        """Check that an earlier run left a mirror."""
        if not (self.path / "HEAD").is_file():
            raise RepositoryError(f"{self} is not in the cache yet; run once with fetching on")

    def refs(self) -> dict[str, str]:
        """All refs with their ids, annotated tags not peeled."""
        return read_mirror_refs(self.path)

    def reading_environment(self) -> dict[str, str]:
        """Variables for Git commands that only read: neither network nor settings of the user's.

        The history of a shallow mirror ends in an error, never silently.
        """
        return git_environment(self.path, self.url, user_settings=False, variables={"GIT_SHALLOW_FILE": ""})

    @contextmanager
    def command(self, settings: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The whole environment of another program that reads the mirror and may log in as a fetch does."""
        with self._access() as access:
            yield self._environment(access, settings)

    @property
    def limits(self) -> Limits:
        return self._options.limits

    def _access(self) -> AbstractContextManager[Access]:
        return granted(self.url, self.credentials, self._options.store, user_settings=self._options.user_settings)

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
        names = ("HEAD", "config", "objects", "refs")
        if self.path.exists() and not all((self.path / name).exists() for name in names):
            self._move_aside()
        if not self.path.exists():
            self.path.mkdir(mode=0o700)
            done = self._run(Access(user_settings=False), "init", "--bare", "--quiet", "--template=")
            if done.status:
                raise explain(done.stderr, str(self))

    def _move_aside(self) -> None:
        """Keep one damaged mirror for inspection and begin a new one."""
        damaged = self.path.with_name(f"{self.path.name}.damaged")
        log.warning("the mirror of %s is damaged; moved to %s and fetched again", self, damaged)
        shutil.rmtree(damaged, ignore_errors=True)
        self.path.rename(damaged)

    def _synchronize(self, access: Access, *, patient: bool) -> tuple[str, bool]:
        """Make the mirror's refs those of the remote; Git's message when that failed, and whether anything changed."""
        wanted = self._advertised(access) if patient or not self.url.is_local else None
        if wanted is None:
            return self._fetch_all(access), True
        if len(wanted) > MAX_REFS:
            raise RepositoryError(f"{self} has {len(wanted)} branches and tags; the limit is {MAX_REFS}")
        have = tracked(self.refs())
        deepen = self._depth_options(have)
        if wanted == have and not deepen:
            return "", False
        if (gone := [name for name in have if name not in wanted]) and (failure := self._delete(gone)):
            return failure, True
        changed = [name for name, object_id in wanted.items() if have.get(name) != object_id]
        specs = [f"+{'HEAD' if name == HEAD_REF else name}:{name}" for name in changed]
        failure = self._fetch(access, specs, *deepen) if specs or deepen else ""
        if not have and len(specs) > MAX_LOOSE_REFS:
            self._run(Access(user_settings=False), "pack-refs", "--all")
        self._pack()
        return failure, True

    def _advertised(self, access: Access) -> dict[str, str] | None:
        """The remote's refs; None where only Git can tell."""
        if self.url.is_local:
            folder = git_folder(Path(self.url.path))
            refs = read_refs(folder) if folder else None
        else:
            limits = replace(self.limits, output_bytes=LISTING_BYTES, memory_bytes=LISTING_MEMORY_BYTES)
            done = self._run(access, "ls-remote", "--quiet", "--end-of-options", "origin", limits=limits)
            if done.status:
                raise explain(done.stderr, str(self))
            refs = parse_advertised(done.stdout.decode("utf-8", "surrogateescape"))
        return {name: text for name, text in refs.items() if is_ref_name(name)} if refs is not None else None

    def _fetch_all(self, access: Access) -> str:
        failure = self._fetch(access, [*_REFSPECS, f"+HEAD:{HEAD_REF}"], "--prune")
        if failure and REFUSED_OBJECT.search(failure):
            # An empty repository, or a HEAD that names a missing branch.
            failure = self._fetch(access, _REFSPECS, "--prune")
        return failure

    def _depth_options(self, have: Mapping[str, str]) -> list[str]:
        depth = self.credentials.depth if self.credentials else 0
        if depth and (self.is_shallow or not have):
            return [f"--depth={depth}"] if not have else []
        return ["--unshallow"] if self.is_shallow and not depth and not self.url.is_local else []

    def _fetch(self, access: Access, refspecs: Sequence[str], *options: str) -> str:
        """Fetch and return what Git wrote to stderr when it failed, else nothing. Names go by standard input."""
        depth = self.credentials.depth if self.credentials and self.is_shallow else 0
        if depth and not any(option.startswith("--depth") for option in options):
            options = (*options, f"--depth={depth}")
        if self.url.is_local:
            # A checkout on a build machine is often shallow.
            options = (*options, "--update-shallow")
        names = "".join(f"{refspec}\n" for refspec in refspecs).encode("utf-8", "surrogateescape")
        reach("fetch")
        try:
            done = self._run(access, "fetch", *_OPTIONS, *options, "--stdin", "--end-of-options", "origin", given=names)
        except RepositoryError:
            self._tidy()
            raise
        reach("fetch")
        return "" if done.status == 0 else done.stderr or f"git ended with status {done.status}"

    def _delete(self, names: Sequence[str]) -> str:
        commands = "".join(f"delete {name}\0\0" for name in names).encode("utf-8", "surrogateescape")
        done = self._run(Access(user_settings=False), "update-ref", "-z", "--stdin", given=commands)
        return done.stderr if done.status else ""

    def _pack(self) -> None:
        """Put many packs and loose refs together; that it fails costs time only."""
        try:
            packs = sum(entry.suffix == ".pack" for entry in (self.path / "objects" / "pack").iterdir())
        except OSError:
            return
        if packs > MAX_PACKS:
            self._run(Access(user_settings=False), "repack", "-d", "--geometric=2", "--quiet")
            self._run(Access(user_settings=False), "pack-refs", "--all")

    def _tidy(self) -> None:
        """Remove what a fetch that was ended left behind."""
        for folder, pattern in ((self.path / "objects" / "pack", "tmp_*"), (self.path, "*.lock")):
            for file in folder.glob(pattern):
                file.unlink(missing_ok=True)
        for file in (self.path / "refs").rglob("*.lock"):
            file.unlink(missing_ok=True)

    def _run(self, access: Access, *command: str, given: bytes = b"", limits: Limits | None = None) -> Ended:
        return run_git(
            command,
            environment=self._environment(access),
            where=str(self),
            limits=limits or self.limits,
            given=given,
            growing=[self.path / "objects" / "pack"],
        )

    def _environment(self, access: Access, settings: Mapping[str, str] | None = None) -> dict[str, str]:
        variables = git_environment(
            self.path,
            self.url,
            user_settings=access.user_settings,
            settings={**access.settings, **(settings or {})},
            variables=access.variables,
        )
        return whole_environment(variables, user_settings=access.user_settings)
