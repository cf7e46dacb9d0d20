"""Health of a PersistentVolumeClaim."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.fields import text
from reconciler.terms import HealthStatus

_BY_PHASE: Final[Mapping[str, HealthStatus]] = MappingProxyType(
    {"Bound": HealthStatus.HEALTHY, "Pending": HealthStatus.PROGRESSING, "Lost": HealthStatus.DEGRADED}
)


def assess_persistentvolumeclaim(obj: Mapping[str, Any]) -> Health:
    """By phase.

    Source: gitops-engine/pkg/health/health_pvc.go, argo-cd 37ee009.
    """
    return Health(_BY_PHASE.get(text(obj, "status", "phase"), HealthStatus.UNKNOWN))
