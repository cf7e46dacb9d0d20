"""The one comparison: what would a sync leave, and how does that differ from what is there."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.diff.fields import diff_objects
from reconciler.diff.normalize import comparable, normalize_target
from reconciler.diff.records import ABSENT, FieldDifference, ResourceComparison
from reconciler.diff.secrets import Masker, is_secret
from reconciler.errors import ReconcilerError
from reconciler.manifest import OpenApi, predict_apply
from reconciler.manifest.objects import Manifest, ResourceKey
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
    shown = {"target": masker.mask_object(target), "live": masker.mask_object(live)}
    try:
        predicted = _predict(live, normalize_target(target), openapi)
    except ReconcilerError as error:
        return ResourceComparison(key, version, SyncStatus.UNKNOWN, **shown, reason=str(error), wave=wave)
    differences = diff_objects(comparable(predicted), comparable(live), owned=live, openapi=openapi)
    if is_secret(live):
        differences = tuple(_masked(difference, masker) for difference in differences)
    status = SyncStatus.OUT_OF_SYNC if differences else SyncStatus.SYNCED
    return ResourceComparison(
        key, version, status, **shown, predicted=masker.mask_object(predicted), differences=differences, wave=wave
    )


def _predict(live: Mapping[str, Any], target: Manifest, openapi: OpenApi) -> Manifest:
    prediction = predict_apply(live, target, field_manager=FIELD_MANAGER, force=True, openapi=openapi)
    return prediction.object


def _masked(difference: FieldDifference, masker: Masker) -> FieldDifference:
    fields = tuple(difference.path.removeprefix("$.").split("."))
    return replace(
        difference,
        target=masker.mask_value(fields, difference.target),
        live=masker.mask_value(fields, difference.live),
    )
