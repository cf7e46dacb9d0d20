"""When an object is ready for what a later wave builds on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.assess import assess_health
from reconciler.health.customizations import Customizations
from reconciler.health.fields import FieldTypeError, count, field, text
from reconciler.health.scripts import ScriptRunner
from reconciler.manifest.objects import GroupVersionKind
from reconciler.terms import HealthStatus


def assess_readiness(
    obj: Mapping[str, Any],
    *,
    customizations: Customizations | Path | str | None = None,
    runner: ScriptRunner | None = None,
) -> Health | None:
    """The object's health, or for kinds without a health rule what their status tells; None when it tells nothing.

    It ends a wave and never counts in an application's health. A CustomResourceDefinition must be established and a
    Namespace active, since objects of the next wave are refused before; any other object whose controller reports
    ``status.observedGeneration`` must have been seen by it. Argo CD takes all of these for ready at once and waits
    a fixed time instead. ``customizations`` and ``runner`` are those of `assess_health`.
    """
    health = assess_health(obj, customizations=customizations, runner=runner)
    if health is not None:
        return health
    gvk = GroupVersionKind.of(obj)
    try:
        if (gvk.group, gvk.kind) == ("", "Namespace"):
            return _namespace(obj)
        return _observed(obj)
    except FieldTypeError as error:
        return Health(HealthStatus.UNKNOWN, f"{gvk.kind}: {error}")


def _namespace(obj: Mapping[str, Any]) -> Health:
    if text(obj, "status", "phase") == "Active":
        return Health(HealthStatus.HEALTHY)
    return Health(HealthStatus.PROGRESSING, "Waiting for the namespace to be active")


def _observed(obj: Mapping[str, Any]) -> Health | None:
    """Custom statuses are free in form: whatever is not an observed generation says nothing."""
    status = obj.get("status")
    if not isinstance(status, Mapping) or not isinstance(field(status, "observedGeneration"), int):
        return None
    if count(obj, "metadata", "generation") > count(status, "observedGeneration"):
        return Health(HealthStatus.PROGRESSING, "Waiting for the controller to observe the newest generation")
    return None
