"""Health of a HorizontalPodAutoscaler."""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.fields import FieldTypeError, mappings, text
from reconciler.manifest.objects import GroupVersionKind, annotations_of
from reconciler.terms import HealthStatus

_CONDITIONS_ANNOTATION: Final = "autoscaling.alpha.kubernetes.io/conditions"
"""Where autoscaling/v1, whose schema has no conditions, keeps them."""

_SCALING_FAILURES: Final = frozenset({"InvalidSelector", "InvalidMetricSourceType", "FailedComputeMetricsReplicas"})


def assess_horizontalpodautoscaler(obj: Mapping[str, Any]) -> Health:
    """Degraded when it cannot read or scale its target or its metrics, healthy when it is able to scale.

    A failure outweighs a good condition that stands before it (argo-cd pull request 26274).

    Source: gitops-engine/pkg/health/health_hpa.go, argo-cd 37ee009; Kubernetes' pkg/controller/podautoscaler
    for the reasons.
    """
    conditions = _conditions(obj)
    for entry in conditions:
        if _is_degraded(text(entry, "type"), text(entry, "reason")):
            return Health(HealthStatus.DEGRADED, text(entry, "message"))
    for entry in conditions:
        if text(entry, "type") in ("AbleToScale", "ScalingLimited") and text(entry, "status") == "True":
            return Health(HealthStatus.HEALTHY, text(entry, "message"))
    return Health(HealthStatus.PROGRESSING, "Waiting to Autoscale")


def _conditions(obj: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if GroupVersionKind.of(obj).version != "v1":
        return mappings(obj, "status", "conditions")
    path = ("metadata", "annotations", _CONDITIONS_ANNOTATION)
    annotation = annotations_of(obj).get(_CONDITIONS_ANNOTATION, "[]")
    try:
        entries = json.loads(annotation)
    except (ValueError, RecursionError):
        raise FieldTypeError(path, "JSON", annotation) from None
    return mappings({"conditions": entries}, "conditions")


def _is_degraded(kind: str, reason: str) -> bool:
    if kind == "AbleToScale":
        return reason in ("FailedGetScale", "FailedUpdateScale")
    metric = reason.startswith("FailedGet") and reason.endswith("Metric")
    return kind == "ScalingActive" and (metric or reason in _SCALING_FAILURES)
