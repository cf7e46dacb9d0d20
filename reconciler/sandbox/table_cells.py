"""What stands in the cells of each kind's table."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.selectors import selector_text
from reconciler.sandbox.store import GroupResource

Cells = Callable[[Manifest, datetime], list[Any]]
Columns = Sequence[str]
_NONE: Final = "<none>"
_UNITS: Final = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"))


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows it: two units at most, and only one when it is long.

    Source: k8s.io/apimachinery/pkg/util/duration/duration.go.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if minutes < 10:
        return _two(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    years = days // 365
    return _two(years, "y", days % 365, "d") if years < 8 else f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def age(obj: Manifest, now: datetime) -> str:
    created = obj["metadata"].get("creationTimestamp")
    return since(created, now) if created else "<unknown>"


def since(text: str, now: datetime) -> str:
    return human_duration((now - datetime.fromisoformat(text)).total_seconds())


def _created(obj: Manifest, _: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp")]


def _age_only(obj: Manifest, now: datetime) -> list[Any]:
    return [age(obj, now)]


def _of(obj: Manifest, path: str, default: Any = 0) -> Any:
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return default if value is None else value


def _images(spec: Manifest) -> list[str]:
    containers = _of(spec, "template.spec.containers", [])
    names = ",".join(container.get("name", "") for container in containers)
    return [names, ",".join(container.get("image", "") for container in containers)]


def _pod(pod: Manifest, now: datetime) -> list[Any]:
    statuses = _of(pod, "status.containerStatuses", [])
    total = len(_of(pod, "spec.containers", []))
    ready = sum(bool(status.get("ready")) for status in statuses)
    restarts = sum(status.get("restartCount", 0) for status in statuses)
    return [
        f"{ready}/{total}",
        pod_reason(pod),
        str(restarts),
        age(pod, now),
        _of(pod, "status.podIP", _NONE),
        _of(pod, "spec.nodeName", _NONE),
        _NONE,
        _NONE,
    ]


def pod_reason(pod: Manifest) -> str:
    """The STATUS column of a pod."""
    reason = str(_of(pod, "status.reason", "") or _of(pod, "status.phase", "Unknown"))
    init = _init_reason(pod)
    if init:
        reason = init
    else:
        for status in reversed(_of(pod, "status.containerStatuses", [])):
            waiting, ended = _of(status, "state.waiting.reason", ""), _of(status, "state.terminated.reason", "")
            reason = waiting or ended or reason
        if reason == "Completed" and any(_of(status, "state.running", None) for status in _of(pod, "status.containerStatuses", [])):
            reason = "Running"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else reason


def _init_reason(pod: Manifest) -> str:
    statuses = _of(pod, "status.initContainerStatuses", [])
    for index, status in enumerate(statuses):
        ended = _of(status, "state.terminated", None)
        if (ended and ended.get("exitCode") == 0) or status.get("started") and status.get("ready"):
            continue
        if ended:
            return f"Init:{ended.get('reason') or 'ExitCode:' + str(ended.get('exitCode'))}"
        waiting = _of(status, "state.waiting.reason", "")
        return f"Init:{waiting}" if waiting not in ("", "PodInitializing") else f"Init:{index}/{len(statuses)}"
    return ""


def _deployment(obj: Manifest, now: datetime) -> list[Any]:
    wanted, status = _of(obj, "spec.replicas"), _of(obj, "status", {})
    ready = f"{status.get('readyReplicas', 0)}/{wanted}"
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0)]
    selector = selector_text(_of(obj, "spec.selector", {}))
    return [ready, *counts, age(obj, now), *_images(obj["spec"]), selector]


def _replica_set(obj: Manifest, now: datetime) -> list[Any]:
    counts = [_of(obj, "spec.replicas"), _of(obj, "status.replicas"), _of(obj, "status.readyReplicas")]
    return [*counts, age(obj, now), *_images(obj["spec"]), selector_text(_of(obj, "spec.selector", {}))]


def _stateful_set(obj: Manifest, now: datetime) -> list[Any]:
    ready = f"{_of(obj, 'status.readyReplicas')}/{_of(obj, 'spec.replicas')}"
    return [ready, age(obj, now), *_images(obj["spec"])]


def _daemon_set(obj: Manifest, now: datetime) -> list[Any]:
    names = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable")
    counts = [_of(obj, f"status.{name}") for name in names]
    nodes = ",".join(f"{key}={value}" for key, value in sorted(_of(obj, "spec.template.spec.nodeSelector", {}).items()))
    selector = selector_text(_of(obj, "spec.selector", {}))
    return [*counts, nodes or _NONE, age(obj, now), *_images(obj["spec"]), selector]


def _job(obj: Manifest, now: datetime) -> list[Any]:
    status = _of(obj, "status", {})
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or ()}
    states = (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended"), ("FailureTarget", "FailureTarget"))
    state = next((shown for kind, shown in states if conditions.get(kind) == "True"), "Running")
    if obj["metadata"].get("deletionTimestamp"):
        state = "Terminating"
    completions = _of(obj, "spec.completions", None)
    done = status.get("succeeded", 0)
    text = f"{done}/{completions}" if completions is not None else f"{done}/1 of {_of(obj, 'spec.parallelism', 1)}"
    duration = ""
    if status.get("startTime"):
        end = status.get("completionTime")
        start = datetime.fromisoformat(status["startTime"])
        duration = human_duration(((datetime.fromisoformat(end) if end else now) - start).total_seconds())
    return [state, text, duration, age(obj, now), *_images(obj["spec"]), selector_text(_of(obj, "spec.selector", {}))]


def _cron_job(obj: Manifest, now: datetime) -> list[Any]:
    spec, last = obj["spec"], _of(obj, "status.lastScheduleTime", "")
    suspend = str(spec.get("suspend", False)).capitalize()
    active = len(_of(obj, "status.active", []))
    seen = since(last, now) if last else _NONE
    images = _images(_of(spec, "jobTemplate.spec", {}))
    return [spec.get("schedule"), spec.get("timeZone", _NONE), suspend, active, seen, age(obj, now), *images, _NONE]


def _service(obj: Manifest, now: datetime) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(
        f"{port['port']}" + (f":{port['nodePort']}" if port.get("nodePort") else "") + f"/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    external = _external(obj)
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    address = spec.get("clusterIP") or _NONE
    return [spec.get("type"), address, external, ports or _NONE, age(obj, now), selector or _NONE]


def _external(service: Manifest) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        ingress = _of(service, "status.loadBalancer.ingress", [])
        addresses = [entry.get("ip") or entry.get("hostname", "") for entry in ingress] + addresses
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or _NONE


def _ingress(obj: Manifest, now: datetime) -> list[Any]:
    spec = obj["spec"]
    hosts = ",".join(rule["host"] for rule in spec.get("rules") or () if rule.get("host"))
    addresses = ",".join(
        entry.get("ip") or entry.get("hostname", "") for entry in _of(obj, "status.loadBalancer.ingress", [])
    )
    ports = "80, 443" if spec.get("tls") else "80"
    return [spec.get("ingressClassName", _NONE), hosts or "*", addresses, ports, age(obj, now)]


def _config_map(obj: Manifest, now: datetime) -> list[Any]:
    return [len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), age(obj, now)]


def _secret(obj: Manifest, now: datetime) -> list[Any]:
    return [obj.get("type"), len(obj.get("data") or {}), age(obj, now)]


def _phase(obj: Manifest, now: datetime) -> list[Any]:
    return [_of(obj, "status.phase", ""), age(obj, now)]


def _node(obj: Manifest, now: datetime) -> list[Any]:
    ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in _of(obj, "status.conditions", []))
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    roles = ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix)))
    addresses = {entry["type"]: entry["address"] for entry in _of(obj, "status.addresses", [])}
    info = _of(obj, "status.nodeInfo", {})
    state = "Ready" if ready else "NotReady"
    if _of(obj, "spec.unschedulable", default=False):
        state += ",SchedulingDisabled"
    return [
        state,
        roles or _NONE,
        age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", _NONE),
        addresses.get("ExternalIP", _NONE),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _claim(obj: Manifest, now: datetime) -> list[Any]:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    modes = ",".join(short.get(mode, mode) for mode in _of(obj, "status.accessModes", []))
    return [
        _of(obj, "status.phase", ""),
        _of(obj, "spec.volumeName", ""),
        _of(obj, "status.capacity.storage", ""),
        modes,
        _of(obj, "spec.storageClassName", ""),
        _of(obj, "spec.volumeAttributesClassName", "<unset>"),
        age(obj, now),
        _of(obj, "spec.volumeMode", "<unset>"),
    ]


def _event(obj: Manifest, now: datetime) -> list[Any]:
    last = obj.get("lastTimestamp") or obj.get("eventTime") or obj["metadata"]["creationTimestamp"]
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    target = f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}"
    message = str(obj.get("message") or obj.get("note") or "").strip()
    return [since(last, now), obj.get("type"), obj.get("reason"), target, message]


def _binding(obj: Manifest, now: datetime) -> list[Any]:
    role = obj.get("roleRef") or {}
    return [f"{role.get('kind')}/{role.get('name')}", age(obj, now)]


def _network_policy(obj: Manifest, now: datetime) -> list[Any]:
    return [selector_text(_of(obj, "spec.podSelector", {})) or _NONE, age(obj, now)]


def _endpoint_slice(obj: Manifest, now: datetime) -> list[Any]:
    ports = ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"
    addresses = [address for entry in obj.get("endpoints") or () for address in entry.get("addresses") or ()]
    shown = ",".join(addresses[:3]) + (f" + {len(addresses) - 3} more..." if len(addresses) > 3 else "")
    return [obj.get("addressType"), ports, shown or "<unset>", age(obj, now)]


def _autoscaler(obj: Manifest, now: datetime) -> list[Any]:
    spec, target = obj["spec"], _of(obj, "spec.scaleTargetRef", {})
    metrics = _of(spec, "metrics.0", "") or "<unknown>"
    return [
        f"{target.get('kind')}/{target.get('name')}",
        metrics,
        str(spec.get("minReplicas", "<unset>")),
        spec.get("maxReplicas"),
        _of(obj, "status.currentReplicas"),
        age(obj, now),
    ]


def _budget(obj: Manifest, now: datetime) -> list[Any]:
    least, most = _of(obj, "spec.minAvailable", "N/A"), _of(obj, "spec.maxUnavailable", "N/A")
    return [str(least), str(most), _of(obj, "status.disruptionsAllowed"), age(obj, now)]


def _lease(obj: Manifest, now: datetime) -> list[Any]:
    return [_of(obj, "spec.holderIdentity", ""), age(obj, now)]


def _storage_class(obj: Manifest, now: datetime) -> list[Any]:
    expansion = bool(obj.get("allowVolumeExpansion"))
    return [obj.get("provisioner"), obj.get("reclaimPolicy"), obj.get("volumeBindingMode"), expansion, age(obj, now)]


NAME_AND_CREATED: Final[tuple[Columns, Cells]] = (("Created At",), _created)
_NAME_AND_AGE: Final[tuple[Columns, Cells]] = (("Age",), _age_only)
_TEMPLATE: Final = ("Containers+", "Images+", "Selector+")
_RBAC: Final = "rbac.authorization.k8s.io"
CELLS: Final[dict[GroupResource, tuple[Columns, Cells]]] = {
    GroupResource("", "pods"): (
        ("Ready", "Status", "Restarts", "Age", "IP+", "Node+", "Nominated Node+", "Readiness Gates+"),
        _pod,
    ),
    GroupResource("", "services"): (("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector+"), _service),
    GroupResource("", "configmaps"): (("#Data", "Age"), _config_map),
    GroupResource("", "secrets"): (("Type", "#Data", "Age"), _secret),
    GroupResource("", "namespaces"): (("Status", "Age"), _phase),
    GroupResource("", "serviceaccounts"): _NAME_AND_AGE,
    GroupResource("", "nodes"): (
        (
            "Status",
            "Roles",
            "Age",
            "Version",
            "Internal-IP+",
            "External-IP+",
            "OS-Image+",
            "Kernel-Version+",
            "Container-Runtime+",
        ),
        _node,
    ),
    GroupResource("", "persistentvolumeclaims"): (
        ("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age", "VolumeMode+"),
        _claim,
    ),
    GroupResource("", "events"): (("Last Seen", "Type", "Reason", "Object", "Message"), _event),
    GroupResource("events.k8s.io", "events"): (("Last Seen", "Type", "Reason", "Object", "Message"), _event),
    GroupResource("apps", "deployments"): (
        ("Ready", "#Up-to-date", "#Available", "Age", *_TEMPLATE),
        _deployment,
    ),
    GroupResource("apps", "replicasets"): (("#Desired", "#Current", "#Ready", "Age", *_TEMPLATE), _replica_set),
    GroupResource("apps", "statefulsets"): (("Ready", "Age", "Containers+", "Images+"), _stateful_set),
    GroupResource("apps", "daemonsets"): (
        ("#Desired", "#Current", "#Ready", "#Up-to-date", "#Available", "Node Selector", "Age", *_TEMPLATE),
        _daemon_set,
    ),
    GroupResource("batch", "jobs"): (("Status", "Completions", "Duration", "Age", *_TEMPLATE), _job),
    GroupResource("batch", "cronjobs"): (
        ("Schedule", "Timezone", "Suspend", "#Active", "Last Schedule", "Age", *_TEMPLATE),
        _cron_job,
    ),
    GroupResource("networking.k8s.io", "ingresses"): (("Class", "Hosts", "Address", "Ports", "Age"), _ingress),
    GroupResource("networking.k8s.io", "networkpolicies"): (("Pod-Selector", "Age"), _network_policy),
    GroupResource("discovery.k8s.io", "endpointslices"): (("AddressType", "Ports", "Endpoints", "Age"), _endpoint_slice),
    GroupResource("autoscaling", "horizontalpodautoscalers"): (
        ("Reference", "Targets", "MinPods", "#MaxPods", "#Replicas", "Age"),
        _autoscaler,
    ),
    GroupResource("policy", "poddisruptionbudgets"): (
        ("Min Available", "Max Unavailable", "#Allowed Disruptions", "Age"),
        _budget,
    ),
    GroupResource("coordination.k8s.io", "leases"): (("Holder", "Age"), _lease),
    GroupResource("storage.k8s.io", "storageclasses"): (
        ("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"),
        _storage_class,
    ),
    GroupResource(_RBAC, "rolebindings"): (("Role", "Age"), _binding),
    GroupResource(_RBAC, "clusterrolebindings"): (("Role", "Age"), _binding),
}
