"""Custom resources of two versions with different fields: what a comparison says where a webhook converts.

The sandbox converts by the apiVersion alone, so that only a real API server is asked. Git and storage differ in version, and
managedFields carry both.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.terms import OperationPhase, SyncStatus
from tests.argo import DEFINITIONS
from tests.conformance.client import APPLY
from tests.reconciler.engine.places import Manifest, Shop, config_map, named, paths, result_of
from tests.webhooks import Response, Webhooks, broken, converted

pytestmark = pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)

PLAIN = ""
SERVER = "ServerSideDiff=true"
SAME, DIFFERS, UNKNOWN = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC, SyncStatus.UNKNOWN
KEPT = "example.com/kept"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
PORT = {"type": "object", "required": ["name"], "properties": {"name": TEXT, "number": NUMBER}}
PORTS = {"type": "array", "items": PORT, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
COMMON = {"colour": TEXT, "ports": PORTS, "unit": {"type": "string", "default": "piece"}}
FIELDS = {"v1": {**COMMON, "size": NUMBER}, "v2": {**COMMON, "replicas": NUMBER, "note": TEXT}}


def convert(obj: dict[str, Any], wanted: str) -> dict[str, Any]:
    """Size of v1 is replicas of v2; what v1 has no field for is kept in an annotation."""
    spec, metadata = dict(obj["spec"]), dict(obj["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    if obj["apiVersion"] == wanted:
        return obj
    if wanted.endswith("/v1"):
        if "replicas" in spec:
            spec["size"] = spec.pop("replicas")
        if "note" in spec:
            annotations[KEPT] = json.dumps(spec.pop("note"))
    else:
        if "size" in spec:
            spec["replicas"] = spec.pop("size")
        if KEPT in annotations:
            spec["note"] = json.loads(annotations.pop(KEPT))
    metadata.pop("annotations", None)
    return {**obj, "spec": spec, "metadata": {**metadata, "annotations": annotations} if annotations else metadata}


@dataclass
class Gadgets:
    """A kind of the test's own, served in v1 and v2 and stored as v2, and its conversion webhook."""

    shop: Shop
    webhooks: Webhooks
    group: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:10]}.example.com")
    handler: Callable[[dict[str, Any]], Response] = field(default_factory=lambda: converted(convert))

    def define(self) -> None:
        versions = [
            {
                "name": name,
                "served": True,
                "storage": name == "v2",
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": properties}},
                    }
                },
            }
            for name, properties in FIELDS.items()
        ]
        config = self.webhooks.at(f"/{self.group}/convert", self._answer)
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"gadgets.{self.group}"},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": versions,
                "conversion": {
                    "strategy": "Webhook",
                    "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": config},
                },
            },
        }
        self.webhooks.make(DEFINITIONS, definition)
        wait_served(self.shop, self.group, ("v1", "v2"))

    def _answer(self, request: dict[str, Any]) -> Response:
        return self.handler(request)

    def gadget(self, version: str = "v1", **spec: Any) -> Manifest:
        return {
            "apiVersion": f"{self.group}/{version}",
            "kind": "Gadget",
            "metadata": {"name": "one"},
            "spec": spec,
        }

    def path(self, version: str) -> str:
        return self.shop.path("gadgets", "one", api=f"/apis/{self.group}/{version}")

    def edit(self, version: str, **spec: Any) -> None:
        """Somebody else writes, at some version."""
        self.shop.client.patch(self.path(version), {"spec": spec}, fieldManager="kubectl-edit").expect()

    def versions(self) -> set[str]:
        """The versions that managers wrote at."""
        entries = self.shop.client.get(self.path("v1")).expect()["metadata"]["managedFields"]
        return {entry["apiVersion"].rpartition("/")[2] for entry in entries}

    def would_change(self, target: Manifest) -> bool:
        """Whether the API server says that a sync would change the object."""
        version = target["apiVersion"].rpartition("/")[2]
        live = self.shop.client.get(self.path(version)).expect()
        query = {"fieldManager": "argocd-controller", "force": "true", "dryRun": "All"}
        answer = self.shop.client.patch(self.path(version), target, APPLY, **query).expect()
        return bool(answer["spec"] != live["spec"])


