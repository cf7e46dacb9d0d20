"""What renders need from outside, for one run: repositories, charts, settings, earlier renders."""

import threading
from collections.abc import Callable, Iterable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from reconciler.manifest.objects import Manifest
from reconciler.model import AppProject
from reconciler.source.cache import RenderCache
from reconciler.source.configuration import SourceConfiguration, parse_source_configuration
from reconciler.source.generate import Generator
from reconciler.source.git.cache import RepositoryCache
from reconciler.source.target import NO_CAPABILITIES, Capabilities

if TYPE_CHECKING:
    from reconciler.source.charts import ChartRepositories
    from reconciler.source.git.signatures import IntegrityChecker
    from reconciler.source.plugin.definition import Plugins


class Sources:
    """Repositories and registries behind one set of credentials. Nothing is asked before it is needed.

    Parameters
    ----------
    configuration
        Gives Argo CD's ConfigMaps and Secrets when they are first needed; without any, Git works with the user's own
        credentials.
    project
        Gives the AppProject of a name, for the signatures that it asks for; None where there is none.
    plugins
        Gives the config management plugins; when None those of the folder that ``GITOPS_NB_PLUGINS`` names.
    repositories, cache
        Those of the user's cache folder when None.
    """

    def __init__(
        self,
        configuration: Callable[[], Iterable[Manifest]] = lambda: (),
        *,
        project: Callable[[str], AppProject | None] = lambda name: None,
        plugins: "Callable[[], Plugins | None] | None" = None,
        repositories: RepositoryCache | None = None,
        cache: RenderCache | None = None,
    ) -> None:
        self._read = configuration
        self._project = project
        self._load_plugins = plugins
        self._given = repositories
        self.cache = cache or RenderCache()
        self._lock = threading.RLock()

    @property
    def configuration(self) -> SourceConfiguration:
        """Argo CD's configuration, read once a run."""
        with self._lock:
            return self._configuration

    @property
    def repositories(self) -> RepositoryCache:
        """Git repositories, fetched once a run."""
        with self._lock:
            return self._repositories

    @property
    def charts(self) -> "ChartRepositories":
        """Helm repositories and registries, asked once a run."""
        with self._lock:
            return self._charts

    def generator(
        self,
        capabilities: Capabilities = NO_CAPABILITIES,
        *,
        namespace: str = "argocd",
        allow_local: bool = True,
        fetch: bool = True,
    ) -> Generator:
        """What renders with these sources; see `reconciler.source.generate_manifests`."""
        return Generator(
            self.repositories,
            capabilities=capabilities,
            allow_local=allow_local,
            fetch=fetch,
            settings=self.configuration.settings,
            charts=self.charts,
            cache=self.cache,
            integrity=self._integrity,
            plugins=self._plugins,
            namespace=namespace,
        )

    def begin_run(self) -> None:
        """Ask every server, and for the configuration, anew from here on.

        What was read of Git's objects is kept while the configuration stays the same.
        """
        with self._lock:
            if (charts := self.__dict__.pop("_charts", None)) is not None:
                charts.close()
            for name in ("_checkers", "_plugins"):
                self.__dict__.pop(name, None)
            before = self.__dict__.pop("_objects", None)
            if "_repositories" in self.__dict__ and (self._given is not None or self._objects == before):
                self._repositories.expire()
            elif (repositories := self.__dict__.pop("_repositories", None)) is not None:
                repositories.close()
            self.__dict__.pop("_configuration", None)

    def close(self) -> None:
        """End what serves reads."""
        with self._lock:
            self._close()
        self.cache.tidy()

    @cached_property
    def _configuration(self) -> SourceConfiguration:
        return parse_source_configuration(self._objects)

    @cached_property
    def _objects(self) -> tuple[Manifest, ...]:
        return tuple(self._read())

    @cached_property
    def _repositories(self) -> RepositoryCache:
        configuration = self.configuration
        return self._given or RepositoryCache(
            credentials=configuration.credentials, submodules=configuration.settings.submodules
        )

    @cached_property
    def _charts(self) -> "ChartRepositories":
        from reconciler.source.charts import ChartRepositories

        return ChartRepositories(self.configuration.credentials)

    @cached_property
    def _plugins(self) -> "Plugins | None":
        if self._load_plugins is not None:
            return self._load_plugins()
        from reconciler.source.plugin.loading import plugins_of_environment

        return plugins_of_environment()

    @cached_property
    def _checkers(self) -> "dict[str, IntegrityChecker | None]":
        return {}

    def _integrity(self, project: str) -> "IntegrityChecker | None":
        with self._lock:
            if project not in self._checkers:
                self._checkers[project] = self._checker(self._project(project))
            return self._checkers[project]

    def _checker(self, project: AppProject | None) -> "IntegrityChecker | None":
        if project is None or not (project.spec.signature_keys or project.spec.source_integrity):
            return None
        from reconciler.source.git.keyring import Keyring
        from reconciler.source.git.signatures import IntegrityChecker

        return IntegrityChecker(project.spec, Keyring.from_config_map(self.configuration.gpg_keys))

    def _close(self) -> None:
        for name in ("_repositories", "_charts"):
            if (opened := self.__dict__.get(name)) is not None:
                opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
