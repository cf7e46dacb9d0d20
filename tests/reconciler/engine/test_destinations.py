"""Applications of one cluster whose destination is another one, known by its Secret."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.engine import Reconciler
from reconciler.errors import SpecError
from reconciler.manifest.yaml import load_document
from reconciler.model import Application, parse_application
from reconciler.sandbox import Sandbox
from reconciler.source import RenderCache, RepositoryCache, Sources
from reconciler.terms import SyncStatus
from tests.conformance.client import Client
from tests.reconciler.source.support import config_map
from tests.repositories import GitRepository

HERE = "https://kubernetes.default.svc"


@pytest.fixture
def other() -> Iterator[Sandbox]:
    """The second cluster."""
    with Sandbox() as cluster:
        yield cluster


def cluster_secret(kubeconfig: Path, *, namespaces: str = "") -> dict[str, Any]:
    document = load_document(kubeconfig.read_bytes(), file="kubeconfig")
    (cluster,), (user,) = document["clusters"], document["users"]
    config = {
        "bearerToken": user["user"]["token"],
        "tlsClientConfig": {"caData": cluster["cluster"]["certificate-authority-data"]},
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "second", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
        "stringData": {
            "name": "second",
            "server": cluster["cluster"]["server"],
            "config": json.dumps(config),
            "namespaces": namespaces,
        },
    }


class Place:
    def __init__(self, here: Client, there: Client, origin: GitRepository, engine: Reconciler) -> None:
        self.here = here
        self.there = there
        self.origin = origin
        self.engine = engine

    def application(self, **destination: str) -> Application:
        return parse_application(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "shop", "namespace": "default"},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": self.origin.url, "path": "app"},
                    "destination": {"namespace": "default", **destination},
                },
            }
        )


@pytest.fixture
def place(
    sandbox: Sandbox,
    other: Sandbox,
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    tmp_path: Path,
) -> Iterator[Place]:
    origin = git_repository({"app/a.yaml": config_map("a")})
    sources = Sources(repositories=RepositoryCache(tmp_path / "mirrors"), cache=RenderCache(persistent=False))
    with sources, closing(Client(sandbox.kubeconfig)) as here, closing(Client(other.kubeconfig)) as there:
        connection = connect(kubeconfig=str(sandbox.kubeconfig))
        yield Place(here, there, origin, Reconciler(connection, sources=sources, namespace="default"))


def create_secret(place: Place, secret: Mapping[str, Any]) -> None:
    place.here.create("/api/v1/namespaces/default/secrets", dict(secret)).expect(201)


@pytest.mark.parametrize("by", ["name", "server"])
def test_a_destination_by_name_and_by_server(place: Place, other: Sandbox, by: str) -> None:
    secret = cluster_secret(other.kubeconfig)
    create_secret(place, secret)
    application = place.application(**{by: secret["stringData"][by]})
    outcome = place.engine.sync(place.engine.reconcile(application))
    assert outcome.result.succeeded, outcome.result.message
    path = "/api/v1/namespaces/default/configmaps/a"
    assert place.there.get(path).status == 200
    assert place.here.get(path).status == 404
    found = place.engine.compare_all([application, place.application(server=HERE)])
    assert [comparison.status for comparison in found] == [SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC]
    assert [node.key.name for node in place.engine.tree(application).nodes] == ["a"]


def test_an_unknown_cluster_keeps_none_of_the_others_back(place: Place) -> None:
    found = place.engine.compare_all([place.application(name="nowhere"), place.application(server=HERE)])
    assert [comparison.status for comparison in found] == [SyncStatus.UNKNOWN, SyncStatus.OUT_OF_SYNC]
    assert "no cluster nowhere is known; there are in-cluster" in found[0].reason


def test_a_namespace_that_is_not_the_clusters(place: Place, other: Sandbox) -> None:
    create_secret(place, cluster_secret(other.kubeconfig, namespaces="team-a,team-b"))
    with pytest.raises(
        SpecError, match=r"spec\.destination\.namespace: default is not among the namespaces of cluster"
    ):
        place.engine.compare(place.application(name="second"))
