"""Where the control plane's binaries are looked for, and what is said where there are none."""

import sys
from pathlib import Path

import pytest

from tests.controlplane import binaries
from tests.controlplane.binaries import NAMES, MissingBinariesError, build_directory, ensure_binaries, find_binaries

_STAND_IN_FOR_GO = f"""#!{sys.executable}
import pathlib, sys
output = pathlib.Path(sys.argv[sys.argv.index("-o") + 1])
packages = [each.rpartition("/")[2] for each in sys.argv if "/cmd/" in each]
for program in [output / each for each in packages] or [output]:
    program.touch(mode=0o755)
"""


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with none of it: empty data, cache and program folders."""
    (tmp_path / "bin").mkdir()
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, f"{tmp_path / name}")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path


def _install(directory: Path, names: tuple[str, ...] = NAMES) -> Path:
    directory.mkdir(parents=True)
    for name in names:
        (directory / name).write_text("")
        (directory / name).chmod(0o755)
    return directory


def test_what_is_named_is_taken_first(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(build_directory())
    assets = _install(bare_machine / "assets")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", f"{assets}")
    assert find_binaries() == binaries.Binaries(assets, "KUBEBUILDER_ASSETS")


def test_the_newest_of_setup_envtest_is_taken(bare_machine: Path) -> None:
    folder = bare_machine / "XDG_DATA_HOME" / "kubebuilder-envtest" / "k8s"
    for version in ("1.9.0", "1.37.1", "1.10.2"):
        _install(folder / f"{version}-linux-amd64")
    assert find_binaries() == binaries.Binaries(folder / "1.37.1-linux-amd64", "setup-envtest")


def test_a_folder_that_lacks_one_does_not_count(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", f"{_install(bare_machine / 'assets', ('etcd', 'kube-apiserver'))}")
    assert find_binaries() is None


def test_our_own_build_is_found_last(bare_machine: Path) -> None:
    built = _install(build_directory())
    assert find_binaries() == binaries.Binaries(built, "Go build")
    assert ensure_binaries() == find_binaries()


def test_without_go_the_error_is_one_line_that_says_what_to_do(bare_machine: Path) -> None:
    with pytest.raises(MissingBinariesError) as caught:
        ensure_binaries()
    assert f"{caught.value}" == (
        "no control plane: neither KUBEBUILDER_ASSETS nor setup-envtest's folder has etcd, kube-apiserver, "
        "kube-controller-manager, and there is no Go to build them with; install Go or set KUBEBUILDER_ASSETS"
    )


def test_a_build_that_fails_leaves_nothing_behind(bare_machine: Path) -> None:
    go = bare_machine / "bin" / "go"
    go.write_text("#!/bin/sh\necho first >&2\necho 'no network' >&2\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(MissingBinariesError, match=r"^the control plane does not build: go build in .* no network$"):
        ensure_binaries()
    assert [path for path in build_directory().parent.iterdir() if not path.name.endswith(".lock")] == []


def test_a_build_is_kept(bare_machine: Path) -> None:
    go = bare_machine / "bin" / "go"
    go.write_text(_STAND_IN_FOR_GO)
    go.chmod(0o755)
    said: list[str] = []
    built = ensure_binaries(report=said.append)
    assert built == binaries.Binaries(build_directory(), "Go build")
    assert said[1:] == ["etcd is built", "kube-apiserver and kube-controller-manager are built"]
    go.unlink()
    assert ensure_binaries() == built
