"""Health of a Service."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import mappings, text
from reconciler.terms import HealthStatus


def assess_service(obj: Mapping[str, Any]) -> Health:
    """Healthy, but for a load balancer that has no address yet.

    Source: gitops-engine/pkg/health/health_service.go, argo-cd 37ee009.
    """
    if text(obj, "spec", "type") == "LoadBalancer" and not mappings(obj, "status", "loadBalancer", "ingress"):
        return Health(HealthStatus.PROGRESSING)
    return Health(HealthStatus.HEALTHY)
