"""Health of a Job."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import mappings, text
from reconciler.terms import HealthStatus


def assess_job(obj: Mapping[str, Any]) -> Health:
    """Healthy when complete, degraded when failed, suspended when suspended, else still running.

    A resumed job keeps the condition ``Suspended: "False"``; Argo CD takes it for complete, which would let a hook
    succeed before its job has run. Here it is still running.

    Source: gitops-engine/pkg/health/health_job.go, argo-cd 37ee009; Kubernetes' job controller for the conditions.
    """
    messages = {
        text(entry, "type"): text(entry, "message")
        for entry in mappings(obj, "status", "conditions")
        if text(entry, "status") == "True"
    }
    if "Failed" in messages:
        return Health(HealthStatus.DEGRADED, messages["Failed"])
    if "Complete" in messages:
        return Health(HealthStatus.HEALTHY, messages["Complete"])
    if "Suspended" in messages:
        return Health(HealthStatus.SUSPENDED, messages["Suspended"])
    return Health(HealthStatus.PROGRESSING)
