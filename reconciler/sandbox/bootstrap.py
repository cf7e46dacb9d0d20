"""What a new sandbox cluster holds: the usual namespaces, one node, Argo CD's kinds and its default project."""

from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.access import RBAC_GROUP
from reconciler.sandbox.api import Api
from reconciler.sandbox.documents import load_argo_crds
from reconciler.sandbox.roles import default_bindings, default_roles
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.writes import WriteOptions
from reconciler.terms import ARGO_GROUP, ARGO_VERSION

NODE: Final = "sandbox"
NAMESPACES: Final = ("default", "kube-system", "kube-public", "kube-node-lease", "argocd")
_KUBERNETES: Final = WriteOptions(manager="kube-apiserver")


def bootstrap(api: Api) -> None:
    """Create the first objects; their kinds' controllers may already be listening."""
    catalog = api.cluster.catalog
    for name in NAMESPACES:
        _create(api, "", "v1", "namespaces", {"metadata": {"name": name}})
    _create(api, "", "v1", "nodes", _node(api.cluster.timestamp(), str(api.cluster.version["gitVersion"])))
    service = {
        "metadata": {"name": "kubernetes", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
    }
    _create(api, "", "v1", "services", service, "default")
    for role in default_roles():
        _create(api, RBAC_GROUP, "v1", "clusterroles", role)
    for binding in default_bindings():
        _create(api, RBAC_GROUP, "v1", "clusterrolebindings", binding)
    _install_argo(api)
    if catalog.find(ARGO_GROUP, ARGO_VERSION, "appprojects") is not None:
        everything = [{"group": "*", "kind": "*"}]
        spec = {
            "clusterResourceWhitelist": everything,
            "destinations": [{"namespace": "*", "server": "*"}],
            "sourceRepos": ["*"],
        }
        _create(api, ARGO_GROUP, ARGO_VERSION, "appprojects", _project(spec), "argocd", manager="argocd-server")


def _install_argo(api: Api) -> None:
    for crd in load_argo_crds():
        _create(api, "apiextensions.k8s.io", "v1", "customresourcedefinitions", crd)


def _project(spec: Manifest) -> Manifest:
    version = f"{ARGO_GROUP}/{ARGO_VERSION}"
    return {"apiVersion": version, "kind": "AppProject", "metadata": {"name": "default"}, "spec": spec}


def _create(
    api: Api, group: str, version: str, plural: str, body: Manifest, namespace: str = "", *, manager: str = ""
) -> None:
    resource = api.cluster.catalog.find(group, version, plural)
    if resource is None:
        raise KeyError(f"{plural}.{group}")
    name = ObjectName(namespace, body["metadata"]["name"])
    if api.cluster.store.get(resource.storage, name) is None:
        options = WriteOptions(manager=manager) if manager else _KUBERNETES
        api.writer.create(resource, namespace, body, options)


def _node(now: str, version: str) -> Manifest:
    capacity = {"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
    return {
        "metadata": {"name": NODE, "labels": labels},
        "spec": {"podCIDR": "10.244.0.0/16", "podCIDRs": ["10.244.0.0/16"]},
        "status": {
            "capacity": capacity,
            "allocatable": dict(capacity),
            "conditions": [condition],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "simulated://1",
                "kernelVersion": "simulated",
                "kubeProxyVersion": "",
                "kubeletVersion": version,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "gitops-nb sandbox",
                "systemUUID": "",
            },
        },
    }
