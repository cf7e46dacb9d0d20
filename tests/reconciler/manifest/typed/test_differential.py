"""The prediction held to a real API server: random histories of several managers, each request compared."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import OpenApi
from tests.conformance.client import Client
from tests.reconciler.manifest.typed.histories import Subject, make_owners, play, subjects, widget_crd

HISTORIES = 12
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True)
class Cluster:
    client: Client
    openapi: OpenApi
    namespace: str
    uids: dict[str, str]
    subjects: dict[str, Subject]


@pytest.fixture(scope="module")
def cluster(controlplane: Path) -> Iterator[Cluster]:
    suffix = uuid.uuid4().hex[:10]
    group, namespace = f"t{suffix}.example.com", f"typed-{suffix}"
    with closing(Client(controlplane)) as client:
        client.create(CRDS, widget_crd(group)).expect(201)
        client.create("/api/v1/namespaces", {"metadata": {"name": namespace}}).expect(201)
        try:
            client.wait_for(CRDS, f"widgets.{group}", _is_established)
            paths = ("api/v1", "apis/apps/v1", f"apis/{group}/v1")
            documents = {path: _document(client, path) for path in paths}
            uids = make_owners(client, namespace)
            yield Cluster(client, OpenApi(documents), namespace, uids, subjects(group))
        finally:
            client.delete(f"/api/v1/namespaces/{namespace}")
            client.delete(f"{CRDS}/widgets.{group}")


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _document(client: Client, path: str) -> dict[str, Any]:
    """An OpenAPI document; that of a new custom resource is published a moment after it is established."""
    pause = threading.Event()
    for _ in range(400):
        answer = client.get(f"/openapi/v3/{path}")
        if answer.ok and "components" in answer.body:
            return dict(answer.body)
        pause.wait(0.05)
    raise AssertionError(f"{path} is not published")


@pytest.mark.controlplane
@pytest.mark.parametrize("seed", range(HISTORIES))
@pytest.mark.parametrize("kind", ["ConfigMap", "Service", "Deployment", "Widget"])
def test_prediction_is_what_the_server_answers(cluster: Cluster, kind: str, seed: int) -> None:
    outcome = play(cluster.client, cluster.openapi, cluster.namespace, cluster.uids, cluster.subjects[kind], seed)
    assert not outcome.differences, "\n".join(outcome.differences)
    assert outcome.compared + outcome.refused >= 7
