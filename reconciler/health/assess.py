"""The health of one object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.apiservice import assess_apiservice
from reconciler.health.application import assess_application
from reconciler.health.daemonset import assess_daemonset
from reconciler.health.deployment import assess_deployment
from reconciler.health.fields import FieldTypeError
from reconciler.health.horizontalpodautoscaler import assess_horizontalpodautoscaler
from reconciler.health.ingress import assess_ingress
from reconciler.health.job import assess_job
from reconciler.health.persistentvolumeclaim import assess_persistentvolumeclaim
from reconciler.health.pod import assess_pod
from reconciler.health.replicaset import assess_replicaset
from reconciler.health.service import assess_service
from reconciler.health.statefulset import assess_statefulset
from reconciler.health.workflow import assess_workflow
from reconciler.manifest.objects import GroupVersionKind, metadata_of
from reconciler.terms import ARGO_GROUP, FINALIZER_HOOK, HealthStatus


@dataclass(frozen=True, slots=True)
class _Rule:
    """``versions`` empty means any."""

    assess: Callable[[Mapping[str, Any]], Health]
    versions: frozenset[str] = frozenset({"v1"})


_ANY: Final[frozenset[str]] = frozenset()

_RULES: Final[Mapping[tuple[str, str], _Rule]] = MappingProxyType(
    {
        ("apps", "Deployment"): _Rule(assess_deployment),
        ("apps", "StatefulSet"): _Rule(assess_statefulset),
        ("apps", "DaemonSet"): _Rule(assess_daemonset),
        ("apps", "ReplicaSet"): _Rule(assess_replicaset),
        ("", "Pod"): _Rule(assess_pod),
        ("", "Service"): _Rule(assess_service),
        ("", "PersistentVolumeClaim"): _Rule(assess_persistentvolumeclaim),
        ("networking.k8s.io", "Ingress"): _Rule(assess_ingress, _ANY),
        ("extensions", "Ingress"): _Rule(assess_ingress, _ANY),
        ("batch", "Job"): _Rule(assess_job),
        ("autoscaling", "HorizontalPodAutoscaler"): _Rule(
            assess_horizontalpodautoscaler, frozenset({"v1", "v2beta1", "v2beta2", "v2"})
        ),
        ("apiregistration.k8s.io", "APIService"): _Rule(assess_apiservice, frozenset({"v1", "v1beta1"})),
        (ARGO_GROUP, "Application"): _Rule(assess_application, _ANY),
        (ARGO_GROUP, "Workflow"): _Rule(assess_workflow, _ANY),
    }
)


def assess_health(obj: Mapping[str, Any]) -> Health | None:
    """The health of a live object, or None when its kind has no rule.

    An object that is being deleted is progressing, unless it is a hook whose outcome a sync still waits for. A status
    that is older than the spec never makes an object healthy. A status that does not fit its kind is Unknown, with the
    field that does not fit.

    Source: gitops-engine/pkg/health/health.go, argo-cd 37ee009.
    """
    if _is_being_deleted(obj):
        return Health(HealthStatus.PROGRESSING, "Pending deletion")
    gvk = GroupVersionKind.of(obj)
    rule = _RULES.get((gvk.group, gvk.kind))
    if rule is None:
        return None
    if rule.versions and gvk.version not in rule.versions:
        message = f"unsupported {gvk.kind} GVK: {gvk.api_version}, Kind={gvk.kind}"
        return Health(HealthStatus.UNKNOWN, message)
    try:
        return rule.assess(obj)
    except FieldTypeError as error:
        return Health(HealthStatus.UNKNOWN, f"failed to convert unstructured {gvk.kind} to typed: {error}")


def _is_being_deleted(obj: Mapping[str, Any]) -> bool:
    metadata = metadata_of(obj)
    finalizers = metadata.get("finalizers")
    held_by_sync = isinstance(finalizers, list) and FINALIZER_HOOK in finalizers
    return metadata.get("deletionTimestamp") is not None and not held_by_sync