def wait_served(shop: Shop, group: str, versions: tuple[str, ...]) -> None:
    """Wait until the kinds of a group are served, in discovery and with their schemas."""
    name = f"gadgets.{group}"

    def established(definition: dict[str, Any]) -> bool:
        conditions = (definition.get("status") or {}).get("conditions") or []
        return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)

    shop.client.wait_for(DEFINITIONS, name, established)
    for _ in range(2000):
        documents = shop.client.get("/openapi/v3").expect()["paths"]
        if all(f"apis/{group}/{version}" in documents for version in versions):
            break
    else:
        raise AssertionError(f"the schemas of {group} are not served")


@pytest.fixture
def gadgets(shop: Shop, webhooks: Webhooks) -> Gadgets:
    found = Gadgets(shop, webhooks)
    found.define()
    return found


def assert_drift(gadgets: Gadgets, target: Manifest, drift: list[str]) -> None:
    """The comparison by prediction and that by dry-run, both as the API server would have it."""
    gadgets.shop.write(target)
    assert gadgets.would_change(target) == bool(drift)
    for options in (PLAIN, SERVER):
        compared = gadgets.shop.compare(options)
        entry = named(compared, "one")
        assert (entry.reason, paths(entry), entry.status) == ("", drift, DIFFERS if drift else SAME), options


SPEC: dict[str, Any] = {"size": 3, "colour": "blue", "ports": [{"name": "a", "number": 1}, {"name": "b", "number": 2}]}


def test_no_drift_where_git_and_storage_differ_in_version(gadgets: Gadgets) -> None:
    target = gadgets.gadget(**SPEC)
    gadgets.shop.write(target)
    gadgets.shop.synced()
    assert_drift(gadgets, target, [])
    gadgets.edit("v2", note="by hand", ports=[*SPEC["ports"], {"name": "c", "number": 3}])
    assert gadgets.versions() == {"v1", "v2"}
    assert_drift(gadgets, target, [])
    gadgets.shop.synced()
    assert_drift(gadgets, target, [])


def test_drift_by_another_version_is_found(gadgets: Gadgets) -> None:
    target = gadgets.gadget(**SPEC)
    gadgets.shop.write(target)
    gadgets.shop.synced()
    gadgets.edit("v2", replicas=5, ports=[{"name": "a", "number": 1}, {"name": "b", "number": 20}])
    assert_drift(gadgets, target, ['$.spec.ports[name="b"].number', "$.spec.size"])
    gadgets.shop.synced()
    assert_drift(gadgets, target, [])
    assert gadgets.shop.client.get(gadgets.path("v2")).expect()["spec"]["replicas"] == 3


@pytest.mark.parametrize("edited", [False, True], ids=["ours", "beside another's"])
def test_a_field_that_left_git_is_found(gadgets: Gadgets, edited: bool) -> None:
    gadgets.shop.write(gadgets.gadget(**SPEC))
    gadgets.shop.synced()
    if edited:
        gadgets.edit("v2", note="by hand")
    target = gadgets.gadget(colour="blue", ports=[{"name": "a", "number": 1}])
    assert_drift(gadgets, target, ['$.spec.ports[name="b"]', "$.spec.size"])
    gadgets.shop.synced()
    assert_drift(gadgets, target, [])
    assert "replicas" not in gadgets.shop.client.get(gadgets.path("v2")).expect()["spec"]


