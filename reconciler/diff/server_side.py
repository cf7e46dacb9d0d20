"""Server-side diff: what the API server itself answered to a dry-run of the apply, in place of our prediction.

Source: gitops-engine/pkg/diff/diff.go (serverSideDiff, removeWebhookMutation), argo-cd 37ee009.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.diff.client_side import migrated_ownership
from reconciler.diff.fields import Change
from reconciler.diff.places import path_steps, with_value, without
from reconciler.diff.records import ABSENT, ResourceComparison
from reconciler.errors import SpecError
from reconciler.manifest import FieldPath, OpenApi, Ownership
from reconciler.manifest.objects import Manifest
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

    Mutating webhooks own nothing of what they write, so that their additions are set aside with what others own.
    """
    try:
        after, before = Ownership(predicted, openapi), Ownership(migrated_ownership(live, openapi), openapi)
    except SpecError:
        return list(changes), predicted
    kept, result = [], predicted
    for change in changes:
        # A field that left Git is the server's default in the answer, and nobody's; it was ours before.
        if _is_ours(before, change.path) or _is_ours(after, change.path):
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


def is_worth_asking(resource: ResourceComparison) -> bool:
    """Whether a dry-run could still find this resource in sync: it is there on both sides and is said to differ.

    A prediction knows neither webhooks nor every default of the server, so that what it finds to be equal is equal, while
    a difference may be of the server's making.
    """
    return resource.status is SyncStatus.OUT_OF_SYNC and resource.target is not None and resource.live is not None
