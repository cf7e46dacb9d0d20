"""Short names of kinds, and how a key is written beside its kind."""

from typing import Final

from reconciler.manifest.objects import ResourceKey

# kubectl's short names where they exist, else a word of the same length.
_SHORT_KINDS: Final = {
    "Application": "app",
    "ApplicationSet": "appset",
    "AppProject": "proj",
    "ClusterRole": "cr",
    "ClusterRoleBinding": "crb",
    "ConfigMap": "cm",
    "CronJob": "cj",
    "CustomResourceDefinition": "crd",
    "DaemonSet": "ds",
    "Deployment": "deploy",
    "EndpointSlice": "eps",
    "Endpoints": "ep",
    "HorizontalPodAutoscaler": "hpa",
    "Ingress": "ing",
    "IngressClass": "ingcls",
    "Job": "job",
    "LimitRange": "limits",
    "MutatingWebhookConfiguration": "mwc",
    "Namespace": "ns",
    "NetworkPolicy": "netpol",
    "PersistentVolume": "pv",
    "PersistentVolumeClaim": "pvc",
    "Pod": "pod",
    "PodDisruptionBudget": "pdb",
    "PriorityClass": "pc",
    "ReplicaSet": "rs",
    "ReplicationController": "rc",
    "ResourceQuota": "quota",
    "Role": "role",
    "RoleBinding": "rb",
    "Secret": "secret",
    "Service": "svc",
    "ServiceAccount": "sa",
    "StatefulSet": "sts",
    "StorageClass": "sc",
    "ValidatingWebhookConfiguration": "vwc",
}


def short_kind(kind: str) -> str:
    """At most six characters for a kind: kubectl's short name, else its capitals (``VirtualService`` is ``vs``)."""
    if kind in _SHORT_KINDS:
        return _SHORT_KINDS[kind]
    capitals = "".join(character for character in kind if character.isupper())
    return (capitals if len(capitals) > 1 else kind)[:6].lower()


def qualified_name(key: ResourceKey) -> str:
    """``namespace/name``, or the name of a cluster-scoped object."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name
