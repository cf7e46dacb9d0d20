"""Health of a CustomResourceDefinition."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import condition, text
from reconciler.terms import HealthStatus


def assess_customresourcedefinition(obj: Mapping[str, Any]) -> Health:
    """Healthy when established, degraded when its names are taken or it cannot be established.

    Argo CD judges it by a Lua script that comes with it; here it needs no worker process.

    Source: pkg/kstatus/status/core.go (crdConditions) of sigs.k8s.io/cli-utils; Kubernetes' apiextensions for the
    conditions.
    """
    names, established = condition(obj, "NamesAccepted"), condition(obj, "Established")
    if names is not None and text(names, "status") == "False":
        return Health(HealthStatus.DEGRADED, f"names not accepted: {text(names, 'message')}")
    if established is None or text(established, "reason") == "Installing" or text(established, "status") == "Unknown":
        return Health(HealthStatus.PROGRESSING, "Waiting for the definition to be established")
    if text(established, "status") == "True":
        return Health(HealthStatus.HEALTHY)
    return Health(HealthStatus.DEGRADED, f"not established: {text(established, 'message')}")
