"""Fields of other managers that a sync takes over, so that what leaves Git leaves the cluster.

Source: needsClientSideApplyMigration in gitops-engine/pkg/sync/sync_context.go and docs/user-guide/sync-options.md (client-side
apply migration) of Argo CD 3.6; k8s.io/client-go/util/csaupgrade.
"""

from collections.abc import Callable
from typing import Any

from reconciler.diff.client_side import CLIENT_SIDE_MANAGERS, migrated_ownership
from reconciler.errors import SpecError
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.manifest.schema import DEDUCED, NotOfTypeError
from reconciler.manifest.typed.fieldset import union
from reconciler.manifest.typed.ownership import ManagerEntry, ManagerKey, parse_managers, with_managers
from reconciler.terms import FIELD_MANAGER


def takes_over(live: Manifest, openapi: OpenApi, manager: str) -> dict[str, Any] | None:
    """The metadata that moves the fields of client-side applies to Argo CD's manager; None where there are none.

    ``manager`` is the one whose applies count beside kubectl's own (``ANNOTATION_MIGRATION_MANAGER``).
    """
    migrated = migrated_ownership(live, openapi)
    if manager not in CLIENT_SIDE_MANAGERS:
        migrated = _joined(migrated, openapi, manager)
    return None if migrated is live else _patch(migrated)


def drops_updates(live: Manifest, openapi: OpenApi) -> dict[str, Any] | None:
    """The metadata without what our own replacing noted as updates; None where there is nothing of it.

    An apply of the same object has taken those fields; owned twice, they would stay when they leave Git.
    """

    def kept(entries: list[ManagerEntry]) -> list[ManagerEntry]:
        return [entry for entry in entries if not _is_update(entry, FIELD_MANAGER)]

    changed = _changed(live, openapi, kept)
    return None if changed is live else _patch(changed)


def _joined(live: Manifest, openapi: OpenApi, manager: str) -> Manifest:
    def joined(entries: list[ManagerEntry]) -> list[ManagerEntry]:
        theirs = [entry for entry in entries if _is_update(entry, manager)]
        if not theirs:
            return entries
        ours = next((entry for entry in entries if entry.key == ManagerKey.applier(FIELD_MANAGER)), None)
        if ours is None:
            first, *theirs = theirs
            ours = ManagerEntry(FIELD_MANAGER, "Apply", first.api_version, "", None, first.fields)
        others = [entry for entry in entries if not _is_update(entry, manager) and entry.key != ours.key]
        for entry in theirs:
            ours = ours.with_fields(union(ours.fields, entry.fields))
        return [*others, ours]

    return _changed(live, openapi, joined)


def _changed(live: Manifest, openapi: OpenApi, change: Callable[[list[ManagerEntry]], list[ManagerEntry]]) -> Manifest:
    """Live with other entries; live itself where they stay, and where they cannot be read."""
    schema = openapi.schema(GroupVersionKind.of(live)) or DEDUCED
    try:
        entries = list(parse_managers(live, lambda _: schema).values())
        changed = change(entries)
    except (NotOfTypeError, SpecError, RecursionError):
        return live
    if changed == entries:
        return live
    return with_managers(live, [entry.to_manifest() for entry in changed])


def _is_update(entry: ManagerEntry, manager: str) -> bool:
    return entry.manager == manager and entry.operation == "Update" and not entry.subresource


def _patch(obj: Manifest) -> dict[str, Any]:
    metadata = metadata_of(obj)
    return {"managedFields": metadata.get("managedFields"), "resourceVersion": metadata.get("resourceVersion")}
