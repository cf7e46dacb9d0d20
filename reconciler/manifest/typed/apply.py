"""Predicting what the API server answers to a server-side apply or an update, with managedFields or the conflicts.

Source: k8s.io/apimachinery v0.37 (util/managedfields), sigs.k8s.io/structured-merge-diff v6 (merge/update), and the
answers of kube-apiserver v1.37.2. Differences that remain: defaults of new built-in objects are mostly the server's,
and what managers of another version own is known of custom resources without conversion and of the versions of
`reconciler.manifest.typed.conversion`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.errors import SpecError, Violation
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of, name_of, namespace_of
from reconciler.manifest.openapi import OpenApi
from reconciler.manifest.schema import NotOfTypeError
from reconciler.manifest.typed.canonical import canonical
from reconciler.manifest.typed.compare import FieldChanges, compare
from reconciler.manifest.typed.conflicts import FieldConflict, conflict_message, conflicts_of
from reconciler.manifest.typed.fieldset import (
    EMPTY,
    LEAF,
    FieldSet,
    contains,
    difference,
    intersection,
    recursive_difference,
    union,
)
from reconciler.manifest.typed.kinds import SCALE, Kind, kind_of
from reconciler.manifest.typed.last_applied import KUBECTL, applied_before, with_last_applied
from reconciler.manifest.typed.merge import merge, same
from reconciler.manifest.typed.ownership import (
    ManagerEntry,
    ManagerKey,
    Managers,
    format_managers,
    format_time,
    parse_managers,
    with_managers,
)
from reconciler.manifest.typed.repeats import repeats
from reconciler.manifest.typed.updaters import capped, scaled
from reconciler.manifest.typed.validate import validate, without_unknown_fields
from reconciler.manifest.typed.versions import Changes, prune_at_versions, without, writable

BEFORE_FIRST_APPLY: Final = "before-first-apply"
"""Owner of everything that an object had when it was first applied to, if no one owned anything."""
_UNOWNED_METADATA: Final = [
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
]
_UNOWNED: Final[FieldSet] = {
    "f:apiVersion": LEAF,
    "f:kind": LEAF,
    "f:metadata": {".": LEAF, **{f"f:{field}": LEAF for field in _UNOWNED_METADATA}},
}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the API server would answer to an apply.

    ``object`` shares its unchanged parts with the live object, and is the live object itself when nothing changes;
    treat both as read-only.
    """

    #: The resulting object with its managedFields; None where there are conflicts.
    object: Manifest | None
    #: Fields that other managers own and the apply would change, by manager and path.
    conflicts: tuple[FieldConflict, ...] = ()

    @property
    def message(self) -> str:
        """The API server's message of the conflicts, empty where there are none."""
        return conflict_message(self.conflicts)


def predict_apply(
    live: Mapping[str, Any] | None,
    target: Mapping[str, Any],
    *,
    field_manager: str,
    force: bool,
    openapi: OpenApi,
    now: datetime | None = None,
    subresource: str = "",
    strict: bool = True,
) -> Prediction:
    """Predict the result of a server-side apply.

    Parameters
    ----------
    live
        The object in the cluster, None when there is none.
    force
        Take fields from other managers instead of answering with conflicts.
    openapi
        The cluster's schemas; a kind they do not describe is merged free-form, lists as one value.
    now
        Time that a changed managedFields entry gets; without it entries keep theirs.
    subresource
        Sub-resource that the apply is sent to, such as ``status``.
    strict
        Refuse fields that the schema does not declare, as the API server does; otherwise leave them out.

    Raises
    ------
    SpecError
        When the target does not fit its schema, with every field path; when it carries managedFields; when live's
        managedFields cannot be read.
    """
    kind = kind_of(GroupVersionKind.of(target), openapi, subresource)
    applied = _applicable(kind, target, strict=strict)
    base = None if live is None else live if type(live) is dict else dict(live)
    try:
        managers = _live_managers(kind, base, openapi, now)
        return _applied(kind, base, applied, managers, field_manager=field_manager, force=force, now=now)
    except NotOfTypeError:
        raise _not_of_type(kind, target, applied) from None
    except RecursionError:
        raise SpecError(f"{_describe(kind, target)}: nested too deeply to merge; flatten it") from None


