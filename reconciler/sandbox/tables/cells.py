"""What the tables of several kinds have in common: ages, durations, fields that may be missing."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import Manifest

Cells = Callable[[Manifest, datetime], list[Any]]
Columns = Sequence[str]
NONE: Final = "<none>"


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows it: two units at most, and only one when it is long.

    Source: k8s.io/apimachinery/pkg/util/duration/duration.go.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def age(obj: Manifest, now: datetime) -> str:
    """How long ago an object was created."""
    created = obj["metadata"].get("creationTimestamp")
    return since(created, now) if created else "<unknown>"


def since(text: str, now: datetime) -> str:
    """How long ago a time was."""
    return human_duration((now - datetime.fromisoformat(text)).total_seconds())


def field_of(obj: Manifest, path: str, default: Any = 0) -> Any:
    """The value at a dotted path, or ``default``."""
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return default if value is None else value


def image_columns(spec: Manifest) -> list[str]:
    """Names and images of a pod template's containers."""
    containers = field_of(spec, "template.spec.containers", [])
    names = ",".join(container.get("name", "") for container in containers)
    return [names, ",".join(container.get("image", "") for container in containers)]
