"""The tables of everything that runs no pods itself.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go, v1.37.
"""

from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.selectors import selector_text
from reconciler.sandbox.store import GroupResource
from reconciler.sandbox.tables.cells import NONE, Cells, Columns, age, field_of, since


def _created(obj: Manifest, _: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp")]


def _age_only(obj: Manifest, now: datetime) -> list[Any]:
    return [age(obj, now)]


def _service(obj: Manifest, now: datetime) -> list[Any]:
    spec = obj["spec"]
    ports = ",".join(
        f"{port['port']}" + (f":{port['nodePort']}" if port.get("nodePort") else "") + f"/{port.get('protocol', 'TCP')}"
        for port in spec.get("ports") or ()
    )
    external = _external(obj)
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    address = spec.get("clusterIP") or NONE
    return [spec.get("type"), address, external, ports or NONE, age(obj, now), selector or NONE]


def _external(service: Manifest) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    addresses = list(spec.get("externalIPs") or ())
    if spec.get("type") == "LoadBalancer":
        ingress = field_of(service, "status.loadBalancer.ingress", [])
        addresses = [entry.get("ip") or entry.get("hostname", "") for entry in ingress] + addresses
        return ",".join(addresses) or "<pending>"
    return ",".join(addresses) or NONE


def _ingress(obj: Manifest, now: datetime) -> list[Any]:
    spec = obj["spec"]
    hosts = ",".join(rule["host"] for rule in spec.get("rules") or () if rule.get("host"))
    addresses = ",".join(
        entry.get("ip") or entry.get("hostname", "") for entry in field_of(obj, "status.loadBalancer.ingress", [])
    )
    ports = "80, 443" if spec.get("tls") else "80"
    return [spec.get("ingressClassName", NONE), hosts or "*", addresses, ports, age(obj, now)]


def _config_map(obj: Manifest, now: datetime) -> list[Any]:
    return [len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), age(obj, now)]


def _secret(obj: Manifest, now: datetime) -> list[Any]:
    return [obj.get("type"), len(obj.get("data") or {}), age(obj, now)]


def _phase(obj: Manifest, now: datetime) -> list[Any]:
    return [field_of(obj, "status.phase", ""), age(obj, now)]


def _node(obj: Manifest, now: datetime) -> list[Any]:
    ready = any(
        entry["type"] == "Ready" and entry["status"] == "True" for entry in field_of(obj, "status.conditions", [])
    )
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    roles = ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix)))
    addresses = {entry["type"]: entry["address"] for entry in field_of(obj, "status.addresses", [])}
    info = field_of(obj, "status.nodeInfo", {})
    state = "Ready" if ready else "NotReady"
    if field_of(obj, "spec.unschedulable", default=False):
        state += ",SchedulingDisabled"
    return [
        state,
        roles or NONE,
        age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _claim(obj: Manifest, now: datetime) -> list[Any]:
    return [
        field_of(obj, "status.phase", ""),
        field_of(obj, "spec.volumeName", ""),
        field_of(obj, "status.capacity.storage", ""),
        ",".join(_SHORT_MODES.get(mode, mode) for mode in field_of(obj, "status.accessModes", [])),
        field_of(obj, "spec.storageClassName", ""),
        field_of(obj, "spec.volumeAttributesClassName", "<unset>"),
        age(obj, now),
        field_of(obj, "spec.volumeMode", "<unset>"),
    ]


def _event(obj: Manifest, now: datetime) -> list[Any]:
    first = obj.get("firstTimestamp") or obj.get("eventTime") or obj["metadata"]["creationTimestamp"]
    last = obj.get("lastTimestamp") or first
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    return [
        since(last, now),
        obj.get("type"),
        obj.get("reason"),
        f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}",
        involved.get("fieldPath", ""),
        field_of(obj, "source.component", obj.get("reportingComponent", "")),
        str(obj.get("message") or obj.get("note") or "").strip(),
        since(first, now),
        obj.get("count", 1),
        obj["metadata"]["name"],
    ]


