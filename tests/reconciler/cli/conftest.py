"""Fixtures of the command line's tests."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitops_nb.cli import root
from reconciler.cli.main import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Run a command line in this process, without a cluster and with a store of the test's own."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    monkeypatch.setenv("GITOPS_NB_STORE", f"sqlite:///{tmp_path}/history.db")

    def call(*words: str, application: Any = root) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            run(application, words)
        output = capfd.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return call
