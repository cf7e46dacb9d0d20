"""Custom resource definitions: from their creation to pruned, defaulted and validated objects."""

import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3

from reconciler.model.crds import argo_crds
from tests.conformance.client import STRATEGIC_PATCH, Client
from tests.conformance.objects import CRDS, crd, has_condition, owners

_SCHEMA = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1},
        "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "count": {"type": "integer", "default": 1}},
            },
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


@pytest.fixture(scope="session")
def groups() -> Iterator[dict[Path, str]]:
    """The API group of the kind Gadget in each cluster: a new kind's first use takes a real server two seconds."""
    made: dict[Path, str] = {}
    yield made
    for kubeconfig, group in made.items():
        # The cluster may have gone before, and its kubeconfig with it.
        with suppress(urllib3.exceptions.HTTPError, OSError), closing(Client(kubeconfig)) as client:
            client.delete(f"{CRDS}/gadgets.{group}")


@pytest.fixture
def gadgets(client: Client, namespace: str, groups: dict[Path, str]) -> str:
    """The path of a collection of Gadgets, a kind with a status sub-resource."""
    if client.kubeconfig not in groups:
        groups[client.kubeconfig] = _define(client)
    return f"/apis/{groups[client.kubeconfig]}/v1/namespaces/{namespace}/gadgets"


def _define(client: Client) -> str:
    group = f"g{uuid.uuid4().hex[:10]}.example.com"
    client.create(CRDS, crd(group, _SCHEMA, status=True)).expect(201)
    client.wait_for(CRDS, f"gadgets.{group}", lambda each: has_condition(each, "Established"))
    return group


def _gadget(path: str, name: str, **spec: Any) -> dict[str, Any]:
    group = path.split("/")[2]
    return {"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": name}, "spec": spec}


def test_a_definition_becomes_established_and_discoverable(client: Client, gadgets: str) -> None:
    group = gadgets.split("/")[2]
    names = [each["name"] for each in client.get("/apis").expect()["groups"]]
    assert group in names
    resources = {each["name"]: each for each in client.get(f"/apis/{group}/v1").expect()["resources"]}
    assert set(resources) == {"gadgets", "gadgets/status"}
    assert resources["gadgets"]["shortNames"] == ["gdg"]
    made = client.get(f"{CRDS}/gadgets.{group}").expect()
    assert made["spec"]["names"]["listKind"] == "GadgetList"
    assert made["spec"]["conversion"] == {"strategy": "None"}
    assert made["status"]["storedVersions"] == ["v1"]
    assert has_condition(made, "NamesAccepted")


def test_defaults_are_filled_in_and_unknown_fields_pruned(client: Client, gadgets: str) -> None:
    obj = _gadget(gadgets, "one", size=1, other=2, parts=[{"name": "a", "odd": 1}], free={"any": {"thing": 1}})
    answer = client.create(gadgets, obj)
    assert answer.expect(201)["spec"] == {
        "size": 1,
        "color": "red",
        "parts": [{"name": "a", "count": 1}],
        "free": {"any": {"thing": 1}},
    }
    assert (
        answer.headers["Warning"]
        == '299 - "unknown field \\"spec.other\\"", 299 - "unknown field \\"spec.parts[0].odd\\""'
    )
    items = client.get(gadgets).expect()
    assert (items["kind"], [item["metadata"]["name"] for item in items["items"]]) == ("GadgetList", ["one"])
    assert items["items"][0]["kind"] == "Gadget"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({}, "spec.size"),
        ({"size": 0}, "spec.size"),
        ({"size": "big"}, "spec.size"),
        ({"size": 1, "color": "green"}, "spec.color"),
        ({"size": 1, "parts": [{"count": 1}]}, "spec.parts[0].name"),
    ],
    ids=["required", "minimum", "type", "enum", "item"],
)
def test_what_the_schema_forbids_is_refused(client: Client, gadgets: str, spec: dict[str, Any], field: str) -> None:
    body = client.create(gadgets, _gadget(gadgets, "one", **spec)).expect(422)
    assert field in [cause["field"] for cause in body["details"]["causes"]]
    group = gadgets.split("/")[2]
    assert body["message"].startswith(f'Gadget.{group} "one" is invalid: ')


