"""Health of an Argo CD Application."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import text
from reconciler.terms import HealthStatus


def assess_application(obj: Mapping[str, Any]) -> Health:
    """What the Application's own status says; progressing until it says something.

    Argo CD has no such rule since 1.8 and documents a Lua script that restores it, which waves of an App of Apps need.
    Here it is on by default.

    Source: docs/operator-manual/health.md (Argocd App), argo-cd 37ee009.
    """
    message = text(obj, "status", "health", "message")
    status = text(obj, "status", "health", "status") or HealthStatus.PROGRESSING
    try:
        return Health(HealthStatus(status), message)
    except ValueError:
        return Health(HealthStatus.UNKNOWN, f"status.health.status: {status!r} is no health status")
