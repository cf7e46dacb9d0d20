import base64
import json

from tests.reconciler.sandbox.clusters import TestCluster

PODS = "/api/v1/namespaces/default/pods"
POD = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}


def test_a_pod_is_bound_once(cluster: TestCluster) -> None:
    cluster.create(PODS, POD)
    binding = {"target": {"kind": "Node", "name": "elsewhere"}}
    assert cluster.create(f"{PODS}/p/binding", binding)["status"] == "Success"
    assert cluster.get(f"{PODS}/p")["spec"]["nodeName"] == "elsewhere"
    told = cluster.refuse(409, "POST", f"{PODS}/p/binding", binding)
    assert told.endswith('pod p is already assigned to node "elsewhere"')


def test_an_eviction_deletes(cluster: TestCluster) -> None:
    cluster.create(PODS, POD)
    cluster.create(f"{PODS}/p/eviction", {"metadata": {"name": "p"}})
    assert cluster.send("GET", f"{PODS}/p").status == 404


def test_tokens_name_their_account(cluster: TestCluster) -> None:
    cluster.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "robot"}})
    asked = {"spec": {"expirationSeconds": 600}}
    request = cluster.create("/api/v1/namespaces/default/serviceaccounts/robot/token", asked)
    claims = request["status"]["token"].split(".")[1]
    decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert decoded["sub"] == "system:serviceaccount:default:robot"
    assert request["status"]["expirationTimestamp"] == "2026-05-04T03:12:03Z"


def test_logs_of_containers_that_are_not_there(cluster: TestCluster) -> None:
    cluster.create(PODS, POD)
    waiting = cluster.refuse(400, "GET", f"{PODS}/p/log")
    assert waiting == 'container "c" in pod "p" is waiting to start: PodInitializing'
    assert cluster.refuse(400, "GET", f"{PODS}/p/log", container="x") == "container x is not valid for pod p"


def test_a_namespace_is_finalized(cluster: TestCluster) -> None:
    cluster.create("/api/v1/namespaces", {"metadata": {"name": "n"}})
    cluster.delete("/api/v1/namespaces/n")
    cluster.update("/api/v1/namespaces/n/finalize", {"spec": {}})
    assert cluster.send("GET", "/api/v1/namespaces/n").status == 404


def test_sub_resources_that_are_not_simulated_say_so(cluster: TestCluster) -> None:
    cluster.create(PODS, POD)
    assert cluster.send("GET", f"{PODS}/p/exec").status == 405
    assert cluster.send("GET", f"{PODS}/p/nonsense").status == 404
