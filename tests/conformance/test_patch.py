"""The three patch types that are not server-side apply."""

from tests.conformance.client import JSON_PATCH, STRATEGIC_PATCH, Client
from tests.conformance.objects import config_map, config_maps, deployment, deployments


def test_merge_patch_adds_changes_and_removes(client: Client, namespace: str) -> None:
    client.create(config_maps(namespace), config_map("one", {"a": "1", "b": "1"})).expect(201)
    body = client.patch(f"{config_maps(namespace)}/one", {"data": {"a": None, "b": "2", "c": "3"}}).expect()
    assert body["data"] == {"b": "2", "c": "3"}


def test_merge_patch_replaces_lists(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    containers = [{"name": "new", "image": "new:1"}]
    body = client.patch(path, {"spec": {"template": {"spec": {"containers": containers}}}}).expect()
    assert [each["name"] for each in body["spec"]["template"]["spec"]["containers"]] == ["new"]


def test_strategic_patch_merges_lists_by_their_key(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    containers = [{"name": "web", "image": "web:2"}, {"name": "side", "image": "side:1"}]
    patch = {"spec": {"template": {"spec": {"containers": containers}}}}
    body = client.patch(path, patch, STRATEGIC_PATCH).expect()
    found = {each["name"]: each["image"] for each in body["spec"]["template"]["spec"]["containers"]}
    assert found == {"web": "web:2", "side": "side:1"}
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}}
    body = client.patch(path, patch, STRATEGIC_PATCH).expect()
    assert [each["name"] for each in body["spec"]["template"]["spec"]["containers"]] == ["web"]


def test_json_patch_tests_before_it_changes(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    steps = [{"op": "test", "path": "/data/a", "value": "1"}, {"op": "replace", "path": "/data/a", "value": "2"}]
    assert client.patch(path, steps, JSON_PATCH).expect()["data"] == {"a": "2"}
    body = client.patch(path, steps, JSON_PATCH).expect(422)
    assert body["message"] == "the server rejected our request due to an error in our request"
    body = client.patch(path, [{"op": "add", "path": "/metadata/annotations", "value": {"x/y": "z"}}], JSON_PATCH)
    assert body.expect()["metadata"]["annotations"] == {"x/y": "z"}
    body = client.patch(path, [{"op": "remove", "path": "/metadata/annotations/x~1y"}], JSON_PATCH)
    assert "annotations" not in body.expect()["metadata"]


def test_a_patch_with_a_stale_version_is_a_conflict(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    created = client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    version = created["metadata"]["resourceVersion"]
    client.patch(path, {"data": {"a": "2"}}).expect()
    body = client.patch(path, {"metadata": {"resourceVersion": version}, "data": {"a": "3"}}).expect(409)
    assert body["reason"] == "Conflict"


def test_a_patch_does_not_create(client: Client, namespace: str) -> None:
    assert client.patch(f"{config_maps(namespace)}/one", {"data": {}}).expect(404)["reason"] == "NotFound"


def test_a_patch_type_that_is_none(client: Client, namespace: str) -> None:
    client.create(config_maps(namespace), config_map("one")).expect(201)
    body = client.patch(f"{config_maps(namespace)}/one", {}, "application/x-other").expect(415)
    assert body["reason"] == "UnsupportedMediaType"


def test_the_selector_of_a_deployment_cannot_change(client: Client, namespace: str) -> None:
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    patch = {"spec": {"selector": {"matchLabels": {"app": "x"}}, "template": {"metadata": {"labels": {"app": "x"}}}}}
    body = client.patch(f"{deployments(namespace)}/web", patch).expect(422)
    assert [cause["field"] for cause in body["details"]["causes"]] == ["spec.selector"]
    assert body["message"].endswith("field is immutable")
