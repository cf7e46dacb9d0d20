"""What a kubelet would report of a pod: the simulated node's rules, without a clock, threads or a cluster.

`pod_timeline` says which statuses a pod goes through and when; whoever drives it (the sandbox cluster's own loop, or
the driver that plays the node of a real control plane in tests) waits and writes them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from reconciler.manifest.objects import Manifest, metadata_of, name_of
from reconciler.sandbox.workload import Work, work_of

_RESTARTS = 8
"""How many restarts a crash loop shows: beyond the six after which a Job with the default backoffLimit fails."""

_SIGTERM_EXIT = 143


class PodFault(StrEnum):
    """What can be ordered to go wrong with a pod."""

    IMAGE_PULL = "ImagePull"
    """Its images cannot be pulled."""
    CRASH = "Crash"
    """Its containers exit with 1 soon after their start: a crash loop, or a failed pod where nothing restarts them."""
    NOT_READY = "NotReady"
    """It runs, and its readiness probe never succeeds."""


class PodStep(NamedTuple):
    """One status to write: ``after_s`` seconds after the timeline's start, never earlier than the step before it."""

    after_s: float
    status: Manifest


def pod_timeline(
    pod: Mapping[str, Any],
    *,
    now: datetime,
    latency_s: float = 0.05,
    work_factor: float = 4.0,
    fault: PodFault | None = None,
) -> tuple[PodStep, ...]:
    """Return the statuses that a kubelet writes for a pod that was just bound to a node, in order.

    Pending with its containers creating; then Running and Ready. Where ``restartPolicy`` is ``Never`` or ``OnFailure``
    the containers end as their command says (``sleep N``, ``echo``, ``true``, ``exit 1``, ``false``, ``sh -c "…"``; a
    command that is not understood succeeds), and the pod ends Succeeded or Failed, or goes on crashing (``OnFailure``).
    Where it is ``Always`` containers run for ever, but for a command known to exit non-zero, which crash-loops.
    Init containers run one after the other before; those with ``restartPolicy: Always`` are sidecars and keep running.

    Each status is complete (it replaces the one before; merge it as a whole into ``status``). The pod is not changed.

    Parameters
    ----------
    now
        The time of the start, with a time zone; the times in a status are `now` plus `PodStep.after_s`.
    latency_s
        Seconds between two steps (pulling and starting takes one, a probe one); 0 makes a pod ready at once.
    work_factor
        The longest that any container's work takes, in multiples of `latency_s`: ``sleep 2`` takes two of them,
        ``sleep 3600`` `work_factor` of them.
    fault
        What goes wrong with the pod instead.

    Source: the pod life cycle as kubelet reports it (Kubernetes v1.37).
    """
    run = _PodRun(pod, now=now, latency_s=latency_s, work_factor=work_factor)
    run.record("Pending")
    if fault is PodFault.IMAGE_PULL:
        _fail_to_pull(run)
    elif _run_init_containers(run):
        _run_containers(run, fault)
    return tuple(run.steps)


def pod_termination(pod: Mapping[str, Any], *, now: datetime) -> Manifest:
    """Return the last status of a pod that is being deleted: its running containers were stopped.

    Its phase is terminal, as a kubelet makes it before it lets a pod go (the Job controller waits for that).

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination.
    """
    status = dict(pod.get("status") or {})
    if status.get("phase") in {"Succeeded", "Failed"}:
        return status
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    for key in ("initContainerStatuses", "containerStatuses"):
        if key in status:
            status[key] = [_stopped(container, time) for container in status[key]]
    exits = [each["state"].get("terminated", {}).get("exitCode", 1) for each in status.get("containerStatuses") or ()]
    status["phase"] = "Failed" if any(exits) or not exits else "Succeeded"
    status["conditions"] = [
        {**condition, "status": "False", "reason": f"Pod{status['phase']}", "lastTransitionTime": time}
        if condition["type"] in {"Ready", "ContainersReady"} and condition["status"] != "False"
        else condition
        for condition in status.get("conditions") or ()
    ]
    return status


def qos_class(pod: Mapping[str, Any]) -> str:
    """Return the pod's quality of service class from its containers' requests and limits of cpu and memory.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/.
    """
    spec = pod.get("spec") or {}
    guaranteed, any_set = True, False
    for container in (*_containers(spec, "initContainers"), *_containers(spec, "containers")):
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        for name in ("cpu", "memory"):
            any_set = any_set or name in limits or name in requests
            guaranteed = guaranteed and name in limits and requests.get(name, limits[name]) == limits[name]
    return "Guaranteed" if guaranteed and any_set else "Burstable" if any_set else "BestEffort"


