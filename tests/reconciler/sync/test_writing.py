"""Each sync option against real API servers, and what both must agree on."""

import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.sync import events
from reconciler.sync.records import PlanOptions
from tests.conformance.client import APPLY, Client
from tests.reconciler.sync.running import (
    OPTIONS,
    QUICK,
    WAVE,
    Manifest,
    Place,
    config_map,
    job,
    messages,
    outcomes,
)

APPS = "/apis/apps/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def live(place: Place, name: str = "settings") -> Manifest:
    found = place.live(place.placed(config_map(name)))
    assert found is not None
    return found


def test_replace_puts_the_whole_object_in_its_place(place: Place) -> None:
    place.synced(config_map(data={"a": "1"}))
    before = live(place)
    place.client.patch(place.path("configmaps", "settings"), {"data": {"theirs": "x"}}).expect()
    result = place.synced(config_map(data={"b": "2"}), options=("Replace=true",))
    after = live(place)
    assert after["data"] == {"b": "2"}
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert messages(result) == {"settings": "configmaps/settings replaced"}
    managers = [(entry["manager"], entry["operation"]) for entry in after["metadata"]["managedFields"]]
    assert managers == [("argocd-controller", "Apply")]
    created = place.synced(config_map("new", data={"a": "1"}, **{OPTIONS: "Replace=true"}))
    assert messages(created) == {"new": "configmaps/new created"}
    # What was replaced is owned as what was applied: it goes by either way.
    place.synced(config_map("new", data={}))
    assert "data" not in live(place, "new")


def test_replace_decides_again_when_the_object_changes_meanwhile(place: Place) -> None:
    place.synced(config_map(data={"a": "1"}))

    def meddle(_state: Any, event: Any) -> None:
        if isinstance(event, events.DryRunFinished):
            place.client.patch(place.path("configmaps", "settings"), {"data": {"theirs": "x"}}).expect()

    place.synced(config_map(data={"a": "2"}), options=("Replace=true",), on_event=meddle)
    assert live(place)["data"] == {"a": "2"}


def immutable(**data: str) -> Manifest:
    return {**config_map(data=data), "immutable": True}


def test_force_makes_anew_what_cannot_be_changed(place: Place) -> None:
    place.synced(immutable(a="1"))
    before = live(place)
    refused = place.run(immutable(a="2"))
    assert outcomes(refused) == {"settings": "SyncFailed"}
    assert "immutable" in messages(refused)["settings"]
    result = place.synced(immutable(a="2"), options=("Force=true",))
    assert messages(result) == {"settings": "configmaps/settings recreated"}
    after = live(place)
    assert after["data"] == {"a": "2"}
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_force_changes_in_place_what_can_be_changed(place: Place) -> None:
    place.synced(config_map(data={"a": "1"}))
    before = live(place)
    place.synced(config_map(data={"a": "2"}), options=("Force=true",))
    assert live(place)["metadata"]["uid"] == before["metadata"]["uid"]


def test_force_and_replace_make_anew_in_any_case(place: Place) -> None:
    place.synced(config_map(data={"a": "1"}))
    before = live(place)
    place.synced(config_map(data={"a": "2"}), options=("Force=true", "Replace=true"))
    after = live(place)
    assert after["data"] == {"a": "2"}
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def deployment(selector: str, labels: str) -> Manifest:
    container = {"name": "web", "image": "nginx:1"}
    template = {"metadata": {"labels": {"app": labels}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": selector}}, "template": template},
    }


def test_what_cannot_be_created_anew_is_put_back(place: Place) -> None:
    place.synced(deployment("one", "one"))
    path = place.path("deployments", "web", api=APPS)
    before = place.client.get(path).expect()
    # The selector is immutable, and besides it does not select its own pods: it cannot be created either.
    result = place.run(deployment("two", "one"), options=("Force=true",))
    text = messages(result)["web"]
    assert "deleted to be created anew (Force=true), which failed" in text
    assert text.endswith("the former object has been put back")
    after = place.client.get(path).expect()
    assert after["spec"]["selector"] == before["spec"]["selector"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_a_namespace_is_never_made_anew(place: Place) -> None:
    body: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place.namespace}}
    before = place.client.get(f"/api/v1/namespaces/{place.namespace}").expect()
    for options in (("Replace=true",), ("Replace=true", "Force=true")):
        body["metadata"]["labels"] = {"options": str(len(options))}
        result = place.synced(body, options=options)
        assert messages(result) == {place.namespace: f"namespaces/{place.namespace} replaced"}
    after = place.client.get(f"/api/v1/namespaces/{place.namespace}").expect()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"]["options"] == "2"


