"""What a tree shows of an object's state."""

from typing import Any

import pytest

from reconciler.cluster.node_info import describe
from reconciler.manifest.objects import ResourceKey

RUNNING = {"ready": True, "restartCount": 0, "state": {"running": {}}}


def pod(main: list[Any], first: list[Any] | None = None, *, sidecar: bool = False, **more: Any) -> dict[str, Any]:
    containers = [{"name": f"c{index}", "image": f"e/c:{index}"} for index in range(max(1, len(main)))]
    begin = [
        {"name": f"i{index}", "image": "e/i:1"} | ({"restartPolicy": "Always"} if sidecar else {})
        for index in range(len(first or ()))
    ]
    status = {
        "phase": "Running",
        "containerStatuses": [{"name": f"c{index}", **entry} for index, entry in enumerate(main)],
        "initContainerStatuses": [{"name": f"i{index}", **entry} for index, entry in enumerate(first or ())],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", **more.pop("metadata", {})},
        "spec": {"containers": containers, "initContainers": begin, "nodeName": "n1"},
        "status": status | more,
    }


def waiting(reason: str, restarts: int = 0) -> dict[str, Any]:
    return {"ready": False, "restartCount": restarts, "state": {"waiting": {"reason": reason}}}


def ended(code: int, reason: str = "", **more: Any) -> dict[str, Any]:
    return {"ready": False, "restartCount": 1, "state": {"terminated": {"exitCode": code, "reason": reason, **more}}}


DELETED = {"deletionTimestamp": "2026-11-23T10:00:00Z"}
DONE = ended(0, "Completed") | {"restartCount": 0}
PODS = {
    "running": (pod([RUNNING, RUNNING]), "Running 2/2"),
    "one not ready": (pod([RUNNING, RUNNING | {"ready": False}]), "Running 1/2"),
    "crashing": (pod([waiting("CrashLoopBackOff", 7)]), "CrashLoopBackOff 0/1 7"),
    "ended with a code": (pod([ended(3)]), "ExitCode:3 0/1 1"),
    "ended by a signal": (pod([ended(137, signal=9)]), "Signal:9 0/1 1"),
    "one done, one runs": (pod([RUNNING, DONE]), "Running 1/2"),
    "initializing": (pod([waiting("PodInitializing")], [{"state": {"running": {}}}]), "Init:0/1 0/1"),
    "init fails": (pod([waiting("PodInitializing")], [ended(1, "Error")]), "Init:Error 0/1 1"),
    "init cannot pull": (pod([], [waiting("ErrImagePull")]), "Init:ErrImagePull 0/1"),
    "init done": (pod([RUNNING], [DONE]), "Running 1/1"),
    "with a sidecar": (pod([RUNNING], [RUNNING | {"started": True}], sidecar=True), "Running 2/2"),
    "deleted": (pod([RUNNING], metadata=DELETED), "Terminating 1/1"),
    "deleted when done": (pod([DONE], metadata=DELETED, phase="Succeeded"), "Completed 0/1"),
    "on a lost node": (pod([RUNNING], metadata=DELETED, reason="NodeLost"), "Unknown 1/1"),
    "evicted": (pod([], phase="Failed", reason="Evicted"), "Evicted 0/1"),
    "held back": (
        pod([], phase="Pending", conditions=[{"type": "PodScheduled", "reason": "SchedulingGated"}]),
        "SchedulingGated 0/1",
    ),
}


@pytest.mark.parametrize(("obj", "shown"), PODS.values(), ids=PODS)
def test_pods(obj: dict[str, Any], shown: str) -> None:
    info = describe(obj).info
    assert " ".join(item.value for item in info if item.name != "Node") == shown
    assert ("Node", "n1") in [(item.name, item.value) for item in info]


def test_a_deployment_and_its_replica_set() -> None:
    annotations = {"deployment.kubernetes.io/revision": "3"}
    obj = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"annotations": annotations},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [{"image": "e/x:1"}]}}},
        "status": {"readyReplicas": 1},
    }
    found = describe(obj)
    assert [(item.name, item.value) for item in found.info] == [("Revision", "Rev:3"), ("Ready", "1/2")]
    assert found.images == ("e/x:1",)


def test_an_ingress_and_where_it_sends_requests() -> None:
    paths = [{"backend": {"service": {"name": "b"}}}, {"backend": {"service": {"name": "a"}}}, {"backend": {}}]
    spec = {"defaultBackend": {"service": {"name": "a"}}, "rules": [{"http": {"paths": paths}}, {"host": "x"}]}
    obj = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"namespace": "web"}, "spec": spec}
    assert describe(obj).targets == (ResourceKey("", "Service", "web", "a"), ResourceKey("", "Service", "web", "b"))


NONSENSE = [None, 7, "x", [], {}, [None], {"a": 1}, True]


@pytest.mark.parametrize("kind", ["v1 Pod", "apps/v1 Deployment", "batch/v1 Job", "networking.k8s.io/v1 Ingress"])
@pytest.mark.parametrize("value", NONSENSE, ids=str)
def test_fields_of_a_wrong_type_say_nothing(kind: str, value: Any) -> None:
    version, name = kind.split()
    containers = {"containers": value, "initContainers": value}
    for spec in (value, containers, {"rules": value, "template": value}, {"rules": [{"http": value}]}):
        obj = {"apiVersion": version, "kind": name, "metadata": value, "spec": spec, "status": value}
        assert describe(obj).targets == ()
        obj |= {"status": {"containerStatuses": value, "conditions": value, "initContainerStatuses": value}}
        assert describe(obj).images == ()
