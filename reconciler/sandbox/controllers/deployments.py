"""Deployments: one ReplicaSet a template, and the way from the old one to the new.

Source: k8s.io/kubernetes/pkg/controller/deployment, v1.37.
"""

from collections.abc import Iterable
from datetime import timedelta
from math import ceil, floor
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import parse_time
from reconciler.sandbox.controllers.client import (
    Client,
    controller_reference,
    own_and_controller,
    set_condition,
)
from reconciler.sandbox.controllers.hashing import template_hash
from reconciler.sandbox.controllers.replica_sets import REPLICA_SETS
from reconciler.sandbox.store import Event, ObjectName
from reconciler.sandbox.strategy import DEPLOYMENTS, PODS, clone

REVISION: Final = "deployment.kubernetes.io/revision"
DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
MAXIMUM: Final = "deployment.kubernetes.io/max-replicas"
HASH: Final = "pod-template-hash"
# What the controller writes itself is not copied to ReplicaSets, nor what kubectl keeps for itself.
_OWN_ANNOTATIONS: Final = frozenset(
    [
        REVISION,
        DESIRED,
        MAXIMUM,
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
    ]
)


class DeploymentController:
    """Rolls templates out."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return own_and_controller(event, DEPLOYMENTS, "Deployment", REPLICA_SETS)

    def sync(self, name: ObjectName) -> float | None:
        deployment = self._client.get(DEPLOYMENTS, name)
        if deployment is None:
            return None
        sets = self._client.controlled(REPLICA_SETS, deployment)
        if deployment["metadata"].get("deletionTimestamp"):
            self._write_status(deployment, sets)
            return None
        new = _newest(deployment, sets)
        if new is None and not deployment["spec"].get("paused"):
            new = self._create_set(deployment, sets)
            sets = self._client.controlled(REPLICA_SETS, deployment)
        old = [entry for entry in sets if new is None or entry["metadata"]["uid"] != new["metadata"]["uid"]]
        if deployment["spec"].get("paused"):
            self._scale_proportionally(deployment, sets)
        elif (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            self._recreate(deployment, new, old)
        else:
            self._roll(deployment, new, old)
        sets = self._client.controlled(REPLICA_SETS, deployment)
        again_s = self._write_status(deployment, sets)
        self._clean_up(deployment, sets)
        return again_s

    def _create_set(self, deployment: Manifest, sets: list[Manifest]) -> Manifest | None:
        spec, metadata = deployment["spec"], deployment["metadata"]
        code = template_hash(spec["template"], (deployment.get("status") or {}).get("collisionCount", 0))
        template = clone(spec["template"])
        template.setdefault("metadata", {}).setdefault("labels", {})[HASH] = code
        selector = clone(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH] = code
        copied = {
            key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _OWN_ANNOTATIONS
        }
        surge = 0 if (spec.get("strategy") or {}).get("type") == "Recreate" else _surge(deployment)
        annotations = {
            **copied,
            REVISION: str(1 + max((_revision(entry) for entry in sets), default=0)),
            DESIRED: str(spec["replicas"]),
            MAXIMUM: str(spec["replicas"] + surge),
        }
        body = {
            "metadata": {
                "name": f"{metadata['name']}-{code}",
                "labels": dict(template["metadata"]["labels"]),
                "annotations": annotations,
                "ownerReferences": [controller_reference(deployment)],
            },
            "spec": {
                "replicas": _first_size(deployment, sets),
                "selector": selector,
                "template": template,
                **({"minReadySeconds": spec["minReadySeconds"]} if spec.get("minReadySeconds") else {}),
            },
        }
        return self._client.create(REPLICA_SETS, metadata["namespace"], body)

    def _roll(self, deployment: Manifest, new: Manifest | None, old: list[Manifest]) -> None:
        if new is None:
            return
        self._keep_revision(deployment, new, old)
        wanted = deployment["spec"]["replicas"]
        total = _size(new) + sum(map(_size, old))
        if _size(new) > wanted:
            self._scale(deployment, new, wanted)
            return
        room = wanted + _surge(deployment) - total
        if _size(new) < wanted and room > 0:
            self._scale(deployment, new, min(wanted, _size(new) + room))
            return
        self._scale(deployment, new, _size(new))
        least = wanted - _unavailable(deployment)
        new_unready = _size(new) - _available(new)
        spare = total - least - new_unready
        # Counted by what was asked for: what the ReplicaSets report may be of before the last step.
        if spare <= 0:
            return
        for entry in sorted(old, key=_revision):
            # Pods that never became ready cost nothing, so they go first.
            broken = min(max(_size(entry) - _available(entry), 0), max(spare, 0))
            if broken:
                self._scale(deployment, entry, _size(entry) - broken)
                return
        available = sum(map(_available, [new, *old]))
        spare = available - least
        for entry in sorted(old, key=_revision):
            drop = min(_size(entry), max(spare, 0))
            if drop:
                self._scale(deployment, entry, _size(entry) - drop)
                spare -= drop

    def _recreate(self, deployment: Manifest, new: Manifest | None, old: list[Manifest]) -> None:
        active = [entry for entry in old if _size(entry)]
        for entry in active:
            self._scale(deployment, entry, 0)
        waiting = any(self._client.controlled(PODS, entry) for entry in old)
        if new is not None and not active and not waiting:
            self._keep_revision(deployment, new, old)
            self._scale(deployment, new, deployment["spec"]["replicas"])

    def _scale_proportionally(self, deployment: Manifest, sets: list[Manifest]) -> None:
        active = [entry for entry in sets if _size(entry)] or sorted(sets, key=_revision)[-1:]
        if len(active) == 1:
            self._scale(deployment, active[0], deployment["spec"]["replicas"])

    def _scale(self, deployment: Manifest, entry: Manifest, size: int) -> None:
        spec = deployment["spec"]
        recreate = (spec.get("strategy") or {}).get("type") == "Recreate"
        maximum = spec["replicas"] + (0 if recreate else _surge(deployment))
        present = entry["metadata"].get("annotations") or {}
        wanted = {DESIRED: str(spec["replicas"]), MAXIMUM: str(maximum)}
        if _size(entry) == size and wanted.items() <= present.items():
            return
        metadata = {**entry["metadata"], "annotations": {**present, **wanted}}
        self._client.write(REPLICA_SETS, {**entry, "metadata": metadata, "spec": {**entry["spec"], "replicas": size}})

    def _keep_revision(self, deployment: Manifest, new: Manifest, old: list[Manifest]) -> None:
        """A ReplicaSet that is used again after a rollback becomes the newest revision."""
        newest = max((_revision(entry) for entry in old), default=0)
        if _revision(new) <= newest:
            annotations = {**(new["metadata"].get("annotations") or {}), REVISION: str(newest + 1)}
            metadata = {**new["metadata"], "annotations": annotations}
            self._client.write(REPLICA_SETS, {**new, "metadata": metadata})
            new["metadata"] = metadata

    def _clean_up(self, deployment: Manifest, sets: list[Manifest]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        new = _newest(deployment, sets)
        idle = [
            entry
            for entry in sorted(sets, key=_revision)
            if new is not None
            and entry["metadata"]["uid"] != new["metadata"]["uid"]
            and not _size(entry)
            and not (entry.get("status") or {}).get("replicas")
        ]
        for entry in idle[: max(len(idle) - limit, 0)]:
            self._client.delete(REPLICA_SETS, entry)

    def _write_status(self, deployment: Manifest, sets: list[Manifest]) -> float | None:
        now = self._client.cluster.timestamp()
        new = _newest(deployment, sets)
        status = _status(deployment, sets, new)
        conditions = _conditions(deployment, status, new, now)
        again_s = None
        progressing = next((entry for entry in conditions if entry["type"] == "Progressing"), None)
        deadline = deployment["spec"].get("progressDeadlineSeconds")
        if (
            progressing
            and progressing["reason"] in ("NewReplicaSetCreated", "ReplicaSetUpdated", "FoundNewReplicaSet")
            and deadline
        ):
            due = parse_time(progressing["lastUpdateTime"]) + timedelta(seconds=deadline)
            again_s = (due - self._client.cluster.clock()).total_seconds()
            if again_s <= 0:
                name = new["metadata"]["name"] if new is not None else deployment["metadata"]["name"]
                text = f'ReplicaSet "{name}" has timed out progressing.'
                conditions = set_condition(
                    conditions, "Progressing", "False", "ProgressDeadlineExceeded", text, now, with_update=True
                )
                again_s = None
        status["conditions"] = conditions
        annotations = {REVISION: str(_revision(new))} if new is not None else None
        self._client.write_status(DEPLOYMENTS, deployment, status, annotations=annotations)
        return again_s


def _newest(deployment: Manifest, sets: list[Manifest]) -> Manifest | None:
    """The ReplicaSet of the present template."""
    wanted = _plain(deployment["spec"]["template"])
    return next((entry for entry in sets if _plain(entry["spec"].get("template") or {}) == wanted), None)


def _plain(template: Manifest) -> Manifest:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    return {**template, "metadata": metadata}


def _revision(entry: Manifest | None) -> int:
    if entry is None:
        return 0
    text = (entry["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _size(entry: Manifest) -> int:
    return int(entry["spec"].get("replicas", 1))


def _available(entry: Manifest) -> int:
    return int((entry.get("status") or {}).get("availableReplicas", 0))


def _share(value: Any, total: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        share = int(value[:-1]) * total / 100
        return ceil(share) if up else floor(share)
    return int(value or 0)


def _surge(deployment: Manifest) -> int:
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    return _share(rolling.get("maxSurge"), deployment["spec"]["replicas"], up=True)


def _unavailable(deployment: Manifest) -> int:
    rolling = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    wanted: int = deployment["spec"]["replicas"]
    share = _share(rolling.get("maxUnavailable"), wanted, up=False)
    # Both at zero would never move.
    return min(max(share, 0 if _surge(deployment) else 1), wanted)


def _first_size(deployment: Manifest, sets: list[Manifest]) -> int:
    wanted: int = deployment["spec"]["replicas"]
    if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
        return 0 if any(_size(entry) or (entry.get("status") or {}).get("replicas") for entry in sets) else wanted
    room = wanted + _surge(deployment) - sum(map(_size, sets))
    return max(0, min(wanted, room))


def _status(deployment: Manifest, sets: list[Manifest], new: Manifest | None) -> Manifest:
    states = [entry.get("status") or {} for entry in sets]
    total = sum(state.get("replicas", 0) for state in states)
    available = sum(state.get("availableReplicas", 0) for state in states)
    counts = {
        "replicas": total,
        "updatedReplicas": ((new or {}).get("status") or {}).get("replicas", 0),
        "readyReplicas": sum(state.get("readyReplicas", 0) for state in states),
        "availableReplicas": available,
        "unavailableReplicas": max(total, sum(map(_size, sets))) - available,
    }
    status: Manifest = {"observedGeneration": deployment["metadata"]["generation"]}
    status.update({key: value for key, value in counts.items() if value})
    status["terminatingReplicas"] = sum(state.get("terminatingReplicas", 0) for state in states)
    before = deployment.get("status") or {}
    return {**status, **({"collisionCount": before["collisionCount"]} if "collisionCount" in before else {})}


def _conditions(deployment: Manifest, status: Manifest, new: Manifest | None, now: str) -> list[Manifest]:
    conditions = list((deployment.get("status") or {}).get("conditions") or ())
    wanted = deployment["spec"]["replicas"]
    name = new["metadata"]["name"] if new is not None else ""
    before = deployment.get("status") or {}
    complete = _complete(deployment, status)
    known = next((entry for entry in conditions if entry["type"] == "Progressing"), None)
    progress = _progressed(before, status)
    if complete and new is not None:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        conditions = set_condition(
            conditions, "Progressing", "True", "NewReplicaSetAvailable", text, now, with_update=True
        )
    elif known is None and new is not None:
        text = f'Created new replica set "{name}"'
        conditions = set_condition(
            conditions, "Progressing", "True", "NewReplicaSetCreated", text, now, with_update=True
        )
    elif new is not None and (progress or (known is not None and name not in known["message"])):
        text = f'ReplicaSet "{name}" is progressing.'
        conditions = [entry for entry in conditions if entry["type"] != "Progressing"]
        fresh = set_condition([], "Progressing", "True", "ReplicaSetUpdated", text, now, with_update=True)[0]
        if known is not None and known["status"] == "True":
            fresh["lastTransitionTime"] = known["lastTransitionTime"]
        conditions.append(fresh)
    if status.get("availableReplicas", 0) >= wanted - _unavailable(deployment):
        state, reason, text = "True", "MinimumReplicasAvailable", "Deployment has minimum availability."
    else:
        state, reason, text = "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."
    return set_condition(conditions, "Available", state, reason, text, now, with_update=True)


def _complete(deployment: Manifest, status: Manifest) -> bool:
    wanted = deployment["spec"]["replicas"]
    counts = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return counts == [wanted, wanted, wanted]


def _progressed(before: Manifest, after: Manifest) -> bool:
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    old_after = after.get("replicas", 0) - after.get("updatedReplicas", 0)
    grown = any(
        after.get(key, 0) > before.get(key, 0) for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )
    return grown or old_after < old_before
