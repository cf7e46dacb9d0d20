"""An aggregated API of a test's own behind a real API server: while it is there, and when it is not."""

import uuid
from typing import Any

import pytest

from reconciler.cluster import connection
from reconciler.terms import SyncStatus
from tests.reconciler.engine.places import Manifest, Shop, config_map, named
from tests.webhooks import Webhooks

pytestmark = pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)

SAME, DIFFERS, UNKNOWN = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC, SyncStatus.UNKNOWN
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class Gauges:
    """A kind that another server holds: objects as that server answers them."""

    def __init__(self, shop: Shop, webhooks: Webhooks) -> None:
        self.shop = shop
        self.webhooks = webhooks
        self.group = f"t{uuid.uuid4().hex[:10]}.example.com"

    def serve(self) -> None:
        """Register the server, and wait until the API server has discovered its kind."""
        root = f"/apis/{self.group}/v1"
        # Without the verb delete no controller of the cluster takes it for its business.
        resource = {"name": "gauges", "kind": "Gauge", "namespaced": True, "verbs": ["get", "list", "patch"]}
        kinds = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{self.group}/v1",
            "resources": [resource],
        }
        self.webhooks.documents[root] = (200, {**kinds, "resources": [{**resource, "singularName": "gauge"}]})
        port = int(self.webhooks.url.rpartition(":")[2])
        service = {
            "metadata": {"name": "gauges"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        }
        self.shop.client.create(self.shop.path("services"), service).expect(201)
        spec = {
            "group": self.group,
            "version": "v1",
            "groupPriorityMinimum": 10,
            "versionPriority": 10,
            "insecureSkipTLSVerify": True,
            "service": {"name": "gauges", "namespace": self.shop.namespace, "port": port},
        }
        name = f"v1.{self.group}"
        self.webhooks.make(API_SERVICES, {"metadata": {"name": name}, "spec": spec})
        self.shop.client.wait_for(API_SERVICES, name, available)

    def answer(self, status: int, document: dict[str, Any]) -> None:
        self.webhooks.documents[self.shop.path("gauges", api=f"/apis/{self.group}/v1")] = (status, document)

    def hold(self, gauge: Manifest) -> None:
        """Answer that the object is there as a sync left it."""
        key = f"shop:{self.group}/Gauge:{self.shop.namespace}/{gauge['metadata']['name']}"
        metadata = {
            **gauge["metadata"],
            "namespace": self.shop.namespace,
            "uid": "u",
            "resourceVersion": "1",
            "annotations": {"argocd.argoproj.io/tracking-id": key},
        }
        items = [{**gauge, "metadata": metadata}]
        listed = {"kind": "GaugeList", "apiVersion": f"{self.group}/v1", "metadata": {"resourceVersion": "1"}}
        self.answer(200, {**listed, "items": items})

    def gauge(self, value: int) -> Manifest:
        return {
            "apiVersion": f"{self.group}/v1",
            "kind": "Gauge",
            "metadata": {"name": "one"},
            "spec": {"value": value},
        }


def available(service: dict[str, Any]) -> bool:
    conditions = (service.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Available" and entry["status"] == "True" for entry in conditions)


@pytest.mark.parametrize("gone", [False, True], ids=["answers an error", "is gone"])
def test_an_aggregated_api_that_fails_is_the_reason_for_its_objects_only(
    shop: Shop, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    gauges = Gauges(shop, webhooks)
    gauges.serve()
    shop.write(config_map("same", a="1"), config_map("other", a="1"))
    shop.synced()
    gauges.hold(gauges.gauge(1))
    shop.write(config_map("same", a="1"), config_map("other", a="2"), gauges.gauge(1))
    assert [(entry.key.name, entry.status) for entry in shop.compare().resources] == [
        ("other", DIFFERS),
        ("same", SAME),
        ("one", SAME),
    ]
    if gone:
        # Without waiting for it to come back.
        monkeypatch.setattr(connection, "RETRIES", connection.NO_RETRIES)
        webhooks.stop()
        # The API server may notice before it is asked for the objects, which it tells with its kinds.
        noticed = (
            f"the API server behind the group {gauges.group} does not answer, so that {gauges.group}/v1 Gauge is not known; "
            "see kubectl get apiservices"
        )
        refused = f"GET /apis/{gauges.group}/v1/namespaces/{shop.namespace}/gauges was answered with status 503"
        reasons = {noticed, refused}
    else:
        text = "the gauges are being calibrated"
        gauges.answer(500, {"kind": "Status", "apiVersion": "v1", "code": 500, "message": text, "status": "Failure"})
        reasons = {text}
    compared = shop.compare()
    entry = named(compared, "one")
    assert (compared.status, entry.status) == (UNKNOWN, UNKNOWN)
    assert entry.reason in reasons
    assert [(each.key.name, each.status) for each in compared.resources if each is not entry] == [
        ("other", DIFFERS),
        ("same", SAME),
    ]
