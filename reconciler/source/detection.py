"""Which tool renders a source: an explicit block, else a plugin that wants it, else what its folder holds.

Source: docs/user-guide/tool_detection.md, util/app/discovery/discovery.go of Argo CD. A kustomization beats a Chart.yaml
beside it, as there.
"""

from reconciler.source.files.paths import join
from reconciler.source.files.tree import Kind, Tree
from reconciler.source.jsonnet.ksonnet_application import is_ksonnet_application
from reconciler.source.kustomize import FILE_NAMES
from reconciler.source.rendering import RenderRequest
from reconciler.source.target import SourceType


def detect_source_type(request: RenderRequest) -> SourceType:
    """The tool of a source; one that the operator switched off leaves a plain directory."""
    source, settings, tree, path = request.source, request.settings, request.tree, request.path
    for options, source_type in (
        (source.plugin, SourceType.PLUGIN),
        (source.helm, SourceType.HELM),
        (source.kustomize, SourceType.KUSTOMIZE),
        (source.ksonnet, SourceType.KSONNET),
        (source.directory, SourceType.DIRECTORY),
    ):
        if options is not None:
            return source_type
    if source.chart:
        return SourceType.HELM
    if request.plugins:
        from reconciler.source.plugin.discovery import discover

        if discover(request):
            return SourceType.PLUGIN
    if settings.kustomize_enabled and any(_is_file(tree, join(path, name)) for name in FILE_NAMES):
        return SourceType.KUSTOMIZE
    if settings.helm_enabled and _is_file(tree, join(path, "Chart.yaml")):
        return SourceType.HELM
    if settings.jsonnet_enabled and is_ksonnet_application(tree, path):
        return SourceType.KSONNET
    return SourceType.DIRECTORY


def _is_file(tree: Tree, path: str) -> bool:
    entry = tree.find(path)
    return entry is not None and entry.kind is Kind.FILE
