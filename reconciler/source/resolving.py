"""From a source to the files it names: a commit of a Git repository, a version of a chart, an artifact of a registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import GenerationError, ReconcilerError, RepositoryUnreachableError, UsageError
from reconciler.model import Application, ApplicationSource
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import Tree, TreeStore
from reconciler.source.git.repository import Repository
from reconciler.source.observations import Downloads, Observations

if TYPE_CHECKING:
    from reconciler.source.charts.resolve import ResolvedArtifact, ResolvedChart

OCI = "oci://"


class Repositories(Protocol):
    """Where Git repositories come from; `RepositoryCache` is one."""

    def open(self, url: str, *, fetch: bool = True, allow_local: bool = False, project: str = "") -> Repository: ...


class Charts(Downloads, Protocol):
    """Where charts and artifacts come from; `ChartRepositories` is one."""

    def resolve(
        self, repo_url: str, chart: str, target_revision: str, *, project: str = "", pass_credentials: bool = False
    ) -> "ResolvedChart": ...

    def open(self, resolved: "ResolvedChart") -> tuple[TreeStore, str]: ...

    def resolve_artifact(self, url: str, revision: str, *, project: str = "") -> "ResolvedArtifact": ...

    def open_artifact(self, resolved: "ResolvedArtifact") -> tuple[TreeStore, str]: ...


@dataclass(frozen=True, slots=True)
class ResolvedSource:
    """A source at a revision; ``path`` is where its manifests are below the root.

    ``revision`` is a commit, a chart's version or an artifact's digest; ``repository`` is None for the latter two.
    ``target_revision`` is what was asked for, or the tag that a version constraint chose.
    """

    source: ApplicationSource
    where: str
    target_revision: str
    revision: str
    name: str
    path: str
    repository: Repository | None
    _open: Callable[[], tuple[TreeStore, str]] = field(repr=False, compare=False)

    def tree(self, observations: Observations, reference: str = "") -> Tree:
        """The files, whose looks are noted under ``reference``."""
        store, root_id = self._open()
        return Tree(store, root_id, name=self.name, revision=self.revision, looked=observations.tree(reference))


def revisions_of(application: Application, text: str) -> list[str]:
    """The revision of every source when a user names ``text`` in the place of the target revision.

    One name is for the first source that is no chart, and for all others of its repository; the rest keep their target
    revisions. ``A,B,C`` names one for each source; an empty one keeps the target revision.

    Raises
    ------
    UsageError
        When the list does not have one for each source.
    """
    sources = application.sources
    targets = [source.target_revision for source in sources]
    if "," in text and len(sources) > 1:
        named = [part.strip() for part in text.split(",")]
        if len(named) != len(sources):
            raise UsageError(f"{application.name} has {len(sources)} sources; {text!r} names {len(named)} revisions")
        return [name or target for name, target in zip(named, targets, strict=True)]
    first = next((source for source in sources if not source.chart), None)
    if first is None:
        return [text] * len(sources)
    return [
        text if not source.chart and source.repo_url == first.repo_url else target
        for source, target in zip(sources, targets, strict=True)
    ]


class Resolver:
    """Resolves the sources of one run."""

    def __init__(self, repositories: Repositories, charts: Charts | None, *, allow_local: bool, fetch: bool) -> None:
        self._repositories = repositories
        self._charts = charts
        self._allow_local = allow_local
        self._fetch = fetch

    def resolve(self, source: ApplicationSource, revision: str, *, where: str, project: str) -> ResolvedSource:
        """The source at ``revision``.

        Raises
        ------
        GenerationError
            When the repository, chart or revision cannot be had.
        """
        if source.chart:
            return self._chart(source, revision, where, project)
        if source.repo_url.startswith(OCI):
            return self._artifact(source, revision, where, project)
        if not source.path and not source.ref:
            raise GenerationError(f"{where}.path: is required for a Git repository; name a folder, or . for its root")
        try:
            repository = self._open(source.repo_url, project)
        except RepositoryUnreachableError as error:
            raise RepositoryUnreachableError(f"{error}{self._last_known(source, revision, project)}") from error
        commit = repository.resolve(revision, source.tag_prefix)
        return ResolvedSource(
            source,
            where,
            revision,
            commit,
            str(repository),
            source.path,
            repository,
            lambda: (repository, repository.tree_of(commit)),
        )

    def commit(self, url: str, revision: str, *, project: str) -> tuple[Repository, str]:
        """A Git repository and the commit of a revision in it."""
        repository = self._open(url, project)
        return repository, repository.resolve(revision)

    def _open(self, url: str, project: str) -> Repository:
        return self._repositories.open(url, fetch=self._fetch, allow_local=self._allow_local, project=project)

    def _last_known(self, source: ApplicationSource, revision: str, project: str) -> str:
        """What a repository that does not answer was when it last did: the mirror is as good as before."""
        try:
            repository = self._repositories.open(
                source.repo_url, fetch=False, allow_local=self._allow_local, project=project
            )
            commit = repository.resolve(revision, source.tag_prefix)
        except ReconcilerError:
            return ""
        return f"; {shown(revision or 'HEAD')} was {commit} when it was last fetched"

    def _chart(self, source: ApplicationSource, revision: str, where: str, project: str) -> ResolvedSource:
        charts = self._servers(f"{where}.chart")
        pass_credentials = source.helm is not None and source.helm.pass_credentials
        resolved = charts.resolve(
            source.repo_url, source.chart, revision, project=project, pass_credentials=pass_credentials
        )
        return ResolvedSource(
            source, where, revision, resolved.version, f"chart {source.chart}", "", None, lambda: charts.open(resolved)
        )

    def _artifact(self, source: ApplicationSource, revision: str, where: str, project: str) -> ResolvedSource:
        charts = self._servers(f"{where}.repoURL")
        resolved = charts.resolve_artifact(source.repo_url, revision, project=project)
        return ResolvedSource(
            source,
            where,
            revision,
            resolved.digest,
            source.repo_url,
            source.path,
            None,
            lambda: charts.open_artifact(resolved),
        )

    def _servers(self, field: str) -> Charts:
        if self._charts is None:
            raise GenerationError(f"{field}: chart repositories and registries are off here; use a Git repository")
        return self._charts
