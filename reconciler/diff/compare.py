"""The one comparison: what would a sync leave, and how does that differ from what is there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from reconciler.diff.client_side import migrated_ownership
from reconciler.diff.fields import Change, diff_fields
from reconciler.diff.ignore import Found, JqPort, assign_rules, find_ignored
from reconciler.diff.known_types import is_same_by_type
from reconciler.diff.normalize import comparable, is_aggregated, normalize_target
from reconciler.diff.places import path_steps, pointer_text
from reconciler.diff.records import ABSENT, FieldDifference, ResourceComparison, UnusedRule
from reconciler.diff.rules import NO_RULES, RBAC_GROUP, CompareRules, IgnoreRule, RuleForm
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer, without_mutations
from reconciler.diff.settings import ANNOTATION_IGNORE_DIFFERENCES, annotation_rules, includes_webhooks
from reconciler.errors import ConflictError, ReconcilerError, SpecError
from reconciler.manifest import OpenApi, Ownership, predict_apply
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, is_secret, metadata_of
from reconciler.manifest.schema import DEDUCED, Schema
from reconciler.terms import FIELD_MANAGER, SyncStatus

ROOT: Final = "$"
_AGGREGATED: Final = IgnoreRule(
    RuleForm.JSON_POINTER,
    "/rules",
    "argocd-cm resource.compareoptions ignoreAggregatedRoles",
    RBAC_GROUP,
    "ClusterRole",
    built_in=True,
)


def compare_resource(
    key: ResourceKey,
    version: str,
    target: Manifest | None,
    live: Manifest | None,
    *,
    openapi: OpenApi,
    masker: Masker,
    wave: int = 0,
    rules: CompareRules = NO_RULES,
    jq: JqPort | None = None,
    answer: ServerAnswer | None = None,
) -> ResourceComparison:
    """Compare one resource by predicting its server-side apply, or by what the API server answered to a dry-run of it.

    Fields that the target does not set and that a sync would not remove are no difference: defaults and what other managers
    own stay out of it. Differences that a rule hides are there and do not count. Where the prediction or a rule fails the
    answer is Unknown with the reason.

    Parameters
    ----------
    rules
        What is ignored; the target's own annotation adds to it.
    jq
        Evaluates the expressions among the rules.
    answer
        The API server's answer to a dry-run, for server-side diff.
    """
    compared = ResourceComparison(
        key=key,
        version=version,
        status=SyncStatus.SYNCED,
        target=masker.mask_object(target) if target is not None else None,
        live=masker.mask_object(live) if live is not None else None,
        wave=wave,
    )
    try:
        matching = _matching(rules, key, target, live)
        if target is None or live is None:
            return _one_sided(compared, target, live, matching, openapi=openapi, jq=jq)
        predicted = _predicted(live, target, openapi, answer)
    except ReconcilerError as error:
        return replace(compared, status=SyncStatus.UNKNOWN, reason=str(error))
    if predicted is live and not matching:
        return replace(compared, predicted=compared.live)
    reverts = answer is not None and not includes_webhooks(rules, target)
    pair = _Pair(key, GroupVersionKind.of(target), predicted, live, openapi, rules, reverts=reverts)
    return _concluded(compared, pair, matching, masker, jq)


@dataclass(slots=True)
class _Pair:
    """A predicted and a live object on their way to a verdict."""

    key: ResourceKey
    gvk: GroupVersionKind
    predicted: Manifest
    live: Manifest
    openapi: OpenApi
    rules: CompareRules
    #: Set aside what only webhooks and other managers would write.
    reverts: bool

    @property
    def schema(self) -> Schema:
        return self.openapi.schema(self.gvk) or DEDUCED

    def sides(self) -> tuple[Manifest, Manifest]:
        keep = self.rules.options.keeps_status(self.key)
        return comparable(self.predicted, keep_status=keep), comparable(self.live, keep_status=keep)

    def differ(self, target: Any, live: Any) -> Iterator[Change]:
        return diff_fields(self.schema, target, live, predicted=True)

    def changes(self) -> list[Change]:
        """The changes that count but for ignore rules."""
        changes = list(self.differ(*self.sides()))
        if changes and self.reverts:
            changes, self.predicted = without_mutations(changes, self.predicted, self.live, self.openapi)
        known = self.rules.known_in(self.key) if changes else ()
        return [change for change in changes if not is_same_by_type(change, known)] if known else changes


def _matching(
    rules: CompareRules, key: ResourceKey, target: Manifest | None, live: Manifest | None
) -> tuple[IgnoreRule, ...]:
    matching = rules.ignored_in(key) if rules.ignore else ()
    if target is not None:
        annotations = metadata_of(target).get("annotations")
        if annotations and ANNOTATION_IGNORE_DIFFERENCES in annotations:
            matching += annotation_rules(target)
    if rules.options.ignore_aggregated_roles and any(obj is not None and is_aggregated(obj) for obj in (target, live)):
        matching += (_AGGREGATED,)
    return matching


def _one_sided(
    compared: ResourceComparison,
    target: Manifest | None,
    live: Manifest | None,
    matching: Sequence[IgnoreRule],
    *,
    openapi: OpenApi,
    jq: JqPort | None,
) -> ResourceComparison:
    """A missing object, which any sync creates, or an extra one, which only a sync with prune removes."""
    obj = normalize_target(target) if target is not None else live
    assert obj is not None
    found = find_ignored(matching, [obj], live=live, openapi=openapi, jq=jq, secret=is_secret(obj))
    difference = FieldDifference(
        ROOT, ABSENT if target is None else "present", ABSENT if live is None else "present", synced=target is not None
    )
    return replace(_with_usage(compared, found), status=SyncStatus.OUT_OF_SYNC, differences=(difference,))


def _predicted(live: Manifest, target: Manifest, openapi: OpenApi, answer: ServerAnswer | None) -> Manifest:
    if answer is not None:
        if answer.object is None:
            raise SpecError(answer.reason)
        return answer.object
    base = migrated_ownership(live, openapi)
    prediction = predict(base, target, openapi)
    return live if prediction is base else prediction


def predict(live: Manifest, target: Manifest, openapi: OpenApi) -> Manifest:
    """What a sync would leave of the live object.

    Raises
    ------
    SpecError
        When it cannot be predicted.
    """
    applied = normalize_target(target)
    prediction = predict_apply(live, applied, field_manager=FIELD_MANAGER, force=True, openapi=openapi)
    if prediction.object is None:
        raise ConflictError(prediction.message)
    return prediction.object


def _concluded(
    compared: ResourceComparison, pair: _Pair, matching: Sequence[IgnoreRule], masker: Masker, jq: JqPort | None
) -> ResourceComparison:
    changes = pair.changes()
    found = []
    if matching:
        objects = [pair.predicted, pair.live]
        secret = is_secret(pair.live)
        found = find_ignored(matching, objects, live=pair.live, openapi=pair.openapi, jq=jq, secret=secret)
        compared = _with_usage(compared, found)
        failed = "; ".join(f"{entry.rule.label}: {entry.error}" for entry in found if entry.error)
        if failed:
            return replace(compared, status=SyncStatus.UNKNOWN, reason=f"an ignore rule cannot be applied: {failed}")
    hidden = assign_rules(changes, found, *pair.sides(), pair.differ) if changes and found else {}
    return replace(
        compared,
        status=SyncStatus.OUT_OF_SYNC if len(hidden) < len(changes) else SyncStatus.SYNCED,
        predicted=masker.mask_object(pair.predicted) if pair.predicted is not pair.live else compared.live,
        differences=_explained(changes, hidden, pair, masker),
    )


def _with_usage(compared: ResourceComparison, found: Sequence[Found]) -> ResourceComparison:
    own = f"annotation {ANNOTATION_IGNORE_DIFFERENCES}"
    unused: list[UnusedRule] = [
        entry.rule.unused(touched=True)
        for entry in found
        if not entry.used and not entry.error and entry.rule.origin == own
    ]
    return replace(
        compared,
        rules_used=tuple(entry.rule.label for entry in found if entry.used or entry.error),
        unused_rules=tuple(unused),
    )


def _explained(
    changes: Sequence[Change], hidden: dict[Any, str], pair: _Pair, masker: Masker
) -> tuple[FieldDifference, ...]:
    """The changes as records: who owns each live field since when, which rule hides it, secret values masked."""
    if not changes:
        return ()
    try:
        ownership = Ownership(pair.live, pair.openapi)
    except SpecError:
        # managedFields that cannot be read tell no owner; the difference stands all the same.
        ownership = Ownership({})
    mask = masker.mask_value if is_secret(pair.live) else masker.mask_last_applied
    differences = []
    for change in changes:
        owner = max(ownership.owners_of(change.path), key=lambda entry: str(entry.time or ""), default=None)
        steps = path_steps(pair.live, change.path) or path_steps(pair.predicted, change.path) or ()
        label = hidden.get(change.path, "")
        differences.append(
            FieldDifference(
                path=str(change.path),
                target=mask(change.path, change.target),
                live=mask(change.path, change.live),
                manager=owner.manager if owner else "",
                operation=owner.operation if owner else "",
                changed_at=owner.time if owner else None,
                ignored_by=label,
                pointer=pointer_text(steps),
                synced=not (label and pair.rules.respect),
            )
        )
    return tuple(differences)
