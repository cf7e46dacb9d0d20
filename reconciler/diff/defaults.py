"""What the API server fills in again after an apply, where an item or an atomic value is replaced as a whole.

A field that live has and the prediction has not is no drift when its value is the server's default: a sync would leave
exactly that. Any other value is.

Source: k8s.io/kubernetes/pkg/apis/*/v*/defaults.go, v1.37, and the defaults that the cluster's own documents state.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.merge import same

_PREFIX: Final = "io.k8s.api."
_RBAC: Final = "rbac.authorization.k8s.io"
_TCP: Final = {"protocol": "TCP"}
_MODE: Final = {"defaultMode": 0o644}
_NONE: Final[Mapping[str, Any]] = {}
_WORKLOAD: Final = {"replicas": 1, "revisionHistoryLimit": 10}
_HALVES: Final = {"maxSurge": "25%", "maxUnavailable": "25%"}
_WEBHOOK: Final = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "timeoutSeconds": 10,
    "namespaceSelector": {},
    "objectSelector": {},
}
_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "core.Container": {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "resources": {},
    },
    "core.ContainerPort": _TCP,
    "core.ServicePort": _TCP,
    "core.EndpointPort": _TCP,
    "core.ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP", "internalTrafficPolicy": "Cluster"},
    "core.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.GRPCAction": {"service": ""},
    "core.PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
    },
    "core.SecretVolumeSource": _MODE,
    "core.ConfigMapVolumeSource": _MODE,
    "core.DownwardAPIVolumeSource": _MODE,
    "core.ProjectedVolumeSource": _MODE,
    "core.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.HostPathVolumeSource": {"type": ""},
    "core.PersistentVolumeClaim": {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "status": {"phase": "Pending"},
    },
    "core.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "core.Secret": {"type": "Opaque"},
    "discovery.EndpointPort": {"name": "", "protocol": "TCP"},
    "apps.DeploymentSpec": {
        **_WORKLOAD,
        "progressDeadlineSeconds": 600,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": _HALVES},
    },
    "apps.DeploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": _HALVES},
    "apps.RollingUpdateDeployment": _HALVES,
    "apps.ReplicaSetSpec": {"replicas": 1},
    "apps.StatefulSetSpec": {**_WORKLOAD, "podManagementPolicy": "OrderedReady"},
    "apps.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "batch.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "batch.JobSpec": {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False},
    "autoscaling.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "networking.NetworkPolicyPort": _TCP,
    "networking.IngressClassParametersReference": {"scope": "Cluster"},
    "rbac.RoleRef": {"apiGroup": _RBAC},
    "storage.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "scheduling.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "admissionregistration.MutatingWebhook": {**_WEBHOOK, "reinvocationPolicy": "Never"},
    "admissionregistration.ValidatingWebhook": _WEBHOOK,
    "admissionregistration.RuleWithOperations": {"scope": "*"},
    "admissionregistration.NamedRuleWithOperations": {"scope": "*"},
    "admissionregistration.ServiceReference": {"port": 443},
}


def is_default(schema: Schema, field: str, value: Any, holder: Mapping[str, Any]) -> bool:
    """Whether the server fills this field of a type in with this value, where an apply leaves it out.

    Parameters
    ----------
    holder
        The map that has the field.
    """
    if field in schema.defaults and same(schema.defaults[field], value):
        return True
    name = _short(schema.name)
    known = _DEFAULTS.get(name, _NONE)
    if field in known:
        return same(known[field], value)
    if name == "rbac.Subject" and field == "apiGroup":
        return bool(value == ("" if holder.get("kind") == "ServiceAccount" else _RBAC))
    if name == "core.ServicePort" and field == "targetPort":
        return same(holder.get("port"), value)
    return name == "core.Container" and field == "imagePullPolicy" and bool(value == _pull_policy(holder.get("image")))


@lru_cache(maxsize=1024)
def _short(name: str) -> str:
    """``io.k8s.api.core.v1.Container`` without its version: ``core.Container``."""
    parts = name.removeprefix(_PREFIX).split(".")
    return f"{parts[0]}.{parts[-1]}" if name.startswith(_PREFIX) and len(parts) == 3 else ""


def _pull_policy(image: Any) -> str:
    name, _, digest = str(image or "").partition("@")
    _, separator, tag = name.rpartition("/")[2].partition(":")
    return "Always" if (tag == "latest" if separator else not digest) else "IfNotPresent"
