"""ReplicaSets: as many pods as asked for.

Source: k8s.io/kubernetes/pkg/controller/replicaset, v1.37.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.controllers.client import Client, own_and_controller, pod_active, pod_ready, template_pod
from reconciler.sandbox.store import Event, GroupResource, ObjectName
from reconciler.sandbox.strategy import PODS

REPLICA_SETS: Final = GroupResource("apps", "replicasets")


class ReplicaSetController:
    """Creates and deletes pods, and counts them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return own_and_controller(event, REPLICA_SETS, "ReplicaSet", PODS)

    def sync(self, name: ObjectName) -> float | None:
        replica_set = self._client.get(REPLICA_SETS, name)
        if replica_set is None:
            return None
        pods = self._client.controlled(PODS, replica_set)
        active = [pod for pod in pods if pod_active(pod)]
        if not replica_set["metadata"].get("deletionTimestamp"):
            self._manage(replica_set, active)
        self._client.write_status(REPLICA_SETS, replica_set, _status(replica_set, pods, active))
        return None

    def _manage(self, replica_set: Manifest, active: list[Manifest]) -> None:
        wanted = replica_set["spec"].get("replicas", 1)
        for _ in range(wanted - len(active)):
            pod = template_pod(replica_set["spec"].get("template") or {}, replica_set)
            pod["metadata"]["generateName"] = f"{replica_set['metadata']['name']}-"
            self._client.create(PODS, replica_set["metadata"]["namespace"], pod)
        surplus = len(active) - wanted
        if surplus > 0:
            # Those not ready go first, then the youngest.
            ranked = sorted(enumerate(active), key=lambda entry: (pod_ready(entry[1]), -entry[0]))
            for _, pod in ranked[:surplus]:
                self._client.delete(PODS, pod)


def _status(replica_set: Manifest, pods: list[Manifest], active: list[Manifest]) -> Manifest:
    labels = ((replica_set["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    labelled = [pod for pod in active if labels.items() <= (pod["metadata"].get("labels") or {}).items()]
    ready = sum(map(pod_ready, active))
    status: Manifest = {"replicas": len(active)}
    if labelled:
        status["fullyLabeledReplicas"] = len(labelled)
    if ready:
        status.update(readyReplicas=ready, availableReplicas=ready)
    terminating = [pod for pod in pods if pod["metadata"].get("deletionTimestamp")]
    status["terminatingReplicas"] = len(terminating)
    status["observedGeneration"] = replica_set["metadata"].get("generation", 1)
    return status
