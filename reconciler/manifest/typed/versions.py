"""What managers own and lose where they wrote at another version of the kind than the request's."""

from collections.abc import Iterable

from reconciler.manifest.objects import Manifest
from reconciler.manifest.typed.compare import FieldChanges, compare
from reconciler.manifest.typed.conversion import convert, convert_back, differs_by_version
from reconciler.manifest.typed.fieldset import FieldSet, difference, intersection, recursive_difference, union
from reconciler.manifest.typed.kinds import Kind
from reconciler.manifest.typed.ownership import ManagerEntry
from reconciler.manifest.typed.prune import present_fields, prune, remove_items, with_structs


class Changes:
    """The fields that a request changes, seen from any version."""

    def __init__(self, kind: Kind, live: Manifest, new: Manifest, changes: FieldChanges) -> None:
        self._kind = kind
        self._live = live
        self._new = new
        self._at = {kind.gvk.api_version: changes}

    @property
    def own(self) -> FieldChanges:
        """At the version of the request."""
        return self._at[self._kind.gvk.api_version]

    def at(self, api_version: str) -> FieldChanges:
        """At another version: the same where the kind has the same fields there."""
        if api_version not in self._at:
            found = self.own
            if found and differs_by_version(self._kind.gvk, api_version):
                live, new = convert(self._live, api_version), convert(self._new, api_version)
                found = writable(self._kind, compare(self._kind.schema_at(api_version), live, new))
            self._at[api_version] = found
        return self._at[api_version]


def writable(kind: Kind, changes: FieldChanges) -> FieldChanges:
    """The changes without those of fields that the request cannot write."""
    if not kind.reset or not changes:
        return changes
    removed, modified, added = changes.removed, changes.modified, changes.added
    return FieldChanges(*(recursive_difference(part, kind.reset) for part in (removed, modified, added)))


def without(entries: Iterable[ManagerEntry], changes: Changes) -> list[ManagerEntry]:
    """The entries without the fields that were written or removed; an entry that owns nothing more goes."""
    own = changes.own
    if not own:
        return [entry for entry in entries if entry.fields]
    kept = []
    for entry in entries:
        found = changes.at(entry.api_version)
        kept.append(entry.with_fields(difference(entry.fields, union(found.written, found.removed))))
    return [entry for entry in kept if entry.fields]


def prune_at_versions(
    kind: Kind, merged: Manifest, last: ManagerEntry, named: FieldSet, others: list[ManagerEntry]
) -> Manifest:
    """The merged object without what its applier no longer names (`reconciler.manifest.typed.prune`).

    What it named at another version is looked for in the object at that version; so is what others own.
    """
    versions = {last.api_version, *(entry.api_version for entry in others)}
    if not any(differs_by_version(kind.gvk, version) for version in versions):
        result: Manifest = prune(kind.schema, merged, last.fields, named, [entry.fields for entry in others])
        return result
    owned: dict[str, FieldSet] = {kind.gvk.api_version: named}
    for entry in others:
        owned[entry.api_version] = union(owned.get(entry.api_version, {}), entry.fields)
    schema, base = kind.schema_at(last.api_version), convert(merged, last.api_version)
    fields = with_structs(schema, last.fields)
    pruned: Manifest = remove_items(schema, base, fields)
    for version in sorted(owned, key=lambda version: (version != last.api_version, version)):
        at, whole, rest = kind.schema_at(version), convert(base, version), convert(pruned, version)
        kept = union(present_fields(at, rest), with_structs(at, owned[version]))
        pruned = remove_items(at, whole, difference(present_fields(at, whole), kept))
    gone = difference(present_fields(schema, base), present_fields(schema, convert(pruned, last.api_version)))
    removed = intersection(gone, fields)
    if not removed and not differs_by_version(kind.gvk, last.api_version):
        return merged
    return convert_back(remove_items(schema, base, removed), merged)