def _applied(
    kind: Kind,
    live: Manifest | None,
    target: Manifest,
    managers: Managers,
    *,
    field_manager: str,
    force: bool,
    now: datetime | None,
) -> Prediction:
    key = ManagerKey.applier(field_manager or "unknown", kind.subresource)
    last = managers.get(key)
    last_fields = last.fields if last is not None else EMPTY
    others = [entry for entry in managers.values() if entry is not last]
    if live is not None and last is not None and repeats(kind.schema, live, target, last_fields):
        new, fields = live, last_fields
    else:
        new, named = merge(kind.schema, live, target, last_fields)
        named = recursive_difference(named, kind.reset)
        fields = difference(named, _UNOWNED)
        if last is not None and last_fields and last_fields != fields:
            new = prune_at_versions(kind, new, last, named, others)
    found = compare(kind.schema, live, new) if others and new is not live else _NO_CHANGES
    changes = Changes(kind, live or {}, new, writable(kind, found))
    conflicts = () if force else _conflicts(kind, live, others, changes, field_manager)
    if conflicts:
        return Prediction(None, conflicts)
    time = format_time(now) if now is not None and new is not live else last.time if last is not None else None
    entries = without(others, changes)
    entries += _applier_entries(last, key, kind.gvk.api_version, time, fields)
    written = with_last_applied(new, target) if field_manager == KUBECTL else new
    result = canonical(kind.schema, live, _with_reset_fields(kind.reset, live, written), last_fields)
    return Prediction(_with_entries(live, result, entries))


def _conflicts(
    kind: Kind, live: Manifest | None, others: list[ManagerEntry], changes: Changes, field_manager: str
) -> tuple[FieldConflict, ...]:
    """What the other managers would lose; what kubectl applied client-side itself is no one else's."""
    conflicts = conflicts_of(
        (entry, intersection(entry.fields, changes.at(entry.api_version).written)) for entry in others
    )
    if conflicts and field_manager == KUBECTL and live is not None:
        mine = applied_before(kind.schema, live)
        return tuple(conflict for conflict in conflicts if not contains(mine, conflict.path.elements()))
    return conflicts


def predict_update(
    live: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    *,
    field_manager: str,
    openapi: OpenApi,
    now: datetime | None = None,
    subresource: str = "",
) -> Manifest:
    """Predict the object after a create, an update or a patch other than apply, with its managedFields.

    Parameters
    ----------
    live
        The object in the cluster, None for a create.
    new
        The whole object as it will be stored, defaults included. Its managedFields, where it has any, replace those
        of live; an empty list, or a list of one empty entry, resets them.
    subresource
        Sub-resource that the request is sent to, such as ``status`` or ``scale``.

    Raises
    ------
    SpecError
        When a list of either object does not fit the schema.
    """
    kind = kind_of(GroupVersionKind.of(new), openapi, subresource)
    base = None if live is None else live if type(live) is dict else dict(live)
    bare = with_managers(dict(new), [])
    managers = _update_managers(kind, base, new, openapi)
    if not managers and base is not None:
        # The API server does not begin to track an object that it did not track from the start.
        return bare
    try:
        before = _bare_or_zero(kind, base)
        changes = writable(kind, compare(kind.schema, before, bare))
        kept = without(managers.values(), Changes(kind, before, bare, changes))
    except NotOfTypeError:
        raise _not_of_type(kind, new, new) from None
    except RecursionError:
        raise SpecError(f"{_describe(kind, new)}: nested too deeply to compare; flatten it") from None
    fields = difference(changes.written, _UNOWNED)
    if subresource == SCALE:
        return _with_entries(base, bare, scaled(managers.values(), fields, field_manager, kind.gvk.api_version))
    if fields:
        key = ManagerKey(field_manager or "unknown", "Update", kind.gvk.api_version, subresource)
        previous = next((entry for entry in kept if entry.key == key), None)
        time = format_time(now) if now is not None else previous.time if previous is not None else None
        merged = union(previous.fields, fields) if previous is not None else fields
        kept = [entry for entry in kept if entry is not previous]
        kept.append(ManagerEntry(*key, time=time, fields=merged))
    return _with_entries(base, bare, capped(kept))


_NO_CHANGES: Final = FieldChanges(EMPTY, EMPTY, EMPTY)


def _applicable(kind: Kind, target: Mapping[str, Any], *, strict: bool) -> Manifest:
    """The target as it is merged."""
    if metadata_of(target).get("managedFields") is not None:
        raise SpecError(f"{_describe(kind, target)}: metadata.managedFields must be nil; remove it from the manifest")
    applied: Manifest = target if type(target) is dict else dict(target)
    if not strict:
        applied = without_unknown_fields(kind.schema, applied)
    return applied


