"""The rules on Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

Source: k8s.io/kubernetes/pkg/apis/apps/validation and pkg/apis/batch/validation, v1.37.
"""

from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.selectors import matches_selector
from reconciler.sandbox.status import Cause, field_forbidden, invalid_value, not_supported, quote, required
from reconciler.sandbox.validation.names import validate_labels
from reconciler.sandbox.validation.pods import RESTART_POLICIES, validate_pod_spec

IMMUTABLE: Final = "field is immutable"
_STATEFUL_MUTABLE: Final = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _non_negative(spec: Manifest, field: str, *names: str) -> list[Cause]:
    return [
        invalid_value(f"{field}.{name}", spec[name], "must be greater than or equal to 0")
        for name in names
        if isinstance(spec.get(name), int) and spec[name] < 0
    ]


def _template(spec: Manifest, field: str) -> list[Cause]:
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    selector = spec.get("selector")
    causes = []
    empty = not selector or not (selector.get("matchLabels") or selector.get("matchExpressions"))
    if selector is None or (not empty and not matches_selector(selector, labels)):
        why = "`selector` does not match template `labels`"
        causes.append(invalid_value(f"{field}.template.metadata.labels", labels, why))
    causes += validate_labels(labels or {}, f"{field}.template.labels")
    claims = [str(claim["metadata"].get("name", "")) for claim in spec.get("volumeClaimTemplates") or ()]
    return causes + validate_pod_spec(template.get("spec") or {}, f"{field}.template.spec", claims=claims)


def _selector(spec: Manifest, field: str, kind: str) -> list[Cause]:
    selector = spec.get("selector")
    if selector is None:
        return [required(f"{field}.selector")]
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        return [invalid_value(f"{field}.selector", {}, f"empty selector is invalid for {kind}")]
    return []


def _always_restarts(spec: Manifest, field: str) -> list[Cause]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy in RESTART_POLICIES and policy != "Always":
        return [not_supported(f"{field}.template.spec.restartPolicy", policy, ["Always"])]
    return []


