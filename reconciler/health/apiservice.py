"""Health of an APIService."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import condition, text
from reconciler.terms import HealthStatus


def assess_apiservice(obj: Mapping[str, Any]) -> Health:
    """Healthy when the aggregated API is available.

    Source: gitops-engine/pkg/health/health_apiservice.go, argo-cd 37ee009.
    """
    available = condition(obj, "Available")
    if available is None:
        return Health(HealthStatus.PROGRESSING, "Waiting to be processed")
    status = HealthStatus.HEALTHY if text(available, "status") == "True" else HealthStatus.PROGRESSING
    return Health(status, f"{text(available, 'reason')}: {text(available, 'message')}")
