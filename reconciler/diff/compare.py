"""The one comparison: what would a sync leave, and how does that differ from what is there."""

from dataclasses import replace

from reconciler.diff.fields import Change, diff_fields
from reconciler.diff.normalize import comparable, normalize_target
from reconciler.diff.records import ABSENT, FieldDifference, ResourceComparison
from reconciler.diff.secrets import Masker, is_secret
from reconciler.errors import ConflictError, ReconcilerError, SpecError
from reconciler.manifest import OpenApi, Ownership, predict_apply
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.manifest.openapi import DEDUCED
from reconciler.terms import FIELD_MANAGER, SyncStatus

ROOT = "$"


def compare_resource(
    key: ResourceKey,
    version: str,
    target: Manifest | None,
    live: Manifest | None,
    *,
    openapi: OpenApi,
    masker: Masker,
    wave: int = 0,
) -> ResourceComparison:
    """Compare one resource by predicting its server-side apply.

    Fields that the target does not set and that a sync would not remove are no difference: defaults and what other managers
    own stay out of it. Where the prediction fails the answer is Unknown with the reason.
    """
    if target is None or live is None:
        missing = FieldDifference(ROOT, ABSENT if target is None else "present", ABSENT if live is None else "present")
        return ResourceComparison(
            key=key,
            version=version,
            status=SyncStatus.OUT_OF_SYNC,
            target=masker.mask_object(target) if target is not None else None,
            live=masker.mask_object(live) if live is not None else None,
            differences=(missing,),
            wave=wave,
        )
    compared = ResourceComparison(
        key=key,
        version=version,
        status=SyncStatus.SYNCED,
        target=masker.mask_object(target),
        live=masker.mask_object(live),
        wave=wave,
    )
    try:
        predicted = _predict(live, normalize_target(target), openapi)
    except ReconcilerError as error:
        return replace(compared, status=SyncStatus.UNKNOWN, reason=str(error))
    schema = openapi.schema(GroupVersionKind.of(target)) or DEDUCED
    changes = diff_fields(schema, comparable(predicted), comparable(live))
    differences = _with_owners(list(changes), live, openapi, masker)
    return replace(
        compared,
        status=SyncStatus.OUT_OF_SYNC if differences else SyncStatus.SYNCED,
        predicted=masker.mask_object(predicted),
        differences=differences,
    )


def _predict(live: Manifest, target: Manifest, openapi: OpenApi) -> Manifest:
    prediction = predict_apply(live, target, field_manager=FIELD_MANAGER, force=True, openapi=openapi)
    if prediction.object is None:
        raise ConflictError(prediction.message)
    return prediction.object


def _with_owners(
    changes: list[Change], live: Manifest, openapi: OpenApi, masker: Masker
) -> tuple[FieldDifference, ...]:
    """The changes as records: who owns each live field since when, secret values masked."""
    if not changes:
        return ()
    try:
        ownership = Ownership(live, openapi)
    except SpecError:
        # managedFields that cannot be read tell no owner; the difference stands all the same.
        ownership = Ownership({})
    secret = is_secret(live)
    differences = []
    for change in changes:
        owner = max(ownership.owners_of(change.path), key=lambda entry: str(entry.time or ""), default=None)
        target, value = change.target, change.live
        if secret:
            target, value = masker.mask_value(change.path, target), masker.mask_value(change.path, value)
        differences.append(
            FieldDifference(
                path=str(change.path),
                target=target,
                live=value,
                manager=owner.manager if owner else "",
                operation=owner.operation if owner else "",
                changed_at=owner.time if owner else None,
            )
        )
    return tuple(differences)
