"""Ignore rules, taken-over fields and health scripts, from a cluster's own settings to a sync."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.cluster.configuration import read_configuration
from reconciler.engine import Reconciler
from reconciler.model import Application, parse_application
from reconciler.source import RenderCache, RepositoryCache, Sources
from reconciler.terms import HealthStatus, SyncStatus
from tests.conformance.client import Client
from tests.repositories import GitRepository

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{{data}}}\n"
MERGE = "application/merge-patch+json"


class Place:
    """A namespace, a repository with one ConfigMap in it, and the engine."""

    def __init__(self, client: Client, namespace: str, origin: GitRepository, engine: Reconciler) -> None:
        self.client = client
        self.namespace = namespace
        self.origin = origin
        self.engine = engine
        self.path = f"/api/v1/namespaces/{namespace}/configmaps/settings"

    def application(self, *ignored: Mapping[str, Any], options: tuple[str, ...] = ()) -> Application:
        destination = {"server": "https://kubernetes.default.svc", "namespace": self.namespace}
        return parse_application(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "shop", "namespace": self.namespace},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": self.origin.url, "path": "app"},
                    "destination": destination,
                    "ignoreDifferences": list(ignored),
                    "syncPolicy": {"syncOptions": list(options)},
                },
            }
        )

    def sync(self, application: Application) -> None:
        outcome = self.engine.sync(self.engine.reconcile(application))
        assert outcome.result.succeeded, outcome.result.message

    def data(self) -> dict[str, str]:
        data: dict[str, str] = self.client.get(self.path).expect(200)["data"]
        return data


@pytest.fixture
def place(
    client: Client,
    namespace: str,
    cluster_kubeconfig: Path,
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    tmp_path: Path,
) -> Iterator[Place]:
    origin = git_repository({"app/settings.yaml": CONFIG_MAP.format(data="colour: blue, size: small")})
    connection = connect(kubeconfig=str(cluster_kubeconfig))
    with Sources(
        lambda: read_configuration(connection, namespace=namespace),
        repositories=RepositoryCache(tmp_path / "mirrors"),
        cache=RenderCache(persistent=False),
    ) as sources:
        yield Place(client, namespace, origin, Reconciler(connection, sources=sources, namespace=namespace))


IGNORED = {"kind": "ConfigMap", "jsonPointers": ["/data/colour"]}


def test_an_ignored_difference_is_shown_and_does_not_count(place: Place) -> None:
    place.sync(place.application())
    place.client.patch(place.path, {"data": {"colour": "red"}}, MERGE).expect(200)
    assert place.engine.compare(place.application()).status is SyncStatus.OUT_OF_SYNC
    compared = place.engine.compare(place.application(IGNORED))
    assert compared.status is SyncStatus.SYNCED
    (difference,) = compared.resources[0].differences
    assert (difference.path, difference.live, difference.target) == ("$.data.colour", "red", "blue")
    assert "/data/colour" in difference.ignored_by
    assert compared.unused_rules == ()


def test_a_rule_that_finds_nothing_is_reported(place: Place) -> None:
    place.sync(place.application())
    compared = place.engine.compare(place.application({"kind": "Deployment", "jsonPointers": ["/spec/replicas"]}))
    assert len(compared.unused_rules) == 1
    assert any("spec.ignoreDifferences[0]" in warning for warning in compared.warnings)


@pytest.mark.parametrize(
    ("options", "colour"), [((), "blue"), (("RespectIgnoreDifferences=true",), "red")], ids=["overwritten", "respected"]
)
def test_a_sync_and_an_ignored_field(place: Place, options: tuple[str, ...], colour: str) -> None:
    place.sync(place.application())
    place.client.patch(place.path, {"data": {"colour": "red"}}, MERGE).expect(200)
    place.origin.commit({"app/settings.yaml": CONFIG_MAP.format(data="colour: blue, size: large")})
    place.engine.begin_run()
    place.sync(place.application(IGNORED, options=options))
    assert place.data() == {"colour": colour, "size": "large"}


def test_a_field_that_left_git_goes_although_kubectl_had_applied_it(place: Place) -> None:
    applied = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": place.namespace},
        "data": {"colour": "blue", "size": "small", "gone": "soon"},
    }
    text = json.dumps(applied)
    annotated = {**applied["metadata"], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": text}}  # type: ignore[dict-item]
    collection = place.path.rpartition("/")[0]
    place.client.create(collection, applied | {"metadata": annotated}, fieldManager="kubectl-client-side-apply").expect(
        201
    )
    compared = place.engine.compare(place.application())
    assert [entry.path for entry in compared.resources[0].differences if entry.path.startswith("$.data")] == [
        "$.data.gone"
    ]
    place.sync(place.application())
    assert place.data() == {"colour": "blue", "size": "small"}
    assert place.engine.compare(place.application()).status is SyncStatus.SYNCED


def test_health_by_a_script_of_argocd_cm(place: Place) -> None:
    script = "hs = {}\nhs.status = 'Degraded'\nhs.message = 'colour is ' .. obj.data.colour\nreturn hs\n"
    settings = {"resource.customizations.health.ConfigMap": script}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": settings}
    place.client.create(place.path.rpartition("/")[0], body).expect(201)
    place.sync(place.application())
    health = place.engine.compare(place.application()).resources[0].health
    assert health is not None
    assert (health.status, health.message) == (HealthStatus.DEGRADED, "colour is blue")
