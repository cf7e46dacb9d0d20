"""Programs that tests need and Go builds: once for each state of their modules, into the user's cache."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path


class BuildError(Exception):
    """A module does not build; the text is one line."""


class NoGoError(BuildError):
    """PATH has no Go."""


@dataclass(frozen=True, slots=True)
class Module:
    """A folder with go.mod and go.sum, and the main packages to build from it.

    A module of one package may give its program another name than the package's: ``program``.
    """

    name: str
    folder: Path
    packages: tuple[str, ...]
    ldflags: str = "-s -w"
    program: str = ""

    @property
    def programs(self) -> tuple[str, ...]:
        """The names of what is built."""
        return (self.program,) if self.program else tuple(package.rpartition("/")[2] for package in self.packages)


def build_directory(subject: str, modules: Sequence[Module]) -> Path:
    """The cache folder of exactly this build: its name is the digest of the modules, the flags and the platform."""
    digest = hashlib.sha256()
    for module in sorted(modules, key=lambda module: module.folder):
        for name in ("go.mod", "go.sum"):
            digest.update((module.folder / name).read_bytes())
    flags = sorted((module.name, module.ldflags) for module in modules)
    digest.update(repr((flags, platform.system(), platform.machine())).encode())
    return user_cache_path("gitops-nb") / subject / digest.hexdigest()[:32]


def build(subject: str, modules: Sequence[Module], *, report: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the modules' programs, built where it is not there yet; all of them or none.

    Callers at the same time wait for the one that builds.

    Raises
    ------
    NoGoError
        There is nothing to build with.
    BuildError
        Go fails: with the last line that it wrote.
    """
    if shutil.which("go") is None:
        raise NoGoError("there is no Go on PATH; install it")
    target = build_directory(subject, modules)
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if target.is_dir():
            return target
        report(f"building {subject} with Go into {target} (some minutes)")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as scratch:
            built = Path(scratch) / "bin"
            built.mkdir()
            for module in modules:
                _go_build(module, built)
                report(f"{' and '.join(module.programs)} {'is' if len(module.programs) == 1 else 'are'} built")
            built.rename(target)
    return target


def _go_build(module: Module, folder: Path) -> None:
    output = folder / module.program
    command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", module.ldflags, "-o", f"{output}"]
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    done = subprocess.run(
        [*command, *module.packages], cwd=module.folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise BuildError(f"go build in {module.folder} said: {last}")
