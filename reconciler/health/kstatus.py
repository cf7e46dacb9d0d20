"""Health of kinds without a rule of their own, by what the API conventions say of every object."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.fields import FieldTypeError, condition, field, mappings, text
from reconciler.manifest.objects import GroupVersionKind
from reconciler.terms import HealthStatus

_ADVERSE: Final[Mapping[str, HealthStatus]] = MappingProxyType(
    {"Reconciling": HealthStatus.PROGRESSING, "Stalled": HealthStatus.DEGRADED, "Failed": HealthStatus.DEGRADED}
)
"""Conditions that decide when they are True, in the order the object lists them."""
_FAVOURABLE: Final = ("Ready", "Available")
"""Conditions that say all is well when they are True; the first that is there decides."""


def assess_by_conventions(obj: Mapping[str, Any]) -> Health | None:
    """Progressing while the newest generation is not observed, else by the standard conditions; None without any.

    An object whose controller observed the newest generation and that has none of the conditions is healthy. Statuses of
    custom resources are free in form: one that does not fit says nothing.

    Source: pkg/kstatus/status (generic.go, status.go) of sigs.k8s.io/cli-utils, with InProgress as Progressing, Failed as
    Degraded, Current as Healthy. There a kind that says nothing at all is Current; here it has no health, as in Argo CD.
    ``Failed`` and ``Available`` are judged there for some built-in kinds only.
    """
    try:
        return _generation(obj) or _adverse(obj) or _favourable(obj) or _observed(obj)
    except FieldTypeError:
        return None


def _generation(obj: Mapping[str, Any]) -> Health | None:
    wanted, observed = _number(obj, "metadata", "generation"), _number(obj, "status", "observedGeneration")
    if wanted is None or observed is None or wanted == observed:
        return None
    kind = GroupVersionKind.of(obj).kind
    message = f"{kind} generation is {wanted}, but latest observed generation is {observed}"
    return Health(HealthStatus.PROGRESSING, message)


def _adverse(obj: Mapping[str, Any]) -> Health | None:
    for entry in mappings(obj, "status", "conditions"):
        status = _ADVERSE.get(str(entry.get("type")))
        if status is not None and entry.get("status") == "True":
            return Health(status, _message(entry))
    return None


def _favourable(obj: Mapping[str, Any]) -> Health | None:
    found = (entry for name in _FAVOURABLE if (entry := condition(obj, name)) is not None)
    entry = next(found, None)
    if entry is None:
        return None
    status = HealthStatus.HEALTHY if entry.get("status") == "True" else HealthStatus.PROGRESSING
    return Health(status, _message(entry))


def _observed(obj: Mapping[str, Any]) -> Health | None:
    return None if _number(obj, "status", "observedGeneration") is None else Health(HealthStatus.HEALTHY)


def _number(obj: Mapping[str, Any], *path: str) -> int | None:
    value = field(obj, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _message(entry: Mapping[str, Any]) -> str:
    return text(entry, "message") or text(entry, "reason")
