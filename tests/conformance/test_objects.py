"""Creating, reading, updating and deleting one object."""

import pytest

from tests.conformance.client import Client
from tests.conformance.objects import config_map, config_maps, deployment, deployments


def test_create_fills_in_the_metadata(client: Client, namespace: str) -> None:
    created = client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    metadata = created["metadata"]
    assert (created["apiVersion"], created["kind"], created["data"]) == ("v1", "ConfigMap", {"a": "1"})
    assert (metadata["name"], metadata["namespace"]) == ("one", namespace)
    assert metadata["uid"]
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["creationTimestamp"].endswith("Z")
    assert "generation" not in metadata
    assert client.get(f"{config_maps(namespace)}/one").expect() == created


def test_create_defaults_what_is_left_out(client: Client, namespace: str) -> None:
    created = client.create(deployments(namespace), deployment("web")).expect(201)
    spec = created["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"], pod["schedulerName"]) == (
        "Always",
        "ClusterFirst",
        "default-scheduler",
    )
    container = pod["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert created["metadata"]["generation"] == 1


def test_create_of_what_is_there(client: Client, namespace: str) -> None:
    client.create(config_maps(namespace), config_map("one")).expect(201)
    body = client.create(config_maps(namespace), config_map("one")).expect(409)
    assert body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "one" already exists',
        "reason": "AlreadyExists",
        "details": {"name": "one", "kind": "configmaps"},
        "code": 409,
    }


def test_create_in_a_namespace_that_is_not_there(client: Client, namespace: str) -> None:
    body = client.create(config_maps(f"{namespace}-not"), config_map("one")).expect(404)
    assert body["message"] == f'namespaces "{namespace}-not" not found'
    assert body["details"] == {"name": f"{namespace}-not", "kind": "namespaces"}


def test_generate_name_appends_five_letters(client: Client, namespace: str) -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "made-"}}
    names = [client.create(config_maps(namespace), obj).expect(201)["metadata"]["name"] for _ in range(3)]
    assert len(set(names)) == 3
    assert all(name.startswith("made-") and len(name) == len("made-") + 5 for name in names)


@pytest.mark.parametrize(
    ("obj", "status", "message"),
    [
        pytest.param(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
            id="no-name",
        ),
        pytest.param(
            config_map("one", namespace="elsewhere"),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
            id="other-namespace",
        ),
        pytest.param(
            config_map("one") | {"data": {"a": 1}},
            400,
            'ConfigMap in version "v1" cannot be handled as a ConfigMap: '
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
            id="number-for-string",
        ),
    ],
)
def test_create_of_what_is_not_valid(
    client: Client, namespace: str, obj: dict[str, object], status: int, message: str
) -> None:
    assert client.create(config_maps(namespace), obj).expect(status)["message"] == message


def test_a_name_must_be_a_dns_subdomain(client: Client, namespace: str) -> None:
    body = client.create(config_maps(namespace), config_map("A_b")).expect(422)
    assert body["message"].startswith('ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": ')
    assert [cause["field"] for cause in body["details"]["causes"]] == ["metadata.name"]


def test_a_deployment_without_selector_and_containers_is_not_valid(client: Client, namespace: str) -> None:
    obj = deployment("web") | {"spec": {"replicas": 1}}
    body = client.create(deployments(namespace), obj).expect(422)
    fields = {cause["field"] for cause in body["details"]["causes"]}
    assert {"spec.selector", "spec.template.spec.containers"} <= fields
    assert body["message"].startswith('Deployment.apps "web" is invalid: ')


def test_an_unknown_field_is_refused_where_validation_is_strict(client: Client, namespace: str) -> None:
    obj = config_map("one") | {"extra": 1}
    body = client.create(config_maps(namespace), obj, fieldValidation="Strict").expect(400)
    assert body["message"] == (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "extra"'
    )


