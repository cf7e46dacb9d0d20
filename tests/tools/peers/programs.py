"""The programs that results are compared with: found in a folder of the user's, or built with Go into the cache."""

import os
from collections.abc import Callable
from pathlib import Path

from tests.tools import go_build
from tests.tools.go_build import BuildError, Module, NoGoError

FOLDER_VARIABLE = "GITOPS_NB_PEERS"
_HERE = Path(__file__).resolve().parent
# One module each: what they require does not go together.
_MODULES = {
    module.name: module
    for module in (
        Module("registry", _HERE / "registry", ("github.com/distribution/distribution/v3/cmd/registry",)),
        Module("helm", _HERE / "helm", ("helm.sh/helm/v4/cmd/helm",)),
        Module("kustomize", _HERE / "kustomize", ("sigs.k8s.io/kustomize/kustomize/v5",), program="kustomize"),
    )
}
NAMES = tuple(_MODULES)


class MissingPeerError(Exception):
    """A program is nowhere and cannot be built; the text is one line that says what to do."""


class Peers:
    """The programs of `NAMES`, each built when it is first asked for and the folder of ``GITOPS_NB_PEERS`` has it not."""

    def __init__(self, *, report: Callable[[str], None] = lambda line: None) -> None:
        self._report = report

    def find(self, name: str) -> Path | None:
        """Where the program is already; None where it is to be built."""
        folder = os.environ.get(FOLDER_VARIABLE)
        for directory in (Path(folder) if folder else None, self._build_directory(name)):
            if directory and os.access(directory / name, os.X_OK):
                return (directory / name).resolve()
        return None

    def path(self, name: str) -> Path:
        """Where the program is, built where it is missing.

        Raises
        ------
        MissingPeerError
            There is no Go to build it with, or it does not build.
        """
        if found := self.find(name):
            return found
        try:
            return go_build.build(f"peers/{name}", [_MODULES[name]], report=self._report) / name
        except NoGoError as error:
            raise MissingPeerError(
                f"no {name} to compare with: {FOLDER_VARIABLE} names no folder that has it, "
                f"and there is no Go to build it with; install Go or set {FOLDER_VARIABLE}"
            ) from error
        except BuildError as error:
            raise MissingPeerError(f"{name} does not build: {error}") from error

    @staticmethod
    def _build_directory(name: str) -> Path:
        return go_build.build_directory(f"peers/{name}", [_MODULES[name]])
