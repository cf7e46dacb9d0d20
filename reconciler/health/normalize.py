"""What counts when an action's result is held against an expected object: not times, nor what a cluster fills in."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from reconciler.manifest.objects import GroupVersionKind, name_of

_VOLATILE: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = MappingProxyType(
    {
        "Deployment": (("status",), ("metadata", "creationTimestamp"), ("metadata", "generation")),
        "Job": (("metadata",),),
        "Workflow": (
            ("metadata", "resourceVersion"),
            ("metadata", "uid"),
            ("metadata", "annotations", "workflows.argoproj.io/scheduled-time"),
        ),
    }
)
"""Fields that Argo CD's own runner leaves out, by kind."""
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*|\d{9,}")


def normalized(obj: Mapping[str, Any], *, name: str) -> Any:
    """A copy without volatile fields; a name that begins with ``name`` is that one."""
    made = _plain(obj)
    for path in _VOLATILE.get(GroupVersionKind.of(obj).kind, ()):
        parent = made
        for step in path[:-1]:
            parent = parent.get(step) or {}
        parent.pop(path[-1], None)
    if "metadata" in made and name_of(made).startswith(name):
        made["metadata"]["name"] = name
    return made


def differences(expected: Any, found: Any, path: str = "$") -> list[str]:
    """Where ``found`` lacks or changes what ``expected`` has; what it has besides does not count, as in a two-way diff."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            problem
            for key, value in expected.items()
            for problem in differences(value, found.get(key), f"{path}.{key}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [problem for at, pair in enumerate(pairs) for problem in differences(*pair, f"{path}[{at}]")]
    if expected == found or _timeless(expected) == _timeless(found):
        return []
    return [f"{path}: expected {expected!r}, found {found!r}"[:400]]


def _timeless(value: Any) -> Any:
    """A text without the times in it: an action writes when it ran."""
    return _TIME.sub("", value) if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    """A copy without nulls and empty collections, which Lua cannot keep apart."""
    if isinstance(value, Mapping):
        return {key: made for key, item in value.items() if (made := _plain(item)) not in (None, {}, [])}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
