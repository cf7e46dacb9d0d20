"""Pods: a scheduler with one node, and the node's kubelet.

The statuses come from `reconciler.sandbox.kubelet`; here they are written when their time has come.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.bootstrap import NODE
from reconciler.sandbox.controllers.client import Client, set_condition
from reconciler.sandbox.controllers.loop import ControllerLoop
from reconciler.sandbox.kubelet import PodFault, PodStep, pod_termination, pod_timeline
from reconciler.sandbox.store import Event, GroupResource, ObjectName, object_name
from reconciler.sandbox.strategy import PODS
from reconciler.sandbox.subresources import bound_pod

NODES: Final = GroupResource("", "nodes")
FAULT_ANNOTATION: Final = "sandbox.gitops-nb/fault"
"""Annotation of a pod (or of a template) that orders a fault: ImagePull, Crash or NotReady."""


class PodController:
    """Binds pods to the node and runs them."""

    def __init__(self, client: Client, loop: ControllerLoop) -> None:
        self._client = client
        self._loop = loop
        self._started: set[str] = set()

    def keys(self, event: Event) -> Iterable[ObjectName]:
        if event.resource == NODES:
            # A node that comes, or takes pods again, is news for those that wait.
            return [object_name(pod) for pod in self._client.objects(PODS) if not pod["spec"].get("nodeName")]
        if event.resource != PODS:
            return []
        if event.type == "DELETED":
            self._started.discard(event.object["metadata"]["uid"])
            return []
        return [event.name]

    def sync(self, name: ObjectName) -> float | None:
        pod = self._client.get(PODS, name)
        if pod is None:
            return None
        uid = pod["metadata"]["uid"]
        if pod["metadata"].get("deletionTimestamp"):
            status = pod_termination(pod, now=self._client.cluster.clock())
            self._client.write_status(PODS, pod, status, manager="kubelet")
            self._client.delete(PODS, pod, grace_s=0)
        elif not pod["spec"].get("nodeName"):
            self._bind(pod)
        elif uid not in self._started:
            self._started.add(uid)
            self._run(pod)
        return None

    def _bind(self, pod: Manifest) -> None:
        """Set the node as the binding sub-resource does: past field ownership."""
        if pod["spec"].get("schedulingGates"):
            return
        node = self._client.get(NODES, ObjectName("", NODE))
        if node is None or node["spec"].get("unschedulable"):
            self._wait(pod)
            return
        self._client.cluster.store.put(PODS, bound_pod(pod, NODE, self._client.cluster.timestamp()))

    def _wait(self, pod: Manifest) -> None:
        text = "0/1 nodes are available: 1 node(s) were unschedulable."
        now = self._client.cluster.timestamp()
        before = (pod.get("status") or {}).get("conditions") or []
        conditions = set_condition(before, "PodScheduled", "False", "Unschedulable", text, now)
        status = {**(pod.get("status") or {}), "conditions": conditions}
        self._client.write_status(PODS, pod, status, manager="kube-scheduler")

    def _run(self, pod: Manifest) -> None:
        fault = (pod["metadata"].get("annotations") or {}).get(FAULT_ANNOTATION)
        steps = pod_timeline(
            pod,
            now=self._client.cluster.clock(),
            latency_s=self._loop.latency_s,
            fault=PodFault(fault) if fault in list(PodFault) else None,
        )
        for step in steps:
            self._loop.call_later(step.after_s, lambda step=step: self._report(pod, step))  # type: ignore[misc]

    def _report(self, pod: Manifest, step: PodStep) -> None:
        live = self._client.get(PODS, object_name(pod))
        if live is None or live["metadata"].get("deletionTimestamp"):
            return
        if live["metadata"]["uid"] == pod["metadata"]["uid"]:
            self._client.write_status(PODS, pod, step.status, manager="kubelet")
