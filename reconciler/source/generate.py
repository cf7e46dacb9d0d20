"""From an Application to its target state: each source resolved, rendered by its tool or found in the cache, put together."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from reconciler.errors import GenerationError, RepositoryError, RevisionError, SpecError
from reconciler.kill_points import reach
from reconciler.model import Application, ApplicationSource
from reconciler.source.build_environment import build_variables
from reconciler.source.cache import Inputs, RenderCache, Rendered
from reconciler.source.combining import combine, refuse_repeated
from reconciler.source.detection import detect_source_type
from reconciler.source.files.paths import resolve_path, shown
from reconciler.source.files.tree import Tree
from reconciler.source.integrity import Verification
from reconciler.source.jsonnet.evaluate import engine_version
from reconciler.source.kustomize.tool import kustomize_stamp
from reconciler.source.moved_tags import moved_tags
from reconciler.source.observations import Observations, ObservedDownloads, ObservedVariables
from reconciler.source.overrides import merge_overrides
from reconciler.source.rendering import Rendering, RenderRequest
from reconciler.source.resolving import Charts, Repositories, ResolvedSource, Resolver
from reconciler.source.settings import DEFAULT_SETTINGS, SourceSettings
from reconciler.source.target import NO_CAPABILITIES, Capabilities, RenderedSource, SourceType, Target

if TYPE_CHECKING:
    from reconciler.source.git.signatures import IntegrityChecker
    from reconciler.source.plugin.definition import Plugins

RENDERER = "1"
"""Raised when renders of the same input come out differently; part of every cache key."""

_TOOLS = MappingProxyType(
    {
        SourceType.DIRECTORY: "reconciler.source.directory:render_directory",
        SourceType.KUSTOMIZE: "reconciler.source.kustomize.render:render_kustomize",
        SourceType.HELM: "reconciler.source.helm.render:render_helm",
        SourceType.KSONNET: "reconciler.source.jsonnet.ksonnet:render_ksonnet",
        SourceType.PLUGIN: "reconciler.source.plugin.render:render_plugin",
    }
)
"""Imported with the first source that needs it: a command mostly meets one tool, and all of them take long to load."""

Integrity = Callable[[str], "IntegrityChecker | None"]
"""What the project of that name asks of signatures."""


@dataclass(frozen=True, slots=True)
class _Memo:
    """The last target of an Application, and what it was made of."""

    application: Application
    keys: tuple[str, ...]
    revisions: tuple[str, ...]
    verified: tuple[Verification | None, ...]
    capabilities: str
    rendered: tuple[Rendered, ...]
    target: Target


class Generator:
    """Generates the targets of many Applications; parameters are those of `generate_manifests`."""

    def __init__(
        self,
        repositories: Repositories,
        *,
        capabilities: Capabilities = NO_CAPABILITIES,
        allow_local: bool = True,
        fetch: bool = True,
        settings: SourceSettings = DEFAULT_SETTINGS,
        charts: Charts | None = None,
        cache: RenderCache | None = None,
        integrity: Integrity | None = None,
        plugins: "Plugins | None" = None,
        namespace: str = "argocd",
    ) -> None:
        self._resolver = Resolver(repositories, charts, allow_local=allow_local, fetch=fetch)
        self._capabilities = capabilities
        self._capabilities_digest = _digest([capabilities.kube_version, capabilities.api_versions])
        self._settings = settings
        self._plugins = plugins
        self._charts = charts
        self._integrity = integrity
        self._cache = cache or RenderCache(persistent=False)
        self._namespace = namespace

    def generate(self, application: Application, *, revisions: Sequence[str] | None = None) -> Target:
        """The target of one Application; errors are those of `generate_manifests`."""
        _check_sources(application, revisions)
        resolved = [
            self._resolver.resolve(
                source,
                revisions[index] if revisions is not None else source.target_revision,
                where=f"spec.sources[{index}]" if application.spec.sources else "spec.source",
                project=application.project,
            )
            for index, source in enumerate(application.sources)
        ]
        target, moved = self._target(application, resolved), moved_tags(application, resolved)
        return replace(target, warnings=(*target.warnings, *moved)) if moved else target

    def _target(self, application: Application, resolved: Sequence[ResolvedSource]) -> Target:
        verified = tuple(self._verify(application, source) for source in resolved)
        memo: _Memo | None = self._cache.memo.get(self._identity(application))
        at = tuple(source.revision for source in resolved)
        if memo is not None and memo.application is not application:
            memo = None
        if (
            memo is not None
            and memo.revisions == at
            and memo.verified == verified
            and memo.capabilities == self._capabilities_digest
            and all(rendered.pinned for rendered in memo.rendered)
        ):
            return _as_cached(memo.target)
        keys = memo.keys if memo is not None else self._keys(application)
        references = {source.source.ref: source for source in resolved if source.source.ref}
        results = [
            self._rendered(application, source, key, references) if _renders(source.source) else None
            for source, key in zip(resolved, keys, strict=True)
        ]
        rendered = tuple(result[0] for result in results if result is not None)
        sources = tuple(
            RenderedSource(source.source, result[0].source_type, source.revision, result[0].files, result[1], signed)
            if result is not None
            else RenderedSource(source.source, None, source.revision, verification=signed)
            for source, result, signed in zip(resolved, results, verified, strict=True)
        )
        if memo is not None and all(new is old for new, old in zip(rendered, memo.rendered, strict=True)):
            target = replace(memo.target, sources=sources)
        else:
            target = combine(application, sources, [result[0] if result else None for result in results])
        self._cache.memo[self._identity(application)] = _Memo(
            application, keys, at, verified, self._capabilities_digest, rendered, target
        )
        return target

    @cached_property
    def _settings_digest(self) -> str:
        """Digest of what all renders have in common: the settings and the tools."""
        plugins = self._plugins.digest if self._plugins is not None else ""
        tools = [RENDERER, engine_version(), kustomize_stamp(self._settings), plugins]
        return _digest([tools, self._settings.to_json()])

    def _verify(self, application: Application, resolved: ResolvedSource) -> Verification | None:
        """What the project asks of a Git source's signatures; charts and artifacts are not covered."""
        if self._integrity is None or resolved.repository is None:
            return None
        checker = self._integrity(application.project)
        if checker is None:
            return None
        return checker.check(
            resolved.repository,
            resolved.revision,
            repo_url=resolved.source.repo_url,
            target_revision=resolved.target_revision,
            tag_prefix=resolved.source.tag_prefix,
            field=resolved.where,
        )

    def _identity(self, application: Application) -> tuple[str, str, str]:
        return self._settings_digest, application.metadata.namespace, application.metadata.name

    def _name(self, application: Application) -> str:
        """Applications outside Argo CD's own namespace are called ``<namespace>_<name>``."""
        namespace = application.metadata.namespace or self._namespace
        return application.name if namespace == self._namespace else f"{namespace}_{application.name}"

    def _keys(self, application: Application) -> tuple[str, ...]:
        """One a source: all that a render depends on and does not look up."""
        common = [
            self._settings_digest,
            self._name(application),
            application.spec.destination.namespace,
            application.project,
            sorted((source.ref, source.repo_url) for source in application.sources if source.ref),
        ]
        # The revision is what is looked at, not how it was asked for.
        return tuple(
            _digest([common, {k: v for k, v in source.to_dict().items() if k not in ("targetRevision", "tagPrefix")}])
            for source in application.sources
        )

    def _rendered(
        self, application: Application, resolved: ResolvedSource, key: str, references: Mapping[str, ResolvedSource]
    ) -> tuple[Rendered, bool]:
        """The render and whether it was in the cache."""
        path = resolve_path("", resolved.path, field=f"{resolved.where}.path")
        variables = build_variables(application, resolved.source, resolved.revision, self._capabilities)
        found = self._cache.find(
            key, self._inputs(resolved, references, variables, Observations(), application.project)
        )
        if found is not None:
            return found, True
        observations = Observations()
        inputs = self._inputs(resolved, references, variables, observations, application.project)
        reach("render")
        rendering = self._render(application, resolved, path, inputs, observations)
        reach("render")
        rendered = Rendered(
            rendering.source_type, rendering.objects, _files(observations), pinned=not observations.downloads
        )
        refuse_repeated(rendered.manifests, application.spec.destination.namespace, resolved.where)
        self._cache.put(key, path, observations, inputs, rendered)
        return rendered, False

    def _inputs(
        self,
        resolved: ResolvedSource,
        references: Mapping[str, ResolvedSource],
        variables: Mapping[str, str],
        observations: Observations,
        project: str,
    ) -> Inputs:
        trees = {f"${name}": other.tree(observations, f"${name}") for name, other in references.items()}
        return Inputs(
            trees={"": resolved.tree(observations), **trees},
            variables=variables,
            capabilities=self._capabilities_digest,
            downloads=ObservedDownloads(
                self._charts,
                observations,
                revisions=lambda url, revision: self._resolver.commit(url, revision, project=project)[1],
            ),
        )

    def _render(
        self, application: Application, resolved: ResolvedSource, path: str, inputs: Inputs, observations: Observations
    ) -> Rendering:
        tree = inputs.trees[""]
        tree.folder(path, field=f"{resolved.where}.path")
        tool = ""
        try:
            request = self._request(application, resolved, path, inputs, observations)
            tool = detect_source_type(request)
            render: Callable[[RenderRequest], Rendering] = resolve_name(_TOOLS[tool])
            return render(request)
        except (GenerationError, SpecError) as error:
            if str(error).startswith(resolved.where) and str(tree) in str(error):
                raise
            place = f"{resolved.where}: {tool} {path or '.'} in {tree}"
            kind = type(error) if isinstance(error, RepositoryError | RevisionError) else GenerationError
            raise kind(f"{error} ({' '.join(place.split())})") from error

    def _request(
        self, application: Application, resolved: ResolvedSource, path: str, inputs: Inputs, observations: Observations
    ) -> RenderRequest:
        tree = inputs.trees[""]
        source = merge_overrides(resolved.source, tree, path, application=self._name(application))
        return RenderRequest(
            source=source,
            tree=tree,
            path=path,
            where=resolved.where,
            application=application.name,
            namespace=application.spec.destination.namespace,
            project=application.project,
            references={name.removeprefix("$"): other for name, other in inputs.trees.items() if name},
            capabilities=self._capabilities,
            variables=ObservedVariables(inputs.variables, observations),
            settings=self._settings,
            observations=observations,
            downloads=inputs.downloads,
            plugins=self._plugins,
            remote=lambda url, revision: self._remote(inputs.downloads, url, revision, application.project),
        )

    def _remote(self, downloads: ObservedDownloads, url: str, revision: str, project: str) -> Tree:
        """The files of another repository; the commit stands for all that is read of them."""
        commit = downloads.commit(url, revision)
        repository, _ = self._resolver.commit(url, revision, project=project)
        return Tree(repository, repository.tree_of(commit), name=str(repository), revision=commit)


