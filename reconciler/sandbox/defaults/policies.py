"""Defaults of the kinds that neither run pods nor belong to the core group.

Source: k8s.io/kubernetes/pkg/apis/*/v*/defaults.go, v1.37.
"""

from collections.abc import Callable
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.defaults.pods import fill
from reconciler.sandbox.store import GroupResource

_RBAC: Final = "rbac.authorization.k8s.io"
_ADMISSION: Final = "admissionregistration.k8s.io"


def _network_policy(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            fill(port, protocol="TCP")


def _ingress_class(obj: Manifest) -> None:
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters:
        fill(parameters, scope="Cluster")


def _binding(obj: Manifest) -> None:
    fill(obj.setdefault("roleRef", {}), apiGroup=_RBAC)
    for subject in obj.get("subjects") or ():
        if subject.get("kind") in ("User", "Group"):
            fill(subject, apiGroup=_RBAC)


def _storage_class(obj: Manifest) -> None:
    fill(obj, reclaimPolicy="Delete", volumeBindingMode="Immediate")


def _csi_driver(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, attachRequired=True, podInfoOnMount=False, storageCapacity=False, requiresRepublish=False)
    fill(spec, fsGroupPolicy="ReadWriteOnceWithFSType", seLinuxMount=False, preventPodSchedulingIfMissing=False)
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


def _priority_class(obj: Manifest) -> None:
    fill(obj, preemptionPolicy="PreemptLowerPriority")


def _autoscaler_v2(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, minReplicas=1)
    if "metrics" not in spec and "targetCPUUtilizationPercentage" not in spec:
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is not None:
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
        behavior["scaleUp"] = {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [pods, percent],
            **(behavior.get("scaleUp") or {}),
        }
        behavior["scaleDown"] = {"selectPolicy": "Max", "policies": [percent], **(behavior.get("scaleDown") or {})}


def _webhooks(obj: Manifest) -> None:
    mutating = obj.get("kind") == "MutatingWebhookConfiguration"
    for webhook in obj.get("webhooks") or ():
        fill(webhook, failurePolicy="Fail", matchPolicy="Equivalent", timeoutSeconds=10)
        fill(webhook, namespaceSelector={}, objectSelector={})
        if mutating:
            fill(webhook, reinvocationPolicy="Never")
        _default_rules(webhook)
        service = (webhook.get("clientConfig") or {}).get("service")
        if service:
            fill(service, port=443)


def _default_rules(holder: Manifest) -> None:
    for rule in (*(holder.get("rules") or ()), *(holder.get("resourceRules") or ())):
        fill(rule, scope="*")


def _default_match(match: Any) -> None:
    if isinstance(match, dict):
        fill(match, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        _default_rules(match)


def _admission_policy(obj: Manifest) -> None:
    spec = obj.setdefault("spec", {})
    fill(spec, failurePolicy="Fail")
    _default_match(spec.get("matchConstraints"))


def _admission_binding(obj: Manifest) -> None:
    _default_match((obj.get("spec") or {}).get("matchResources"))


def _api_service(obj: Manifest) -> None:
    service = (obj.get("spec") or {}).get("service")
    if service:
        fill(service, port=443)


def _definition(obj: Manifest) -> None:
    """Source: apiextensions-apiserver/pkg/apis/apiextensions/v1/defaults.go."""
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if names.get("kind"):
        fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")
    fill(spec, conversion={"strategy": "None"})
    service = ((spec["conversion"].get("webhook") or {}).get("clientConfig") or {}).get("service")
    if service:
        fill(service, port=443)


RULES: Final[dict[GroupResource, Callable[[Manifest], None]]] = {
    GroupResource("networking.k8s.io", "networkpolicies"): _network_policy,
    GroupResource("networking.k8s.io", "ingressclasses"): _ingress_class,
    GroupResource(_RBAC, "rolebindings"): _binding,
    GroupResource(_RBAC, "clusterrolebindings"): _binding,
    GroupResource("storage.k8s.io", "storageclasses"): _storage_class,
    GroupResource("storage.k8s.io", "csidrivers"): _csi_driver,
    GroupResource("scheduling.k8s.io", "priorityclasses"): _priority_class,
    GroupResource("autoscaling", "horizontalpodautoscalers"): _autoscaler_v2,
    GroupResource(_ADMISSION, "mutatingwebhookconfigurations"): _webhooks,
    GroupResource(_ADMISSION, "validatingwebhookconfigurations"): _webhooks,
    GroupResource(_ADMISSION, "validatingadmissionpolicies"): _admission_policy,
    GroupResource(_ADMISSION, "mutatingadmissionpolicies"): _admission_policy,
    GroupResource(_ADMISSION, "validatingadmissionpolicybindings"): _admission_binding,
    GroupResource(_ADMISSION, "mutatingadmissionpolicybindings"): _admission_binding,
    GroupResource("apiregistration.k8s.io", "apiservices"): _api_service,
    GroupResource("apiextensions.k8s.io", "customresourcedefinitions"): _definition,
}
