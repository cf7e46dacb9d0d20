"""One run of ``kustomize build``: a clean environment, no network, little work at its start."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.errors import GenerationError
from reconciler.processes.process import run_tool
from reconciler.source.kustomize.options import LAUNCHER_PATH
from reconciler.source.kustomize.tool import KustomizeTool

BUILD_TIMEOUT_S = 90.0
"""Argo CD's default of ``ARGOCD_EXEC_TIMEOUT``."""
MESSAGE_LENGTH = 500
GO_HEAP_BYTES = 2**30


def build(
    tool: KustomizeTool,
    folder: Path,
    *,
    root: Path,
    what: str,
    arguments: Sequence[str] = (),
    variables: Mapping[str, str],
    launches: bool,
) -> bytes:
    """The YAML of a kustomization.

    Parameters
    ----------
    folder, root
        The kustomization's folder, and the private folder that holds it and all it needs.
    variables
        For env files that name variables without a value.
    launches
        Whether the tool starts programs, which need a home and room for temporary files.

    Raises
    ------
    GenerationError
        What kustomize refuses, or a limit that it exceeds.
    """
    home = root / "home"
    if launches:
        home.mkdir(mode=0o700)
    environment = {
        **variables,
        # Not there unless programs are started: neither kubectl nor kustomize writes to it.
        "HOME": str(home),
        "TMPDIR": str(home),
        "KUBECONFIG": str(home / "none"),
        # No git, no helm, no plugin of any kind can be found.
        "PATH": LAUNCHER_PATH if tool.options.launches else str(home),
        "GOTRACEBACK": "none",
        **_NO_NETWORK,
        **_FAST_START,
    }
    if "--network" in tool.options.arguments:
        environment = {name: value for name, value in environment.items() if name not in _NO_NETWORK}
    output = run_tool(
        (*tool.command, *tool.options.arguments, *arguments, folder),
        what=what,
        folder=root,
        environment=environment,
        timeout_s=BUILD_TIMEOUT_S,
        supervised=launches,
    )
    if output.status != 0:
        raise GenerationError(f"{what}: {_reason(output.stderr, root, output.status)}")
    return output.stdout


# Nothing listens there: an address that slipped through cannot be fetched.
_NO_NETWORK = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}

# Together they halve the processor time of a small build, most of which is kubectl's start. It parses the catalogue of its
# help texts' translations at once: this is the language with the smallest. What kustomize says is not translated.
_FAST_START = {
    "GOGC": "off",
    "GOMEMLIMIT": str(GO_HEAP_BYTES),
    "GOMAXPROCS": "1",
    "LC_ALL": "zh_TW.UTF-8",
}


def _reason(stderr: str, root: Path, status: int) -> str:
    """Kustomize's message in one line, with paths as they are in the repository."""
    if status < 0 or "out of memory" in stderr or "cannot allocate memory" in stderr:
        return "kustomize was ended by its memory limit"
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("# Warning")]
    text = re.sub(rf"{re.escape(str(root))}/(source|remote-\d+|home)/?", "", " ".join(lines).removeprefix("error: "))
    text = re.sub(r"//[^/\s]*@", "//", text.replace(str(root), "."))
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:MESSAGE_LENGTH] or f"kustomize ended with status {status}"