def _live_managers(kind: Kind, live: Manifest | None, openapi: OpenApi, now: datetime | None) -> Managers:
    """The managers of a live object that is applied to; one for everything when no one was recorded."""
    if live is None:
        return {}
    managers = _served(parse_managers(live, kind.schema_at), openapi)
    if managers:
        return managers
    changes = writable(kind, compare(kind.schema, _bare_or_zero(kind, None), with_managers(live, [])))
    fields = difference(changes.written, _UNOWNED)
    key = ManagerKey(BEFORE_FIRST_APPLY, "Update", kind.gvk.api_version, kind.subresource)
    time = format_time(now) if now is not None else None
    return {key: ManagerEntry(*key, time=time, fields=fields)} if fields else {}


def _update_managers(kind: Kind, live: Manifest | None, new: Mapping[str, Any], openapi: OpenApi) -> Managers:
    """The managers an update starts from: those the new object brings, else live's; unreadable ones are none."""
    given = metadata_of(new).get("managedFields")
    # An empty list does not get through the API server's decoding of custom resources.
    if not kind.subresource and (given == [{}] or (given == [] and kind.schema.structured)):
        return {}
    for source in (live,) if kind.subresource else (new, live):
        try:
            managers = _served(parse_managers(source, kind.schema_at), openapi) if source is not None else {}
        except SpecError:
            managers = {}
        if managers:
            return managers
    return {}


def _served(managers: Managers, openapi: OpenApi) -> Managers:
    """Without the managers of versions that the cluster no longer has."""
    return {key: entry for key, entry in managers.items() if openapi.serves(entry.api_version)}


def _bare_or_zero(kind: Kind, live: Manifest | None) -> Manifest:
    if live is not None:
        return with_managers(live, [])
    return kind.schema.zero() if kind.schema.structured else {}


def _with_reset_fields(reset: FieldSet, live: Mapping[str, Any] | None, new: Manifest) -> Manifest:
    """The object with the fields that the request cannot write as live has them."""
    if new is live:
        return new
    result = dict(new)
    for element, node in reset.items():
        field = element[2:]
        before = live.get(field) if live is not None else None
        if node and isinstance(result.get(field), dict):
            result[field] = _with_reset_fields(node, before, result[field])
        elif live is not None and field in live:
            result[field] = before
        else:
            result.pop(field, None)
    return result


def _applier_entries(
    last: ManagerEntry | None, key: ManagerKey, api_version: str, time: str | None, fields: FieldSet
) -> list[ManagerEntry]:
    """The applier's entry, if it owns anything."""
    if not fields:
        return []
    if last is not None and (last.fields, last.api_version, last.time) == (fields, api_version, time):
        return [last]
    read = last.read if last is not None else (EMPTY, EMPTY)
    return [ManagerEntry(key.manager, "Apply", api_version, key.subresource, time, fields, read=read)]


def _with_entries(live: Manifest | None, result: Manifest, entries: list[ManagerEntry]) -> Manifest:
    """The result with its managedFields; the live object itself where only times of entries would differ."""
    managed_fields = format_managers(entries)
    if live is not None:
        before = metadata_of(live).get("managedFields") or []
        if _are_same_but_for_times(before, managed_fields) and (
            result is live or same(with_managers(live, []), with_managers(result, []))
        ):
            return live
    return with_managers(result, managed_fields)


def _are_same_but_for_times(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the entries are the same in the same order, which goes by time as well."""
    return len(before) == len(after) and all(
        mine == theirs or {**mine, "time": None} == {**theirs, "time": None}
        for mine, theirs in zip(before, after, strict=True)
    )


def _not_of_type(kind: Kind, target: Mapping[str, Any], applied: Manifest | Mapping[str, Any]) -> SpecError:
    violations: list[Violation] = validate(kind.schema, dict(applied))
    if violations:
        return SpecError(_describe(kind, target), violations)
    return SpecError(f"{_describe(kind, target)}: the live object does not fit its schema; compare it by hand")


def _describe(kind: Kind, obj: Mapping[str, Any]) -> str:
    namespace = namespace_of(obj)
    return f"{kind.gvk.kind} {namespace + '/' if namespace else ''}{name_of(obj)}"
