"""The tables of pods and workloads.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go, v1.37.
"""

from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.selectors import selector_text
from reconciler.sandbox.store import GroupResource
from reconciler.sandbox.tables.cells import NONE, Cells, Columns, age, field_of, human_duration, image_columns, since


def _pod(pod: Manifest, now: datetime) -> list[Any]:
    statuses = field_of(pod, "status.containerStatuses", [])
    total = len(field_of(pod, "spec.containers", []))
    ready = sum(bool(status.get("ready")) for status in statuses)
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    return [
        f"{ready}/{total}",
        pod_reason(pod),
        str(restarts),
        age(pod, now),
        field_of(pod, "status.podIP", NONE),
        field_of(pod, "spec.nodeName", NONE),
        NONE,
        NONE,
    ]


def pod_reason(pod: Manifest) -> str:
    """The STATUS column of a pod."""
    reason = str(field_of(pod, "status.reason", "") or field_of(pod, "status.phase", "Unknown"))
    init = _init_reason(pod)
    if init:
        reason = init
    else:
        for status in reversed(field_of(pod, "status.containerStatuses", [])):
            waiting, ended = (
                field_of(status, "state.waiting.reason", ""),
                field_of(status, "state.terminated.reason", ""),
            )
            reason = waiting or ended or reason
        if reason == "Completed" and any(
            field_of(status, "state.running", None) for status in field_of(pod, "status.containerStatuses", [])
        ):
            reason = "Running"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else reason


def _init_reason(pod: Manifest) -> str:
    statuses = field_of(pod, "status.initContainerStatuses", [])
    for index, status in enumerate(statuses):
        ended = field_of(status, "state.terminated", None)
        if (ended and ended.get("exitCode") == 0) or (status.get("started") and status.get("ready")):
            continue
        if ended:
            return f"Init:{ended.get('reason') or 'ExitCode:' + str(ended.get('exitCode'))}"
        waiting = field_of(status, "state.waiting.reason", "")
        return f"Init:{waiting}" if waiting not in ("", "PodInitializing") else f"Init:{index}/{len(statuses)}"
    return ""


def _deployment(obj: Manifest, now: datetime) -> list[Any]:
    wanted, status = field_of(obj, "spec.replicas"), field_of(obj, "status", {})
    ready = f"{status.get('readyReplicas', 0)}/{wanted}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    selector = selector_text(field_of(obj, "spec.selector", {}))
    return [ready, *counts, age(obj, now), *image_columns(obj["spec"]), selector]


def _replica_set(obj: Manifest, now: datetime) -> list[Any]:
    counts = [field_of(obj, "spec.replicas"), field_of(obj, "status.replicas"), field_of(obj, "status.readyReplicas")]
    return [*counts, age(obj, now), *image_columns(obj["spec"]), selector_text(field_of(obj, "spec.selector", {}))]


def _stateful_set(obj: Manifest, now: datetime) -> list[Any]:
    ready = f"{field_of(obj, 'status.readyReplicas')}/{field_of(obj, 'spec.replicas')}"
    return [ready, age(obj, now), *image_columns(obj["spec"])]


def _daemon_set(obj: Manifest, now: datetime) -> list[Any]:
    names = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    counts = [field_of(obj, f"status.{name}") for name in names]
    nodes = ",".join(
        f"{key}={value}" for key, value in sorted(field_of(obj, "spec.template.spec.nodeSelector", {}).items())
    )
    selector = selector_text(field_of(obj, "spec.selector", {}))
    return [*counts, nodes or NONE, age(obj, now), *image_columns(obj["spec"]), selector]


def _job(obj: Manifest, now: datetime) -> list[Any]:
    status = field_of(obj, "status", {})
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    states = (
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
    )
    state = next((shown for kind, shown in states if conditions.get(kind) == "True"), "Running")
    if obj["metadata"].get("deletionTimestamp"):
        state = "Terminating"
    completions = field_of(obj, "spec.completions", None)
    done = status.get("succeeded", 0)
    text = f"{done}/{completions}" if completions is not None else f"{done}/1 of {field_of(obj, 'spec.parallelism', 1)}"
    duration = ""
    if status.get("startTime"):
        end = status.get("completionTime")
        start = datetime.fromisoformat(status["startTime"])
        duration = human_duration(((datetime.fromisoformat(end) if end else now) - start).total_seconds())
    return [
        state,
        text,
        duration,
        age(obj, now),
        *image_columns(obj["spec"]),
        selector_text(field_of(obj, "spec.selector", {})),
    ]


def _cron_job(obj: Manifest, now: datetime) -> list[Any]:
    spec, last = obj["spec"], field_of(obj, "status.lastScheduleTime", "")
    suspend = bool(spec.get("suspend"))
    active = len(field_of(obj, "status.active", []))
    seen = since(last, now) if last else NONE
    images = image_columns(field_of(spec, "jobTemplate.spec", {}))
    return [spec.get("schedule"), spec.get("timeZone", NONE), suspend, active, seen, age(obj, now), *images, NONE]


def _replication_controller(obj: Manifest, now: datetime) -> list[Any]:
    counts = [field_of(obj, "spec.replicas"), field_of(obj, "status.replicas"), field_of(obj, "status.readyReplicas")]
    selector = selector_text({"matchLabels": field_of(obj, "spec.selector", {})})
    return [*counts, age(obj, now), *image_columns(obj["spec"]), selector]


def _controller_revision(obj: Manifest, now: datetime) -> list[Any]:
    owner = next(iter(obj["metadata"].get("ownerReferences") or ()), None)
    shown = f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else NONE
    return [shown, obj.get("revision"), age(obj, now)]


_TEMPLATE: Final = ("Containers+", "Images+", "Selector+")
WORKLOAD_CELLS: Final[dict[GroupResource, tuple[Columns, Cells]]] = {
    GroupResource("", "pods"): (
        ("Ready", "Status", "Restarts", "Age", "IP+", "Node+", "Nominated Node+", "Readiness Gates+"),
        _pod,
    ),
    GroupResource("", "replicationcontrollers"): (
        ("#Desired", "#Current", "#Ready", "Age", *_TEMPLATE),
        _replication_controller,
    ),
    GroupResource("apps", "deployments"): (("Ready", "Up-to-date", "Available", "Age", *_TEMPLATE), _deployment),
    GroupResource("apps", "replicasets"): (("#Desired", "#Current", "#Ready", "Age", *_TEMPLATE), _replica_set),
    GroupResource("apps", "statefulsets"): (("Ready", "Age", "Containers+", "Images+"), _stateful_set),
    GroupResource("apps", "controllerrevisions"): (("Controller", "Revision", "Age"), _controller_revision),
    GroupResource("apps", "daemonsets"): (
        ("#Desired", "#Current", "#Ready", "#Up-to-date", "#Available", "Node Selector", "Age", *_TEMPLATE),
        _daemon_set,
    ),
    GroupResource("batch", "jobs"): (("Status", "Completions", "Duration", "Age", *_TEMPLATE), _job),
    GroupResource("batch", "cronjobs"): (
        ("Schedule", "Timezone", "?Suspend", "#Active", "Last Schedule", "Age", *_TEMPLATE),
        _cron_job,
    ),
}
