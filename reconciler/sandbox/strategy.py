"""What happens to an object between decoding and validation: the parts of it that only the server may set.

Source: the ``strategy.go`` of each kind in k8s.io/kubernetes/pkg/registry, and the admission plugins that are on by
default (ServiceAccount, Priority, DefaultTolerationSeconds).
"""

from typing import Any, Final

import orjson

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.allocation import SERVICES, drop_type_dependent
from reconciler.sandbox.cluster import CRDS, NAMESPACES, Cluster
from reconciler.sandbox.defaults.workloads import TEMPLATE_GENERATION
from reconciler.sandbox.documents import load_facts
from reconciler.sandbox.kubelet import qos_class
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.store import GroupResource, ObjectName

DEPLOYMENTS: Final = GroupResource("apps", "deployments")
DAEMON_SETS: Final = GroupResource("apps", "daemonsets")
JOBS: Final = GroupResource("batch", "jobs")
PODS: Final = GroupResource("", "pods")
_GENERATION: Final = frozenset(
    [
        PODS,
        DEPLOYMENTS,
        JOBS,
        CRDS,
        *(GroupResource("apps", name) for name in ("daemonsets", "replicasets", "statefulsets")),
        *(GroupResource("", name) for name in ("podtemplates", "replicationcontrollers")),
        GroupResource("autoscaling", "horizontalpodautoscalers"),
        GroupResource("batch", "cronjobs"),
        GroupResource("discovery.k8s.io", "endpointslices"),
        *(GroupResource("networking.k8s.io", name) for name in ("ingresses", "ingressclasses", "networkpolicies")),
        GroupResource("policy", "poddisruptionbudgets"),
        GroupResource("scheduling.k8s.io", "priorityclasses"),
        *(
            GroupResource("admissionregistration.k8s.io", name)
            for name in (
                "mutatingadmissionpolicies",
                "mutatingadmissionpolicybindings",
                "mutatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
                "validatingwebhookconfigurations",
            )
        ),
    ]
)
# An update of these must name the version it replaces; so must one of every custom resource.
CONDITIONAL_UPDATE: Final = frozenset(
    [
        CRDS,
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("node.k8s.io", "runtimeclasses"),
        GroupResource("policy", "poddisruptionbudgets"),
        *(
            GroupResource("storage.k8s.io", name)
            for name in ("csidrivers", "csinodes", "csistoragecapacities", "volumeattachments")
        ),
        *(
            GroupResource("admissionregistration.k8s.io", f"{how}{what}")
            for how in ("mutating", "validating")
            for what in ("admissionpolicies", "admissionpolicybindings", "webhookconfigurations")
        ),
    ]
)
# A PUT of these creates what is not there.
CREATE_ON_UPDATE: Final = frozenset(
    [
        *(GroupResource("", name) for name in ("endpoints", "events", "limitranges", "services")),
        *(
            GroupResource("rbac.authorization.k8s.io", name)
            for name in ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
        ),
        GroupResource("coordination.k8s.io", "leases"),
        GroupResource("events.k8s.io", "events"),
        GroupResource("node.k8s.io", "runtimeclasses"),
    ]
)
CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"
# Their status is part of what a client creates; all others start with an empty one.
KEEPS_STATUS: Final = frozenset([GroupResource("", "nodes")])
_SYSTEM: Final = ("managedFields", "resourceVersion")
_LEGACY_JOB_LABELS: Final = ("controller-uid", "job-name")


def clone(value: Any) -> Any:
    """A deep copy of JSON data."""
    return orjson.loads(orjson.dumps(value))


def prepare_create(cluster: Cluster, resource: Resource, obj: Manifest) -> None:
    """Set in place what a new object gets from the server."""
    metadata = obj["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        # The base is cut so that the whole stays within a label's 63 characters.
        metadata["name"] = metadata["generateName"][:58] + cluster.suffix()
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"):
        metadata.pop(key, None)
    metadata.update(uid=cluster.uid(), creationTimestamp=cluster.timestamp())
    if resource.crd or resource.storage in _GENERATION:
        metadata["generation"] = 1
    if resource.has_status and resource.storage not in KEEPS_STATUS:
        _reset_status(cluster, resource, obj)
    if resource.storage == PODS:
        _prepare_pod(cluster, obj)
    elif resource.storage == JOBS:
        _prepare_job(obj)
    elif resource.storage == DAEMON_SETS:
        metadata.setdefault("annotations", {})[TEMPLATE_GENERATION] = "1"
    elif resource.storage == GroupResource("", "persistentvolumeclaims"):
        metadata["finalizers"] = [*metadata.get("finalizers", ()), CLAIM_FINALIZER]
    elif resource.storage == GroupResource("", "persistentvolumes"):
        metadata["finalizers"] = [*metadata.get("finalizers", ()), VOLUME_FINALIZER]
        obj["status"]["lastPhaseTransitionTime"] = cluster.timestamp()
    elif resource.storage == NAMESPACES:
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}
        metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = metadata["name"]


def prepare_update(cluster: Cluster, resource: Resource, obj: Manifest, live: Manifest) -> None:
    """Put back in place what an update through the main resource may not change, and count generations."""
    _keep_identity(obj, live)
    if resource.has_status and resource.storage not in KEEPS_STATUS:
        _keep(obj, live, "status")
    if resource.storage == NAMESPACES:
        _keep(obj, live, "spec")
        _keep(obj, live, "status")
        obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    if resource.storage == DAEMON_SETS:
        _count_template(obj, live)
    if resource.storage == SERVICES:
        drop_type_dependent(obj["spec"], live["spec"])
    if resource.crd or resource.storage in _GENERATION:
        _count_generation(resource, obj, live)


