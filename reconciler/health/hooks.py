"""What a hook's health says about its run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.health.assess import assess_health
from reconciler.health.customizations import Customizations
from reconciler.health.scripts import ScriptRunner
from reconciler.manifest.objects import name_of
from reconciler.terms import HealthStatus, OperationPhase


def hook_phase(
    obj: Mapping[str, Any],
    *,
    customizations: Customizations | Path | str | None = None,
    runner: ScriptRunner | None = None,
) -> tuple[OperationPhase, str]:
    """Phase and message of a live hook object: succeeded when healthy or without health, failed when degraded.

    ``customizations`` and ``runner`` are those of `assess_health`.

    Source: gitops-engine/pkg/sync/sync_context.go (getOperationPhase), argo-cd 37ee009.
    """
    health = assess_health(obj, customizations=customizations, runner=runner)
    if health is None:
        return OperationPhase.SUCCEEDED, f"{name_of(obj)} created"
    match health.status:
        case HealthStatus.HEALTHY:
            return OperationPhase.SUCCEEDED, health.message
        case HealthStatus.DEGRADED | HealthStatus.UNKNOWN:
            return OperationPhase.FAILED, health.message
    return OperationPhase.RUNNING, health.message
