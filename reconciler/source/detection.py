"""Which tool renders a source: an explicit block, else a plugin that wants it, else what its folder holds.

Source: docs/user-guide/tool_detection.md, util/app/discovery/discovery.go of Argo CD. A kustomization beats a Chart.yaml
beside it, as there.
"""

from reconciler.model import ApplicationSource
from reconciler.source.files.paths import join
from reconciler.source.files.tree import Kind, Tree
from reconciler.source.kustomize.references import FILE_NAMES
from reconciler.source.settings import SourceSettings
from reconciler.source.target import SourceType


def explicit_source_type(source: ApplicationSource) -> SourceType | None:
    """The tool that a source names by its block."""
    for options, source_type in (
        (source.plugin, SourceType.PLUGIN),
        (source.helm, SourceType.HELM),
        (source.kustomize, SourceType.KUSTOMIZE),
        (source.directory, SourceType.DIRECTORY),
    ):
        if options is not None:
            return source_type
    return SourceType.HELM if source.chart else None


def detect_source_type(tree: Tree, path: str, settings: SourceSettings) -> SourceType:
    """The tool for what a folder holds; one that the operator switched off leaves a plain directory."""
    if settings.kustomize_enabled and any(_is_file(tree, join(path, name)) for name in FILE_NAMES):
        return SourceType.KUSTOMIZE
    if settings.helm_enabled and _is_file(tree, join(path, "Chart.yaml")):
        return SourceType.HELM
    return SourceType.DIRECTORY


def _is_file(tree: Tree, path: str) -> bool:
    entry = tree.find(path)
    return entry is not None and entry.kind is Kind.FILE
