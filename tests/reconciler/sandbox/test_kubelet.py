"""What the simulated kubelet reports of a pod."""

import copy
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.kubelet import PodFault, PodStep, pod_termination, pod_timeline, qos_class

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def _pod(*commands: list[str], restart: str = "Always", **spec: Any) -> dict[str, Any]:
    containers = [
        {"name": f"c{number}", "image": "web:1"} | ({"command": command} if command else {})
        for number, command in enumerate(commands)
    ]
    metadata = {"name": "one", "namespace": "test", "uid": "1234", "generation": 1}
    return {"metadata": metadata, "spec": {"restartPolicy": restart, "containers": containers} | spec}


def _timeline(pod: dict[str, Any], **options: Any) -> tuple[PodStep, ...]:
    return pod_timeline(pod, now=NOW, latency_s=1.0, **options)


def _phases(steps: tuple[PodStep, ...]) -> list[tuple[float, str]]:
    return [(step.after_s, step.status["phase"]) for step in steps]


def _condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in status["conditions"] if each["type"] == kind)
    return found


def test_a_pod_is_created_and_runs_for_ever() -> None:
    pending, running = _timeline(_pod([]))
    assert (pending.after_s, pending.status["phase"]) == (0.0, "Pending")
    assert pending.status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert "podIP" not in pending.status
    assert (running.after_s, running.status["phase"]) == (1.0, "Running")
    (container,) = running.status["containerStatuses"]
    assert container["state"] == {"running": {"startedAt": "2026-01-01T12:00:01Z"}}
    assert (container["ready"], container["started"], container["restartCount"]) == (True, True, 0)
    assert _condition(running.status, "Ready") == {
        "type": "Ready",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": "2026-01-01T12:00:01Z",
    }
    assert _condition(running.status, "PodScheduled")["lastTransitionTime"] == "2026-01-01T12:00:00Z"
    assert running.status["podIPs"] == [{"ip": running.status["podIP"]}]
    assert (running.status["qosClass"], running.status["observedGeneration"]) == ("BestEffort", 1)


def test_without_latency_everything_is_at_once() -> None:
    assert {step.after_s for step in pod_timeline(_pod(["sleep", "9"], restart="Never"), now=NOW, latency_s=0.0)} == {
        0.0
    }


