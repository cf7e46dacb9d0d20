"""From an Application to its target state: each source resolved, rendered by its tool, and put together."""

from collections.abc import Sequence
from typing import Protocol

from reconciler.errors import GenerationError
from reconciler.manifest.objects import ResourceKey, metadata_of
from reconciler.model import Application, ApplicationSource
from reconciler.model.source import DirectoryOptions, HelmOptions, KustomizeOptions
from reconciler.source.build_environment import build_variables
from reconciler.source.directory import render_directory
from reconciler.source.files.paths import join, resolve_path
from reconciler.source.files.tree import Kind, RevisionTree
from reconciler.source.git.repository import Repository
from reconciler.source.helm.render import render_helm
from reconciler.source.kustomize.references import FILE_NAMES
from reconciler.source.kustomize.render import render_kustomize
from reconciler.source.rendering import Rendering
from reconciler.source.target import Capabilities, RenderedSource, SourcedManifest, SourceType, Target


class Repositories(Protocol):
    """Where repositories come from; `RepositoryCache` is one."""

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False) -> Repository: ...


def generate_manifests(
    application: Application,
    *,
    repositories: Repositories,
    revisions: Sequence[str] | None = None,
    capabilities: Capabilities | None = None,
    allow_local: bool = True,
    fetch: bool = True,
) -> Target:
    """Render all sources of an Application. Tracking metadata and namespaces are not added here.

    Parameters
    ----------
    revisions
        One for each source, in the place of its ``targetRevision``.
    capabilities
        What Helm charts may ask of the cluster.
    allow_local
        Whether ``file://`` and plain paths may be repositories.
    fetch
        False: work on the repositories as they were last fetched.

    Raises
    ------
    GenerationError
        A source cannot be rendered, or two objects of one source have one key.
    SpecError
        A file does not parse, or is not an object.
    """
    sources = application.sources
    if not sources:
        raise GenerationError(f"application {application.metadata.name} has no source; set spec.source")
    if revisions is not None and len(revisions) != len(sources):
        raise GenerationError(
            f"application {application.metadata.name} has {len(sources)} sources, but {len(revisions)} revisions were given"
        )
    capabilities = capabilities or Capabilities()
    rendered: list[RenderedSource] = []
    manifests: list[SourcedManifest] = []
    for index, source in enumerate(sources):
        field = f"spec.sources[{index}]" if application.spec.sources else "spec.source"
        _refuse_unsupported(source, field)
        repository = repositories.open(source.repo_url, fetch=fetch, allow_local=allow_local)
        revision = repository.resolve(revisions[index] if revisions is not None else source.target_revision)
        rendering = _render(application, source, RevisionTree(repository, revision), capabilities, field)
        rendered.append(RenderedSource(source, rendering.source_type, revision, rendering.files))
        found = [SourcedManifest(obj, origin, index) for obj, origin in rendering.objects]
        _refuse_repeated(found, application.spec.destination.namespace, field)
        manifests += found
    kept, warnings = _last_of_each(manifests, application.spec.destination.namespace)
    return Target(application.metadata.name, tuple(rendered), tuple(kept), tuple(warnings))


def detect_source_type(source: ApplicationSource, tree: RevisionTree, path: str) -> SourceType:
    """The tool of a source: an explicit block, else what its folder holds.

    A kustomization beats a Chart.yaml beside it (util/app/discovery/discovery.go).
    """
    for options, source_type in (
        (source.helm, SourceType.HELM),
        (source.kustomize, SourceType.KUSTOMIZE),
        (source.directory, SourceType.DIRECTORY),
    ):
        if options is not None:
            return source_type
    for names, source_type in ((FILE_NAMES, SourceType.KUSTOMIZE), (("Chart.yaml",), SourceType.HELM)):
        if any((entry := tree.find(join(path, name))) and entry.kind is Kind.FILE for name in names):
            return source_type
    return SourceType.DIRECTORY


def _refuse_unsupported(source: ApplicationSource, field: str) -> None:
    if source.chart:
        raise GenerationError(
            f"{field}.chart: charts from Helm repositories cannot be rendered; use a chart in a Git repository, with path"
        )
    if source.plugin is not None:
        raise GenerationError(f"{field}.plugin: config management plugins cannot be run; remove the field")
    if source.ref and not source.path:
        raise GenerationError(
            f"{field}.ref: a source that only lends value files cannot be read; keep value files beside the chart"
        )
    if not source.path:
        raise GenerationError(f"{field}.path: is required for a Git repository; name a folder, or . for its root")


def _render(
    application: Application, source: ApplicationSource, tree: RevisionTree, capabilities: Capabilities, field: str
) -> Rendering:
    path = resolve_path("", source.path, field=f"{field}.path")
    tree.folder(path, field=f"{field}.path")
    source_type = detect_source_type(source, tree, path)
    variables = build_variables(application, source, tree.revision, capabilities)
    if source_type is SourceType.HELM:
        return render_helm(
            tree,
            path,
            source.helm or HelmOptions(),
            release_name=application.metadata.name,
            namespace=application.spec.destination.namespace,
            capabilities=capabilities,
            variables=variables,
            field=field,
        )
    if source_type is SourceType.KUSTOMIZE:
        return render_kustomize(tree, path, source.kustomize or KustomizeOptions(), variables=variables, field=field)
    return render_directory(tree, path, source.directory or DirectoryOptions(), field=field)


def _key(sourced: SourcedManifest, namespace: str) -> ResourceKey | None:
    """The object's key as it will be in the cluster; None where the server makes the name."""
    if not metadata_of(sourced.manifest).get("name"):
        return None
    key = ResourceKey.of(sourced.manifest)
    return ResourceKey(key.group, key.kind, key.namespace or namespace, key.name)


def _refuse_repeated(manifests: Sequence[SourcedManifest], namespace: str, field: str) -> None:
    first: dict[ResourceKey, SourcedManifest] = {}
    for sourced in manifests:
        key = _key(sourced, namespace)
        if key is not None and (other := first.setdefault(key, sourced)) is not sourced:
            files = (
                f"in {other.origin} and {sourced.origin}"
                if other.origin != sourced.origin
                else f"twice in {sourced.origin or field}"
            )
            raise GenerationError(f"{ResourceKey.of(sourced.manifest)} is {files}; keep one")


def _last_of_each(manifests: Sequence[SourcedManifest], namespace: str) -> tuple[list[SourcedManifest], list[str]]:
    """Of objects with one key in several sources the last stays (controller/state.go), with Argo CD's warning."""
    last: dict[ResourceKey, SourcedManifest] = {}
    count: dict[ResourceKey, int] = {}
    for sourced in manifests:
        if (key := _key(sourced, namespace)) is not None:
            last[key] = sourced
            count[key] = count.get(key, 0) + 1
    kept = [sourced for sourced in manifests if (key := _key(sourced, namespace)) is None or last[key] is sourced]
    warnings = [
        f"Resource {key.group}/{key.kind}/{key.namespace}/{key.name} appeared {number} times among application resources."
        for key, number in sorted(count.items())
        if number > 1
    ]
    return kept, warnings
