"""Comparisons as frames: applications, resources, and drift as one row a field."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gitops_nb.frames.columns import (
    APPLICATION_COLUMNS,
    DRIFT_COLUMNS,
    RESOURCE_COLUMNS,
    UNUSED_RULE_COLUMNS,
    key_columns,
    make_frame,
)
from reconciler.diff.records import ABSENT, Comparison, FieldDifference, ResourceComparison
from reconciler.formatting import plain_value
from reconciler.formatting.differences import drifted
from reconciler.formatting.states import ResourceState, state_of
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import ARGO_GROUP, SyncStatus

if TYPE_CHECKING:
    import pandas as pd


def applications_frame(comparisons: Sequence[Comparison]) -> "pd.DataFrame":
    """One row an application, in the order given.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``namespace`` (of the Application), ``project``, ``destination``, ``revision``, ``status``, ``health``
        and ``health_message`` string; ``resources`` (hooks left out), ``out_of_sync``, ``missing``, ``extra``,
        ``unknown`` and ``differences`` (fields, ignored ones left out) Int64; ``source_types``, ``reason`` and
        ``warnings`` string, several joined by ``"; "``; ``compared_at`` datetime64[ns, UTC].
    """
    return make_frame([_application_row(comparison) for comparison in comparisons], APPLICATION_COLUMNS)


def resources_frame(comparisons: Comparison | Sequence[Comparison]) -> "pd.DataFrame":
    """One row a resource, in the comparison's order.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``kind``, ``group``, ``version``, ``namespace``, ``name``, ``status``, ``state`` (unknown, changed,
        missing, extra, in sync, hook), ``health`` (NA for a kind without a rule), ``health_message`` and ``reason``
        string; ``differences`` (ignored ones left out), ``wave`` Int64; ``hook``, ``requires_pruning`` boolean.
    """
    rows = [
        {
            "app": comparison.application,
            **key_columns(resource.key),
            "version": resource.version,
            "status": resource.status.value,
            "state": state_of(resource).value,
            "health": resource.health.status.value if resource.health else None,
            "health_message": resource.health.message if resource.health else None,
            "reason": resource.reason,
            "differences": len(drifted(resource)),
            "wave": resource.wave,
            "hook": resource.hook,
            "requires_pruning": resource.requires_pruning,
        }
        for comparison in _several(comparisons)
        for resource in comparison.resources
    ]
    return make_frame(rows, RESOURCE_COLUMNS)


def drift_frame(comparisons: Comparison | Sequence[Comparison], *, hidden: bool = False) -> "pd.DataFrame":
    """One row a field that differs between target and live, in the comparison's order; hooks are left out.

    An extra and a missing object have one row with path ``$`` and the object itself on the side where it is. What could
    not be compared has one row with path ``$``, status Unknown and the reason: it is never left out.

    Parameters
    ----------
    hidden
        Also the differences that an ignore rule hides; ``ignored_by`` names it.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``kind``, ``group``, ``namespace``, ``name``, ``status``, ``path``
        (``$.spec.template.spec.containers[name="web"].image``), ``pointer`` (the same as a JSON pointer; empty for the
        whole object) string; ``target`` and ``live`` object: JSON values with None for null, NA for an absent field and
        ``(masked …)`` for a secret; ``manager`` and ``operation`` string, of the live field; ``changed_at``
        datetime64[ns, UTC]; ``ignored_by`` (the rule; empty where the difference counts) string; ``synced`` (whether a
        sync would make live what target is; NA where that is unknown) boolean; ``reason`` string.
    """
    rows: list[Mapping[str, Any]] = []
    for comparison in _several(comparisons):
        if comparison.status is SyncStatus.UNKNOWN and not any(
            resource.status is SyncStatus.UNKNOWN for resource in comparison.resources
        ):
            rows.append(_unknown_application_row(comparison))
        for resource in comparison.resources:
            if not resource.hook or resource.status is SyncStatus.UNKNOWN:
                found = (each for each in _field_rows(resource) if hidden or not each.ignored_by)
                rows += (_drift_row(comparison, resource, difference) for difference in found)
    return make_frame(rows, DRIFT_COLUMNS)


def unused_rules_frame(comparisons: Comparison | Sequence[Comparison]) -> "pd.DataFrame":
    """One row an ignore rule that found nothing, in the comparison's order.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``rule`` (``spec.ignoreDifferences[0].jsonPointers: /spec/replicas``), ``origin`` (where it is written)
        and ``reason`` string.
    """
    rows = [
        {"app": comparison.application, "rule": rule.rule, "origin": rule.origin, "reason": rule.reason}
        for comparison in _several(comparisons)
        for rule in comparison.unused_rules
    ]
    return make_frame(rows, UNUSED_RULE_COLUMNS)


def _several(comparisons: Comparison | Sequence[Comparison]) -> Sequence[Comparison]:
    return [comparisons] if isinstance(comparisons, Comparison) else comparisons


def _application_row(comparison: Comparison) -> Mapping[str, Any]:
    resources = [resource for resource in comparison.resources if not resource.hook]
    states = [state_of(resource) for resource in resources]
    return {
        "app": comparison.application,
        "namespace": comparison.namespace,
        "project": comparison.project,
        "destination": comparison.destination,
        "revision": comparison.revision,
        "status": comparison.status.value,
        "health": comparison.health.status.value,
        "health_message": comparison.health.message,
        "resources": len(resources),
        "out_of_sync": sum(resource.status is SyncStatus.OUT_OF_SYNC for resource in resources),
        "missing": states.count(ResourceState.MISSING),
        "extra": states.count(ResourceState.EXTRA),
        "unknown": states.count(ResourceState.UNKNOWN),
        "differences": sum(len(drifted(resource)) for resource in resources),
        "source_types": "; ".join(comparison.source_types),
        "reason": comparison.reason,
        "warnings": "; ".join(comparison.warnings),
        "compared_at": comparison.compared_at,
    }


def _field_rows(resource: ResourceComparison) -> Sequence[FieldDifference]:
    state = state_of(resource)
    if state in (ResourceState.MISSING, ResourceState.EXTRA):
        target = ABSENT if resource.target is None else resource.target
        live = ABSENT if resource.live is None else resource.live
        ignored_by = "IgnoreExtraneous" if resource.ignore_extraneous else ""
        return [FieldDifference("$", target, live, ignored_by=ignored_by, synced=state is ResourceState.MISSING)]
    if state is ResourceState.UNKNOWN and not resource.differences:
        return [FieldDifference("$", ABSENT, ABSENT)]
    return resource.differences


def _drift_row(comparison: Comparison, resource: ResourceComparison, difference: FieldDifference) -> Mapping[str, Any]:
    return {
        "app": comparison.application,
        **key_columns(resource.key),
        "status": resource.status.value,
        "path": difference.path,
        "pointer": difference.pointer,
        "target": _cell(difference.target),
        "live": _cell(difference.live),
        "manager": difference.manager,
        "operation": difference.operation,
        "changed_at": difference.changed_at,
        "ignored_by": difference.ignored_by,
        "synced": None if resource.status is SyncStatus.UNKNOWN else difference.synced,
        "reason": resource.reason,
    }


def _unknown_application_row(comparison: Comparison) -> Mapping[str, Any]:
    import pandas as pd

    return {
        "app": comparison.application,
        **key_columns(ResourceKey(ARGO_GROUP, "Application", comparison.namespace, comparison.application)),
        "status": comparison.status.value,
        "path": "$",
        "pointer": "",
        "target": pd.NA,
        "live": pd.NA,
        "manager": "",
        "operation": "",
        "changed_at": None,
        "ignored_by": "",
        "synced": None,
        "reason": comparison.reason,
    }


def _cell(value: Any) -> Any:
    import pandas as pd

    return pd.NA if value is ABSENT else plain_value(value)
