"""Health of an Argo Workflow."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.fields import text
from reconciler.terms import HealthStatus

_BY_PHASE: Final[Mapping[str, HealthStatus]] = MappingProxyType(
    {
        "": HealthStatus.PROGRESSING,
        "Pending": HealthStatus.PROGRESSING,
        "Running": HealthStatus.PROGRESSING,
        "Succeeded": HealthStatus.HEALTHY,
        "Failed": HealthStatus.DEGRADED,
        "Error": HealthStatus.DEGRADED,
    }
)


def assess_workflow(obj: Mapping[str, Any]) -> Health:
    """By phase.

    Source: gitops-engine/pkg/health/health_argo.go, argo-cd 37ee009.
    """
    status = _BY_PHASE.get(text(obj, "status", "phase"), HealthStatus.UNKNOWN)
    return Health(status, text(obj, "status", "message"))