def test_strict_validation_refuses_unknown_fields(client: Client, gadgets: str) -> None:
    obj = _gadget(gadgets, "one", size=1, other=2)
    body = client.create(gadgets, obj, fieldValidation="Strict").expect(400)
    assert body["message"].endswith('strict decoding error: unknown field "spec.other"')


def test_apply_merges_by_the_schemas_list_keys(client: Client, gadgets: str) -> None:
    path = f"{gadgets}/one"
    client.apply(path, _gadget(gadgets, "one", size=1, parts=[{"name": "a"}])).expect(201)
    other = _gadget(gadgets, "one", parts=[{"name": "b", "count": 2}])
    body = client.apply(path, other, "other").expect()
    assert body["spec"]["parts"] == [{"name": "a", "count": 1}, {"name": "b", "count": 2}]
    assert owners(body)[("other", "Apply", "")] == {
        '.spec.parts[{"name":"b"}].count',
        '.spec.parts[{"name":"b"}].name',
    }


def test_the_status_has_its_own_path(client: Client, gadgets: str) -> None:
    path = f"{gadgets}/one"
    created = client.create(gadgets, _gadget(gadgets, "one", size=1) | {"status": {"phase": "x"}}).expect(201)
    assert "status" not in created
    body = client.patch(f"{path}/status", {"status": {"phase": "Ready"}, "spec": {"size": 9}}).expect()
    assert (body["status"], body["spec"]["size"]) == ({"phase": "Ready"}, 1)
    assert body["metadata"]["generation"] == 1
    assert client.patch(path, {"spec": {"size": 2}}).expect()["metadata"]["generation"] == 2


def test_strategic_patch_is_for_built_in_kinds_only(client: Client, gadgets: str) -> None:
    client.create(gadgets, _gadget(gadgets, "one", size=1)).expect(201)
    assert client.patch(f"{gadgets}/one", {"spec": {"size": 2}}, STRATEGIC_PATCH).expect(415)["reason"] == (
        "UnsupportedMediaType"
    )


def test_deleting_the_definition_deletes_its_objects(client: Client, namespace: str) -> None:
    group = _define(client)
    gadgets = f"/apis/{group}/v1/namespaces/{namespace}/gadgets"
    client.create(gadgets, _gadget(gadgets, "one", size=1)).expect(201)
    client.delete(f"{CRDS}/gadgets.{group}").expect()
    client.wait_gone(CRDS, f"gadgets.{group}")
    assert client.get(f"{CRDS}/gadgets.{group}").status == 404
    assert client.get(gadgets).status == 404


@pytest.fixture
def applications(client: Client, namespace: str) -> str:
    """The path of the Applications in the namespace, with Argo CD's definitions in place."""
    for each in argo_crds():
        client.apply(f"{CRDS}/{each['metadata']['name']}", each, force="true")
        client.wait_for(CRDS, each["metadata"]["name"], lambda made: has_condition(made, "Established"))
    return f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"


def test_an_application_is_kept_as_it_is_written(client: Client, applications: str) -> None:
    spec = {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "guestbook"},
        "source": {"repoURL": "https://git.example/apps", "path": "guestbook", "targetRevision": "main"},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["CreateNamespace=true"]},
    }
    obj = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "guestbook"}, "spec": spec}
    assert client.create(applications, obj, fieldValidation="Strict").expect(201)["spec"] == spec
    unknown = obj | {"metadata": {"name": "other"}, "spec": spec | {"extra": 1}}
    assert client.create(applications, unknown).expect(201)["spec"] == spec
    # Upstream's Application has no status sub-resource: its controller writes the status with the object.
    status = {"status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}}}
    assert client.patch(f"{applications}/guestbook", status).expect()["status"]["sync"]["status"] == "Synced"
    body = client.create(applications, obj | {"metadata": {"name": "bad"}, "spec": {"project": "default"}}).expect(422)
    assert body["message"] == 'Application.argoproj.io "bad" is invalid: spec.destination: Required value'
