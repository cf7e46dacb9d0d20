"""A namespace, a repository and the engine: what an operation against a cluster is tried with."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.cluster import connect
from reconciler.cluster.configuration import read_configuration
from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.engine import Reconciler, SyncOutcome
from reconciler.history import open_store
from reconciler.model import Application, parse_application
from reconciler.source import RenderCache, RepositoryCache, Sources
from reconciler.sync.records import TaskResult
from tests.conformance.client import Client
from tests.repositories import GitRepository

Manifest = dict[str, Any]


@dataclass
class Shop:
    """One Application, ``name``, whose target is what was last written to its repository."""

    client: Client
    namespace: str
    origin: GitRepository
    open_engine: Callable[[Path], Reconciler]
    engine: Reconciler
    name: str = "shop"
    _applications: dict[tuple[str, tuple[str, ...]], Application] = field(default_factory=dict)

    def write(self, *manifests: Mapping[str, Any]) -> None:
        """Make these the whole of the target, and begin a new run."""
        self.origin.commit({"app/all.yaml": yaml.safe_dump_all(manifests)})
        self.engine.begin_run()

    def application(self, *, compare: str = "", options: tuple[str, ...] = ()) -> Application:
        """The same object as before for the same options, as an open notebook holds it."""
        if (compare, options) not in self._applications:
            self._applications[compare, options] = self._application(compare, options)
        return self._applications[compare, options]

    def _application(self, compare: str, options: tuple[str, ...]) -> Application:
        annotations = {"annotations": {"argocd.argoproj.io/compare-options": compare}} if compare else {}
        return parse_application(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": self.name, "namespace": self.namespace, **annotations},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": self.origin.url, "path": "app"},
                    "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
                    "syncPolicy": {"syncOptions": list(options)},
                },
            }
        )

    def sync(self, *, options: tuple[str, ...] = (), **how: Any) -> SyncOutcome:
        """One sync; what is recorded of it must be what it answers."""
        application = self.application(options=options)
        outcome = self.engine.sync(self.engine.reconcile(application), **how)
        record = self.engine.history(self.name, limit=1)[0]
        assert (record.phase, record.message) == (str(outcome.result.phase), outcome.result.message)
        assert [(entry.kind, entry.name, entry.message) for entry in record.resources] == [
            (entry.key.kind, entry.key.name, entry.message) for entry in outcome.result.results
        ]
        return outcome

    def synced(self, **how: Any) -> SyncOutcome:
        """One sync that succeeds."""
        outcome = self.sync(**how)
        assert outcome.result.succeeded, outcome.result.message
        return outcome

    def compare(self, options: str = "") -> Comparison:
        """As a new run finds it."""
        self.engine.begin_run()
        return self.engine.compare(self.application(compare=options))

    def path(self, collection: str, name: str = "", *, api: str = "/api/v1") -> str:
        return f"{api}/namespaces/{self.namespace}/{collection}{f'/{name}' if name else ''}"


@pytest.fixture
def shop(
    client: Client,
    namespace: str,
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    tmp_path: Path,
) -> Iterator[Shop]:
    """An Application in a namespace of its own, without a target yet."""
    with ExitStack() as stack:

        def open_engine(kubeconfig: Path) -> Reconciler:
            connection = connect(kubeconfig=kubeconfig)
            sources = Sources(
                lambda: read_configuration(connection, namespace=namespace),
                repositories=RepositoryCache(tmp_path / "mirrors"),
                cache=RenderCache(persistent=False),
            )
            store = stack.enter_context(open_store(f"sqlite:///{tmp_path}/history.db"))
            return Reconciler(connection, sources=stack.enter_context(sources), store=store, namespace=namespace)

        origin = git_repository({"app/all.yaml": ""})
        yield Shop(client, namespace, origin, open_engine, open_engine(client.kubeconfig))


def named(comparison: Comparison, name: str) -> ResourceComparison:
    """The one resource of that name."""
    (found,) = (entry for entry in comparison.resources if entry.key.name == name)
    return found


def paths(resource: ResourceComparison) -> list[str]:
    """The fields that differ."""
    return [entry.path for entry in resource.differences]


def result_of(outcome: SyncOutcome, name: str) -> TaskResult:
    """What the operation did to the one object of that name."""
    (found,) = (entry for entry in outcome.result.results if entry.key.name == name)
    return found


def config_map(name: str = "settings", **data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
