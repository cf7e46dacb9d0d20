"""Which rules hold for which kind."""

from collections.abc import Callable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.status import Cause, field_forbidden
from reconciler.sandbox.store import GroupResource
from reconciler.sandbox.validation import others, workloads
from reconciler.sandbox.validation.pods import validate_pod_spec

Rule = Callable[[Manifest], list[Cause]]
UpdateRule = Callable[[Manifest, Manifest], list[Cause]]


def validate_create(storage: GroupResource, obj: Manifest) -> list[Cause]:
    """Check a built-in object beyond its schema and metadata."""
    rule = _RULES.get(storage)
    return rule(obj) if rule is not None else []


def validate_update(storage: GroupResource, obj: Manifest, live: Manifest) -> list[Cause]:
    """Check an update: the object itself, and what may not change."""
    rule = _UPDATES.get(storage)
    changes = rule(obj, live) if rule is not None else []
    causes = validate_create(storage, obj)
    return changes + causes if storage in _CHANGES_FIRST else causes + changes


def _pod(obj: Manifest) -> list[Cause]:
    return validate_pod_spec(obj.get("spec") or {}, "spec")


def _pod_update(obj: Manifest, live: Manifest) -> list[Cause]:
    if _fixed(obj) == _fixed(live):
        return []
    why = (
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [field_forbidden("spec", why)]


def _fixed(pod: Manifest) -> Manifest:
    """What of a pod's spec may not change; binding to a node is the scheduler's."""
    spec = {
        key: value
        for key, value in (pod.get("spec") or {}).items()
        if key not in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds", "nodeName")
    }
    for key in ("containers", "initContainers"):
        if key in spec:
            spec[key] = [{**container, "image": ""} for container in spec[key]]
    return spec


def _workload(kind: str) -> GroupResource:
    return GroupResource("apps", kind)


_CHANGES_FIRST: Final = frozenset([GroupResource("", "secrets"), GroupResource("", "services")])
_RBAC: Final = "rbac.authorization.k8s.io"
_RULES: Final[dict[GroupResource, Rule]] = {
    GroupResource("", "pods"): _pod,
    GroupResource("", "services"): others.validate_service,
    GroupResource("", "configmaps"): others.validate_config_map,
    GroupResource("", "secrets"): others.validate_secret,
    GroupResource("", "persistentvolumeclaims"): others.validate_claim,
    _workload("deployments"): workloads.validate_deployment,
    _workload("replicasets"): workloads.validate_replica_set,
    _workload("statefulsets"): workloads.validate_stateful_set,
    _workload("daemonsets"): workloads.validate_daemon_set,
    GroupResource("batch", "jobs"): workloads.validate_job,
    GroupResource("batch", "cronjobs"): workloads.validate_cron_job,
    GroupResource("networking.k8s.io", "ingresses"): others.validate_ingress,
    GroupResource(_RBAC, "roles"): others.validate_role,
    GroupResource(_RBAC, "clusterroles"): others.validate_role,
    GroupResource(_RBAC, "rolebindings"): others.validate_binding,
    GroupResource(_RBAC, "clusterrolebindings"): others.validate_binding,
    GroupResource("policy", "poddisruptionbudgets"): others.validate_disruption_budget,
    GroupResource("autoscaling", "horizontalpodautoscalers"): others.validate_autoscaler,
}
_UPDATES: Final[dict[GroupResource, UpdateRule]] = {
    GroupResource("", "pods"): _pod_update,
    GroupResource("", "services"): others.service_update,
    GroupResource("", "configmaps"): others.immutable_data_update,
    GroupResource("", "secrets"): others.secret_update,
    GroupResource("", "persistentvolumeclaims"): others.claim_update,
    _workload("deployments"): workloads.selector_update,
    _workload("replicasets"): workloads.selector_update,
    _workload("daemonsets"): workloads.selector_update,
    _workload("statefulsets"): workloads.stateful_set_update,
    GroupResource("batch", "jobs"): workloads.job_update,
    GroupResource(_RBAC, "rolebindings"): others.binding_update,
    GroupResource(_RBAC, "clusterrolebindings"): others.binding_update,
}