def prepare_status_update(resource: Resource, obj: Manifest, live: Manifest) -> None:
    """Put back in place everything but the status, as updates of the status sub-resource do."""
    _keep_identity(obj, live)
    for key in set(obj) | set(live):
        if key not in ("apiVersion", "kind", "metadata", "status"):
            _keep(obj, live, key)
    if resource.crd:
        kept = {key: obj["metadata"][key] for key in _SYSTEM if key in obj["metadata"]}
        obj["metadata"] = {**{key: value for key, value in live["metadata"].items() if key not in _SYSTEM}, **kept}
    else:
        for key in ("labels", "ownerReferences"):
            _keep(obj["metadata"], live["metadata"], key)


def changed(obj: Manifest, live: Manifest) -> bool:
    """Whether an update changes anything that is stored; times of unchanged ownership entries are the live ones."""
    return _without_revision(obj) != _without_revision(live)


def _without_revision(obj: Manifest) -> Manifest:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    return {**obj, "metadata": metadata}


def _keep(obj: Manifest, live: Manifest, key: str) -> None:
    if key in live:
        obj[key] = clone(live[key])
    else:
        obj.pop(key, None)


def _keep_identity(obj: Manifest, live: Manifest) -> None:
    metadata = obj["metadata"]
    for key in ("uid", "creationTimestamp", "namespace", "generation", "selfLink"):
        _keep(metadata, live["metadata"], key)
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        _keep(metadata, live["metadata"], key)
    _keep(metadata, live["metadata"], "generateName") if "generateName" not in metadata else None


def _count_generation(resource: Resource, obj: Manifest, live: Manifest) -> None:
    ignored = {"apiVersion", "kind", "metadata"}
    if resource.has_status:
        ignored.add("status")
    keys = (set(obj) | set(live)) - ignored
    differs = any(obj.get(key) != live.get(key) for key in keys)
    if resource.storage == DEPLOYMENTS:
        differs = differs or obj["metadata"].get("annotations") != live["metadata"].get("annotations")
    if differs:
        obj["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1


def _count_template(obj: Manifest, live: Manifest) -> None:
    before = int((live["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "1"))
    changed_template = obj["spec"].get("template") != live["spec"].get("template")
    annotations = obj["metadata"].setdefault("annotations", {})
    annotations[TEMPLATE_GENERATION] = str(before + 1 if changed_template else before)


def _reset_status(cluster: Cluster, resource: Resource, obj: Manifest) -> None:
    obj.pop("status", None)
    if resource.crd:
        return
    component = cluster.documents.schema_name(resource.group, resource.version, resource.kind)
    always = load_facts().get(component or "", {}).get("always", {})
    if "status" in always:
        obj["status"] = clone(always["status"])
    if resource.kind in ("PersistentVolumeClaim", "PersistentVolume"):
        obj["status"] = {"phase": "Pending"}


def _prepare_pod(cluster: Cluster, pod: Manifest) -> None:
    spec = pod["spec"]
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod)}
    namespace = pod["metadata"].get("namespace", "")
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"] = "default"
    _priority(cluster, spec)
    tolerations = spec.setdefault("tolerations", [])
    for taint in ("not-ready", "unreachable"):
        key = f"node.kubernetes.io/{taint}"
        if not any(_tolerates(entry, key) for entry in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    account = cluster.store.get(GroupResource("", "serviceaccounts"), ObjectName(namespace, spec["serviceAccountName"]))
    automount = spec.get("automountServiceAccountToken", (account or {}).get("automountServiceAccountToken"))
    if automount is not False:
        _mount_token(cluster, spec)


def _tolerates(entry: Manifest, key: str) -> bool:
    return entry.get("key") in (None, "", key) and entry.get("effect") in (None, "", "NoExecute")


def _priority(cluster: Cluster, spec: Manifest) -> None:
    name = spec.get("priorityClassName")
    known = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
    value, policy = known.get(str(name), 0), "PreemptLowerPriority"
    chosen = cluster.store.get(GroupResource("scheduling.k8s.io", "priorityclasses"), ObjectName("", str(name)))
    if chosen is not None:
        value, policy = chosen.get("value", 0), chosen.get("preemptionPolicy", policy)
    spec.setdefault("priority", value)
    spec.setdefault("preemptionPolicy", policy)


def _mount_token(cluster: Cluster, spec: Manifest) -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    volume = f"kube-api-access-{cluster.suffix()}"
    mounted = False
    for key in ("initContainers", "containers"):
        for container in spec.get(key) or ():
            mounts = container.setdefault("volumeMounts", [])
            if all(mount.get("mountPath") != path for mount in mounts):
                mounts.append({"name": volume, "readOnly": True, "mountPath": path})
                mounted = True
    if mounted:
        certificate = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
        sources = [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": certificate},
            {"downwardAPI": {"items": [namespace]}},
        ]
        projected = {"name": volume, "projected": {"sources": sources, "defaultMode": 0o644}}
        spec.setdefault("volumes", []).append(projected)


def _prepare_job(job: Manifest) -> None:
    spec, metadata = job["spec"], job["metadata"]
    if spec.get("manualSelector"):
        return
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    # Labels that were taken from the template share its fate.
    shared = metadata.get("labels") in (None, {}, labels)
    values = {"controller-uid": metadata["uid"], "job-name": metadata["name"]}
    for key in _LEGACY_JOB_LABELS:
        labels.setdefault(key, values[key])
        labels.setdefault(f"batch.kubernetes.io/{key}", values[key])
    if shared:
        metadata["labels"] = dict(labels)
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = metadata["uid"]
