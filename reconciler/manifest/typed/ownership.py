"""Who owns which field: managedFields read, written, asked and migrated.

Source: k8s.io/apimachinery v0.37 (util/managedfields), k8s.io/client-go (util/csaupgrade).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, Self

import orjson

from reconciler.errors import SpecError
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.manifest.openapi import OpenApi
from reconciler.manifest.schema import DEDUCED, Schema
from reconciler.manifest.typed.fieldset import EMPTY, FieldSet, format_fields, iterate, parse_fields, union
from reconciler.manifest.typed.paths import FieldPath, format_element

Operation = Literal["Apply", "Update"]

CLIENT_SIDE_APPLY_MANAGER: Final = "kubectl-client-side-apply"


class ManagerKey(NamedTuple):
    """Identity of an entry: an applier keeps its entry from version to version, an updater has one a version."""

    manager: str
    operation: Operation
    api_version: str
    subresource: str

    @classmethod
    def applier(cls, manager: str, subresource: str = "") -> Self:
        return cls(manager, "Apply", "", subresource)


@dataclass(frozen=True, slots=True)
class ManagerEntry:
    """One entry of managedFields."""

    manager: str
    operation: Operation
    api_version: str
    subresource: str
    #: When the manager last changed something, as the API server writes it.
    time: str | None
    fields: FieldSet
    #: The entry as it was read, while the fields are still those.
    raw: Mapping[str, Any] | None = None
    #: A set that was read and shares parts with the fields, and the ``fieldsV1`` that it is written as.
    read: tuple[FieldSet, Mapping[str, Any]] = (EMPTY, EMPTY)

    @property
    def key(self) -> ManagerKey:
        version = "" if self.operation == "Apply" else self.api_version
        return ManagerKey(self.manager, self.operation, version, self.subresource)

    def with_fields(self, fields: FieldSet) -> "ManagerEntry":
        return self if fields is self.fields else replace(self, fields=fields, raw=None)

    def to_manifest(self) -> dict[str, Any]:
        """The entry in the form of managedFields."""
        if self.raw is not None:
            return dict(self.raw)
        entry: dict[str, Any] = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": format_fields(self.fields, *self.read),
            "subresource": self.subresource,
        }
        return {key: value for key, value in entry.items() if value or key == "fieldsV1"}


Managers = dict[ManagerKey, ManagerEntry]


def parse_managers(obj: Mapping[str, Any], schema_of: Callable[[str], Schema] = lambda _: DEDUCED) -> Managers:
    """Read an object's managedFields.

    Parameters
    ----------
    schema_of
        Schema of the kind at an apiVersion, to follow fields that have become atomic.

    Raises
    ------
    SpecError
        When an entry is not one.
    """
    managers: Managers = {}
    entries = metadata_of(obj).get("managedFields") or ()
    if not isinstance(entries, list | tuple) or not all(isinstance(raw, Mapping) for raw in entries):
        raise SpecError("metadata.managedFields: not a list of entries; remove it from the object")
    for raw in entries:
        entry = _parse_entry(raw, schema_of)
        managers[entry.key] = entry
    return managers


def _parse_entry(raw: Mapping[str, Any], schema_of: Callable[[str], Schema]) -> ManagerEntry:
    operation, api_version = raw.get("operation"), raw.get("apiVersion")
    if operation not in ("Apply", "Update"):
        raise SpecError("metadata.managedFields: operation must be `Apply` or `Update`")
    if not api_version or not isinstance(api_version, str):
        raise SpecError("metadata.managedFields: apiVersion must not be empty")
    if raw.get("fieldsType") != "FieldsV1":
        raise SpecError(f"metadata.managedFields: invalid fieldsType {raw.get('fieldsType')!r}, expected 'FieldsV1'")
    written = raw.get("fieldsV1") or {}
    fields, is_canonical = _parse_cached(written, schema_of(api_version))
    return ManagerEntry(
        manager=str(raw.get("manager") or ""),
        operation=operation,
        api_version=str(api_version),
        subresource=str(raw.get("subresource") or ""),
        time=raw.get("time") if isinstance(raw.get("time"), str) else None,
        fields=fields,
        raw=raw if is_canonical else None,
        read=(fields, written) if is_canonical else (EMPTY, EMPTY),
    )


_CACHE_ENTRIES: Final = 512
_CACHED_BYTES: Final = 1 << 16


def _parse_cached(raw: Any, schema: Schema) -> tuple[FieldSet, bool]:
    """The set, and whether it would be written as it was read; objects of one kind mostly own the same fields."""
    try:
        text = orjson.dumps(raw)
    except TypeError:
        text = b""
    cache = schema.parsed_fields
    found = cache.get(text)
    if found is None:
        fields = parse_fields(raw, schema)
        found = fields, fields == raw
        if 0 < len(text) < _CACHED_BYTES:
            if len(cache) >= _CACHE_ENTRIES:
                cache.clear()
            cache[text] = found
    return found


def format_managers(managers: Iterable[ManagerEntry]) -> list[dict[str, Any]]:
    """The managedFields of these entries, in the API server's order."""
    return [entry.to_manifest() for entry in sorted(managers, key=_order)]