def generate_manifests(
    application: Application,
    *,
    repositories: Repositories,
    revisions: Sequence[str] | None = None,
    capabilities: Capabilities = NO_CAPABILITIES,
    allow_local: bool = True,
    fetch: bool = True,
    settings: SourceSettings = DEFAULT_SETTINGS,
    charts: Charts | None = None,
    cache: RenderCache | None = None,
    namespace: str = "argocd",
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
    settings
        What the operator set in ``argocd-cm``.
    charts
        Where charts, artifacts and value files of servers come from; None refuses them.
    cache
        Earlier renders; None renders anew.
    namespace
        Argo CD's own namespace.

    Raises
    ------
    GenerationError
        A source cannot be rendered, or two objects of one source have one key; names the source, its tool and path.
    """
    generator = Generator(
        repositories,
        capabilities=capabilities,
        allow_local=allow_local,
        fetch=fetch,
        settings=settings,
        charts=charts,
        cache=cache,
        namespace=namespace,
    )
    return generator.generate(application, revisions=revisions)


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _check_sources(application: Application, revisions: Sequence[str] | None) -> None:
    sources = application.sources
    if not sources:
        raise GenerationError(f"application {application.name} has no source; set spec.source")
    if revisions is not None and len(revisions) != len(sources):
        raise GenerationError(
            f"application {application.name} has {len(sources)} sources, but {len(revisions)} revisions were given"
        )
    refs = [source.ref for source in sources if source.ref]
    if twice := next((ref for ref in refs if refs.count(ref) > 1), ""):
        raise GenerationError(f"spec.sources: the ref {shown(twice)} is given twice; name each source differently")


def _renders(source: ApplicationSource) -> bool:
    """A source with ``ref`` and no path only lends its files."""
    return not source.ref or bool(source.path)


def _files(observations: Observations) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted(
            (f"{name}/{path}" if name else path, object_id)
            for name, looks in observations.trees.items()
            for kind, path, object_id in looks
            if kind == "file"
        )
    )


def _as_cached(target: Target) -> Target:
    if all(source.cached or source.source_type is None for source in target.sources):
        return target
    return replace(
        target, sources=tuple(replace(source, cached=source.source_type is not None) for source in target.sources)
    )
