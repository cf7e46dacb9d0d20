"""Where etcd, kube-apiserver and kube-controller-manager are on this machine; Go builds them where they are not."""

import os
import platform
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from tests.tools import go_build
from tests.tools.go_build import BuildError, Module, NoGoError

HERE = Path(__file__).resolve().parent
KUBERNETES_VERSION = "1.37.2"
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager")
_SUBJECT = "controlplane"
_VERSION = "k8s.io/component-base/version"
_MODULES = (
    Module("etcd", HERE / "etcd", ("go.etcd.io/etcd/server/v3",), program="etcd"),
    Module(
        "kubernetes",
        HERE,
        tuple(f"k8s.io/kubernetes/cmd/{name}" for name in NAMES if name != "etcd"),
        ldflags=(
            f"-s -w -X {_VERSION}.gitVersion=v{KUBERNETES_VERSION}"
            f" -X {_VERSION}.gitMajor={KUBERNETES_VERSION.split('.')[0]}"
            f" -X {_VERSION}.gitMinor={KUBERNETES_VERSION.split('.')[1]}"
        ),
    ),
)


class MissingBinariesError(Exception):
    """The binaries are nowhere and cannot be built; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder that holds all three, and how it was found."""

    directory: Path
    found_by: str

    def path(self, name: str) -> str:
        """The path of one of `NAMES`."""
        return str(self.directory / name)


def find_binaries() -> Binaries | None:
    """Look into KUBEBUILDER_ASSETS, the folders of setup-envtest (newest version first), and our own build's cache.

    A folder counts only when it has all three: what setup-envtest downloads has no kube-controller-manager of its own.
    """
    for found_by, directory in _candidates():
        if all(os.access(directory / name, os.X_OK) for name in NAMES):
            return Binaries(directory.resolve(), found_by)
    return None


def ensure_binaries(*, report: Callable[[str], None] = lambda line: None) -> Binaries:
    """Find the binaries, or build them with Go into the cache; callers at the same time wait for the one that builds.

    Raises
    ------
    MissingBinariesError
        When they are nowhere and there is no Go, or the build fails.
    """
    found = find_binaries()
    if found is not None:
        return found
    try:
        return Binaries(go_build.build(_SUBJECT, _MODULES, report=report), "Go build")
    except NoGoError as error:
        raise MissingBinariesError(
            "no control plane: neither KUBEBUILDER_ASSETS nor setup-envtest's folder has "
            f"{', '.join(NAMES)}, and there is no Go to build them with; install Go or set KUBEBUILDER_ASSETS"
        ) from error
    except BuildError as error:
        raise MissingBinariesError(f"the control plane does not build: {error}") from error


def build_directory() -> Path:
    """The cache folder of exactly this build."""
    return go_build.build_directory(_SUBJECT, _MODULES)


def _candidates() -> Iterator[tuple[str, Path]]:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        yield "KUBEBUILDER_ASSETS", Path(assets)
    name = "io.kubebuilder.envtest" if platform.system() == "Darwin" else "kubebuilder-envtest"
    for directory in sorted((user_data_path(name) / "k8s").glob("*"), key=_version, reverse=True):
        yield "setup-envtest", directory
    yield "Go build", build_directory()


def _version(directory: Path) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", directory.name.partition("-")[0]))
