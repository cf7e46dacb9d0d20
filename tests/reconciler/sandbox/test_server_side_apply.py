from typing import Any

import pytest

from tests.reconciler.sandbox.clusters import TestCluster, config_map, deployment, expect

MAPS = "/api/v1/namespaces/default/configmaps"


def test_apply_creates_and_then_changes_nothing(cluster: TestCluster) -> None:
    first = expect(cluster.apply(f"{MAPS}/a", config_map("a", k="v")), 201)
    entry = first["metadata"]["managedFields"][0]
    assert (entry["manager"], entry["operation"], entry["fieldsV1"]) == ("tester", "Apply", {"f:data": {"f:k": {}}})
    cluster.advance(5)
    assert expect(cluster.apply(f"{MAPS}/a", config_map("a", k="v")), 200) == first


def test_conflicts_name_the_other_manager(cluster: TestCluster) -> None:
    cluster.apply(f"{MAPS}/a", config_map("a", k="v", l="v"), "one")
    answer = cluster.apply(f"{MAPS}/a", config_map("a", k="w", l="w"), "two")
    assert answer.status == 409
    assert answer.content["message"] == 'Apply failed with 2 conflicts: conflicts with "one":\n- .data.k\n- .data.l'
    assert answer.content["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": field}
        for field in (".data.k", ".data.l")
    ]
    forced = expect(cluster.apply(f"{MAPS}/a", config_map("a", k="w"), "two", force="true"), 200)
    owners = {entry["manager"]: entry["fieldsV1"] for entry in forced["metadata"]["managedFields"]}
    assert owners == {"one": {"f:data": {"f:l": {}}}, "two": {"f:data": {"f:k": {}}}}


def test_what_an_applier_no_longer_sets_goes(cluster: TestCluster) -> None:
    cluster.apply(f"{MAPS}/a", config_map("a", k="v", l="v"))
    assert expect(cluster.apply(f"{MAPS}/a", config_map("a", k="v")), 200)["data"] == {"k": "v"}


def test_defaults_are_no_ones(cluster: TestCluster) -> None:
    applied = expect(cluster.apply("/apis/apps/v1/namespaces/default/deployments/web", deployment()), 201)
    assert applied["spec"]["revisionHistoryLimit"] == 10
    assert "f:revisionHistoryLimit" not in applied["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]


def test_an_ordinary_manifest_is_in_sync_after_its_first_apply(cluster: TestCluster) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments/web"
    target = deployment(
        template={
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "hostNetwork": False,
                "containers": [
                    {
                        "name": "main",
                        "image": "example.com/web",
                        "env": [{"name": "EMPTY", "value": ""}],
                        "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}},
                        "ports": [{"containerPort": 80}],
                    }
                ],
            },
        }
    )
    first = expect(cluster.apply(path, target), 201)
    assert first["spec"]["template"]["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"}
    }
    second = expect(cluster.apply(path, target), 200)
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    assert second["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b"}},
            400,
            "the name of the object (b) does not match the name on the URL (a)",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"managedFields": [{"manager": "x"}]}},
            400,
            "metadata.managedFields must be nil",
        ),
        (
            {"apiVersion": "v1", "kind": "ConfigMap"},
            400,
            "the name of the object (a based on URL) was undeterminable: name must be provided",
        ),
        ({"apiVersion": "v1", "kind": "Secret"}, 400, "invalid object type: /v1, Kind=Secret"),
        (
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "extra": 1},
            500,
            "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .extra: field not declared in schema",
        ),
    ],
)
def test_targets_that_cannot_be_applied(cluster: TestCluster, body: dict[str, Any], status: int, message: str) -> None:
    answer = cluster.apply(f"{MAPS}/a", body)
    assert (answer.status, answer.content["message"]) == (status, message)


def test_apply_wants_a_manager(cluster: TestCluster) -> None:
    answer = cluster.apply(f"{MAPS}/a", config_map("a"), "")
    text = 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'
    assert (answer.status, answer.content["message"]) == (422, text)


def test_the_status_has_an_applier_of_its_own(cluster: TestCluster) -> None:
    path = "/apis/apps/v1/namespaces/default/deployments/web"
    cluster.apply(path, {**deployment(), "status": {"replicas": 3}})
    assert cluster.get(path)["status"] == {}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "status": {"replicas": 3}}
    applied = expect(cluster.apply(f"{path}/status", body), 200)
    assert applied["status"] == {"replicas": 3}
    entries = {entry.get("subresource", ""): entry["fieldsV1"] for entry in applied["metadata"]["managedFields"]}
    assert entries["status"] == {"f:status": {"f:replicas": {}}}
    assert "f:status" not in entries[""]


def test_creators_own_the_defaults_too(cluster: TestCluster) -> None:
    created = cluster.create("/apis/apps/v1/namespaces/default/deployments", deployment())
    entry = created["metadata"]["managedFields"][0]
    assert (entry["operation"], "f:revisionHistoryLimit" in entry["fieldsV1"]["f:spec"]) == ("Update", True)
