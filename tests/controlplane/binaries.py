"""Where etcd, kube-apiserver and kube-controller-manager are on this machine; Go builds them where they are not."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path, user_data_path

HERE = Path(__file__).resolve().parent
KUBERNETES_VERSION = "1.37.2"
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager")
_VERSION = "k8s.io/component-base/version"
_LDFLAGS = {
    "kubernetes": (
        f"-s -w -X {_VERSION}.gitVersion=v{KUBERNETES_VERSION}"
        f" -X {_VERSION}.gitMajor={KUBERNETES_VERSION.split('.')[0]}"
        f" -X {_VERSION}.gitMinor={KUBERNETES_VERSION.split('.')[1]}"
    ),
    "etcd": "-s -w",
}
_MODULE_FILES = ("go.mod", "go.sum", "etcd/go.mod", "etcd/go.sum")


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
    if shutil.which("go") is None:
        raise MissingBinariesError(
            "no control plane: neither KUBEBUILDER_ASSETS nor setup-envtest's folder has "
            f"{', '.join(NAMES)}, and there is no Go to build them with; install Go or set KUBEBUILDER_ASSETS"
        )
    target = build_directory()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        found = find_binaries()
        if found is not None:
            return found
        report(f"building the control plane with Go into {target} (some minutes)")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as scratch:
            built = Path(scratch) / "bin"
            built.mkdir()
            _go_build(HERE / "etcd", built / "etcd", ["go.etcd.io/etcd/server/v3"], _LDFLAGS["etcd"])
            report("etcd is built")
            kubernetes = [f"k8s.io/kubernetes/cmd/{name}" for name in NAMES if name != "etcd"]
            _go_build(HERE, built, kubernetes, _LDFLAGS["kubernetes"])
            report("kube-apiserver and kube-controller-manager are built")
            built.rename(target)
    return Binaries(target, "Go build")


def build_directory() -> Path:
    """The cache folder of exactly this build: its name is the digest of the modules, the flags and the platform."""
    digest = hashlib.sha256()
    for name in _MODULE_FILES:
        digest.update((HERE / name).read_bytes())
    digest.update(repr((sorted(_LDFLAGS.items()), platform.system(), platform.machine())).encode())
    return user_cache_path("gitops-nb") / "controlplane" / digest.hexdigest()[:32]


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


def _go_build(module: Path, output: Path, packages: list[str], ldflags: str) -> None:
    command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o", f"{output}", *packages]
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run(command, cwd=module, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise MissingBinariesError(f"the control plane does not build: go build in {module} said: {last}")
