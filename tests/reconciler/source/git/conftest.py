"""Fixtures of the tests of Git repositories."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The Git commands that were run since the last call."""
    log = tmp_path / "commands"
    log.touch()
    real = shutil.which("git")
    shim = tmp_path / "shim" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho "$1" >>{log}\nexec {real} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)

    def ran() -> list[str]:
        names = log.read_text().split()
        log.write_text("")
        # Tests run git in the repository that is fetched, too.
        return [name for name in names if name in ("init", "fetch", "ls-remote", "cat-file", "for-each-ref", "repack")]

    return ran
