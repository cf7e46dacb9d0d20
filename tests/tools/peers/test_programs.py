"""Where the programs to compare with are looked for, and what is said where there are none."""

import sys
from pathlib import Path

import pytest

from tests.tools.peers.programs import FOLDER_VARIABLE, NAMES, MissingPeerError, Peers

_STAND_IN_FOR_GO = f"""#!{sys.executable}
import pathlib, sys
output = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
(output / sys.argv[-1].rpartition("/")[2] if output.is_dir() else output).touch(mode=0o755)
"""


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Go would be on a machine that has nothing yet."""
    (tmp_path / "bin").mkdir()
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, f"{tmp_path / name}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    return tmp_path / "bin" / "go"


def _install(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_built_once_and_kept(go: Path, name: str) -> None:
    _install(go, _STAND_IN_FOR_GO)
    said: list[str] = []
    peers = Peers(report=said.append)
    assert peers.find(name) is None
    built = peers.path(name)
    assert built.name == name
    assert said[1:] == [f"{name} is built"]
    go.unlink()
    assert peers.path(name) == peers.find(name) == built
    assert len(said) == 2


def test_the_folder_that_is_named_is_taken_first(go: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(go, _STAND_IN_FOR_GO)
    (tmp_path / "peers").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, f"{tmp_path / 'peers'}")
    built = Peers().path("helm")
    _install(tmp_path / "peers" / "helm", "")
    assert Peers().path("helm") == tmp_path / "peers" / "helm" != built


def test_without_go_the_error_says_what_to_do(go: Path) -> None:
    with pytest.raises(MissingPeerError) as caught:
        Peers().path("kustomize")
    assert str(caught.value) == (
        "no kustomize to compare with: GITOPS_NB_PEERS names no folder that has it, "
        "and there is no Go to build it with; install Go or set GITOPS_NB_PEERS"
    )


def test_a_build_that_fails_leaves_nothing_behind(go: Path, tmp_path: Path) -> None:
    _install(go, "#!/bin/sh\necho first >&2\necho 'no network' >&2\nexit 1\n")
    with pytest.raises(MissingPeerError, match=r"^helm does not build: go build in .*/helm said: no network$"):
        Peers().path("helm")
    assert list(tmp_path.rglob("building-*")) == []
    assert Peers().find("helm") is None