def validate_deployment(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = _non_negative(spec, "spec", "replicas") + _selector(spec, "spec", "deployment")
    causes += _template(spec, "spec") + _always_restarts(spec, "spec") + _strategy(spec.get("strategy") or {})
    causes += _non_negative(spec, "spec", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    if spec.get("progressDeadlineSeconds", 1) <= spec.get("minReadySeconds", 0):
        value = spec.get("progressDeadlineSeconds")
        causes.append(invalid_value("spec.progressDeadlineSeconds", value, "must be greater than minReadySeconds"))
    return causes


def _strategy(strategy: Manifest) -> list[Cause]:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate" and rolling is not None:
        why = "may not be specified when strategy `type` is 'Recreate'"
        return [field_forbidden("spec.strategy.rollingUpdate", why)]
    if kind not in ("Recreate", "RollingUpdate"):
        value = f'{{"Type":{quote(kind)},"RollingUpdate":{quote(rolling)}}}'
        text = f'Unsupported value: {value}: supported values: "Recreate", "RollingUpdate"'
        return [Cause("FieldValueNotSupported", text, "spec.strategy")]
    if rolling is not None and _zero(rolling.get("maxSurge")) and _zero(rolling.get("maxUnavailable")):
        value, path = rolling.get("maxUnavailable"), "spec.strategy.rollingUpdate.maxUnavailable"
        return [invalid_value(path, value, "may not be 0 when `maxSurge` is 0")]
    return []


def _zero(value: object) -> bool:
    return value in (0, "0%", None)


def validate_replica_set(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = _non_negative(spec, "spec", "replicas", "minReadySeconds") + _selector(spec, "spec", "replicaset")
    return causes + _template(spec, "spec") + _always_restarts(spec, "spec")


def validate_stateful_set(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    policies = ("OrderedReady", "Parallel")
    if spec.get("podManagementPolicy") not in policies:
        path, value = "spec.podManagementPolicy", spec.get("podManagementPolicy")
        text = f"must be '{policies[0]}' or '{policies[1]}'"
        causes.append(invalid_value(path, value, text) if value else required(path))
    causes += _non_negative(spec, "spec", "replicas", "minReadySeconds") + _selector(spec, "spec", "statefulset")
    return causes + _template(spec, "spec") + _always_restarts(spec, "spec")


def validate_daemon_set(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    selector = spec.get("selector")
    causes = [] if selector is None else _selector(spec, "spec", "daemonset")
    causes += _template(spec, "spec") + _always_restarts(spec, "spec")
    return causes + _non_negative(spec, "spec", "minReadySeconds", "revisionHistoryLimit")


def validate_job(obj: Manifest) -> list[Cause]:
    return validate_job_spec(obj.get("spec") or {}, "spec", generated=not (obj.get("spec") or {}).get("manualSelector"))


def validate_job_spec(spec: Manifest, field: str, *, generated: bool) -> list[Cause]:
    """Check a job's spec, or a CronJob's template of one."""
    names = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished")
    causes = _non_negative(spec, field, *names)
    template = spec.get("template") or {}
    if not generated and spec.get("selector") is None:
        causes.append(required(f"{field}.selector"))
    causes += validate_pod_spec(template.get("spec") or {}, f"{field}.template.spec")
    policy = (template.get("spec") or {}).get("restartPolicy")
    path = f"{field}.template.spec.restartPolicy"
    if policy == "Always":
        causes.append(required(path, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        causes.append(not_supported(path, policy, ["OnFailure", "Never"]))
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        causes.append(required(f"{field}.completions", "when completion mode is Indexed"))
    return causes


def validate_cron_job(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    schedule = spec.get("schedule") or ""
    causes = []
    fields = schedule.split()
    if schedule and not schedule.startswith("@") and len(fields) != 5:
        why = f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
        causes.append(invalid_value("spec.schedule", schedule, why))
    template = (spec.get("jobTemplate") or {}).get("spec") or {}
    causes += validate_job_spec(template, "spec.jobTemplate.spec", generated=True)
    return causes if schedule else [*causes, required("spec.schedule")]


def selector_update(obj: Manifest, live: Manifest) -> list[Cause]:
    """The label selector of a workload cannot change."""
    new, old = (obj.get("spec") or {}).get("selector"), (live.get("spec") or {}).get("selector")
    return [] if new == old else [_immutable("spec.selector", new)]


def job_update(obj: Manifest, live: Manifest) -> list[Cause]:
    new, old = obj.get("spec") or {}, live.get("spec") or {}
    causes = [
        _immutable(f"spec.{key}", new.get(key))
        for key in ("completions", "selector")
        if new.get(key) != old.get(key) and not (key == "completions" and new.get("completionMode") == "Indexed")
    ]
    suspended = bool(old.get("suspend")) and not (live.get("status") or {}).get("startTime")
    if not suspended and new.get("template") != old.get("template"):
        causes.append(_immutable("spec.template", new.get("template")))
    if new.get("completionMode") != old.get("completionMode"):
        causes.append(_immutable("spec.completionMode", new.get("completionMode")))
    return causes


def stateful_set_update(obj: Manifest, live: Manifest) -> list[Cause]:
    new, old = obj.get("spec") or {}, live.get("spec") or {}
    if all(new.get(key) == old.get(key) for key in set(new) | set(old) if key not in _STATEFUL_MUTABLE):
        return []
    names = ", ".join(f"'{name}'" for name in _STATEFUL_MUTABLE[:-1])
    text = f"updates to statefulset spec for fields other than {names} and '{_STATEFUL_MUTABLE[-1]}' are forbidden"
    return [field_forbidden("spec", text)]


def _immutable(field: str, value: object) -> Cause:
    return invalid_value(field, value, IMMUTABLE)
