"""Health of a StatefulSet."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import count, field, integer, is_observed, text
from reconciler.terms import HealthStatus


def assess_statefulset(obj: Mapping[str, Any]) -> Health:
    """Healthy when all pods are ready and, by the update strategy, at the update revision.

    Source: gitops-engine/pkg/health/health_statefulset.go, argo-cd 37ee009.
    """
    if count(obj, "status", "observedGeneration") == 0 or not is_observed(obj):
        return Health(HealthStatus.PROGRESSING, "Waiting for statefulset spec update to be observed...")
    wanted = integer(obj, "spec", "replicas")
    ready = count(obj, "status", "readyReplicas")
    if wanted is not None and ready < wanted:
        return Health(HealthStatus.PROGRESSING, f"Waiting for {wanted - ready} pods to be ready...")
    strategy = text(obj, "spec", "updateStrategy", "type")
    if strategy == "RollingUpdate" and field(obj, "spec", "updateStrategy", "rollingUpdate") is not None:
        return _partitioned(obj, wanted)
    if strategy == "OnDelete":
        return Health(HealthStatus.HEALTHY, f"statefulset has {ready} ready pods")
    return _rolling(obj)


def _partitioned(obj: Mapping[str, Any], wanted: int | None) -> Health:
    updated = count(obj, "status", "updatedReplicas")
    partition = integer(obj, "spec", "updateStrategy", "rollingUpdate", "partition")
    if wanted is not None and partition is not None and updated < wanted - partition:
        message = f"{updated} out of {wanted - partition} new pods have been updated..."
        return Health(HealthStatus.PROGRESSING, f"Waiting for partitioned roll out to finish: {message}")
    return Health(HealthStatus.HEALTHY, f"partitioned roll out complete: {updated} new pods have been updated...")


def _rolling(obj: Mapping[str, Any]) -> Health:
    target, current = text(obj, "status", "updateRevision"), text(obj, "status", "currentRevision")
    if target != current:
        updated = count(obj, "status", "updatedReplicas")
        message = f"waiting for statefulset rolling update to complete {updated} pods at revision {target}..."
        return Health(HealthStatus.PROGRESSING, message)
    pods = count(obj, "status", "currentReplicas")
    return Health(HealthStatus.HEALTHY, f"statefulset rolling update complete {pods} pods at revision {current}...")
