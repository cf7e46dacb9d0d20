"""Objects come to life: in virtual time, so that each moment between can be looked at."""

from typing import Any

import pytest

from tests.reconciler.sandbox.clusters import TestCluster, deployment, job, pod_template

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
STATEFUL = "/apis/apps/v1/namespaces/default/statefulsets"
DAEMONS = "/apis/apps/v1/namespaces/default/daemonsets"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


def conditions(obj: dict[str, Any]) -> dict[str, tuple[str, str]]:
    found = obj["status"].get("conditions") or ()
    return {entry["type"]: (entry["status"], entry.get("reason", "")) for entry in found}


def phases(cluster: TestCluster) -> list[str]:
    return [pod["status"]["phase"] for pod in cluster.get(PODS)["items"]]


def test_a_deployment_becomes_available(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(replicas=2))
    seen = []
    for _ in range(25):
        living.advance(0.04)
        status = living.get(f"{DEPLOYMENTS}/web")["status"]
        seen.append((status.get("observedGeneration"), status.get("readyReplicas", 0)))
    assert seen[0] == (None, 0)
    assert (1, 0) in seen
    assert seen[-1] == (1, 2)
    live = living.get(f"{DEPLOYMENTS}/web")
    counts = {key: value for key, value in live["status"].items() if key != "conditions"}
    assert counts == {
        "observedGeneration": 1,
        "replicas": 2,
        "updatedReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 0,
    }
    assert conditions(live) == {
        "Progressing": ("True", "NewReplicaSetAvailable"),
        "Available": ("True", "MinimumReplicasAvailable"),
    }
    assert live["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    managers = [(entry["manager"], entry.get("subresource")) for entry in live["metadata"]["managedFields"]]
    assert ("kube-controller-manager", "status") in managers


def test_a_rolling_update_never_falls_below_what_it_may(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(replicas=4))
    living.advance(3)
    living.patch(f"{DEPLOYMENTS}/web", {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    available, totals = [], []
    for _ in range(80):
        living.advance(0.05)
        status = living.get(f"{DEPLOYMENTS}/web")["status"]
        available.append(status.get("availableReplicas", 0))
        totals.append(len([pod for pod in living.get(PODS)["items"] if not pod["metadata"].get("deletionTimestamp")]))
    assert (min(available), max(totals)) == (3, 5)
    live = living.get(f"{DEPLOYMENTS}/web")
    assert (live["status"]["updatedReplicas"], live["status"]["replicas"]) == (4, 4)
    assert live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert sorted(entry["spec"]["replicas"] for entry in living.get(SETS)["items"]) == [0, 4]


def test_recreate_stops_the_old_before_it_starts_the_new(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(replicas=2, strategy={"type": "Recreate"}))
    living.advance(3)
    living.patch(f"{DEPLOYMENTS}/web", {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    together = False
    for _ in range(60):
        living.advance(0.05)
        hashes = {pod["metadata"]["labels"]["pod-template-hash"] for pod in living.get(PODS)["items"]}
        together = together or len(hashes) > 1
    assert not together
    assert living.get(f"{DEPLOYMENTS}/web")["status"]["updatedReplicas"] == 2


def test_a_deployment_that_does_not_progress_says_so(living: TestCluster) -> None:
    template = pod_template("web")
    template["metadata"]["annotations"] = {"sandbox.gitops-nb/fault": "ImagePull"}
    living.create(DEPLOYMENTS, deployment(progressDeadlineSeconds=10, template=template))
    living.advance(5)
    assert conditions(living.get(f"{DEPLOYMENTS}/web"))["Progressing"][0] == "True"
    living.advance(10)
    live = living.get(f"{DEPLOYMENTS}/web")
    assert conditions(live)["Progressing"] == ("False", "ProgressDeadlineExceeded")
    waiting = living.get(PODS)["items"][0]["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"


def test_a_paused_deployment_waits(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(paused=True))
    living.advance(2)
    assert living.get(SETS)["items"] == []
    living.patch(f"{DEPLOYMENTS}/web", {"spec": {"paused": None}})
    living.advance(2)
    assert living.get(f"{DEPLOYMENTS}/web")["status"]["availableReplicas"] == 1


def test_old_replica_sets_are_kept_up_to_the_limit(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(revisionHistoryLimit=1))
    for number in range(4):
        living.advance(3)
        living.patch(f"{DEPLOYMENTS}/web", {"spec": {"template": {"metadata": {"labels": {"v": str(number)}}}}})
    living.advance(3)
    assert len(living.get(SETS)["items"]) == 2


def test_a_deleted_pod_is_replaced(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment())
    living.advance(2)
    (old,) = living.get(PODS)["items"]
    living.delete(f"{PODS}/{old['metadata']['name']}")
    living.advance(2)
    (new,) = living.get(PODS)["items"]
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert new["metadata"]["ownerReferences"] == old["metadata"]["ownerReferences"]


def test_a_pod_runs_where_the_scheduler_put_it(living: TestCluster) -> None:
    living.create(PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    living.advance(1)
    pod = living.get(f"{PODS}/p")
    assert (pod["spec"]["nodeName"], pod["status"]["phase"]) == ("sandbox", "Running")
    assert conditions(pod)["Ready"][0] == "True"
    assert [entry["manager"] for entry in pod["metadata"]["managedFields"] if entry.get("subresource")] == ["kubelet"]
    log = living.send("GET", f"{PODS}/p/log")
    assert (log.content, log.content_type) == ("simulated container c: started\n", "text/plain")


def test_a_cordoned_node_takes_no_pods(living: TestCluster) -> None:
    living.patch("/api/v1/nodes/sandbox", {"spec": {"unschedulable": True}})
    living.create(PODS, {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    living.advance(1)
    assert conditions(living.get(f"{PODS}/p")) == {"PodScheduled": ("False", "Unschedulable")}
    living.patch("/api/v1/nodes/sandbox", {"spec": {"unschedulable": None}})
    living.advance(1)
    assert phases(living) == ["Running"]


def test_a_job_completes(living: TestCluster) -> None:
    created = living.create(JOBS, job())
    uid = created["metadata"]["uid"]
    assert created["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    living.advance(3)
    status = living.get(f"{JOBS}/once")["status"]
    assert [entry["type"] for entry in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert {entry["reason"] for entry in status["conditions"]} == {"CompletionsReached"}
    assert (status["succeeded"], status["ready"], status["uncountedTerminatedPods"]) == (1, 0, {})
    assert "completionTime" in status
    assert phases(living) == ["Succeeded"]
    assert "finalizers" not in living.get(PODS)["items"][0]["metadata"]


def test_a_job_fails_after_its_last_try(living: TestCluster) -> None:
    living.create(JOBS, job(command="exit 1", backoffLimit=2))
    living.advance(10)
    status = living.get(f"{JOBS}/once")["status"]
    assert [(entry["type"], entry["reason"]) for entry in status["conditions"]] == [
        ("FailureTarget", "BackoffLimitExceeded"),
        ("Failed", "BackoffLimitExceeded"),
    ]
    assert (status["failed"], "completionTime" in status, phases(living)) == (3, False, ["Failed"] * 3)


def test_a_job_that_restarts_its_containers_fails_too(living: TestCluster) -> None:
    living.create(JOBS, job(command="exit 1", policy="OnFailure", backoffLimit=2))
    living.advance(10)
    assert conditions(living.get(f"{JOBS}/once"))["Failed"] == ("True", "BackoffLimitExceeded")


def test_a_job_has_a_deadline(living: TestCluster) -> None:
    living.create(JOBS, job(command="sleep 3600", activeDeadlineSeconds=1))
    template = living.get(f"{JOBS}/once")["spec"]["template"]["spec"]["containers"][0]["command"]
    assert template[-1] == "sleep 3600"
    pods_seen = []
    for _ in range(60):
        living.advance(0.05)
        pods_seen.append(len(living.get(PODS)["items"]))
    status = living.get(f"{JOBS}/once")["status"]
    # What the simulated kubelet makes of an hour is shorter than the deadline or not; it never outlives it.
    assert {"Complete", "Failed"} & {entry["type"] for entry in status["conditions"]}
    assert max(pods_seen) == 1


def test_completions_run_beside_each_other(living: TestCluster) -> None:
    living.create(JOBS, job(completions=3, parallelism=2, completionMode="Indexed"))
    living.advance(0.15)
    assert living.get(f"{JOBS}/once")["status"]["active"] == 2
    living.advance(5)
    assert living.get(f"{JOBS}/once")["status"]["succeeded"] == 3
    indexes = {
        pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"] for pod in living.get(PODS)["items"]
    }
    assert indexes == {"0", "1", "2"}


def test_a_suspended_job_waits_and_resumes(living: TestCluster) -> None:
    living.create(JOBS, job(suspend=True))
    living.advance(1)
    assert conditions(living.get(f"{JOBS}/once")) == {"Suspended": ("True", "JobSuspended")}
    living.patch(f"{JOBS}/once", {"spec": {"suspend": False}})
    living.advance(3)
    found = conditions(living.get(f"{JOBS}/once"))
    assert (found["Suspended"], found["Complete"][0]) == (("False", "JobResumed"), "True")


def test_a_finished_job_goes_after_its_time(living: TestCluster) -> None:
    living.create(JOBS, job(ttlSecondsAfterFinished=30))
    living.advance(20)
    assert conditions(living.get(f"{JOBS}/once"))["Complete"][0] == "True"
    living.advance(20)
    assert (living.send("GET", f"{JOBS}/once").status, living.get(PODS)["items"]) == (404, [])


def stateful_set(**spec: Any) -> dict[str, Any]:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "metadata": {"name": "db"},
        "spec": {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": pod_template("db"),
            "volumeClaimTemplates": [claim],
            **spec,
        },
    }


def test_a_stateful_set_starts_its_pods_in_order(living: TestCluster) -> None:
    living.create(STATEFUL, stateful_set())
    order = []
    for _ in range(50):
        living.advance(0.04)
        order.append(tuple(pod["metadata"]["name"] for pod in living.get(PODS)["items"]))
    assert list(dict.fromkeys(order)) == [(), ("db-0",), ("db-0", "db-1")]
    status = living.get(f"{STATEFUL}/db")["status"]
    assert (status["readyReplicas"], status["updatedReplicas"], status["availableReplicas"]) == (2, 2, 2)
    assert status["currentRevision"] == status["updateRevision"]
    claims = living.get("/api/v1/namespaces/default/persistentvolumeclaims")["items"]
    assert [(claim["metadata"]["name"], claim["status"]["phase"]) for claim in claims] == [
        ("data-db-0", "Bound"),
        ("data-db-1", "Bound"),
    ]


def test_a_stateful_set_updates_from_the_last_to_the_partition(living: TestCluster) -> None:
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    living.create(STATEFUL, stateful_set(updateStrategy=update))
    living.advance(3)
    living.patch(f"{STATEFUL}/db", {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}})
    living.advance(3)
    labels = {pod["metadata"]["name"]: pod["metadata"]["labels"].get("v") for pod in living.get(PODS)["items"]}
    assert labels == {"db-0": None, "db-1": "2"}
    living.patch(f"{STATEFUL}/db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    living.advance(3)
    status = living.get(f"{STATEFUL}/db")["status"]
    assert (status["updatedReplicas"], status["currentRevision"]) == (2, status["updateRevision"])


def test_a_daemon_set_runs_on_each_node_it_selects(living: TestCluster) -> None:
    body = {
        "metadata": {"name": "agent"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": pod_template("agent")},
    }
    living.create(DAEMONS, body)
    living.advance(2)
    status = living.get(f"{DAEMONS}/agent")["status"]
    assert (status["desiredNumberScheduled"], status["numberAvailable"], status["observedGeneration"]) == (1, 1, 1)
    living.patch(f"{DAEMONS}/agent", {"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}})
    living.advance(2)
    live = living.get(f"{DAEMONS}/agent")
    assert (live["status"]["desiredNumberScheduled"], living.get(PODS)["items"]) == (0, [])
    assert live["metadata"]["annotations"]["deprecated.daemonset.template.generation"] == "2"


def test_a_service_knows_its_ready_pods(living: TestCluster) -> None:
    body = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    living.create("/api/v1/namespaces/default/services", body)
    living.create(DEPLOYMENTS, deployment(replicas=2))
    living.advance(3)
    (entry,) = living.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices")["items"]
    assert entry["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [endpoint["conditions"]["ready"] for endpoint in entry["endpoints"]] == [True, True]
    assert entry["ports"] == [{"name": "", "protocol": "TCP", "port": 8080}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/api/v1/namespaces/default/services",
            {"metadata": {"name": "x"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
        ),
        (
            "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
            {"metadata": {"name": "x"}, "spec": {"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}},
        ),
    ],
)
def test_load_balancers_get_an_address_for_documentation(living: TestCluster, path: str, body: dict[str, Any]) -> None:
    living.create(path, body)
    living.advance(1)
    (entry,) = living.get(f"{path}/x")["status"]["loadBalancer"]["ingress"]
    assert entry["ip"].startswith("198.51.100.")


def test_the_same_history_twice_is_the_same() -> None:
    def run() -> list[Any]:
        cluster = TestCluster(controllers=True)
        cluster.create(DEPLOYMENTS, deployment(replicas=3))
        cluster.create(JOBS, job(command="exit 1", backoffLimit=1))
        cluster.advance(5)
        return [cluster.get(PODS), cluster.get(f"{DEPLOYMENTS}/web"), cluster.get(f"{JOBS}/once")]

    assert run() == run()


def test_a_stopped_loop_does_nothing_more() -> None:
    from reconciler.sandbox.controllers import start_controllers

    cluster = TestCluster()
    loop = start_controllers(cluster.api, cluster.time, latency_s=0.05)
    loop.stop()
    loop.stop()
    cluster.create(DEPLOYMENTS, deployment())
    cluster.advance(2)
    assert cluster.get(SETS)["items"] == []
