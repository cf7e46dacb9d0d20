"""What goes when something is deleted: dependents, finalizers, namespaces."""

import uuid

import pytest

from tests.argo import install_argo
from tests.conformance.client import Client
from tests.conformance.objects import config_map, config_maps, deployment, deployments, owner_reference


def test_a_finalizer_holds_a_deleted_object(client: Client, namespace: str) -> None:
    path = f"{config_maps(namespace)}/one"
    client.create(config_maps(namespace), config_map("one", finalizers=["example.com/hold"])).expect(201)
    body = client.delete(path).expect()
    assert body["kind"] == "ConfigMap"
    assert body["metadata"]["deletionTimestamp"]
    assert body["metadata"]["deletionGracePeriodSeconds"] == 0
    assert client.get(path).status == 200
    body = client.patch(path, {"metadata": {"finalizers": ["example.com/hold", "example.com/more"]}}).expect(422)
    assert [cause["field"] for cause in body["details"]["causes"]] == ["metadata.finalizers"]
    client.patch(path, {"metadata": {"finalizers": None}}).expect()
    assert client.get(path).status == 404


def test_a_dependent_goes_after_its_owner(client: Client, namespace: str) -> None:
    owner = client.create(config_maps(namespace), config_map("owner")).expect(201)
    dependent = config_map("dependent", ownerReferences=[owner_reference(owner)])
    client.create(config_maps(namespace), dependent).expect(201)
    client.create(config_maps(namespace), config_map("bystander")).expect(201)
    client.delete(f"{config_maps(namespace)}/owner", {"propagationPolicy": "Background"}).expect()
    assert client.get(f"{config_maps(namespace)}/owner").status == 404
    client.wait_gone(config_maps(namespace), "dependent")
    assert client.get(f"{config_maps(namespace)}/bystander").status == 200


def test_a_dependent_of_an_owner_that_never_was_goes(client: Client, namespace: str) -> None:
    owner = client.create(config_maps(namespace), config_map("owner")).expect(201)
    reference = owner_reference(owner) | {"uid": str(uuid.uuid4())}
    client.create(config_maps(namespace), config_map("dependent", ownerReferences=[reference])).expect(201)
    client.wait_gone(config_maps(namespace), "dependent")
    assert client.get(f"{config_maps(namespace)}/owner").status == 200


def test_an_owner_deleted_in_the_foreground_goes_last(client: Client, namespace: str) -> None:
    owner = client.create(config_maps(namespace), config_map("owner")).expect(201)
    reference = owner_reference(owner, block=True)
    dependent = config_map("dependent", ownerReferences=[reference], finalizers=["example.com/hold"])
    client.create(config_maps(namespace), dependent).expect(201)
    body = client.delete(f"{config_maps(namespace)}/owner", {"propagationPolicy": "Foreground"}).expect()
    assert body["metadata"]["finalizers"] == ["foregroundDeletion"]
    client.wait_for(config_maps(namespace), "dependent", lambda each: "deletionTimestamp" in each["metadata"])
    assert client.get(f"{config_maps(namespace)}/owner").status == 200
    client.patch(f"{config_maps(namespace)}/dependent", {"metadata": {"finalizers": None}}).expect()
    client.wait_gone(config_maps(namespace), "owner")
    assert client.get(f"{config_maps(namespace)}/dependent").status == 404


def test_orphans_stay_without_their_owner(client: Client, namespace: str) -> None:
    owner = client.create(config_maps(namespace), config_map("owner")).expect(201)
    dependent = config_map("dependent", ownerReferences=[owner_reference(owner)])
    client.create(config_maps(namespace), dependent).expect(201)
    client.delete(f"{config_maps(namespace)}/owner", {"propagationPolicy": "Orphan"}).expect()
    client.wait_gone(config_maps(namespace), "owner")
    left = client.wait_for(
        config_maps(namespace), "dependent", lambda each: not each["metadata"].get("ownerReferences")
    )
    assert "deletionTimestamp" not in left["metadata"]


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_a_deployment_takes_its_pods_along(client: Client, namespace: str, policy: str) -> None:
    client.create(deployments(namespace), deployment("web")).expect(201)
    client.wait_for(deployments(namespace), "web", lambda each: (each.get("status") or {}).get("availableReplicas"))
    (pod,) = client.get(f"/api/v1/namespaces/{namespace}/pods").expect()["items"]
    client.delete(f"{deployments(namespace)}/web", {"propagationPolicy": policy}).expect()
    client.wait_gone(deployments(namespace), "web")
    client.wait_gone(f"/api/v1/namespaces/{namespace}/pods", pod["metadata"]["name"])
    assert client.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets").expect()["items"] == []


def test_a_namespace_takes_everything_along(client: Client) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).expect(201)
    client.create(config_maps(name), config_map("one", finalizers=["example.com/hold"])).expect(201)
    body = client.delete(f"/api/v1/namespaces/{name}").expect()
    assert body["status"]["phase"] == "Terminating"
    client.wait_for(config_maps(name), "one", lambda each: "deletionTimestamp" in each["metadata"])
    refused = client.create(config_maps(name), config_map("two")).expect(403)
    assert refused["message"] == (
        f'configmaps "two" is forbidden: unable to create new content in namespace {name} because it is being terminated'
    )
    client.patch(f"{config_maps(name)}/one", {"metadata": {"finalizers": None}}).expect()
    client.wait_gone("/api/v1/namespaces", name, timeout_s=60)


def test_only_custom_resources_may_carry_a_finalizer_without_a_domain(client: Client, namespace: str) -> None:
    install_argo(client)
    name = "resources-finalizer.example.com"
    body = client.create(config_maps(namespace), config_map("one", finalizers=[name])).expect(422)
    assert [cause["field"] for cause in body["details"]["causes"]] == ["metadata.finalizers[0]"]
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "one", "finalizers": [name]},
        "spec": {"project": "default", "destination": {}},
    }
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications"
    assert client.create(path, application).expect(201)["metadata"]["finalizers"] == [name]
    client.patch(f"{path}/one", {"metadata": {"finalizers": None}}).expect()
