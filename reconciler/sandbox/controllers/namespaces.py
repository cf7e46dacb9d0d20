"""Namespaces and definitions: what comes with them, and what goes with them.

Source: k8s.io/kubernetes/pkg/controller/namespace, v1.37; apiextensions-apiserver/pkg/controller/finalizer.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import CRDS, NAMESPACES
from reconciler.sandbox.controllers.client import Client
from reconciler.sandbox.deletion import CRD_FINALIZER
from reconciler.sandbox.store import Event, GroupResource, ObjectName

ACCOUNTS: Final = GroupResource("", "serviceaccounts")
CONFIG_MAPS: Final = GroupResource("", "configmaps")
ROOT_CA: Final = "kube-root-ca.crt"
_ROOT_CA_NOTE: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)
_POLL_STEPS: Final = 2


class NamespaceController:
    """Fills new namespaces and empties those that are deleted.

    Parameters
    ----------
    certificate:
        The cluster's authority in PEM, for every namespace's ``kube-root-ca.crt``.
    """

    def __init__(self, client: Client, *, latency_s: float, certificate: str) -> None:
        self._client = client
        self._latency_s = latency_s
        self._certificate = certificate

    def keys(self, event: Event) -> Iterable[ObjectName]:
        if event.resource == NAMESPACES:
            return [event.name]
        provided = ((ACCOUNTS, "default"), (CONFIG_MAPS, ROOT_CA))
        if event.type == "DELETED" and (event.resource, event.name.name) in provided:
            return [ObjectName("", event.name.namespace)]
        return []

    def sync(self, name: ObjectName) -> float | None:
        namespace = self._client.get(NAMESPACES, name)
        if namespace is None:
            return None
        if namespace["metadata"].get("deletionTimestamp"):
            return self._empty(namespace)
        if self._client.get(ACCOUNTS, ObjectName(name.name, "default")) is None:
            self._client.create(ACCOUNTS, name.name, {"metadata": {"name": "default"}})
        if self._client.get(CONFIG_MAPS, ObjectName(name.name, ROOT_CA)) is None:
            metadata = {"name": ROOT_CA, "annotations": {"kubernetes.io/description": _ROOT_CA_NOTE}}
            self._client.create(CONFIG_MAPS, name.name, {"metadata": metadata, "data": {"ca.crt": self._certificate}})
        return None

    def _empty(self, namespace: Manifest) -> float | None:
        name = namespace["metadata"]["name"]
        left = 0
        for storage in self._client.cluster.store.resources():
            for obj in self._client.objects(storage, name):
                left += 1
                if not obj["metadata"].get("deletionTimestamp"):
                    self._client.delete(storage, obj, propagation="Background")
        if left and any(self._client.objects(storage, name) for storage in self._client.cluster.store.resources()):
            return max(self._latency_s * _POLL_STEPS, 0.01)
        live = self._client.get(NAMESPACES, ObjectName("", name))
        if live is not None:
            # As the finalize sub-resource does: past field ownership, and for good.
            self._client.cluster.store.put(NAMESPACES, {**live, "spec": {}})
            if not live["metadata"].get("finalizers"):
                self._client.cluster.store.remove(NAMESPACES, ObjectName("", name))
        return None


class DefinitionController:
    """Deletes a definition's objects before the definition itself."""

    def __init__(self, client: Client, *, latency_s: float) -> None:
        self._client = client
        self._latency_s = latency_s

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return [event.name] if event.resource == CRDS and event.type != "DELETED" else []

    def sync(self, name: ObjectName) -> float | None:
        crd = self._client.get(CRDS, name)
        if crd is None or not crd["metadata"].get("deletionTimestamp"):
            return None
        storage = GroupResource(crd["spec"]["group"], crd["spec"]["names"]["plural"])
        for obj in self._client.objects(storage):
            if not obj["metadata"].get("deletionTimestamp"):
                self._client.delete(storage, obj)
        if self._client.objects(storage):
            return max(self._latency_s * _POLL_STEPS, 0.01)
        self._client.remove_finalizer(CRDS, crd, CRD_FINALIZER)
        return None
