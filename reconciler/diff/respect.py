"""``RespectIgnoreDifferences=true``: what ignore rules select is applied as live has it.

Source: controller/sync.go (normalizeTargetResources) of Argo CD 3.6.
"""

from collections.abc import Sequence
from typing import Any, Final

from reconciler.diff.ignore import JqPort, find_ignored
from reconciler.diff.normalize import normalize_target
from reconciler.diff.places import field_path, path_steps, value_at, with_value, without
from reconciler.diff.rules import CompareRules
from reconciler.diff.settings import annotation_rules
from reconciler.errors import SpecError, Violation
from reconciler.manifest import FieldPath, OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, is_secret
from reconciler.manifest.schema import DEDUCED

# What an apply never carries.
_NEVER: Final = (("status",), ("metadata", "managedFields"), ("metadata", "resourceVersion"), ("metadata", "uid"))


def respect_ignored(
    target: Manifest, live: Manifest | None, *, rules: CompareRules, openapi: OpenApi, jq: JqPort | None = None
) -> Manifest:
    """The target as it is applied: ignored fields have live's values, and are left out where live has none.

    Without a live object, or a rule for it, the target itself; a Secret's text is folded into its data. ``status`` is never
    copied. Whether to ask at all is the sync option's matter (``rules.respect``).

    Raises
    ------
    SpecError
        When a rule cannot be evaluated.
    """
    matching = (*rules.ignored_in(ResourceKey.of(target)), *annotation_rules(target))
    if live is None or not matching:
        return target
    if is_secret(target):
        # Text would win over the data that is copied.
        target = normalize_target(target)
    found = find_ignored(matching, [target, live], live=live, openapi=openapi, jq=jq, secret=is_secret(live))
    wrong = [Violation(entry.rule.label, entry.error) for entry in found if entry.error]
    if wrong:
        raise SpecError(str(ResourceKey.of(target)), wrong)
    schema = openapi.schema(GroupVersionKind.of(target)) or DEDUCED
    result = target
    for entry in found:
        mine, theirs = (
            [field_path(schema, obj, steps) for steps in places]
            for obj, places in zip((target, live), entry.places, strict=True)
        )
        pairs = _paired(mine, theirs)
        for path in dict.fromkeys([*mine, *theirs]):
            if not any(path[: len(never)] == never for never in _NEVER):
                result = _as_in_live(result, live, path, pairs.get(path, path))
    return result


def _as_in_live(target: Manifest, live: Manifest, path: FieldPath, source: FieldPath) -> Manifest:
    steps = path_steps(live, source)
    if steps is not None:
        changed: Manifest = with_value(target, path, value_at(live, steps))
        return changed
    here = path_steps(target, path)
    return without(target, [here]) if here is not None else target


def _paired(mine: Sequence[FieldPath], theirs: Sequence[FieldPath]) -> dict[FieldPath, FieldPath]:
    """Items of lists without keys, which a rule selects by content: the first of target is the first of live, and so on."""
    pairs: dict[FieldPath, FieldPath] = {}
    for path in mine:
        shape = _shape(path)
        if path not in theirs and shape != path:
            alike = [[each for each in side if _shape(each) == shape] for side in (mine, theirs)]
            if len(alike[0]) == len(alike[1]):
                pairs.update(zip(alike[0], alike[1], strict=True))
    return pairs


def _shape(path: FieldPath) -> tuple[Any, ...]:
    return tuple(-1 if isinstance(element, int) else element for element in path)
