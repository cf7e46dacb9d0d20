"""StatefulSets: numbered pods with claims of their own, one after the other.

Source: k8s.io/kubernetes/pkg/controller/statefulset, v1.37.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.controllers.client import Client, own_and_controller, pod_ready, template_pod
from reconciler.sandbox.controllers.revisions import present_revision, prune_revisions
from reconciler.sandbox.store import Event, GroupResource, ObjectName
from reconciler.sandbox.strategy import PODS, clone

STATEFUL_SETS: Final = GroupResource("apps", "statefulsets")
CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
REVISION_LABEL: Final = "controller-revision-hash"


class StatefulSetController:
    """Creates, updates and removes numbered pods."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return own_and_controller(event, STATEFUL_SETS, "StatefulSet", PODS)

    def sync(self, name: ObjectName) -> float | None:
        owner = self._client.get(STATEFUL_SETS, name)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            return None
        status = dict(owner.get("status") or {})
        update = f"{name.name}-{present_revision(self._client, owner, hash_label='controller.kubernetes.io/hash')}"
        current = status.get("currentRevision") or update
        pods = {_ordinal(pod): pod for pod in self._client.controlled(PODS, owner)}
        self._manage(owner, pods, current, update)
        pods = {_ordinal(pod): pod for pod in self._client.controlled(PODS, owner)}
        self._client.write_status(STATEFUL_SETS, owner, _status(owner, pods, current, update))
        used = {_revision(pod) for pod in pods.values()} | {current, update}
        prune_revisions(self._client, owner, {name_.removeprefix(f"{name.name}-") for name_ in used})
        return None

    def _manage(self, owner: Manifest, pods: dict[int, Manifest], current: str, update: str) -> None:
        spec = owner["spec"]
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec.get("replicas", 1))
        ordered = spec.get("podManagementPolicy") != "Parallel"
        for ordinal in wanted:
            pod = pods.get(ordinal)
            if pod is not None and (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
                self._client.delete(PODS, pod)
                return
            if pod is None:
                self._create(owner, ordinal, current if self._keeps_current(owner, ordinal) else update)
            if ordered and (pod is None or not _settled(pod)):
                return
        surplus = sorted((ordinal for ordinal in pods if ordinal not in wanted), reverse=True)
        for ordinal in surplus:
            self._client.delete(PODS, pods[ordinal])
            if ordered:
                return
        if not surplus:
            self._update(owner, pods, wanted, update)

    def _keeps_current(self, owner: Manifest, ordinal: int) -> bool:
        """Below the partition a rolling update leaves pods at the revision they had."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return False
        return ordinal < int((strategy.get("rollingUpdate") or {}).get("partition", 0))

    def _update(self, owner: Manifest, pods: dict[int, Manifest], wanted: range, update: str) -> None:
        if (owner["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
            return
        for ordinal in reversed(wanted):
            pod = pods.get(ordinal)
            if pod is None or self._keeps_current(owner, ordinal):
                return
            if _revision(pod) != update:
                if not pod["metadata"].get("deletionTimestamp"):
                    self._client.delete(PODS, pod)
                return
            if not _settled(pod):
                return

    def _create(self, owner: Manifest, ordinal: int, revision: str) -> None:
        spec, name = owner["spec"], owner["metadata"]["name"]
        namespace = owner["metadata"]["namespace"]
        pod = template_pod(self._template(owner, revision), owner)
        identity = f"{name}-{ordinal}"
        pod["metadata"]["name"] = identity
        pod["metadata"].setdefault("labels", {}).update(
            {
                "statefulset.kubernetes.io/pod-name": identity,
                "apps.kubernetes.io/pod-index": str(ordinal),
                REVISION_LABEL: revision,
            }
        )
        pod["spec"].update(hostname=identity, subdomain=spec.get("serviceName", ""))
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
        for claim in spec.get("volumeClaimTemplates") or ():
            claim_name = f"{claim['metadata']['name']}-{identity}"
            labels = {**(claim["metadata"].get("labels") or {}), **(spec["selector"].get("matchLabels") or {})}
            body = {"metadata": {"name": claim_name, "labels": labels}, "spec": clone(claim["spec"])}
            self._client.create(CLAIMS, namespace, body)
            volume = {"name": claim["metadata"]["name"], "persistentVolumeClaim": {"claimName": claim_name}}
            volumes[volume["name"]] = volume
        if volumes:
            pod["spec"]["volumes"] = list(volumes.values())
        self._client.create(PODS, namespace, pod)

    def _template(self, owner: Manifest, revision: str) -> Manifest:
        from reconciler.sandbox.controllers.revisions import REVISIONS

        stored = self._client.get(REVISIONS, ObjectName(owner["metadata"]["namespace"], revision))
        template: Manifest = owner["spec"]["template"]
        if stored is None:
            return template
        return {key: value for key, value in stored["data"]["spec"]["template"].items() if key != "$patch"}


def _ordinal(pod: Manifest) -> int:
    return int(str(pod["metadata"]["name"]).rpartition("-")[2])


def _revision(pod: Manifest) -> str:
    return str((pod["metadata"].get("labels") or {}).get(REVISION_LABEL, ""))


def _settled(pod: Manifest) -> bool:
    return pod_ready(pod) and not pod["metadata"].get("deletionTimestamp")


def _status(owner: Manifest, pods: dict[int, Manifest], current: str, update: str) -> Manifest:
    living = [pod for pod in pods.values() if not pod["metadata"].get("deletionTimestamp")]
    ready = sum(map(pod_ready, living))
    updated = sum(_revision(pod) == update for pod in living)
    wanted = owner["spec"].get("replicas", 1)
    if updated == wanted == len(pods) == ready:
        current = update
    counts = {
        "readyReplicas": ready,
        "currentReplicas": sum(_revision(pod) == current for pod in living),
        "updatedReplicas": updated,
    }
    return {
        "observedGeneration": owner["metadata"]["generation"],
        "replicas": len(pods),
        **{key: value for key, value in counts.items() if value},
        "currentRevision": current,
        "updateRevision": update,
        "collisionCount": 0,
        "availableReplicas": ready,
    }
