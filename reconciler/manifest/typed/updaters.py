"""Entries of managers other than appliers: how many an object keeps, and what an update of the scale does to them.

Source: k8s.io/apimachinery v0.37 (util/managedfields: capmanagers, scalehandler).
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.typed.fieldset import LEAF, FieldSet, difference, intersection, union
from reconciler.manifest.typed.kinds import SCALE
from reconciler.manifest.typed.ownership import ManagerEntry

ANCIENT_CHANGES: Final = "ancient-changes"
MAX_UPDATE_MANAGERS: Final = 10
"""Update entries of one object; the oldest beyond are merged into `ANCIENT_CHANGES`."""

_REPLICAS: Final[FieldSet] = {"f:spec": {"f:replicas": LEAF}}


def capped(entries: list[ManagerEntry]) -> list[ManagerEntry]:
    """The entries with the oldest updaters merged, a version at a time, until there are few enough.

    Source: k8s.io/apimachinery v0.37 (util/managedfields/internal/capmanagers).
    """
    updaters = [entry for entry in entries if entry.operation == "Update"]
    excess = len(updaters) - MAX_UPDATE_MANAGERS
    if excess <= 0:
        return entries
    updaters.sort(key=lambda entry: (entry.time or "", entry.manager, entry.api_version, entry.subresource))
    buckets: dict[str, list[ManagerEntry]] = {}
    for entry in updaters:
        if excess <= 0:
            break
        bucket = buckets.setdefault(entry.api_version, [])
        bucket.append(entry)
        excess -= len(bucket) > 1
    merged = {id(entry) for bucket in buckets.values() if len(bucket) > 1 for entry in bucket}
    kept = [entry for entry in entries if id(entry) not in merged]
    for api_version, bucket in buckets.items():
        if len(bucket) > 1:
            fields = bucket[0].fields
            for entry in bucket[1:]:
                fields = union(fields, entry.fields)
            kept.append(ManagerEntry(ANCIENT_CHANGES, "Update", api_version, "", bucket[-1].time, fields))
    return kept


def scaled(
    entries: Iterable[ManagerEntry], fields: FieldSet, field_manager: str, api_version: str
) -> list[ManagerEntry]:
    """The entries after an update of the scale.

    The API server translates entries to the scale's own version and back. On the way an updater is taken for another
    one: it comes back beside itself, owning the replicas only, and without a time.

    Parameters
    ----------
    fields
        What the update wrote; empty when the replicas stay as they are.
    """
    before = list(entries)
    written = fields or _REPLICAS
    if not any(intersection(entry.fields, written) for entry in before):
        # To the scale this is an object that was not tracked from the start.
        return before
    after: list[ManagerEntry] = []
    for entry in before:
        owns = bool(intersection(entry.fields, written))
        if not owns or (entry.operation == "Apply" and not fields):
            after.append(entry)
            continue
        rest = entry.with_fields(difference(entry.fields, written))
        after += [rest] if rest.fields else []
        if not fields:
            after.append(ManagerEntry(entry.manager, "Update", api_version, entry.subresource, None, written))
    if fields:
        after.append(ManagerEntry(field_manager or "unknown", "Update", api_version, SCALE, None, written))
    return after
