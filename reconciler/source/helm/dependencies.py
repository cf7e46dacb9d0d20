"""Sub-charts that a chart takes from the same repository: ``repository: file://../common``, put where Helm looks for them."""

import re
from typing import Any

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Kind, Tree
from reconciler.source.files.workspace import Workspace

MAX_DEPTH = 10
LOCAL = "file://"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def add_local_dependencies(
    tree: Tree, workspace: Workspace, path: str, target: str, *, leave_out: frozenset[str], depth: int = 0
) -> None:
    """Copy the local dependencies of the chart at ``path`` into ``charts/`` of its copy at ``target``, and theirs.

    Parameters
    ----------
    leave_out
        File names that are not written.

    Raises
    ------
    GenerationError
        A dependency that is not there, leaves the repository, or needs itself.
    """
    if depth > MAX_DEPTH:
        raise GenerationError(
            f"{path}/Chart.yaml: local dependencies are nested more than {MAX_DEPTH} deep; one needs itself"
        )
    for index, dependency in enumerate(_declared(tree, join(path, "Chart.yaml"))):
        repository, name = str(dependency.get("repository") or ""), str(dependency.get("name") or "")
        if not repository.startswith(LOCAL) or _is_vendored(tree, join(path, "charts"), name):
            continue
        field = f"{join(path, 'Chart.yaml')}: dependencies[{index}]"
        if not _NAME.fullmatch(name):
            raise GenerationError(f"{field}.name: {shown(name)} is not a chart name")
        source = resolve_path(path, repository.removeprefix(LOCAL), field=f"{field}.repository")
        folder = tree.folder(source, field=f"{field}.repository")
        copy = f"{target}/charts/{name}"
        workspace.add_folder(copy, folder, leave_out=leave_out, field=f"{field}.repository")
        add_local_dependencies(tree, workspace, source, copy, leave_out=leave_out, depth=depth + 1)


def _declared(tree: Tree, file: str) -> list[dict[str, Any]]:
    entry = tree.find(file)
    if entry is None or entry.kind is not Kind.FILE:
        return []
    documents = load_documents(tree.read(entry), file=file)
    dependencies = documents[0].get("dependencies") if documents and isinstance(documents[0], dict) else None
    return [item for item in dependencies if isinstance(item, dict)] if isinstance(dependencies, list) else []


def _is_vendored(tree: Tree, charts: str, name: str) -> bool:
    folder = tree.find(charts)
    if folder is None or folder.kind is not Kind.FOLDER:
        return False
    names = [entry.name for entry in tree.children(folder)]
    return any(present == name or (present.startswith(f"{name}-") and present.endswith(".tgz")) for present in names)
