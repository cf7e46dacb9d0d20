"""What controllers and a node make of workloads."""

from typing import Any

from tests.conformance.client import Client
from tests.conformance.objects import deployment, deployments, has_condition, job, jobs


def _status(obj: dict[str, Any], field: str) -> Any:
    return (obj.get("status") or {}).get(field)


def _pods(client: Client, namespace: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(f"/api/v1/namespaces/{namespace}/pods").expect()["items"]
    return items


def test_a_deployment_becomes_available(client: Client, namespace: str) -> None:
    client.create(deployments(namespace), deployment("web", replicas=2)).expect(201)
    made = client.wait_for(deployments(namespace), "web", lambda each: _status(each, "availableReplicas") == 2)
    status = made["status"]
    assert (status["observedGeneration"], status["replicas"], status["updatedReplicas"]) == (1, 2, 2)
    assert has_condition(made, "Available")
    assert made["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    (replica_set,) = client.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets").expect()["items"]
    assert replica_set["metadata"]["name"].startswith("web-")
    assert replica_set["metadata"]["ownerReferences"][0] | {"uid": ""} == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "web",
        "uid": "",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    hash_label = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{hash_label}"
    for pod in _pods(client, namespace):
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": hash_label}
        assert pod["metadata"]["ownerReferences"][0]["name"] == replica_set["metadata"]["name"]
        assert pod["status"]["phase"] == "Running"
        assert has_condition(pod, "Ready")
        assert pod["status"]["podIP"]
        assert pod["spec"]["nodeName"]
        assert pod["status"]["containerStatuses"][0]["ready"] is True


def test_a_changed_template_rolls_out(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web")).expect(201)
    client.wait_for(deployments(namespace), "web", lambda each: _status(each, "availableReplicas") == 1)
    containers = [{"name": "web", "image": "registry.example/web:2"}]
    client.patch(path, {"spec": {"template": {"spec": {"containers": containers}}}}).expect()
    done = client.wait_for(
        deployments(namespace),
        "web",
        lambda each: (
            _status(each, "observedGeneration") == 2
            and _status(each, "updatedReplicas") == 1
            and _status(each, "availableReplicas") == 1
            and _status(each, "replicas") == 1
        ),
    )
    assert done["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "2"}
    items = client.get(f"/apis/apps/v1/namespaces/{namespace}/replicasets").expect()["items"]
    assert sorted(item["spec"]["replicas"] for item in items) == [0, 1]


def test_a_deployment_is_scaled(client: Client, namespace: str) -> None:
    path = f"{deployments(namespace)}/web"
    client.create(deployments(namespace), deployment("web")).expect(201)
    client.wait_for(deployments(namespace), "web", lambda each: _status(each, "availableReplicas") == 1)
    client.patch(f"{path}/scale", {"spec": {"replicas": 3}}).expect()
    client.wait_for(deployments(namespace), "web", lambda each: _status(each, "availableReplicas") == 3)
    client.patch(f"{path}/scale", {"spec": {"replicas": 0}}).expect()
    client.wait_for(
        deployments(namespace),
        "web",
        lambda each: _status(each, "observedGeneration") == 3 and not _status(each, "replicas"),
    )


def test_a_job_completes(client: Client, namespace: str) -> None:
    client.create(jobs(namespace), job("once", "sh", "-c", "echo hello; sleep 1")).expect(201)
    done = client.wait_for(jobs(namespace), "once", lambda each: has_condition(each, "Complete"))
    assert done["status"]["succeeded"] == 1
    assert done["status"]["completionTime"]
    (pod,) = _pods(client, namespace)
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == "once"
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "Job"


def test_a_job_fails(client: Client, namespace: str) -> None:
    client.create(jobs(namespace), job("once", "sh", "-c", "exit 3")).expect(201)
    done = client.wait_for(jobs(namespace), "once", lambda each: has_condition(each, "Failed"))
    failed = next(each for each in done["status"]["conditions"] if each["type"] == "Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert done["status"]["failed"] == 1
    (pod,) = _pods(client, namespace)
    assert pod["status"]["phase"] == "Failed"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3


def test_the_selector_and_labels_of_a_job_are_made(client: Client, namespace: str) -> None:
    created = client.create(jobs(namespace), job("once", "true")).expect(201)
    uid = created["metadata"]["uid"]
    assert created["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    assert created["spec"]["template"]["metadata"]["labels"]["job-name"] == "once"
    assert (created["spec"]["completions"], created["spec"]["parallelism"]) == (1, 1)


def test_a_service_gets_an_address_and_endpoints(client: Client, namespace: str) -> None:
    services = f"/api/v1/namespaces/{namespace}/services"
    service: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    created = client.create(services, service).expect(201)
    address = created["spec"]["clusterIP"]
    assert address.startswith("10.96.")
    assert (created["spec"]["clusterIPs"], created["spec"]["type"]) == ([address], "ClusterIP")
    assert created["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    headless = service | {"metadata": {"name": "headless"}, "spec": {**service["spec"], "clusterIP": "None"}}
    assert client.create(services, headless).expect(201)["spec"]["clusterIPs"] == ["None"]
    client.create(deployments(namespace), deployment("web")).expect(201)
    slices = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    client.wait_for(deployments(namespace), "web", lambda each: _status(each, "availableReplicas") == 1)
    (pod,) = _pods(client, namespace)
    listed = client.get(slices, labelSelector="kubernetes.io/service-name=web").expect()["items"]
    name = listed[0]["metadata"]["name"]
    ready = client.wait_for(
        slices, name, lambda each: each["endpoints"] and each["endpoints"][0]["conditions"]["ready"]
    )
    assert ready["endpoints"][0]["addresses"] == [pod["status"]["podIP"]]
    assert ready["endpoints"][0]["targetRef"]["name"] == pod["metadata"]["name"]


def test_a_stateful_set_numbers_its_pods(client: Client, namespace: str) -> None:
    collection = f"/apis/apps/v1/namespaces/{namespace}/statefulsets"
    template = deployment("db", replicas=2)
    obj = template | {"kind": "StatefulSet", "spec": template["spec"] | {"serviceName": "db"}}
    client.create(collection, obj).expect(201)
    done = client.wait_for(
        collection, "db", lambda each: _status(each, "readyReplicas") == 2 and _status(each, "updatedReplicas") == 2
    )
    assert done["status"]["currentRevision"] == done["status"]["updateRevision"]
    assert sorted(pod["metadata"]["name"] for pod in _pods(client, namespace)) == ["db-0", "db-1"]


def test_a_daemon_set_runs_on_the_node(client: Client, namespace: str) -> None:
    collection = f"/apis/apps/v1/namespaces/{namespace}/daemonsets"
    template = deployment("agent")
    spec = {key: value for key, value in template["spec"].items() if key != "replicas"}
    client.create(collection, template | {"kind": "DaemonSet", "spec": spec}).expect(201)
    done = client.wait_for(collection, "agent", lambda each: _status(each, "numberAvailable") == 1)
    assert (done["status"]["desiredNumberScheduled"], done["status"]["observedGeneration"]) == (1, 1)
    assert len(_pods(client, namespace)) == 1


def test_a_bare_pod_runs(client: Client, namespace: str) -> None:
    pods = f"/api/v1/namespaces/{namespace}/pods"
    pod = {"metadata": {"name": "one"}, "spec": {"containers": [{"name": "main", "image": "registry.example/web:1"}]}}
    created = client.create(pods, pod).expect(201)
    assert (created["status"]["phase"], created["spec"]["serviceAccountName"]) == ("Pending", "default")
    running = client.wait_for(pods, "one", lambda each: has_condition(each, "Ready"))
    assert running["status"]["phase"] == "Running"
    client.delete(f"{pods}/one", {"gracePeriodSeconds": 1}).expect()
    client.wait_gone(pods, "one")