def test_a_field_that_left_git_and_that_another_owns_under_its_other_name_stays(gadgets: Gadgets) -> None:
    gadgets.shop.write(gadgets.gadget(**SPEC))
    gadgets.shop.synced()
    theirs = gadgets.gadget("v2", replicas=3)
    gadgets.shop.client.apply(gadgets.path("v2"), theirs, "scaler").expect()
    assert gadgets.versions() == {"v1", "v2"}
    target = gadgets.gadget(**{key: value for key, value in SPEC.items() if key != "size"})
    assert_drift(gadgets, target, [])


def test_git_may_go_on_to_the_other_version(gadgets: Gadgets) -> None:
    gadgets.shop.write(gadgets.gadget(**SPEC))
    gadgets.shop.synced()
    renamed = {**{key: value for key, value in SPEC.items() if key != "size"}, "replicas": 3}
    assert_drift(gadgets, gadgets.gadget("v2", **renamed), [])
    assert_drift(gadgets, gadgets.gadget("v2", **{**renamed, "replicas": 4}), ["$.spec.replicas"])


@pytest.mark.parametrize("left", ["colour", "replicas"])
def test_a_field_that_left_git_together_with_its_version_is_found(gadgets: Gadgets, left: str) -> None:
    gadgets.shop.write(gadgets.gadget(**SPEC))
    gadgets.shop.synced()
    renamed = {**{key: value for key, value in SPEC.items() if key != "size"}, "replicas": 3}
    del renamed[left]
    assert_drift(gadgets, gadgets.gadget("v2", **renamed), [f"$.spec.{left}"])


def test_a_webhook_that_is_down_is_the_reason_for_its_objects_only(gadgets: Gadgets) -> None:
    shop = gadgets.shop
    shop.write(gadgets.gadget(**SPEC), config_map("same", a="1"), config_map("other", a="1"))
    shop.synced()
    shop.client.patch(shop.path("configmaps", "other"), {"data": {"a": "2"}}).expect()
    works = gadgets.handler
    gadgets.handler = broken
    # The API server keeps what it has converted before, and answers lists from that.
    assert named(shop.compare(), "one").status is SAME
    compared = shop.compare(SERVER)
    entry = named(compared, "one")
    assert (compared.status, entry.status) == (UNKNOWN, UNKNOWN)
    assert compared.reason == f"{entry.key}: {entry.reason}"
    assert f"conversion webhook for {gadgets.group}/v2, Kind=Gadget failed" in entry.reason
    assert [(each.key.name, each.status) for each in compared.resources if each is not entry] == [
        ("other", DIFFERS),
        ("same", SAME),
    ]
    gadgets.handler = works
    assert named(shop.compare(SERVER), "one").status is SAME


def test_objects_that_cannot_be_listed_are_unknown_and_the_others_right(gadgets: Gadgets) -> None:
    """The API server tries for three seconds."""
    shop = gadgets.shop
    shop.write(gadgets.gadget(**SPEC), config_map("same", a="1"), config_map("other", a="1"))
    shop.synced()
    shop.client.patch(shop.path("configmaps", "other"), {"data": {"a": "2"}}).expect()
    gadgets.handler = lambda _request: {"result": {"status": "Failure", "message": "no size is known for this"}}
    gadgets.edit("v2", replicas=5)
    compared = shop.compare()
    entry = named(compared, "one")
    assert entry.status is UNKNOWN
    assert "no size is known for this" in entry.reason
    assert [(each.key.name, each.status) for each in compared.resources if each is not entry] == [
        ("other", DIFFERS),
        ("same", SAME),
    ]


def test_a_sync_while_the_webhook_is_down_fails_with_its_message_and_the_next_goes_on(gadgets: Gadgets) -> None:
    shop = gadgets.shop
    works = gadgets.handler
    shop.write(gadgets.gadget(**SPEC), config_map(a="1"))
    gadgets.handler = broken
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    assert "conversion webhook for" in result_of(outcome, "one").message
    gadgets.handler = works
    shop.synced()
    assert shop.compare().status is SAME