def test_a_probed_container_is_ready_one_step_later() -> None:
    pod = _pod([])
    pod["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 80}}
    steps = _timeline(pod)
    assert [(step.after_s, _condition(step.status, "Ready")["status"]) for step in steps] == [
        (0.0, "False"),
        (1.0, "False"),
        (2.0, "True"),
    ]


def test_work_ends_and_so_does_the_pod() -> None:
    steps = _timeline(_pod(["sleep", "2"], restart="Never"))
    assert _phases(steps) == [(0.0, "Pending"), (1.0, "Running"), (3.0, "Succeeded")]
    assert steps[-1].status["containerStatuses"][0]["state"]["terminated"] == {
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": "2026-01-01T12:00:01Z",
        "finishedAt": "2026-01-01T12:00:03Z",
    }
    assert _condition(steps[-1].status, "Ready")["reason"] == "PodCompleted"


def test_long_work_is_cut_short() -> None:
    assert _phases(_timeline(_pod(["sleep", "3600"], restart="Never"), work_factor=2.5))[-1] == (3.5, "Succeeded")


def test_a_pod_fails_when_one_of_its_containers_does() -> None:
    steps = _timeline(_pod(["false"], ["sleep", "1"], restart="Never"))
    assert _phases(steps) == [(0.0, "Pending"), (1.0, "Running"), (1.0, "Running"), (2.0, "Failed")]
    assert [each["state"]["terminated"]["exitCode"] for each in steps[-1].status["containerStatuses"]] == [1, 0]


def test_a_container_without_an_end_keeps_the_pod_running() -> None:
    assert _phases(_timeline(_pod(["true"], ["sleep", "infinity"], restart="Never")))[-1] == (1.0, "Running")


@pytest.mark.parametrize("restart", ["OnFailure", "Always"])
def test_failing_again_and_again_is_a_crash_loop(restart: str) -> None:
    steps = _timeline(_pod(["sh", "-c", "exit 7"], restart=restart))
    last = steps[-1].status["containerStatuses"][0]
    assert steps[-1].status["phase"] == "Running"
    assert last["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert last["lastState"]["terminated"]["exitCode"] == 7
    restarts = [step.status["containerStatuses"][0]["restartCount"] for step in steps]
    assert restarts == sorted(restarts)
    # More than the six after which a Job's default backoffLimit is exceeded.
    assert restarts[-1] > 6


def test_on_failure_lets_a_success_be() -> None:
    assert _phases(_timeline(_pod(["true"], restart="OnFailure")))[-1] == (1.0, "Succeeded")


def test_init_containers_run_one_after_the_other() -> None:
    init = [{"name": "first", "command": ["true"]}, {"name": "second", "command": ["sleep", "1"]}]
    steps = _timeline(_pod([], initContainers=init))
    assert _phases(steps)[-1] == (4.0, "Running")
    states = [[next(iter(each["state"])) for each in step.status["initContainerStatuses"]] for step in steps]
    assert states == [
        ["waiting", "waiting"],
        ["running", "waiting"],
        ["terminated", "waiting"],
        ["terminated", "running"],
        ["terminated", "terminated"],
        ["terminated", "terminated"],
    ]
    initialized = [_condition(step.status, "Initialized")["status"] for step in steps]
    assert initialized == ["False", "False", "False", "False", "True", "True"]


def test_a_failing_init_container_stops_the_pod() -> None:
    init = [{"name": "first", "command": ["false"]}]
    assert _phases(_timeline(_pod([], restart="Never", initContainers=init)))[-1][1] == "Failed"
    steps = _timeline(_pod([], initContainers=init))
    assert steps[-1].status["phase"] == "Pending"
    assert steps[-1].status["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"


def test_a_sidecar_does_not_hold_a_finished_pod() -> None:
    steps = _timeline(_pod(["true"], restart="Never", initContainers=[{"name": "side", "restartPolicy": "Always"}]))
    assert steps[-1].status["phase"] == "Succeeded"
    assert "terminated" in steps[-1].status["initContainerStatuses"][0]["state"]


def test_an_image_that_cannot_be_pulled() -> None:
    steps = _timeline(_pod([]), fault=PodFault.IMAGE_PULL)
    reasons = [step.status["containerStatuses"][0]["state"]["waiting"]["reason"] for step in steps]
    assert reasons == ["ContainerCreating", "ErrImagePull", "ImagePullBackOff"]
    assert {step.status["phase"] for step in steps} == {"Pending"}


def test_a_crash_to_order() -> None:
    assert _phases(_timeline(_pod(["true"], restart="Never"), fault=PodFault.CRASH))[-1] == (2.0, "Failed")
    steps = _timeline(_pod([]), fault=PodFault.CRASH)
    assert steps[-1].status["containerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"


def test_a_pod_that_never_gets_ready() -> None:
    steps = _timeline(_pod([]), fault=PodFault.NOT_READY)
    assert steps[-1].status["phase"] == "Running"
    assert _condition(steps[-1].status, "Ready") | {"lastTransitionTime": ""} == {
        "type": "Ready",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": "",
        "reason": "ContainersNotReady",
    }


def test_a_deleted_pod_ends_as_failed() -> None:
    pod = _pod([])
    pod["status"] = _timeline(pod)[-1].status
    before = copy.deepcopy(pod)
    status = pod_termination(pod, now=NOW)
    assert pod == before
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
    assert _condition(status, "Ready")["status"] == "False"
    finished = _pod(["true"], restart="Never")
    finished["status"] = _timeline(finished)[-1].status
    assert pod_termination(finished, now=NOW) == finished["status"]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_quality_of_service(resources: dict[str, Any], expected: str) -> None:
    pod = _pod([])
    pod["spec"]["containers"][0]["resources"] = resources
    assert qos_class(pod) == expected


COMMANDS = st.sampled_from([[], ["true"], ["false"], ["sleep", "3"], ["sleep", "infinity"], ["sh", "-c", "exit 2"]])
PODS = st.builds(
    lambda commands, init, restart: _pod(
        *commands, restart=restart, initContainers=[{"name": f"i{i}", "command": each} for i, each in enumerate(init)]
    ),
    st.lists(COMMANDS, min_size=1, max_size=3),
    st.lists(COMMANDS, max_size=2),
    st.sampled_from(["Always", "OnFailure", "Never"]),
)


@given(pod=PODS, fault=st.sampled_from([None, *PodFault]))
def test_laws_of_every_timeline(pod: dict[str, Any], fault: PodFault | None) -> None:
    before = copy.deepcopy(pod)
    steps = _timeline(pod, fault=fault)
    assert pod == before
    times = [step.after_s for step in steps]
    assert times == sorted(times)
    for step, following in pairwise(steps):
        assert step.status["phase"] not in {"Succeeded", "Failed"}
        assert _order(step.status["phase"]) <= _order(following.status["phase"])
    for step in steps:
        ready = _condition(step.status, "Ready")["status"] == "True"
        assert ready == (
            step.status["phase"] == "Running" and all(each["ready"] for each in step.status["containerStatuses"])
        )
        assert all(len(each["state"]) == 1 for each in step.status["containerStatuses"])


def _order(phase: str) -> int:
    return ["Pending", "Running", "Succeeded", "Failed"].index(phase)
