"""A kustomization, built by kustomize in a private folder that holds only what it refers to."""

from collections.abc import Iterator

from reconciler.manifest.yaml import load_documents
from reconciler.model.source import KustomizeOptions
from reconciler.source.build_environment import substitute
from reconciler.source.directory import read_objects
from reconciler.source.files.paths import resolve_path
from reconciler.source.files.patterns import expand, is_pattern
from reconciler.source.files.tree import Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.kustomize.build import build
from reconciler.source.kustomize.edit import edit_kustomization
from reconciler.source.kustomize.references import OWN, References, find_kustomization, load_kustomization
from reconciler.source.kustomize.remotes import is_remote
from reconciler.source.kustomize.tool import KustomizeTool, kustomize_tool
from reconciler.source.rendering import Rendering, RenderRequest
from reconciler.source.target import SourceType


def render_kustomize(request: RenderRequest) -> Rendering:
    """The objects that ``kustomize build`` makes of ``path``, in its order.

    Raises
    ------
    GenerationError
        A remote reference that is not allowed, a missing one, a cycle, or what kustomize itself refuses.
    SpecError
        Build options of the operator's that cannot be.
    """
    tree, path, field = request.tree, request.path, request.where
    options = request.source.kustomize or KustomizeOptions()
    tool = kustomize_tool(request.settings, options.version, where=field)
    tree.folder(path, field=f"{field}.path")
    file = find_kustomization(tree, path, field=f"{field}.path")
    kustomization = edit_kustomization(
        load_kustomization(tree, file),
        _with_components(tree, path, options, f"{field}.kustomize.components"),
        substitute=lambda text: substitute(text, request.variables),
        field=f"{field}.kustomize",
    )
    with Workspace(tree) as workspace:
        references = References(request, workspace, inflates=tool.options.helm)
        references.collect(path, kustomization, file)
        text = build(
            tool,
            workspace.folder / OWN / path,
            root=workspace.folder,
            what=f"kustomize build of {path or '.'}",
            arguments=_helm_arguments(request, tool, options) if references.uses_helm else (),
            variables=_environment(request, references, tool),
            launches=references.uses_helm or tool.options.launches,
        )
    name = f"{file} (built)"
    return Rendering(
        SourceType.KUSTOMIZE, tuple((obj, "") for obj in read_objects(load_documents(text, file=name), name))
    )


def _with_components(tree: Tree, path: str, options: KustomizeOptions, field: str) -> KustomizeOptions:
    """Components by name: patterns are expanded, and missing ones left out where the Application says so."""
    found: list[str] = []
    for name in options.components:
        if is_pattern(name) and not is_remote(name):
            found += _relative(path, expand(tree, path, name, field=field)) or [name]
        else:
            found.append(name)
    if options.ignore_missing_components:
        # As in Argo CD an address is no folder that is there.
        found = [name for name in found if not is_remote(name) and tree.find(resolve_path(path, name, field=field))]
    return options.model_copy(update={"components": tuple(found)})


def _relative(path: str, found: list[str]) -> list[str]:
    up = "../" * (path.count("/") + 1) if path else "./"
    return [f"{up}{name}" for name in found]


def _helm_arguments(request: RenderRequest, tool: KustomizeTool, options: KustomizeOptions) -> tuple[str, ...]:
    request.observations.capabilities = True
    version = (options.kube_version or request.capabilities.kube_version).replace("+", "")
    return (
        *tool.options.helm_arguments(),
        *(("--helm-kube-version", version) if version else ()),
        *_each("--helm-api-versions", options.api_versions or request.capabilities.api_versions),
    )


def _each(name: str, values: tuple[str, ...]) -> Iterator[str]:
    for value in values:
        yield from (name, value)


def _environment(request: RenderRequest, references: References, tool: KustomizeTool) -> dict[str, str]:
    """Build variables for the build: only those that something reads, so that a render does not hang on the others."""
    names = request.variables if tool.options.launches else references.environment & request.variables.keys()
    return {name: request.variables[name] for name in names}
