"""Values that the API server sets where a new part of an object leaves them out.

Of custom resources their schemas tell. Of built-in kinds the OpenAPI documents tell few; the tables have those of types
that lie in lists and maps which are replaced as a whole, and of the kinds that most applications consist of. Without
them the server's value would pass for a difference where an applier owned it and no longer names it, as after a
migration from client-side apply, whose entry owns every default.

Source: kubernetes v1.37.2, pkg/apis/<group>/v1/defaults.go.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from reconciler.manifest.schema import Schema

_API: Final = "io.k8s.api."
_RBAC_GROUP: Final = "rbac.authorization.k8s.io"
_VOLUME_MODE: Final = {"defaultMode": 420}
_ANY_SCOPE: Final = {"scope": "*"}
_CONTAINER: Final = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_ROLLING: Final = {"maxSurge": "25%", "maxUnavailable": "25%"}
_WEBHOOK: Final = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
_CONSTANTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "admissionregistration.v1.MutatingWebhook": {**_WEBHOOK, "reinvocationPolicy": "Never"},
    "admissionregistration.v1.NamedRuleWithOperations": _ANY_SCOPE,
    "admissionregistration.v1.RuleWithOperations": _ANY_SCOPE,
    "admissionregistration.v1.ServiceReference": {"port": 443},
    "admissionregistration.v1.ValidatingWebhook": _WEBHOOK,
    "admissionregistration.v1alpha1.NamedRuleWithOperations": _ANY_SCOPE,
    "admissionregistration.v1beta1.NamedRuleWithOperations": _ANY_SCOPE,
    "apps.v1.DaemonSetSpec": {"revisionHistoryLimit": 10, "updateStrategy": {}},
    "apps.v1.DeploymentSpec": {
        "progressDeadlineSeconds": 600,
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "strategy": {},
    },
    "apps.v1.RollingUpdateDaemonSet": {"maxSurge": 0, "maxUnavailable": 1},
    "apps.v1.RollingUpdateDeployment": _ROLLING,
    "apps.v1.RollingUpdateStatefulSetStrategy": {"partition": 0},
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "apps.v1.StatefulSetSpec": {
        "persistentVolumeClaimRetentionPolicy": {},
        "podManagementPolicy": "OrderedReady",
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "updateStrategy": {},
    },
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "failedJobsHistoryLimit": 1,
        "successfulJobsHistoryLimit": 3,
        "suspend": False,
    },
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
    "core.v1.ConfigMapVolumeSource": _VOLUME_MODE,
    "core.v1.Container": _CONTAINER,
    "core.v1.ContainerPort": {"protocol": "TCP"},
    "core.v1.DownwardAPIVolumeSource": _VOLUME_MODE,
    "core.v1.EndpointPort": {"protocol": "TCP"},
    "core.v1.EphemeralContainer": _CONTAINER,
    "core.v1.GRPCAction": {"service": ""},
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    },
    "core.v1.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.v1.PersistentVolumeSpec": {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
    "core.v1.ProjectedVolumeSource": _VOLUME_MODE,
    "core.v1.ReplicationControllerSpec": {"replicas": 1},
    "core.v1.ResourceFieldSelector": {"divisor": "0"},
    "core.v1.Secret": {"type": "Opaque"},
    "core.v1.SecretVolumeSource": _VOLUME_MODE,
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "discovery.v1.EndpointPort": {"name": "", "protocol": "TCP"},
    "networking.v1.IngressClassParametersReference": {"scope": "Cluster"},
    "networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "rbac.v1.RoleRef": {"apiGroup": _RBAC_GROUP},
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
}
_CLAIM: Final = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "status": {"phase": "Pending"}}


def _claim(claim: Mapping[str, Any]) -> Mapping[str, Any]:
    """A claim that is an object of its own has these already."""
    return _CLAIM


def _container(container: Mapping[str, Any]) -> Mapping[str, Any]:
    image = container.get("image")
    if not isinstance(image, str) or not image:
        return {"imagePullPolicy": "IfNotPresent"}
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    is_latest = tag == "latest" or (not tag and not digest)
    return {"imagePullPolicy": "Always" if is_latest else "IfNotPresent"}


def _subject(subject: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"apiGroup": _RBAC_GROUP} if subject.get("kind") in ("User", "Group") else {}


def _limits(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a container's limits: the default is the maximum, the default request is the default or the minimum."""
    if item.get("type") != "Container":
        return {}
    defaults = {**(item.get("max") or {}), **(item.get("default") or {})}
    requests = {**(item.get("min") or {}), **defaults, **(item.get("defaultRequest") or {})}
    return {name: amounts for name, amounts in (("default", defaults), ("defaultRequest", requests)) if amounts}