@dataclass(slots=True)
class _Container:
    """A container's part of the status while the timeline is made."""

    spec: Mapping[str, Any]
    work: Work
    state: Manifest
    last_state: Manifest = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    sidecar: bool = False

    @property
    def running(self) -> bool:
        return "running" in self.state

    @property
    def begun(self) -> bool:
        return "waiting" not in self.state

    def status(self, uid: str) -> Manifest:
        image = str(self.spec.get("image", ""))
        digest = hashlib.sha256(image.encode()).hexdigest()
        own = hashlib.sha256(f"{uid}/{self.spec['name']}/{self.restarts}".encode()).hexdigest()
        result: Manifest = {
            "name": self.spec["name"],
            "image": image,
            "imageID": f"sha256:{digest}" if self.begun else "",
            "ready": self.ready,
            "started": self.running,
            "restartCount": self.restarts,
            "state": dict(self.state),
            "lastState": dict(self.last_state),
        }
        if self.begun:
            result["containerID"] = f"simulated://{own}"
        return result


class _PodRun:
    """The timeline under way: the containers' states, the conditions, the time, and the steps recorded so far."""

    def __init__(self, pod: Mapping[str, Any], *, now: datetime, latency_s: float, work_factor: float) -> None:
        spec = pod.get("spec") or {}
        self.pod = pod
        self.restart_policy = str(spec.get("restartPolicy") or "Always")
        self.uid = str(metadata_of(pod).get("uid") or name_of(pod))
        self.steps: list[PodStep] = []
        self.after_s = 0.0
        self._now, self._latency_s, self._work_factor = now, latency_s, work_factor
        self._conditions: dict[str, Manifest] = {}
        self._has_sandbox = False
        init_specs = _containers(spec, "initContainers")
        waiting = "PodInitializing" if init_specs else "ContainerCreating"
        self.init = [self._container(each, waiting if i else "ContainerCreating") for i, each in enumerate(init_specs)]
        self.main = [self._container(each, waiting) for each in _containers(spec, "containers")]

    @staticmethod
    def _container(spec: Mapping[str, Any], reason: str) -> _Container:
        sidecar = spec.get("restartPolicy") == "Always"
        return _Container(spec, work_of(spec), {"waiting": {"reason": reason}}, sidecar=sidecar)

    @property
    def time(self) -> str:
        return (self._now + timedelta(seconds=self.after_s)).strftime("%Y-%m-%dT%H:%M:%SZ")

    def wait(self, steps: float = 1.0) -> None:
        self.after_s += steps * self._latency_s

    def duration(self, work: Work) -> float:
        """How long a container works, in steps of latency."""
        return min(work.seconds, self._work_factor)

    def start(self, container: _Container, *, ready: bool) -> None:
        container.state, container.ready = {"running": {"startedAt": self.time}}, ready

    def finish(self, container: _Container, exit_code: int) -> None:
        container.ready = False
        container.state = {
            "terminated": {
                "exitCode": exit_code,
                "reason": "Error" if exit_code else "Completed",
                "startedAt": container.state["running"]["startedAt"],
                "finishedAt": self.time,
            }
        }

    def record(self, phase: str) -> None:
        """Append the present state as a step."""
        initialized = all(each.begun if each.sidecar else _succeeded(each) for each in self.init)
        ready = phase == "Running" and all(each.ready for each in self.main)
        self._has_sandbox = self._has_sandbox or any(each.begun for each in (*self.init, *self.main))
        why = "PodCompleted" if phase == "Succeeded" else "PodFailed" if phase == "Failed" else "ContainersNotReady"
        self._condition("PodReadyToStartContainers", self._has_sandbox, "")
        self._condition("Initialized", initialized, "ContainersNotInitialized")
        self._condition("Ready", ready, why)
        self._condition("ContainersReady", ready, why)
        self._condition("PodScheduled", True, "")
        status: Manifest = {
            "phase": phase,
            "conditions": [dict(condition) for condition in self._conditions.values()],
            "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}],
            "startTime": self._now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "containerStatuses": [each.status(self.uid) for each in self.main],
            "qosClass": (self.pod.get("status") or {}).get("qosClass") or qos_class(self.pod),
        }
        if self.init:
            status["initContainerStatuses"] = [each.status(self.uid) for each in self.init]
        if self._has_sandbox:
            status["podIP"] = _pod_ip(self.uid)
            status["podIPs"] = [{"ip": status["podIP"]}]
        generation = metadata_of(self.pod).get("generation")
        if generation:
            status["observedGeneration"] = generation
        self.steps.append(PodStep(self.after_s, status))

    def _condition(self, kind: str, holds: bool, reason: str) -> None:
        value = "True" if holds else "False"
        before = self._conditions.get(kind)
        changed = self.time if before is None or before["status"] != value else before["lastTransitionTime"]
        condition = {"type": kind, "status": value, "lastProbeTime": None, "lastTransitionTime": changed}
        if reason and not holds:
            condition["reason"] = reason
        self._conditions[kind] = condition


