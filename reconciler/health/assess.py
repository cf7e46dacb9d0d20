"""The health of one object."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from reconciler.diff.records import Health
from reconciler.health.apiservice import assess_apiservice
from reconciler.health.application import assess_application
from reconciler.health.bundled import as_customizations
from reconciler.health.customizations import Customizations
from reconciler.health.customresourcedefinition import assess_customresourcedefinition
from reconciler.health.daemonset import assess_daemonset
from reconciler.health.deployment import assess_deployment
from reconciler.health.fields import FieldTypeError
from reconciler.health.horizontalpodautoscaler import assess_horizontalpodautoscaler
from reconciler.health.ingress import assess_ingress
from reconciler.health.job import assess_job
from reconciler.health.kstatus import assess_by_conventions
from reconciler.health.persistentvolumeclaim import assess_persistentvolumeclaim
from reconciler.health.pod import assess_pod
from reconciler.health.replicaset import assess_replicaset
from reconciler.health.scripts import ScriptRunner, assess_by_script
from reconciler.health.service import assess_service
from reconciler.health.statefulset import assess_statefulset
from reconciler.health.workflow import assess_workflow
from reconciler.manifest.objects import GroupVersionKind, metadata_of
from reconciler.scripts import default_scripts
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
        ("apiextensions.k8s.io", "CustomResourceDefinition"): _Rule(assess_customresourcedefinition, _ANY),
        (ARGO_GROUP, "Application"): _Rule(assess_application, _ANY),
        (ARGO_GROUP, "Workflow"): _Rule(assess_workflow, _ANY),
    }
)


def assess_health(
    obj: Mapping[str, Any],
    *,
    customizations: Customizations | Path | str | None = None,
    runner: ScriptRunner | None = None,
) -> Health | None:
    """The health of a live object, or None when nothing says what it is.

    An object that is being deleted is progressing, unless it is a hook whose outcome a sync still waits for. Then the
    first of these decides: a script for its kind; the rule of its kind; the conventions that all kinds follow
    (`assess_by_conventions`), unless they are switched off. A script that returns nil leaves the object to its kind's
    rule. A script that fails, or a status that does not fit its kind, makes the object Unknown and the message says why.

    Parameters
    ----------
    customizations
        Scripts by kind (`load_customizations`, `parse_customizations`), or a directory of them, which is read at each
        call and comes before our own. None for no scripts at all.
    runner
        Runs the scripts; else the worker processes of this process.

    Raises
    ------
    UsageError
        When the directory cannot be read.

    Source: gitops-engine/pkg/health/health.go, argo-cd 37ee009.
    """
    if _is_being_deleted(obj):
        return Health(HealthStatus.PROGRESSING, "Pending deletion")
    chosen = as_customizations(customizations)
    gvk = GroupVersionKind.of(obj)
    script, rule = chosen.health_script(gvk), _RULES.get((gvk.group, gvk.kind))
    if script is not None and (found := assess_by_script(script, obj, runner or default_scripts())) is not None:
        return found
    if rule is not None:
        return _by_rule(rule, gvk, obj)
    return assess_by_conventions(obj) if chosen.kstatus and script is None else None


def _by_rule(rule: _Rule, gvk: GroupVersionKind, obj: Mapping[str, Any]) -> Health:
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
