"""Health of an Ingress."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import mappings
from reconciler.terms import HealthStatus


def assess_ingress(obj: Mapping[str, Any]) -> Health:
    """Healthy when it has an address.

    Source: gitops-engine/pkg/health/health_ingress.go, argo-cd 37ee009.
    """
    assigned = mappings(obj, "status", "loadBalancer", "ingress")
    return Health(HealthStatus.HEALTHY if assigned else HealthStatus.PROGRESSING)
