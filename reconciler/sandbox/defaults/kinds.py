"""Defaults by kind, applied in place to a decoded object."""

from base64 import b64encode
from collections.abc import Callable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.defaults import policies, workloads
from reconciler.sandbox.defaults.pods import default_pod, fill
from reconciler.sandbox.store import GroupResource

_PROTOCOL: Final = "TCP"


def apply_defaults(storage: GroupResource, obj: Manifest) -> None:
    """Fill what the API server fills when it decodes an object of a built-in kind; other kinds stay as they are."""
    rule = _RULES.get(storage)
    if rule is not None:
        rule(obj)


def _pod(obj: Manifest) -> None:
    default_pod(obj.setdefault("spec", {}))
    status = obj.get("status") or {}
    if status.get("podIP") and not status.get("podIPs"):
        status["podIPs"] = [{"ip": status["podIP"]}]


def _service(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, sessionAffinity="None", type="ClusterIP")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        timeout = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
        if timeout is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports") or ():
        fill(port, protocol=_PROTOCOL)
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    external = spec["type"] in ("NodePort", "LoadBalancer")
    if external or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        fill(spec, externalTrafficPolicy="Cluster")
    if external or spec["type"] == "ClusterIP":
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] == "LoadBalancer":
        fill(spec, allocateLoadBalancerNodePorts=True)
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def _secret(obj: Manifest) -> None:
    fill(obj, type="Opaque")
    texts = obj.pop("stringData", None)
    if texts:
        encoded = {key: b64encode(value.encode()).decode() for key, value in texts.items()}
        obj["data"] = {**(obj.get("data") or {}), **encoded}


def _namespace(obj: Manifest) -> None:
    name = obj["metadata"].get("name")
    if name:
        labels = obj["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = name
    fill(obj.setdefault("status", {}), phase="Active")


def _endpoints(obj: Manifest) -> None:
    for subset in obj.get("subsets") or ():
        for port in subset.get("ports") or ():
            fill(port, protocol=_PROTOCOL)


def _endpoint_slice(obj: Manifest) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        fill(port, protocol=_PROTOCOL)


def _claim(obj: Manifest) -> None:
    fill(obj.setdefault("spec", {}), volumeMode="Filesystem")
    fill(obj.setdefault("status", {}), phase="Pending")


def _volume(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, persistentVolumeReclaimPolicy="Retain", volumeMode="Filesystem")
    if "hostPath" in spec:
        spec["hostPath"].setdefault("type", "")
    fill(obj.setdefault("status", {}), phase="Pending")


def _limit_range(obj: Manifest) -> None:
    for item in (obj.get("spec") or {}).get("limits") or ():
        if item.get("type") == "Container":
            limits = {**item.get("max", {}), **item.get("default", {})}
            requests = {**item.get("min", {}), **limits, **item.get("defaultRequest", {})}
            item.update({key: value for key, value in (("default", limits), ("defaultRequest", requests)) if value})


def _replication_controller(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if labels:
        fill(spec, selector=dict(labels))
        if not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)
    fill(spec, replicas=1)
    if template:
        workloads.default_template(template)


def _node(obj: Manifest) -> None:
    status = obj.get("status") or {}
    if "capacity" in status:
        status.setdefault("allocatable", dict(status["capacity"]))


_RULES: Final[dict[GroupResource, Callable[[Manifest], None]]] = {
    GroupResource("", "pods"): _pod,
    GroupResource("", "podtemplates"): lambda obj: workloads.default_template(obj.setdefault("template", {})),
    GroupResource("", "services"): _service,
    GroupResource("", "secrets"): _secret,
    GroupResource("", "namespaces"): _namespace,
    GroupResource("", "endpoints"): _endpoints,
    GroupResource("", "persistentvolumeclaims"): _claim,
    GroupResource("", "persistentvolumes"): _volume,
    GroupResource("", "limitranges"): _limit_range,
    GroupResource("", "replicationcontrollers"): _replication_controller,
    GroupResource("", "nodes"): _node,
    GroupResource("discovery.k8s.io", "endpointslices"): _endpoint_slice,
    **workloads.RULES,
    **policies.RULES,
}
