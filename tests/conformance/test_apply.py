"""Server-side apply: who owns what, conflicts, and what becomes of a field that is no longer applied."""

from typing import Any

from tests.conformance.client import APPLY, Client
from tests.conformance.objects import config_map, config_maps, deployment, deployments, owners


def test_apply_creates_and_then_updates(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    created = client.apply(path, config_map("one", {"a": "1"}, labels={"l": "1"})).expect(201)
    (entry,) = created["metadata"]["managedFields"]
    assert entry | {"time": ""} == {
        "manager": "tester",
        "operation": "Apply",
        "apiVersion": "v1",
        "time": "",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:l": {}}}},
    }
    updated = client.apply(path, config_map("one", {"b": "2"})).expect()
    assert updated["data"] == {"b": "2"}
    assert "labels" not in updated["metadata"]
    assert owners(updated) == {("tester", "Apply", ""): {".data.b"}}


def test_create_and_update_own_by_update(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    created = client.create(config_maps(namespace), config_map("one", {"a": "1"}), fieldManager="maker").expect(201)
    (entry,) = created["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("maker", "Update")
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:a": {}}}
    patched = client.patch(path, {"data": {"b": "2"}}, fieldManager="patcher").expect()
    assert owners(patched) == {("maker", "Update", ""): {".data.a"}, ("patcher", "Update", ""): {".data.b"}}


def test_the_field_manager_is_the_user_agent_where_none_is_given(client: Client, namespace: str) -> None:
    created = client.request(
        "POST", config_maps(namespace), config_map("one", {"a": "1"}), headers={"User-Agent": "robot/1.2 (test)"}
    ).expect(201)
    assert created["metadata"]["managedFields"][0]["manager"] == "robot"


def test_applying_the_same_again_changes_nothing(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    first = client.apply(path, config_map("one", {"a": "1"})).expect(201)
    assert client.apply(path, config_map("one", {"a": "1"})).expect() == first


def test_another_appliers_field_is_a_conflict(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.apply(path, config_map("one", {"a": "1"})).expect(201)
    body = client.apply(path, config_map("one", {"a": "2"}), "other").expect(409)
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "tester": .data.a'
    assert body["reason"] == "Conflict"
    assert body["details"] == {
        "causes": [{"reason": "FieldManagerConflict", "message": 'conflict with "tester"', "field": ".data.a"}]
    }


def test_several_conflicts_are_grouped_by_manager(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.apply(path, config_map("one", {"a": "1"})).expect(201)
    client.patch(path, {"data": {"b": "1"}}, fieldManager="patcher").expect()
    body = client.apply(path, config_map("one", {"a": "2", "b": "2"}), "other").expect(409)
    assert body["message"] == (
        'Apply failed with 2 conflicts: conflicts with "patcher" using v1:\n- .data.b\n'
        'conflicts with "tester":\n- .data.a'
    )
    causes = {(cause["message"], cause["field"]) for cause in body["details"]["causes"]}
    assert causes == {('conflict with "patcher" using v1', ".data.b"), ('conflict with "tester"', ".data.a")}


def test_the_same_value_is_owned_together(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.apply(path, config_map("one", {"a": "1"})).expect(201)
    both = client.apply(path, config_map("one", {"a": "1"}), "other").expect()
    assert owners(both) == {("tester", "Apply", ""): {".data.a"}, ("other", "Apply", ""): {".data.a"}}
    left = client.apply(path, config_map("one"), "other").expect()
    assert left["data"] == {"a": "1"}
    assert owners(left) == {("tester", "Apply", ""): {".data.a"}}


def test_force_takes_ownership(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.apply(path, config_map("one", {"a": "1", "b": "1"})).expect(201)
    forced = client.apply(path, config_map("one", {"a": "2"}), "other", force="true").expect()
    assert forced["data"] == {"a": "2", "b": "1"}
    assert owners(forced) == {("other", "Apply", ""): {".data.a"}, ("tester", "Apply", ""): {".data.b"}}


def test_the_same_name_by_update_is_another_manager(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.create(config_maps(namespace), config_map("one", {"a": "1"}), fieldManager="argocd-controller").expect(201)
    body = client.apply(path, config_map("one", {"a": "2"}), "argocd-controller").expect(409)
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "argocd-controller" using v1: .data.a'


def test_a_dry_run_predicts_and_changes_nothing(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    first = client.apply(path, config_map("one", {"a": "1"})).expect(201)
    predicted = client.apply(path, config_map("one", {"a": "2"}), dryRun="All").expect()
    assert predicted["data"] == {"a": "2"}
    assert predicted["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert client.get(path).expect() == first
    new = client.apply(f"{config_maps(namespace)}/two", config_map("two"), dryRun="All").expect(201)
    assert "resourceVersion" not in new["metadata"]
    assert client.get(f"{config_maps(namespace)}/two").status == 404


def test_an_unknown_field_fails_whatever_the_validation(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    for validation in ("Strict", "Ignore", None):
        answer = client.apply(path, config_map("one") | {"extra": 1}, fieldValidation=validation)
        assert answer.expect(500)["message"] == (
            "failed to create typed patch object (/one; /v1, Kind=ConfigMap): .extra: field not declared in schema"
        )


def test_apply_needs_a_field_manager(client: Client, namespace: str) -> None:
    answer = client.patch(f"{config_maps(namespace)}/one", config_map("one"), APPLY)
    assert answer.expect(422)["message"] == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    )


def test_the_name_must_be_that_of_the_url(client: Client, namespace: str) -> None:
    body = client.apply(f"{config_maps(namespace)}/one", config_map("two")).expect(400)
    assert body["message"] == "the name of the object (two) does not match the name on the URL (one)"


def test_apply_in_a_namespace_that_is_not_there(client: Client, namespace: str) -> None:
    body = client.apply(f"{config_maps(namespace + '-not')}/one", config_map("one")).expect(404)
    assert body["message"] == f'namespaces "{namespace}-not" not found'


def test_apply_reads_yaml(client: Client, namespace: str) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata:\n  a: '1'\n"
    body = client.patch(f"{config_maps(namespace)}/one", text, APPLY, fieldManager="tester").expect(201)
    assert body["data"] == {"a": "1"}


def test_a_stale_version_is_a_conflict_even_by_force(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    first = client.apply(path, config_map("one", {"a": "1"})).expect(201)
    client.apply(path, config_map("one", {"a": "2"})).expect()
    stale = config_map("one", {"a": "3"}, resourceVersion=first["metadata"]["resourceVersion"])
    assert client.apply(path, stale, force="true").expect(409)["reason"] == "Conflict"


def test_list_items_are_owned_by_their_keys(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    target = deployment("web", replicas=0)
    client.apply(path, target).expect(201)
    sidecar: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "side:1"}]}}},
    }
    both = client.apply(path, sidecar, "injector").expect()
    assert [each["name"] for each in both["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    assert owners(both)[("injector", "Apply", "")] == {
        '.spec.template.spec.containers[{"name":"side"}].image',
        '.spec.template.spec.containers[{"name":"side"}].name',
    }
    alone = client.apply(path, target).expect()
    assert [each["name"] for each in alone["spec"]["template"]["spec"]["containers"]] == ["web", "side"]
    sidecar["spec"]["template"]["spec"]["containers"] = []
    gone = client.apply(path, sidecar, "injector").expect()
    assert [each["name"] for each in gone["spec"]["template"]["spec"]["containers"]] == ["web"]


def test_scaling_beside_the_applier(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    target = deployment("web", replicas=0)
    client.apply(path, target).expect(201)
    client.patch(f"{path}/scale", {"spec": {"replicas": 1}}, fieldManager="scaler").expect()
    body = client.apply(path, target).expect(409)
    assert body["message"] == (
        'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas'
    )
    del target["spec"]["replicas"]
    assert client.apply(path, target).expect()["spec"]["replicas"] == 1


def test_quantities_become_canonical(client: Client, namespace: str) -> None:
    target = deployment("web", replicas=0)
    target["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "1000m", "memory": "1024Mi"}}
    body = client.apply(f"{deployments(namespace)}/web", target).expect(201)
    resources = body["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert resources["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_the_status_of_a_target_is_ignored(client: Client, namespace: str) -> None:
    target = deployment("web", replicas=0) | {"status": {"collisionCount": 7}}
    body = client.apply(f"{deployments(namespace)}/web", target).expect(201)
    assert body.get("status", {}) == {}
    assert not any(path.startswith(".status") for path in owners(body)[("tester", "Apply", "")])


def test_string_data_becomes_data(client: Client, namespace: str) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}, "stringData": {"a": "x"}}
    body = client.apply(f"/api/v1/namespaces/{namespace}/secrets/one", secret).expect(201)
    assert (body["data"], body["type"]) == ({"a": "eA=="}, "Opaque")
    assert "stringData" not in body


def test_managed_fields_can_be_left_out_by_an_update(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    created = client.apply(path, config_map("one", {"a": "1"})).expect(201)
    created["metadata"]["managedFields"] = [{}]
    assert "managedFields" not in client.update(path, created).expect()["metadata"]
    body = client.apply(path, config_map("one", {"a": "2"}), "late").expect(409)
    assert body["message"] == 'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
