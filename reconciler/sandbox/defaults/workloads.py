"""Defaults of the kinds that hold pod templates.

Source: k8s.io/kubernetes/pkg/apis/apps/v1/defaults.go and pkg/apis/batch/v1/defaults.go, v1.37.
"""

from collections.abc import Callable
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.defaults.pods import default_pod_spec, fill
from reconciler.sandbox.store import GroupResource

TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"
_NO_LIMIT: Final = 2**31 - 1


def default_template(template: Manifest) -> None:
    default_pod_spec(template.setdefault("spec", {}))


def _spec_with_template(obj: Manifest) -> Any:
    spec = obj.setdefault("spec", {})
    default_template(spec.setdefault("template", {}))
    return spec


def _deployment(obj: Manifest) -> None:
    spec = _spec_with_template(obj)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = spec.setdefault("strategy", {})
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable="25%", maxSurge="25%")


def _replica_set(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, replicas=1)
    if "template" in spec:
        default_template(spec["template"])


def _daemon_set(obj: Manifest) -> None:
    spec = _spec_with_template(obj)
    # Its value is the server's; that it is there at all comes from the conversion to this version.
    obj["metadata"].setdefault("annotations", {}).setdefault(TEMPLATE_GENERATION, "0")
    strategy = spec.setdefault("updateStrategy", {})
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(strategy, rollingUpdate={})
        fill(strategy["rollingUpdate"], maxUnavailable=1, maxSurge=0)
    fill(spec, revisionHistoryLimit=10)


def _stateful_set(obj: Manifest) -> None:
    spec = _spec_with_template(obj)
    fill(spec, podManagementPolicy="OrderedReady", replicas=1, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        fill(strategy, rollingUpdate={})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        fill(strategy["rollingUpdate"], partition=0, maxUnavailable=1)
    fill(spec, persistentVolumeClaimRetentionPolicy={})
    fill(spec["persistentVolumeClaimRetentionPolicy"], whenDeleted="Retain", whenScaled="Retain")
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.update(apiVersion="v1", kind="PersistentVolumeClaim")
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
        fill(claim.setdefault("status", {}), phase="Pending")


def _job(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    default_job_spec(spec)
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    fill(spec, parallelism=1, completionMode="NonIndexed", suspend=False, manualSelector=False)
    fill(spec, backoffLimit=6 if spec.get("backoffLimitPerIndex") is None else _NO_LIMIT)
    fill(spec, podReplacementPolicy="Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


def default_job_spec(spec: Manifest) -> None:
    """What a job's spec gets inside a CronJob, too."""
    default_template(spec.setdefault("template", {}))
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            fill(pattern, status="True")


def _cron_job(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1)
    default_job_spec(spec.setdefault("jobTemplate", {}).setdefault("spec", {}))


RULES: Final[dict[GroupResource, Callable[[Manifest], None]]] = {
    GroupResource("apps", "deployments"): _deployment,
    GroupResource("apps", "replicasets"): _replica_set,
    GroupResource("apps", "daemonsets"): _daemon_set,
    GroupResource("apps", "statefulsets"): _stateful_set,
    GroupResource("batch", "jobs"): _job,
    GroupResource("batch", "cronjobs"): _cron_job,
}