def test_prune_propagation(place: Place) -> None:
    place.synced(deployment("one", "one"))
    found = place.client.get(place.path("deployments", "web", api=APPS)).expect()
    result = place.synced(
        prunes=[found | {"apiVersion": "apps/v1", "kind": "Deployment"}],
        options=("PrunePropagationPolicy=orphan",),
    )
    assert outcomes(result) == {"web": "Pruned"}


def client_side(place: Place, manager: str) -> None:
    """An object as a client-side apply of some manager leaves it."""
    body = config_map(data={"a": "1", "left": "git"})
    place.client.create(place.path("configmaps"), body, fieldManager=manager).expect(201)


@pytest.mark.parametrize(
    ("options", "annotations", "goes"),
    [
        ((), {"argocd.argoproj.io/client-side-apply-migration-manager": "helm"}, True),
        ((), {}, False),
        (
            ("ClientSideApplyMigration=false",),
            {"argocd.argoproj.io/client-side-apply-migration-manager": "helm"},
            False,
        ),
    ],
    ids=["the manager that is named", "another manager", "no migration"],
)
def test_fields_of_client_side_applies(
    place: Place, options: tuple[str, ...], annotations: Mapping[str, str], goes: bool
) -> None:
    client_side(place, "helm")
    place.synced(config_map(data={"a": "1"}), options=options, annotations=annotations)
    assert ("left" not in live(place)["data"]) is goes


class Gadgets:
    """A kind of a group of its own."""

    def __init__(self, place: Place) -> None:
        self.group = f"g{uuid.uuid4().hex[:8]}.example.com"
        self.place = place

    @property
    def name(self) -> str:
        return f"gadgets.{self.group}"

    def definition(self, **annotations: str) -> Manifest:
        schema = {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        }
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": self.name, "annotations": annotations},
            "spec": {
                "group": self.group,
                "scope": "Namespaced",
                "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"},
                "versions": [version],
            },
        }

    def gadget(self, n: object = 1, **annotations: str) -> Manifest:
        return {
            "apiVersion": f"{self.group}/v1",
            "kind": "Gadget",
            "metadata": {"name": "one", "annotations": annotations},
            "spec": {"n": n},
        }

    def path(self) -> str:
        return self.place.path("gadgets", "one", api=f"/apis/{self.group}/v1")


@pytest.fixture
def gadgets(place: Place) -> Iterator[Gadgets]:
    made = Gadgets(place)
    yield made
    place.client.delete(f"{CRDS}/{made.name}")


def test_a_kind_that_comes_with_the_sync(place: Place, gadgets: Gadgets) -> None:
    result = place.synced(gadgets.gadget(), gadgets.definition())
    assert outcomes(result) == {gadgets.name: "Synced", "one": "Synced"}
    place.client.get(gadgets.path()).expect()
    # Replaced, it keeps what was made of it.
    uid = place.client.get(f"{CRDS}/{gadgets.name}").expect()["metadata"]["uid"]
    place.synced(gadgets.definition(), options=("Replace=true", "Force=true"))
    assert place.client.get(f"{CRDS}/{gadgets.name}").expect()["metadata"]["uid"] == uid
    place.client.get(gadgets.path()).expect()


def test_a_kind_that_something_else_brings(place: Place, gadgets: Gadgets) -> None:
    refused = place.run(gadgets.gadget())
    assert "the cluster does not know the kind" in messages(refused)["one"]

    def install(_state: Any, event: Any) -> None:
        if isinstance(event, events.DryRunFinished):
            place.client.create(CRDS, gadgets.definition()).expect(201)

    place.synced(gadgets.gadget(**{OPTIONS: "SkipDryRunOnMissingResource=true"}), on_event=install)
    place.client.get(gadgets.path()).expect()


@pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)
def test_a_definition_whose_names_are_taken(place: Place, gadgets: Gadgets) -> None:
    place.synced(gadgets.definition())
    other = gadgets.definition()
    other["metadata"]["name"] = f"widgets.{gadgets.group}"
    other["spec"]["names"] = {"plural": "widgets", "singular": "widget", "kind": "Gadget", "listKind": "GadgetList"}
    try:
        result = place.run(other, run_options=replace(QUICK, established_s=5))
        assert outcomes(result) == {f"widgets.{gadgets.group}": "SyncFailed"}
        assert messages(result)[f"widgets.{gadgets.group}"].startswith(
            "not established after 5 s: names not accepted: "
        )
    finally:
        place.client.delete(f"{CRDS}/widgets.{gadgets.group}")


def test_validation(place: Place) -> None:
    odd = deployment("one", "one")
    odd["spec"]["unknown"] = True
    refused = place.run(odd)
    assert "unknown" in messages(refused)["web"]
    place.synced(odd, options=("Validate=false",))
    assert "unknown" not in place.client.get(place.path("deployments", "web", api=APPS)).expect()["spec"]


@pytest.fixture
def fresh(client: Client) -> Iterator[str]:
    """The name of a namespace that is not there."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


def test_a_namespace_that_is_on_its_way_out_comes_anew(place: Place, fresh: str) -> None:
    place.client.create("/api/v1/namespaces", {"metadata": {"name": fresh}}).expect(201)
    held = {"metadata": {"name": "held", "finalizers": ["example.com/never"]}}
    place.client.create(f"/api/v1/namespaces/{fresh}/configmaps", held).expect(201)
    place.client.delete(f"/api/v1/namespaces/{fresh}").expect()
    body: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": fresh}}
    inside = config_map("inside")
    inside["metadata"]["namespace"] = fresh
    result = place.run(body, inside, run_options=replace(QUICK, gone_s=1.0))
    assert messages(result)[fresh].startswith(f"Namespace {fresh} is still being deleted after 1 s")
    letting_go = threading.Timer(
        0.3,
        lambda: place.client.patch(f"/api/v1/namespaces/{fresh}/configmaps/held", {"metadata": {"finalizers": None}}),
    )
    letting_go.start()
    result = place.synced(body, inside, run_options=replace(QUICK, gone_s=20))
    assert outcomes(result) == {fresh: "Synced", "inside": "Synced"}


def test_a_dry_run_touches_nothing(place: Place) -> None:
    place.synced(config_map("old", **{OPTIONS: "Prune=confirm"}))
    old = live(place, "old")
    result = place.synced(
        job("before"),
        config_map("web"),
        prunes=[old],
        plan_options=PlanOptions(dry_run=True, prune=True),
        options=("Force=true", "Replace=true"),
    )
    assert outcomes(result) == {"old": "Pruned", "web": "Synced"}
    assert live(place, "old")["metadata"]["resourceVersion"] == old["metadata"]["resourceVersion"]
    assert place.live(place.placed(config_map("web"))) is None


def test_prunes_go_last_where_it_is_asked_for(place: Place) -> None:
    place.synced(config_map("old"), config_map("older", **{OPTIONS: "PruneLast=true"}))
    gone: list[str] = []
    result = place.synced(
        config_map("a", **{WAVE: "2"}),
        prunes=[live(place, "old"), live(place, "older")],
        on_event=lambda _state, event: (
            gone.append(getattr(event, "task_id", "").rpartition("/")[2])
            if isinstance(event, events.ObjectGone | events.TaskDone)
            else None
        ),
    )
    assert result.succeeded
    assert gone == ["old", "a", "older"]


def test_a_manager_beside_ours_keeps_its_fields(place: Place) -> None:
    place.synced(config_map(data={"a": "1"}))
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"theirs": "x"}}
    place.client.patch(place.path("configmaps", "settings"), theirs, APPLY, fieldManager="hpa").expect()
    place.synced(config_map(data={"b": "2"}))
    assert live(place)["data"] == {"b": "2", "theirs": "x"}
