"""A kustomization, built by kustomize in a private folder that holds only what it refers to."""

import re
import tempfile
from pathlib import Path

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import KustomizeOptions
from reconciler.source.build_environment import substitute
from reconciler.source.directory import read_objects
from reconciler.source.files.paths import resolve_path
from reconciler.source.files.tree import Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.kustomize.edit import edit_kustomization
from reconciler.source.kustomize.references import References, find_kustomization, load_kustomization
from reconciler.source.kustomize.tool import kustomize_command
from reconciler.source.processes.process import run_tool
from reconciler.source.rendering import Rendering, RenderRequest
from reconciler.source.target import SourceType

BUILD_TIMEOUT_S = 90.0
"""Argo CD's default of ``ARGOCD_EXEC_TIMEOUT``."""
MESSAGE_LENGTH = 500


def render_kustomize(request: RenderRequest) -> Rendering:
    """The objects that ``kustomize build`` makes of ``path``, in its order.

    Raises
    ------
    GenerationError
        A remote or missing reference, a cycle, or what kustomize itself refuses.
    """
    tree, path, field = request.tree, request.path, request.where
    options = request.source.kustomize or KustomizeOptions()
    if options.version:
        raise GenerationError(f"{field}.kustomize.version: no other version of kustomize is set up; remove the field")
    tree.folder(path, field=f"{field}.path")
    file = find_kustomization(tree, path, field=f"{field}.path")
    options = _without_missing_components(tree, path, options, field)
    kustomization = edit_kustomization(
        load_kustomization(tree, file),
        options,
        substitute=lambda text: substitute(text, request.variables),
        field=f"{field}.kustomize",
    )
    with Workspace(tree) as workspace:
        References(tree, workspace).collect(path, kustomization, file)
        text = _build(workspace.folder / path, workspace.folder, f"kustomize build of {path or '.'}")
        objects = tuple(
            (obj, "") for obj in read_objects(load_documents(text, file=f"{file} (built)"), f"{file} (built)")
        )
        return Rendering(SourceType.KUSTOMIZE, objects)


def _without_missing_components(tree: Tree, path: str, options: KustomizeOptions, field: str) -> KustomizeOptions:
    if not options.ignore_missing_components:
        return options
    where = f"{field}.kustomize.components"
    present = tuple(name for name in options.components if tree.find(resolve_path(path, name, field=where)) is not None)
    return options.model_copy(update={"components": present})


def _build(folder: Path, root: Path, what: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="gitops-nb-home-") as home:
        environment = {
            "HOME": home,
            "TMPDIR": home,
            "KUBECONFIG": str(Path(home) / "none"),
            # No git, no helm, no plugin of any kind can be found.
            "PATH": home,
            # Nothing listens there: an address that slipped through cannot be fetched.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "GOTRACEBACK": "none",
        }
        output = run_tool(
            (*kustomize_command(), folder), what=what, folder=root, environment=environment, timeout_s=BUILD_TIMEOUT_S
        )
    if output.status != 0:
        raise GenerationError(f"{what}: {_reason(output.stderr, root, output.status)}")
    return output.stdout


def _reason(stderr: str, root: Path, status: int) -> str:
    """Kustomize's message in one line, with paths as they are in the repository."""
    if status < 0 or "out of memory" in stderr or "cannot allocate memory" in stderr:
        return "kustomize was ended by its memory limit"
    lines = [line.strip() for line in stderr.splitlines() if line.strip() and not line.startswith("# Warning")]
    text = " ".join(lines).removeprefix("error: ").replace(f"{root}/", "").replace(str(root), ".")
    text = re.sub(r"//[^/\s]*@", "//", text)
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:MESSAGE_LENGTH] or f"kustomize ended with status {status}"
