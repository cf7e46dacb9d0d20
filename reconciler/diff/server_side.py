"""Server-side diff: what the API server itself answered to a dry-run of the apply, in place of our prediction.

Source: gitops-engine/pkg/diff/diff.go (serverSideDiff, removeWebhookMutation), argo-cd 37ee009.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.diff.client_side import migrated_ownership
from reconciler.diff.fields import Change
from reconciler.diff.places import path_steps, with_value, without
from reconciler.diff.records import ABSENT, ResourceComparison
from reconciler.errors import SpecError
from reconciler.manifest import FieldPath, OpenApi, Ownership
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.manifest.schema import Schema
from reconciler.terms import FIELD_MANAGER, SyncStatus


@dataclass(frozen=True, slots=True)
class ServerAnswer:
    """The object after a dry-run of the apply, or why there is none."""

    object: Manifest | None
    reason: str = ""


def without_mutations(
    changes: Sequence[Change], predicted: Manifest, live: Manifest, openapi: OpenApi
) -> tuple[list[Change], Manifest]:
    """The changes that lie in fields which Argo CD's manager owns, and the answer with all else as live has it.

    Mutating webhooks own nothing of what they write, so that their additions are set aside with what others own. What they
    remove counts, as it does upstream. Where the manager owns fields under their names at another version, all counts.
    """
    if any(entry.get("manager") == FIELD_MANAGER for entry in _foreign_entries(predicted, live, openapi)):
        return list(changes), predicted
    try:
        after, before = Ownership(predicted, openapi), Ownership(migrated_ownership(live, openapi), openapi)
    except SpecError:
        return list(changes), predicted
    kept, result = [], predicted
    for change in changes:
        # A field that left Git is the server's default in the answer, and nobody's; it was ours before.
        if change.target is ABSENT or _is_ours(before, change.path) or _is_ours(after, change.path):
            kept.append(change)
        elif change.live is ABSENT:
            steps = path_steps(result, change.path)
            result = without(result, [steps]) if steps else result
        else:
            result = with_value(result, change.path, change.live)
    return kept, result


def _is_ours(ownership: Ownership, path: FieldPath) -> bool:
    owners = (*ownership.owners_of(path), *ownership.owners_below(path))
    return any(owner.manager == FIELD_MANAGER for owner in owners)


def needs_server(target: Manifest, live: Manifest, openapi: OpenApi) -> bool:
    """Whether only the API server can tell what a sync would leave of a custom resource.

    So it is where a manager owns fields at another version of the kind and the target's version has none of that name: a
    webhook converts between the two.
    """
    return any(_foreign_entries(target, live, openapi))


def _foreign_entries(obj: Manifest, live: Manifest, openapi: OpenApi) -> Iterator[Mapping[str, Any]]:
    """Entries of live's managedFields at another version than the object's that name fields which are not in its schema."""
    gvk = GroupVersionKind.of(obj)
    schema = openapi.schema(gvk)
    entries = metadata_of(live).get("managedFields")
    if schema is None or schema.structured or not isinstance(entries, list):
        return
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("apiVersion") == gvk.api_version:
            continue
        # The status is nothing that a sync writes.
        if entry.get("subresource") != "status" and _names_unknown(entry.get("fieldsV1"), schema):
            yield entry


def _names_unknown(fields: Any, schema: Schema) -> bool:
    todo = [(fields, schema)]
    while todo:
        below, at = todo.pop()
        for element, inner in below.items() if isinstance(below, Mapping) else ():
            kind, _, name = str(element).partition(":")
            if kind == "f":
                found = at.fields.get(name) or at.element if at.is_map else None
                if found is None:
                    return True
                todo.append((inner, found))
            elif kind == "k":
                if not at.is_list:
                    return True
                todo.append((inner, at.item))
    return False


def is_worth_asking(resource: ResourceComparison) -> bool:
    """Whether a dry-run could still find this resource in sync: it is there on both sides and is said to differ.

    A prediction knows neither webhooks nor every default of the server, so that what it finds to be equal is equal, while
    a difference may be of the server's making.
    """
    return resource.status is SyncStatus.OUT_OF_SYNC and resource.target is not None and resource.live is not None
