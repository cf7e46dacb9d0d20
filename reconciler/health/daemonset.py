"""Health of a DaemonSet."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import count, is_observed, text
from reconciler.manifest.objects import name_of
from reconciler.terms import HealthStatus


def assess_daemonset(obj: Mapping[str, Any]) -> Health:
    """Healthy when every node that wants a pod has an updated and available one.

    Source: gitops-engine/pkg/health/health_daemonset.go, argo-cd 37ee009.
    """
    if not is_observed(obj):
        message = "Waiting for rollout to finish: observed daemon set generation less than desired generation"
        return Health(HealthStatus.PROGRESSING, message)
    wanted = count(obj, "status", "desiredNumberScheduled")
    updated = count(obj, "status", "updatedNumberScheduled")
    if text(obj, "spec", "updateStrategy", "type") == "OnDelete":
        return Health(HealthStatus.HEALTHY, f"daemon set {updated} out of {wanted} new pods have been updated")
    waiting = f'Waiting for daemon set "{name_of(obj)}" rollout to finish'
    if updated < wanted:
        return Health(HealthStatus.PROGRESSING, f"{waiting}: {updated} out of {wanted} new pods have been updated...")
    if (available := count(obj, "status", "numberAvailable")) < wanted:
        return Health(HealthStatus.PROGRESSING, f"{waiting}: {available} of {wanted} updated pods are available...")
    return Health(HealthStatus.HEALTHY)
