"""Health of a ReplicaSet."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import condition, count, integer, is_observed, text
from reconciler.terms import HealthStatus


def assess_replicaset(obj: Mapping[str, Any]) -> Health:
    """Healthy when all replicas are available; degraded when its pods cannot be created.

    Source: gitops-engine/pkg/health/health_replicaset.go, argo-cd 37ee009.
    """
    waiting = "Waiting for rollout to finish"
    if not is_observed(obj):
        message = f"{waiting}: observed replica set generation less than desired generation"
        return Health(HealthStatus.PROGRESSING, message)
    failure = condition(obj, "ReplicaFailure")
    if failure is not None and text(failure, "status") == "True":
        return Health(HealthStatus.DEGRADED, text(failure, "message"))
    wanted = integer(obj, "spec", "replicas")
    available = count(obj, "status", "availableReplicas")
    if wanted is not None and available < wanted:
        message = f"{waiting}: {available} out of {wanted} new replicas are available..."
        return Health(HealthStatus.PROGRESSING, message)
    return Health(HealthStatus.HEALTHY)
