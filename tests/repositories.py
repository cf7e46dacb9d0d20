"""Real git repositories for tests: the same files give the same commit ids on every machine."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

_FIRST_COMMIT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Example",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada Example",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class GitRepository:
    """A repository with a work tree on branch ``main``; each commit is a minute after the one before."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._commits = 0

    @classmethod
    def create(cls, path: Path, content: Path | Mapping[str, str | bytes]) -> Self:
        """Make a repository at `path` whose first commit is a folder's content, or the given files."""
        path.mkdir(parents=True)
        repository = cls(path)
        repository.git("init", "--quiet", "--initial-branch=main")
        if isinstance(content, Path):
            shutil.copytree(content, path, dirs_exist_ok=True, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            repository.commit({}, "Add everything")
        else:
            repository.commit(content, "Add everything")
        return repository

    @property
    def url(self) -> str:
        """The ``file://`` URL."""
        return self.path.as_uri()

    @property
    def head(self) -> str:
        """The id of the checked-out commit."""
        return self.git("rev-parse", "HEAD")

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "Change") -> str:
        """Write files (None removes one), commit all of the work tree, and return the commit's id."""
        for name, content in files.items():
            target = self.path / name
            if content is None:
                target.unlink()
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={message}")
        return self.head

    def git(self, *arguments: str) -> str:
        """Run git in the work tree, without the user's own settings, and return what it prints."""
        at = (_FIRST_COMMIT + timedelta(minutes=self._commits)).isoformat()
        if arguments[0] == "commit":
            self._commits += 1
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        environment = inherited | _IDENTITY | {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
        done = subprocess.run(["git", *arguments], cwd=self.path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"git {arguments[0]} in {self.path}: {done.stderr}"
        return done.stdout.strip()
