"""Commits that are made here and pushed as a new branch.

They are made in a scratch repository that borrows the mirror's objects, so that the mirror itself stays what was fetched, and
without a work tree: only the files that change are written.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import RepositoryError, UsageError
from reconciler.source.files.paths import has_control_characters, shown
from reconciler.source.git.command import Ended, run_git
from reconciler.source.git.environment import whole_environment
from reconciler.source.git.failures import explain, last_line
from reconciler.source.git.mirror import Mirror
from reconciler.source.git.refs import BRANCHES
from reconciler.source.git.repository import Repository
from reconciler.source.git.revisions import is_ref_name

_IDENTITY = re.compile(r"(?P<name>[^<>\n]*[^<>\s]) <(?P<email>[^<>\s]+)>(?: \d+ [+-]\d{4})?")
_REJECTED = re.compile(r"^!\t[^\t]*\t(?P<why>\[.*)$", re.MULTILINE)
_FILE_MODES = ("100644", "100755")
NEWEST = f"{BRANCHES}newest"
"""The last commit that a scratch repository made."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who a commit is by; also its committer."""

    name: str
    email: str

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


def parse_author(text: str) -> Author:
    """Read ``Name <mail@example.com>``.

    Raises
    ------
    UsageError
        For any other text.
    """
    match = _IDENTITY.fullmatch(text)
    if match is None or has_control_characters(text):
        raise UsageError(f"author {shown(text)} is not of the form 'Name <mail@example.com>'")
    return Author(match["name"], match["email"])


def require_branch_name(name: str) -> str:
    """The name itself, when Git allows a branch to be called so.

    Raises
    ------
    UsageError
        When it does not.
    """
    if not is_ref_name(f"{BRANCHES}{name}") or name.startswith(("-", "refs/")) or name == "HEAD":
        raise UsageError(f"branch {shown(name)} is not a name that Git allows")
    return name


class Scratch:
    """A repository for new commits on top of another's; made by `scratch`."""

    def __init__(self, mirror: Mirror, path: Path) -> None:
        self._mirror = mirror.beside(path)
        self._path = path
        self._git("init", "--bare", "--quiet", "--template=")
        (path / "objects" / "info").mkdir(exist_ok=True)
        (path / "objects" / "info" / "alternates").write_text(f"{mirror.path / 'objects'}\n", encoding="utf-8")
        if mirror.is_shallow:
            shutil.copyfile(mirror.path / "shallow", path / "shallow")

    @property
    def repository(self) -> Repository:
        """What was made here, to be read at the revision `NEWEST`; nothing is fetched."""
        return Repository(self._mirror)

    def configured_author(self) -> Author:
        """The author that the user's own Git would take.

        Raises
        ------
        UsageError
            When Git knows none.
        """
        variables = {"GIT_DIR": str(self._path), "GIT_CONFIG_COUNT": "1"}
        variables |= {"GIT_CONFIG_KEY_0": "user.useConfigOnly", "GIT_CONFIG_VALUE_0": "true"}
        done = self._run(whole_environment(variables, user_settings=True), "var", "GIT_AUTHOR_IDENT")
        found = done.stdout.decode("utf-8", "replace").strip()
        if done.status or not _IDENTITY.fullmatch(found):
            raise UsageError("Git knows no author; set user.name and user.email in its configuration, or give --author")
        return parse_author(found)

    def commit(self, base: str, files: Mapping[str, bytes], *, message: str, author: Author) -> str:
        """The id of a new commit on top of the commit ``base``, in which files that are there have new content.

        Raises
        ------
        RepositoryError
            When a file is not there, is no plain file, or nothing would change.
        """
        index = {"GIT_INDEX_FILE": str(self._path / "index"), "GIT_LITERAL_PATHSPECS": "1"}
        self._git("read-tree", base, variables=index)
        for path, content in files.items():
            mode = self._mode(base, path)
            blob = self._git("hash-object", "-w", "--no-filters", "--stdin", given=content or b"")
            entry = f"{mode} {blob}\t{path}\0".encode("utf-8", "surrogateescape")
            self._git("update-index", "-z", "--index-info", variables=index, given=entry)
        tree = self._git("write-tree", variables=index)
        if tree == self._git("rev-parse", "--verify", "--end-of-options", f"{base}^{{tree}}"):
            raise RepositoryError(f"nothing would change in {self._mirror}")
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", author.name), ("EMAIL", author.email))
        }
        text = f"{message.strip()}\n".encode()
        commit = self._git("commit-tree", tree, "-p", base, variables=identity, given=text)
        self._git("update-ref", NEWEST, commit)
        return commit

    def push(self, commit: str, branch: str) -> None:
        """Push a commit as a new branch; one that is there is never moved.

        Raises
        ------
        UsageError
            When the branch is there.
        RepositoryError
            When the remote refuses.
        RepositoryUnreachableError
            No answer.
        """
        ref = f"{BRANCHES}{require_branch_name(branch)}"
        options = ("--porcelain", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
        with self._mirror.command({}) as environment:
            # An empty expectation: the branch must not be there, whatever happened since the fetch.
            lease = f"--force-with-lease={ref}:"
            done = self._run(environment, "push", *options, lease, "--end-of-options", "origin", f"{commit}:{ref}")
        if done.status:
            raise self._push_error(done, branch)

    def _push_error(self, done: Ended, branch: str) -> Exception:
        rejected = _REJECTED.search(done.stdout.decode("utf-8", "replace"))
        if rejected is None:
            error = explain(done.stderr, str(self._mirror))
            text = str(error).replace("cannot be fetched", "cannot be pushed to")
            return type(error)(text)
        why = last_line(rejected["why"])
        if why.startswith("[rejected]"):
            return UsageError(f"branch {branch} is in {self._mirror} already; name another with --branch, or delete it")
        return RepositoryError(
            f"{self._mirror} refused branch {branch}: {why.removeprefix('[remote rejected]').strip()}"
        )

    def _mode(self, base: str, path: str) -> str:
        listed = self._git("ls-tree", "-z", "--full-tree", base, "--", path, variables={"GIT_LITERAL_PATHSPECS": "1"})
        mode, _, rest = listed.partition(" ")
        if mode not in _FILE_MODES or rest.rstrip("\0").partition("\t")[2] != path:
            raise RepositoryError(f"{shown(path)} is no file in {self._mirror} at {base[:7]}")
        return mode

    def _git(self, *arguments: str, variables: Mapping[str, str] | None = None, given: bytes = b"") -> str:
        """What a command on the scratch repository alone writes."""
        environment = whole_environment(
            {**self._mirror.reading_environment(), **(variables or {})}, user_settings=False
        )
        done = self._run(environment, *arguments, given=given)
        if done.status:
            raise RepositoryError(f"{self._mirror}: git {arguments[0]} failed: {last_line(done.stderr)}")
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def _run(self, environment: Mapping[str, str], *arguments: str, given: bytes = b"") -> Ended:
        return run_git(
            arguments, environment=environment, where=str(self._mirror), limits=self._mirror.limits, given=given
        )


@contextmanager
def scratch(repository: Repository) -> Iterator[Scratch]:
    """A scratch repository on top of a repository's mirror, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="gitops-nb-scratch-") as folder:
        made = Scratch(repository.mirror, Path(folder) / "repository")
        yield made