def _autoscaler(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    target = {"type": "Utilization", "averageUtilization": 80}
    return {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}], "minReplicas": 1}


def _rolling(strategy: Mapping[str, Any]) -> Mapping[str, Any]:
    """A strategy of a Deployment, StatefulSet or DaemonSet."""
    is_rolling = strategy.get("type") in (None, "", "RollingUpdate")
    return {"type": "RollingUpdate", "rollingUpdate": {}} if is_rolling else {}


def _service(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    constants = {"sessionAffinity": "None", "type": "ClusterIP"}
    return constants if spec.get("type") == "ExternalName" else {**constants, "internalTrafficPolicy": "Cluster"}


def _service_port(port: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"protocol": "TCP", "targetPort": port.get("port")}


def _network_policy(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"policyTypes": ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]}


_COMPUTED: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "apps.v1.DaemonSetUpdateStrategy": _rolling,
    "apps.v1.DeploymentStrategy": _rolling,
    "apps.v1.StatefulSetUpdateStrategy": _rolling,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _autoscaler,
    "core.v1.Container": _container,
    "core.v1.EphemeralContainer": _container,
    "core.v1.LimitRangeItem": _limits,
    "core.v1.PersistentVolumeClaim": _claim,
    "core.v1.ServicePort": _service_port,
    "core.v1.ServiceSpec": _service,
    "networking.v1.NetworkPolicySpec": _network_policy,
    "rbac.v1.Subject": _subject,
}
_NONE: Final[Mapping[str, Any]] = {}
# Defaults that depend on more than the type and the map, so that an apply does not foretell them.
_POSSIBLE: Final[Mapping[str, Mapping[str, Any]]] = {
    "batch.v1.JobSpec": {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False},
    # Pods have it, templates of pods do not.
    "core.v1.PodSpec": {"enableServiceLinks": True},
}
# Fields that an update without them leaves as they are, because the server once chose their values.
_ALLOCATED: Final[Mapping[str, frozenset[str]]] = {
    "core.v1.ServicePort": frozenset({"nodePort"}),
    "core.v1.ServiceSpec": frozenset(
        {"clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy"}
    ),
}
# Groups whose defaults are all known here, or by their absence to be none, and types of theirs that are excepted.
_KNOWN_GROUPS: Final = tuple(
    f"{_API}{group}."
    for group in (
        "apps.v1",
        "batch.v1",
        "core.v1",
        "networking.v1",
        "policy.v1",
        "rbac.v1",
        "scheduling.v1",
        "storage.v1",
    )
)
_UNKNOWN: Final = frozenset(
    {
        "batch.v1.JobSpec",
        "core.v1.AzureDiskVolumeSource",
        "core.v1.ISCSIPersistentVolumeSource",
        "core.v1.ISCSIVolumeSource",
        "core.v1.PersistentVolumeClaimSpec",
        "core.v1.RBDPersistentVolumeSource",
        "core.v1.RBDVolumeSource",
        "core.v1.ScaleIOPersistentVolumeSource",
        "core.v1.ScaleIOVolumeSource",
        "storage.v1.CSIDriverSpec",
    }
)


def defaults_of(schema: Schema, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fields with their values that a new or changed map gets where it has none; a merged map is given whole."""
    if not schema.structured:
        return schema.defaults
    name = schema.name.removeprefix(_API)
    constants = _CONSTANTS.get(name, _NONE)
    return {**constants, **_COMPUTED[name](value)} if name in _COMPUTED else constants


def possible_defaults(schema: Schema, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """As `defaults_of`, and with those that a map of the type gets in some places only."""
    known = defaults_of(schema, value)
    possible = _POSSIBLE.get(schema.name.removeprefix(_API), _NONE)
    return {**possible, **known} if possible else known


def knows_defaults(schema: Schema) -> bool:
    """Whether every default of the type's fields is known here; a custom resource's type states them itself."""
    if not schema.structured:
        return True
    return schema.name.startswith(_KNOWN_GROUPS) and schema.name.removeprefix(_API) not in _UNKNOWN


def is_allocated(schema: Schema, field: str) -> bool:
    """Whether an update that leaves the field out leaves live's value."""
    return field in _ALLOCATED.get(schema.name.removeprefix(_API), ())
