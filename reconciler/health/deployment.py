"""Health of a Deployment."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import boolean, condition, count, integer, is_observed, text
from reconciler.manifest.objects import name_of
from reconciler.terms import HealthStatus


def assess_deployment(obj: Mapping[str, Any]) -> Health:
    """Healthy when the newest spec is rolled out: all replicas updated and available, no old one left.

    Source: gitops-engine/pkg/health/health_deployment.go, argo-cd 37ee009 (the order is `kubectl rollout status`').
    """
    if boolean(obj, "spec", "paused"):
        return Health(HealthStatus.SUSPENDED, "Deployment is paused")
    if not is_observed(obj):
        return _waiting("observed deployment generation less than desired generation")
    progressing = condition(obj, "Progressing")
    if progressing is not None and text(progressing, "reason") == "ProgressDeadlineExceeded":
        return Health(HealthStatus.DEGRADED, f'Deployment "{name_of(obj)}" exceeded its progress deadline')
    wanted = integer(obj, "spec", "replicas")
    updated = count(obj, "status", "updatedReplicas")
    if wanted is not None and updated < wanted:
        return _waiting(f"{updated} out of {wanted} new replicas have been updated...")
    if (old := count(obj, "status", "replicas") - updated) > 0:
        return _waiting(f"{old} old replicas are pending termination...")
    if (available := count(obj, "status", "availableReplicas")) < updated:
        return _waiting(f"{available} of {updated} updated replicas are available...")
    return Health(HealthStatus.HEALTHY)


def _waiting(why: str) -> Health:
    return Health(HealthStatus.PROGRESSING, f"Waiting for rollout to finish: {why}")