def test_an_unknown_field_is_dropped_with_a_warning_otherwise(client: Client, namespace: str) -> None:
    answer = client.create(config_maps(namespace), config_map("one") | {"extra": 1})
    assert "extra" not in answer.expect(201)
    assert answer.headers["Warning"] == '299 - "unknown field \\"extra\\""'
    silent = client.create(config_maps(namespace), config_map("two") | {"extra": 1}, fieldValidation="Ignore")
    assert silent.status == 201
    assert "Warning" not in silent.headers


def test_update_needs_the_latest_version(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    first = client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    second = client.update(path, first | {"data": {"a": "2"}}).expect()
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    body = client.update(path, first | {"data": {"a": "3"}}).expect(409)
    assert (body["reason"], body["details"]) == ("Conflict", {"name": "one", "kind": "configmaps"})
    assert body["message"] == (
        'Operation cannot be fulfilled on configmaps "one": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


def test_an_update_that_changes_nothing_keeps_the_version(client: Client, namespace: str) -> None:
    created = client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    updated = client.update(f"{config_maps(namespace)}/one", created).expect()
    assert updated["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]


def test_generation_counts_changes_of_the_spec_only(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    labelled = client.patch(path, {"metadata": {"labels": {"a": "b"}}}).expect()
    assert labelled["metadata"]["generation"] == 1
    paused = client.patch(path, {"spec": {"paused": True}}).expect()
    assert paused["metadata"]["generation"] == 2


def test_reading_what_is_not_there(client: Client, namespace: str) -> None:
    body = client.get(f"{config_maps(namespace)}/nothing").expect(404)
    assert (body["message"], body["reason"]) == ('configmaps "nothing" not found', "NotFound")
    assert body["details"] == {"name": "nothing", "kind": "configmaps"}
    assert client.delete(f"{config_maps(namespace)}/nothing").status == 404
    grouped = client.get(f"{deployments(namespace)}/nothing").expect(404)
    assert grouped["message"] == 'deployments.apps "nothing" not found'
    assert grouped["details"] == {"name": "nothing", "group": "apps", "kind": "deployments"}


def test_delete_answers_with_a_status(client: Client, namespace: str) -> None:
    created = client.create(config_maps(namespace), config_map("one")).expect(201)
    body = client.delete(f"{config_maps(namespace)}/one").expect()
    assert (body["kind"], body["status"]) == ("Status", "Success")
    assert body["details"] == {"name": "one", "kind": "configmaps", "uid": created["metadata"]["uid"]}
    assert client.get(f"{config_maps(namespace)}/one").status == 404


def test_delete_with_the_wrong_uid_is_a_conflict(client: Client, namespace: str) -> None:
    client.create(config_maps(namespace), config_map("one")).expect(201)
    body = client.delete(f"{config_maps(namespace)}/one", {"preconditions": {"uid": "other"}}).expect(409)
    assert "the UID in the precondition (other) does not match the UID in record" in body["message"]


def test_dry_run_changes_nothing(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    made = client.create(config_maps(namespace), config_map("one"), dryRun="All").expect(201)
    assert "resourceVersion" not in made["metadata"]
    assert client.get(path).status == 404
    created = client.create(config_maps(namespace), config_map("one", {"a": "1"})).expect(201)
    updated = client.update(path, created | {"data": {"a": "2"}}, dryRun="All").expect()
    assert updated["data"] == {"a": "2"}
    assert updated["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]
    client.delete(path, dryRun="All").expect()
    assert client.get(path).expect() == created


def test_status_is_written_by_its_own_sub_resource_only(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    body = client.patch(path, {"status": {"collisionCount": 7}}).expect()
    assert "collisionCount" not in body.get("status", {})
    changed = {"status": {"collisionCount": 7}, "spec": {"paused": True}}
    body = client.patch(f"{path}/status", changed).expect()
    assert body["status"]["collisionCount"] == 7
    assert "paused" not in body["spec"]


def test_scale_is_read_and_written(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web", replicas=0)).expect(201)
    scale = client.get(f"{path}/scale").expect()
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["status"]["selector"] == "app=web"
    client.patch(f"{path}/scale", {"spec": {"replicas": 2}}).expect()
    assert client.get(path).expect()["spec"]["replicas"] == 2
