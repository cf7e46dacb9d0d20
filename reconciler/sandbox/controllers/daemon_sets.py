"""DaemonSets: one pod a node.

Source: k8s.io/kubernetes/pkg/controller/daemon, v1.37.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.controllers.client import Client, own_and_controller, pod_active, pod_ready, template_pod
from reconciler.sandbox.controllers.revisions import present_revision, prune_revisions
from reconciler.sandbox.store import Event, GroupResource, ObjectName
from reconciler.sandbox.strategy import PODS

DAEMON_SETS: Final = GroupResource("apps", "daemonsets")
NODES: Final = GroupResource("", "nodes")
_REVISION: Final = "controller-revision-hash"
_TAINTS: Final = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


class DaemonSetController:
    """Keeps a pod of the present template on each node."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return own_and_controller(event, DAEMON_SETS, "DaemonSet", PODS)

    def sync(self, name: ObjectName) -> float | None:
        owner = self._client.get(DAEMON_SETS, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return None
        code = present_revision(self._client, owner, hash_label=_REVISION)
        pods = {_node_of(pod): pod for pod in self._client.controlled(PODS, owner)}
        nodes = [node["metadata"]["name"] for node in self._client.objects(NODES) if _wanted_on(owner, node)]
        self._manage(owner, pods, nodes, code)
        pods = {_node_of(pod): pod for pod in self._client.controlled(PODS, owner)}
        self._client.write_status(DAEMON_SETS, owner, _status(owner, pods, nodes, code))
        prune_revisions(self._client, owner, {code, *(_code_of(pod) for pod in pods.values())})
        return None

    def _manage(self, owner: Manifest, pods: dict[str, Manifest], nodes: list[str], code: str) -> None:
        for node in nodes:
            if node not in pods:
                self._client.create(PODS, owner["metadata"]["namespace"], _pod(owner, node, code))
            elif not pod_active(pods[node]) and not pods[node]["metadata"].get("deletionTimestamp"):
                self._client.delete(PODS, pods[node])
        for node, pod in pods.items():
            if node not in nodes:
                self._client.delete(PODS, pod)
        if (owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        for pod in pods.values():
            if _code_of(pod) != code and pod_active(pod):
                self._client.delete(PODS, pod)
                return


def _pod(owner: Manifest, node: str, code: str) -> Manifest:
    pod = template_pod(owner["spec"]["template"], owner)
    pod["metadata"]["generateName"] = f"{owner['metadata']['name']}-"
    labels = pod["metadata"].setdefault("labels", {})
    labels[_REVISION] = code
    labels["pod-template-generation"] = (owner["metadata"].get("annotations") or {}).get(
        "deprecated.daemonset.template.generation", "1"
    )
    match = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [match]}]}
    affinity = pod["spec"].setdefault("affinity", {}).setdefault("nodeAffinity", {})
    affinity["requiredDuringSchedulingIgnoredDuringExecution"] = terms
    tolerations = pod["spec"].setdefault("tolerations", [])
    for taint, effect in _TAINTS:
        tolerations.append({"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect})
    return pod


def _node_of(pod: Manifest) -> str:
    """The node a pod is bound to, or is meant for."""
    spec = pod["spec"]
    if spec.get("nodeName"):
        return str(spec["nodeName"])
    required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])


def _wanted_on(owner: Manifest, node: Manifest) -> bool:
    selector = (owner["spec"]["template"].get("spec") or {}).get("nodeSelector") or {}
    labels = node["metadata"].get("labels") or {}
    return all(labels.get(key) == value for key, value in selector.items())


def _code_of(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get(_REVISION, ""))


def _status(owner: Manifest, pods: dict[str, Manifest], nodes: list[str], code: str) -> Manifest:
    scheduled = [pods[node] for node in nodes if node in pods]
    ready = sum(pod_ready(pod) and pod_active(pod) for pod in scheduled)
    counts = {
        "updatedNumberScheduled": sum(_code_of(pod) == code for pod in scheduled),
        "numberAvailable": ready,
        "numberUnavailable": len(nodes) - ready,
    }
    return {
        "currentNumberScheduled": len(scheduled),
        "numberMisscheduled": len(pods) - len(scheduled),
        "desiredNumberScheduled": len(nodes),
        "numberReady": ready,
        "observedGeneration": owner["metadata"]["generation"],
        **{key: value for key, value in counts.items() if value},
    }