def _order(entry: ManagerEntry) -> tuple[str, ...]:
    return entry.operation, entry.time or "", entry.manager, entry.api_version, entry.subresource


def with_managers(obj: Manifest, managed_fields: list[dict[str, Any]]) -> Manifest:
    """The object with these managedFields, everything else shared with it."""
    metadata = {key: value for key, value in metadata_of(obj).items() if key != "managedFields"}
    if managed_fields:
        metadata["managedFields"] = managed_fields
    return {**obj, "metadata": metadata}


def format_time(moment: datetime) -> str:
    """A time as managedFields has it, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class FieldOwner:
    """One field and one of its owners."""

    path: FieldPath
    manager: str
    operation: Operation
    subresource: str
    api_version: str
    #: When the owner last changed something of the object; None where the object does not say.
    time: datetime | None


class Ownership:
    """The owners of an object's fields, for many questions about one object.

    Raises
    ------
    SpecError
        When its managedFields cannot be read.
    """

    def __init__(self, obj: Mapping[str, Any], openapi: OpenApi | None = None) -> None:
        gvk = GroupVersionKind.of(obj)
        schema = openapi.schema(gvk) if openapi is not None else None
        entries = parse_managers(obj, lambda _: schema or DEDUCED).values()
        self._entries = tuple(sorted(entries, key=_order))

    @property
    def entries(self) -> tuple[ManagerEntry, ...]:
        """The entries, in the API server's order."""
        return self._entries

    def owners_of(self, path: FieldPath) -> tuple[FieldOwner, ...]:
        """Owners of a field, of the atomic field it lies in, or of the item or map entry it is."""
        elements = path.elements()
        return tuple(_owner(path, entry) for entry in self._entries if _owns(entry.fields, elements))

    def owners_below(self, path: FieldPath) -> tuple[FieldOwner, ...]:
        """Owners of a field or of anything in it, with the paths they own, sorted by path."""
        return tuple(owner for owner in self.all() if owner.path.is_below(path))

    def all(self) -> list[FieldOwner]:
        """Every field with every owner, by path and then in the API server's order of entries."""
        owners = [_owner(FieldPath.of(path), entry) for entry in self._entries for path in iterate(entry.fields)]
        return sorted(owners, key=lambda owner: tuple(map(format_element, owner.path)))


def field_owners(obj: Mapping[str, Any], openapi: OpenApi | None = None) -> list[FieldOwner]:
    """Every owned field of an object with every owner, sorted by path.

    Raises
    ------
    SpecError
        When its managedFields cannot be read.
    """
    return Ownership(obj, openapi).all()


def _owner(path: FieldPath, entry: ManagerEntry) -> FieldOwner:
    time = datetime.fromisoformat(entry.time) if entry.time else None
    return FieldOwner(path, entry.manager, entry.operation, entry.subresource, entry.api_version, time)


def _owns(fields: FieldSet, elements: tuple[str, ...]) -> bool:
    for element in elements:
        found = fields.get(element)
        if found is None:
            return False
        if not found:
            # A member with nothing below it: a leaf, or an atomic value that holds the rest of the path.
            return True
        fields = found
    return "." in fields


def migrate_client_side_apply(
    live: Mapping[str, Any], *, to_manager: str, from_managers: Iterable[str] = (CLIENT_SIDE_APPLY_MANAGER,)
) -> Manifest:
    """The object with what client-side appliers own handed to an applier, so that it can prune those fields.

    Where ``to_manager`` has no Apply entry yet, the first entry of a client-side applier becomes it. Later entries
    are merged into it when they are of the same version, and dropped otherwise.

    Raises
    ------
    SpecError
        When managedFields cannot be read.

    Source: k8s.io/client-go/util/csaupgrade, which kubectl apply --server-side and Argo CD use.
    """
    entries = list(parse_managers(live).values())
    after = entries
    for name in from_managers:
        after = _migrated(after, name, to_manager)
    if after == entries:
        return dict(live)
    return with_managers(dict(live), [entry.to_manifest() for entry in after])


def _migrated(entries: list[ManagerEntry], from_manager: str, to_manager: str) -> list[ManagerEntry]:
    def is_source(entry: ManagerEntry) -> bool:
        return (entry.manager, entry.operation, entry.subresource) == (from_manager, "Update", "")

    applier = next((e for e in entries if (e.manager, e.operation, e.subresource) == (to_manager, "Apply", "")), None)
    sources = [entry for entry in entries if is_source(entry)]
    if not sources:
        return entries
    if applier is None:
        applier = sources.pop(0)
    fields = next((source.fields for source in sources if source.api_version == applier.api_version), EMPTY)
    merged = replace(applier, manager=to_manager, operation="Apply", fields=union(applier.fields, fields), raw=None)
    return [merged if entry is applier else entry for entry in entries if entry is applier or not is_source(entry)]