def _binding(obj: Manifest, now: datetime) -> list[Any]:
    role = obj.get("roleRef") or {}
    names: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or ():
        prefix = f"{subject['namespace']}/" if subject.get("namespace") else ""
        names.setdefault(str(subject.get("kind")), []).append(f"{prefix}{subject.get('name')}")
    subjects = [", ".join(names[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [f"{role.get('kind')}/{role.get('name')}", age(obj, now), *subjects]


def _network_policy(obj: Manifest, now: datetime) -> list[Any]:
    return [selector_text(field_of(obj, "spec.podSelector", {})) or NONE, age(obj, now)]


def _endpoint_slice(obj: Manifest, now: datetime) -> list[Any]:
    ports = ",".join(str(port.get("port", "*")) for port in obj.get("ports") or ()) or "<unset>"
    addresses = [address for entry in obj.get("endpoints") or () for address in entry.get("addresses") or ()]
    shown = ",".join(addresses[:3]) + (f" + {len(addresses) - 3} more..." if len(addresses) > 3 else "")
    return [obj.get("addressType"), ports, shown or "<unset>", age(obj, now)]


def _autoscaler(obj: Manifest, now: datetime) -> list[Any]:
    spec, target = obj["spec"], field_of(obj, "spec.scaleTargetRef", {})
    goals = []
    for metric in spec.get("metrics") or ():
        resource = metric.get("resource") or {}
        goal = resource.get("target") or {}
        share = goal.get("averageUtilization")
        goals.append(
            f"{resource.get('name', 'metric')}: <unknown>/{f'{share}%' if share else goal.get('averageValue', '')}"
        )
    return [
        f"{target.get('kind')}/{target.get('name')}",
        ", ".join(goals) or "<unknown>",
        str(spec.get("minReplicas", "<unset>")),
        spec.get("maxReplicas"),
        field_of(obj, "status.currentReplicas"),
        age(obj, now),
    ]


def _budget(obj: Manifest, now: datetime) -> list[Any]:
    least, most = field_of(obj, "spec.minAvailable", "N/A"), field_of(obj, "spec.maxUnavailable", "N/A")
    return [str(least), str(most), field_of(obj, "status.disruptionsAllowed"), age(obj, now)]


def _lease(obj: Manifest, now: datetime) -> list[Any]:
    return [field_of(obj, "spec.holderIdentity", ""), age(obj, now)]


def _storage_class(obj: Manifest, now: datetime) -> list[Any]:
    expansion = bool(obj.get("allowVolumeExpansion"))
    return [obj.get("provisioner"), obj.get("reclaimPolicy"), obj.get("volumeBindingMode"), expansion, age(obj, now)]


def _volume(obj: Manifest, now: datetime) -> list[Any]:
    claim = field_of(obj, "spec.claimRef", {})
    return [
        field_of(obj, "spec.capacity.storage", ""),
        ",".join(_SHORT_MODES.get(mode, mode) for mode in field_of(obj, "spec.accessModes", [])),
        field_of(obj, "spec.persistentVolumeReclaimPolicy", ""),
        field_of(obj, "status.phase", ""),
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        field_of(obj, "spec.storageClassName", ""),
        field_of(obj, "spec.volumeAttributesClassName", "<unset>"),
        field_of(obj, "status.reason", ""),
        age(obj, now),
        field_of(obj, "spec.volumeMode", "<unset>"),
    ]


def _definition(obj: Manifest, _: datetime) -> list[Any]:
    spec = obj["spec"]
    versions = ",".join(f"{entry['name']}{'(storage)' if entry.get('storage') else ''}" for entry in spec["versions"])
    conditions = {entry["type"]: entry["status"] for entry in field_of(obj, "status.conditions", [])}
    return [
        spec["scope"],
        versions,
        obj["metadata"].get("creationTimestamp"),
        spec["group"],
        spec["names"]["kind"],
        ",".join(spec["names"].get("shortNames") or ()),
        conditions.get("Established") == "True",
    ]


def _endpoints(obj: Manifest, now: datetime) -> list[Any]:
    pairs = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    more = f" + {len(pairs) - 3} more..." if len(pairs) > 3 else ""
    return [",".join(pairs[:3]) + more or NONE, age(obj, now)]


def _quota(obj: Manifest, now: datetime) -> list[Any]:
    hard, used = field_of(obj, "spec.hard", {}), field_of(obj, "status.used", {})
    texts = {key: f"{key}: {used.get(key, '0')}/{value}" for key, value in sorted(hard.items())}
    requests = ", ".join(text for key, text in texts.items() if not key.startswith("limits"))
    return [requests, ", ".join(text for key, text in texts.items() if key.startswith("limits")), age(obj, now)]


def _priority_class(obj: Manifest, now: datetime) -> list[Any]:
    return [obj.get("value", 0), bool(obj.get("globalDefault")), age(obj, now), obj.get("preemptionPolicy", "")]


def _ingress_class(obj: Manifest, now: datetime) -> list[Any]:
    parameters = field_of(obj, "spec.parameters", {})
    shown = f"{parameters.get('kind')}/{parameters.get('name')}" if parameters else NONE
    return [field_of(obj, "spec.controller", NONE), shown, age(obj, now)]


def _webhooks(obj: Manifest, now: datetime) -> list[Any]:
    return [len(obj.get("webhooks") or ()), age(obj, now)]


_SHORT_MODES: Final = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
NAME_AND_CREATED: Final[tuple[Columns, Cells]] = (("@Created At",), _created)
_NAME_AND_AGE: Final[tuple[Columns, Cells]] = (("Age",), _age_only)
_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"
_EVENT_COLUMNS: Final = (
    "Last Seen",
    "Type",
    "Reason",
    "Object",
    "Subobject+",
    "Source+",
    "Message",
    "First Seen+",
    "Count+",
    "Name+",
)
_BINDING: Final[tuple[Columns, Cells]] = (("Role", "Age", "Users+", "Groups+", "ServiceAccounts+"), _binding)
OTHER_CELLS: Final[dict[GroupResource, tuple[Columns, Cells]]] = {
    GroupResource("", "services"): (("Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector+"), _service),
    GroupResource("", "configmaps"): (("Data", "Age"), _config_map),
    GroupResource("", "secrets"): (("Type", "Data", "Age"), _secret),
    GroupResource("", "namespaces"): (("Status", "Age"), _phase),
    GroupResource("", "serviceaccounts"): _NAME_AND_AGE,
    GroupResource("", "resourcequotas"): (("Request", "Limit", "Age"), _quota),
    GroupResource("", "endpoints"): (("Endpoints", "Age"), _endpoints),
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
    GroupResource("", "persistentvolumes"): (
        (
            "Capacity",
            "Access Modes",
            "Reclaim Policy",
            "Status",
            "Claim",
            "StorageClass",
            "VolumeAttributesClass",
            "Reason",
            "Age",
            "VolumeMode+",
        ),
        _volume,
    ),
    GroupResource("", "events"): (_EVENT_COLUMNS, _event),
    GroupResource("events.k8s.io", "events"): (_EVENT_COLUMNS, _event),
    GroupResource("apiextensions.k8s.io", "customresourcedefinitions"): (
        ("Scope", "Versions", "@Created At", "Group+", "Kind+", "ShortNames+", "?Established+"),
        _definition,
    ),
    GroupResource("networking.k8s.io", "ingresses"): (("Class", "Hosts", "Address", "Ports", "Age"), _ingress),
    GroupResource("networking.k8s.io", "ingressclasses"): (("Controller", "Parameters", "Age"), _ingress_class),
    GroupResource("networking.k8s.io", "networkpolicies"): (("Pod-Selector", "Age"), _network_policy),
    GroupResource("discovery.k8s.io", "endpointslices"): (
        ("AddressType", "Ports", "Endpoints", "Age"),
        _endpoint_slice,
    ),
    GroupResource("autoscaling", "horizontalpodautoscalers"): (
        ("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"),
        _autoscaler,
    ),
    GroupResource("policy", "poddisruptionbudgets"): (
        ("Min Available", "Max Unavailable", "#Allowed Disruptions", "Age"),
        _budget,
    ),
    GroupResource("coordination.k8s.io", "leases"): (("Holder", "Age"), _lease),
    GroupResource("scheduling.k8s.io", "priorityclasses"): (
        ("#Value", "?Global-Default", "Age", "PreemptionPolicy"),
        _priority_class,
    ),
    GroupResource("storage.k8s.io", "storageclasses"): (
        ("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"),
        _storage_class,
    ),
    GroupResource(_RBAC, "rolebindings"): _BINDING,
    GroupResource(_RBAC, "clusterrolebindings"): _BINDING,
    GroupResource(_ADMISSION, "mutatingwebhookconfigurations"): (("#Webhooks", "Age"), _webhooks),
    GroupResource(_ADMISSION, "validatingwebhookconfigurations"): (("#Webhooks", "Age"), _webhooks),
}