def _fail_to_pull(run: _PodRun) -> None:
    first = (run.init or run.main)[:1]
    for reason in ("ErrImagePull", "ImagePullBackOff"):
        run.wait()
        for container in first if run.init else run.main:
            image = container.spec.get("image", "")
            container.state = {"waiting": {"reason": reason, "message": f'image "{image}" cannot be pulled'}}
        run.record("Pending")


def _run_init_containers(run: _PodRun) -> bool:
    """Run the init containers one after the other; False when one of them stops the pod for good."""
    for container in run.init:
        run.wait()
        run.start(container, ready=True)
        run.record("Pending")
        if container.sidecar:
            continue
        if container.work.endless:
            return False
        run.wait(run.duration(container.work))
        run.finish(container, container.work.exit_code)
        if container.work.exit_code and run.restart_policy == "Never":
            run.record("Failed")
            return False
        if container.work.exit_code:
            _crash_loop(run, [container], "Pending")
            return False
        container.ready = True
        run.record("Pending")
    return True


def _run_containers(run: _PodRun, fault: PodFault | None) -> None:
    run.wait()
    probed = any("readinessProbe" in each.spec or "startupProbe" in each.spec for each in run.main)
    for container in run.main:
        run.start(container, ready=not probed and fault is not PodFault.NOT_READY)
    run.record("Running")
    if fault is PodFault.NOT_READY:
        return
    if fault is PodFault.CRASH:
        _end(run, [(1.0, each, 1) for each in run.main])
        return
    if probed:
        run.wait()
        for container in run.main:
            container.ready = True
        run.record("Running")
    if run.restart_policy == "Always":
        ending = [each for each in run.main if each.work.understood and each.work.exit_code and not each.work.endless]
    else:
        ending = [each for each in run.main if not each.work.endless]
    _end(run, [(run.duration(each.work), each, each.work.exit_code) for each in ending])


def _end(run: _PodRun, ends: Sequence[tuple[float, _Container, int]]) -> None:
    """Let containers end, in the order of their durations (in steps of latency), and record what follows."""
    waited = 0.0
    crashing = []
    for duration, container, exit_code in sorted(ends, key=lambda end: end[0]):
        run.wait(duration - waited)
        waited = duration
        run.finish(container, exit_code)
        if exit_code and run.restart_policy != "Never":
            crashing.append(container)
            continue
        if any(each.running for each in run.main) or crashing:
            run.record("Running")
    if crashing:
        run.record("Running")
        _crash_loop(run, crashing, "Running")
    elif ends and not any(each.running for each in run.main):
        for sidecar in run.init:
            if sidecar.running:
                run.finish(sidecar, 0)
        run.record("Succeeded" if all(_succeeded(each) for each in run.main) else "Failed")


def _crash_loop(run: _PodRun, crashing: Sequence[_Container], phase: str) -> None:
    """Restart the containers again and again: each ends as it did, and waits longer."""
    for _ in range(_RESTARTS):
        for container in crashing:
            ended = container.state if "terminated" in container.state else container.last_state
            container.last_state, container.restarts = dict(ended), container.restarts + 1
            message = f"restarting failed container={container.spec['name']} pod={name_of(run.pod)}"
            container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        run.wait()
        run.record(phase)


def _stopped(container: Mapping[str, Any], time: str) -> Manifest:
    state = container.get("state") or {}
    if "running" in state:
        begun = state["running"].get("startedAt")
        ended = {"exitCode": _SIGTERM_EXIT, "reason": "Error", "startedAt": begun, "finishedAt": time}
        return {**container, "ready": False, "started": False, "state": {"terminated": ended}}
    return dict(container)


def _succeeded(container: _Container) -> bool:
    return bool(container.state.get("terminated", {}).get("exitCode") == 0)


def _containers(spec: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [each for each in spec.get(key) or () if isinstance(each, Mapping)]


def _pod_ip(uid: str) -> str:
    third, fourth = hashlib.sha256(uid.encode()).digest()[:2]
    return f"10.244.{third}.{fourth % 254 + 1}"
