"""The rules on Services, configuration, claims, Ingresses, RBAC and policies.

Source: k8s.io/kubernetes/pkg/apis/*/validation, v1.37.
"""

from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.status import (
    Cause,
    duplicate,
    field_forbidden,
    invalid_value,
    not_supported,
    quote,
    required,
)
from reconciler.sandbox.validation.names import config_key_errors, label_errors, subdomain_errors
from reconciler.sandbox.validation.workloads import IMMUTABLE

_PORT_RANGE: Final = "must be between 1 and 65535, inclusive"
_SERVICE_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_SECRET_KEYS: Final = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}


def validate_service(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    ports = spec.get("ports") or []
    kind = spec.get("type")
    causes = []
    if not ports and kind != "ExternalName" and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    if kind == "ExternalName" and not spec.get("externalName"):
        causes.append(required("spec.externalName"))
    if spec.get("clusterIP") == "None" and kind in ("NodePort", "LoadBalancer"):
        why = f"may not be set to 'None' for {kind} services"
        causes.append(invalid_value("spec.clusterIPs[0]", "None", why))
    seen: set[str] = set()
    for index, port in enumerate(ports):
        causes += _service_port(port, f"spec.ports[{index}]", seen, several=len(ports) > 1)
    affinities = ("ClientIP", "None")
    if spec.get("sessionAffinity") not in affinities:
        causes.append(not_supported("spec.sessionAffinity", spec.get("sessionAffinity"), affinities))
    if kind not in _SERVICE_TYPES:
        causes.append(not_supported("spec.type", kind, _SERVICE_TYPES))
    causes += _duplicate_ports(ports)
    policy = spec.get("externalTrafficPolicy")
    external = kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and spec.get("externalIPs"))
    if policy and not external:
        why = "may only be set for externally-accessible services"
        causes.append(invalid_value("spec.externalTrafficPolicy", policy, why))
    return causes


def _service_port(port: Manifest, field: str, seen: set[str], *, several: bool) -> list[Cause]:
    causes = []
    name = port.get("name") or ""
    if several and not name:
        causes.append(required(f"{field}.name"))
    elif name:
        causes += [invalid_value(f"{field}.name", name, error) for error in label_errors(name)]
        if name in seen:
            causes.append(duplicate(f"{field}.name", name))
        seen.add(name)
    number = port.get("port", 0)
    if not 0 < number < 65536:
        causes.append(invalid_value(f"{field}.port", number, _PORT_RANGE))
    protocols = ("SCTP", "TCP", "UDP")
    if port.get("protocol") not in protocols:
        causes.append(not_supported(f"{field}.protocol", port.get("protocol"), protocols))
    target = port.get("targetPort")
    if isinstance(target, int) and not 0 < target < 65536:
        causes.append(invalid_value(f"{field}.targetPort", target, _PORT_RANGE))
    return causes


def _duplicate_ports(ports: list[Manifest]) -> list[Cause]:
    causes = []
    seen = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            # The real server prints its own struct, of which only these two members are filled.
            port_text = f'"Protocol":{quote(key[0])},"AppProtocol":null,"Port":{quote(key[1])}'
            text = f'Duplicate value: {{"Name":"",{port_text},"TargetPort":0,"NodePort":0}}'
            causes.append(Cause("FieldValueDuplicate", text, f"spec.ports[{index}]"))
        seen.add(key)
    return causes


def service_update(obj: Manifest, live: Manifest) -> list[Cause]:
    new, old = obj.get("spec") or {}, live.get("spec") or {}
    if "ExternalName" in (new.get("type"), old.get("type")):
        return []
    # An update that leaves the address out keeps it.
    if old.get("clusterIP") and new.get("clusterIP") and new["clusterIP"] != old["clusterIP"]:
        return [invalid_value("spec.clusterIPs[0]", [new["clusterIP"]], "may not change once set")]
    return []


