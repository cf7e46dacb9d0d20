"""What ignore rules mean for a view: lines without what they hide, warnings without those of rules that match nothing."""

import copy
from collections import Counter
from dataclasses import replace
from typing import Any, Final

from reconciler.diff.places import path_steps, value_at
from reconciler.diff.records import Comparison, FieldDifference, ResourceComparison
from reconciler.errors import SpecError
from reconciler.formatting.characters import visible
from reconciler.formatting.values import counted
from reconciler.manifest.objects import Manifest
from reconciler.manifest.typed.paths import FieldPath

_GONE: Final = object()


def ignored(resource: ResourceComparison) -> tuple[FieldDifference, ...]:
    """The differences that do not count, because of a rule."""
    return tuple(difference for difference in resource.differences if difference.ignored_by)


def ignored_note(comparison: Comparison) -> str:
    """``3 ignored fields left out: 2 by <rule>, 1 by <rule>`` in one line; empty where there are none."""
    rules = Counter(each.ignored_by for resource in comparison.resources for each in ignored(resource))
    if not rules:
        return ""
    told = ", ".join(f"{count} by {visible(rule)}" for rule, count in sorted(rules.items()))
    return f"{counted(rules.total(), 'ignored field')} left out: {told}"


def other_warnings(comparison: Comparison) -> tuple[str, ...]:
    """The warnings but for those of rules that match nothing, which have a place of their own."""
    told = {str(rule) for rule in comparison.unused_rules}
    return tuple(warning for warning in comparison.warnings if warning not in told)


def without_ignored(resource: ResourceComparison) -> ResourceComparison:
    """The resource as if its ignored fields were what they are in the cluster, so that its lines show what counts."""
    hidden = ignored(resource)
    if not hidden or resource.live is None or resource.predicted is None:
        return resource
    predicted = copy.deepcopy(resource.predicted)
    for difference in hidden:
        try:
            path = FieldPath.parse(difference.path)
        except SpecError:
            # A path that cannot be read names no line either.
            continue
        if path:
            _take_over(predicted, resource.live, path)
    return replace(resource, predicted=predicted)


def _take_over(obj: Manifest, live: Manifest, path: FieldPath) -> None:
    """Make the field what it is in ``live``."""
    value = path.value(live, _GONE)
    steps = path_steps(obj, path)
    if value is _GONE:
        if steps is not None:
            _remove(obj, live, path)
    elif steps is not None:
        value_at(obj, steps[:-1])[steps[-1]] = copy.deepcopy(value)
    else:
        _add(obj, live, path, copy.deepcopy(value))


def _remove(obj: Manifest, live: Manifest, path: FieldPath) -> None:
    """Take the field away, with maps and lists around it that are empty then and that ``live`` has not either."""
    while path:
        steps = path_steps(obj, path)
        if steps is None:
            return
        parent = value_at(obj, steps[:-1])
        del parent[steps[-1]]
        path = FieldPath(path[:-1])
        if parent or path.value(live, _GONE) is not _GONE:
            return


def _add(obj: Manifest, live: Manifest, path: FieldPath, value: Any) -> None:
    """Put the field in; where not even its parent is there, the parent as ``live`` has it."""
    parent_path = FieldPath(path[:-1])
    steps = path_steps(obj, parent_path)
    if steps is None:
        _add(obj, live, parent_path, {path[-1]: value} if isinstance(path[-1], str) else [value])
        return
    parent, last = value_at(obj, steps), path[-1]
    if isinstance(parent, dict) and isinstance(last, str):
        parent[last] = value
    elif isinstance(parent, list):
        place = path_steps(live, path) or (len(parent),)
        parent.insert(min(int(place[-1]), len(parent)), value)