def validate_config_map(obj: Manifest) -> list[Cause]:
    causes = []
    for key in sorted(obj.get("data") or {}):
        causes += [invalid_value(f"data[{key}]", key, error) for error in config_key_errors(key)]
        if key in (obj.get("binaryData") or {}):
            causes.append(invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData"))
    for key in sorted(obj.get("binaryData") or {}):
        causes += [invalid_value(f"binaryData[{key}]", key, error) for error in config_key_errors(key)]
    return causes


def immutable_data_update(obj: Manifest, live: Manifest) -> list[Cause]:
    if not live.get("immutable"):
        return []
    why = "field is immutable when `immutable` is set"
    causes = [] if obj.get("immutable") else [field_forbidden("immutable", why)]
    return causes + [field_forbidden(key, why) for key in ("data", "binaryData") if obj.get(key) != live.get(key)]


def validate_secret(obj: Manifest) -> list[Cause]:
    causes = []
    data = obj.get("data") or {}
    for key in sorted(data):
        causes += [invalid_value(f"data[{key}]", key, error) for error in config_key_errors(key)]
    for key in _SECRET_KEYS.get(obj.get("type") or "", ()):
        if key not in data:
            causes.append(required(f"data[{key}]"))
    return causes


def secret_update(obj: Manifest, live: Manifest) -> list[Cause]:
    causes = immutable_data_update(obj, live)
    if obj.get("type") != live.get("type"):
        causes.append(invalid_value("type", obj.get("type"), IMMUTABLE))
    return causes


def validate_claim(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    causes = []
    if not spec.get("accessModes"):
        causes.append(required("spec.accessModes", "at least 1 access mode is required"))
    if "storage" not in ((spec.get("resources") or {}).get("requests") or {}):
        causes.append(required("spec.resources[storage]"))
    return causes


def claim_update(obj: Manifest, live: Manifest) -> list[Cause]:
    def fixed(spec: Manifest) -> Manifest:
        ignored = ("resources", "volumeName", "volumeAttributesClassName")
        return {key: value for key, value in spec.items() if key not in ignored}

    if fixed(obj.get("spec") or {}) == fixed(live.get("spec") or {}):
        return []
    why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
    return [field_forbidden("spec", why)]


def validate_ingress(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    rules = spec.get("rules") or []
    causes = []
    if not rules and spec.get("defaultBackend") is None:
        causes.append(invalid_value("spec", None, "either `defaultBackend` or `rules` must be specified"))
    for index, rule in enumerate(rules):
        field = f"spec.rules[{index}]"
        host = (rule.get("host") or "").removeprefix("*.")
        if host:
            causes += [invalid_value(f"{field}.host", rule["host"], error) for error in subdomain_errors(host)]
        http = rule.get("http")
        if http is not None and not http.get("paths"):
            causes.append(required(f"{field}.http.paths"))
        for number, path in enumerate((http or {}).get("paths") or ()):
            causes += _ingress_path(path, f"{field}.http.paths[{number}]")
    return causes


def _ingress_path(path: Manifest, field: str) -> list[Cause]:
    kinds = ("Exact", "ImplementationSpecific", "Prefix")
    kind = path.get("pathType")
    if not kind:
        return [required(f"{field}.pathType", "pathType must be specified")]
    if kind not in kinds:
        return [not_supported(f"{field}.pathType", kind, kinds)]
    text = path.get("path") or ""
    if kind != "ImplementationSpecific" and not text.startswith("/"):
        return [invalid_value(f"{field}.path", text, "must be an absolute path")]
    return []


def validate_role(obj: Manifest) -> list[Cause]:
    causes = []
    for index, rule in enumerate(obj.get("rules") or ()):
        field = f"rules[{index}]"
        if not rule.get("nonResourceURLs"):
            if not rule.get("apiGroups"):
                causes.append(required(f"{field}.apiGroups", "resource rules must supply at least one api group"))
            if not rule.get("resources"):
                causes.append(required(f"{field}.resources", "resource rules must supply at least one resource"))
        if not rule.get("verbs"):
            causes.append(required(f"{field}.verbs"))
    return causes


def validate_binding(obj: Manifest) -> list[Cause]:
    role = obj.get("roleRef") or {}
    kinds = ("Role", "ClusterRole") if obj.get("kind") == "RoleBinding" else ("ClusterRole",)
    causes = []
    if role.get("kind") not in kinds:
        causes.append(not_supported("roleRef.kind", role.get("kind") or "", kinds))
    for index, subject in enumerate(obj.get("subjects") or ()):
        field = f"subjects[{index}]"
        supported = ("ServiceAccount", "User", "Group")
        if subject.get("kind") not in supported:
            causes.append(not_supported(f"{field}.kind", subject.get("kind") or "", supported))
        if not subject.get("name"):
            causes.append(required(f"{field}.name"))
        # A RoleBinding's own namespace stands in.
        cluster_wide = obj.get("kind") == "ClusterRoleBinding"
        if subject.get("kind") == "ServiceAccount" and cluster_wide and not subject.get("namespace"):
            causes.append(required(f"{field}.namespace"))
    return causes if role.get("name") else [*causes, required("roleRef.name")]


def binding_update(obj: Manifest, live: Manifest) -> list[Cause]:
    if obj.get("roleRef") == live.get("roleRef"):
        return []
    return [invalid_value("roleRef", obj.get("roleRef"), "cannot change roleRef")]


def validate_disruption_budget(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    if spec.get("minAvailable") is None or spec.get("maxUnavailable") is None:
        return []
    shown = {key[0].upper() + key[1:]: value for key, value in spec.items()}
    return [invalid_value("spec", shown, "minAvailable and maxUnavailable cannot be both set")]


def validate_autoscaler(obj: Manifest) -> list[Cause]:
    spec = obj.get("spec") or {}
    target = spec.get("scaleTargetRef") or {}
    causes = []
    if spec.get("maxReplicas", 0) < spec.get("minReplicas", 1):
        why = "must be greater than or equal to `minReplicas`"
        causes.append(invalid_value("spec.maxReplicas", spec.get("maxReplicas", 0), why))
    return causes + [required(f"spec.scaleTargetRef.{key}") for key in ("kind", "name") if not target.get(key)]
