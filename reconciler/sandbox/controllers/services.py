"""Services, Ingresses and claims: what a cloud's controllers and the endpoint controller would add.

Source: k8s.io/kubernetes/pkg/controller/endpointslice, v1.37.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.allocation import SERVICES
from reconciler.sandbox.controllers.client import Client, controller_reference, pod_active, pod_ready
from reconciler.sandbox.selectors import matches_selector
from reconciler.sandbox.store import Event, GroupResource, ObjectName
from reconciler.sandbox.strategy import CLAIM_FINALIZER, PODS, VOLUME_FINALIZER

SLICES: Final = GroupResource("discovery.k8s.io", "endpointslices")
INGRESSES: Final = GroupResource("networking.k8s.io", "ingresses")
CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
VOLUMES: Final = GroupResource("", "persistentvolumes")


class ServiceController:
    """Keeps one EndpointSlice a Service, and gives load balancers an address."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        if event.resource == SERVICES:
            return [event.name]
        if event.resource != PODS or (event.before is not None and not _matters(event)):
            return []
        labels = event.object["metadata"].get("labels")
        return [
            ObjectName(event.name.namespace, service["metadata"]["name"])
            for service in self._client.objects(SERVICES, event.name.namespace)
            if _selects(service, labels)
        ]

    def sync(self, name: ObjectName) -> float | None:
        service = self._client.get(SERVICES, name)
        if service is None:
            return None
        if service["spec"].get("type") == "LoadBalancer":
            address = {"ip": _address(service["metadata"]["uid"]), "ipMode": "VIP"}
            self._client.write_status(SERVICES, service, {"loadBalancer": {"ingress": [address]}}, manager="sandbox")
        if service["spec"].get("selector") and service["spec"].get("type") != "ExternalName":
            self._write_slice(service)
        return None

    def _write_slice(self, service: Manifest) -> None:
        metadata = service["metadata"]
        pods = [
            pod
            for pod in self._client.objects(PODS, metadata["namespace"])
            if _selects(service, pod["metadata"].get("labels"))
            and (pod.get("status") or {}).get("podIP")
            and pod_active(pod)
        ]
        endpoints = [_endpoint(pod) for pod in pods]
        ports = [_port(port, pods) for port in service["spec"].get("ports") or ()]
        known = self._client.controlled(SLICES, service)
        body = {
            "metadata": {
                "generateName": f"{metadata['name']}-",
                "labels": {
                    **(metadata.get("labels") or {}),
                    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    "kubernetes.io/service-name": metadata["name"],
                },
                "ownerReferences": [controller_reference(service)],
            },
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": ports if endpoints else [],
        }
        if not known:
            self._client.create(SLICES, metadata["namespace"], body)
        else:
            self._client.write(SLICES, {**known[0], "endpoints": endpoints, "ports": body["ports"]})


class IngressController:
    """Gives Ingresses an address."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return [event.name] if event.resource == INGRESSES and event.type != "DELETED" else []

    def sync(self, name: ObjectName) -> float | None:
        ingress = self._client.get(INGRESSES, name)
        if ingress is not None:
            status = {"loadBalancer": {"ingress": [{"ip": _address(ingress["metadata"]["uid"])}]}}
            self._client.write_status(INGRESSES, ingress, status, manager="sandbox")
        return None


class ClaimController:
    """Binds claims, and lets them go when they are deleted."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return [event.name] if event.resource == CLAIMS and event.type != "DELETED" else []

    def sync(self, name: ObjectName) -> float | None:
        claim = self._client.get(CLAIMS, name)
        if claim is None:
            return None
        if claim["metadata"].get("deletionTimestamp"):
            self._client.remove_finalizer(CLAIMS, claim, CLAIM_FINALIZER)
        elif (claim.get("status") or {}).get("phase") != "Bound":
            self._bind(claim)
        return None

    def _bind(self, claim: Manifest) -> None:
        spec = claim["spec"]
        requests = (spec.get("resources") or {}).get("requests") or {}
        status = {"phase": "Bound", "accessModes": list(spec.get("accessModes") or ()), "capacity": dict(requests)}
        self._client.write_status(CLAIMS, claim, status)
        live = self._client.get(CLAIMS, ObjectName(claim["metadata"]["namespace"], claim["metadata"]["name"]))
        if live is not None and not live["spec"].get("volumeName"):
            volume = f"pvc-{claim['metadata']['uid']}"
            self._client.write(CLAIMS, {**live, "spec": {**live["spec"], "volumeName": volume}})


class VolumeController:
    """Makes volumes available, and lets them go when they are deleted."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        return [event.name] if event.resource == VOLUMES and event.type != "DELETED" else []

    def sync(self, name: ObjectName) -> float | None:
        volume = self._client.get(VOLUMES, name)
        if volume is None:
            return None
        if volume["metadata"].get("deletionTimestamp"):
            self._client.remove_finalizer(VOLUMES, volume, VOLUME_FINALIZER)
        elif (volume.get("status") or {}).get("phase") == "Pending":
            status = {"phase": "Available", "lastPhaseTransitionTime": self._client.cluster.timestamp()}
            self._client.write_status(VOLUMES, volume, status)
        return None


def _matters(event: Event) -> bool:
    """Whether a pod's change can change an EndpointSlice."""

    def seen(pod: Manifest) -> Any:
        return ((pod.get("status") or {}).get("podIP"), pod_ready(pod), pod_active(pod), pod["metadata"].get("labels"))

    return event.type == "DELETED" or event.before is None or seen(event.before) != seen(event.object)


def _selects(service: Manifest, labels: Any) -> bool:
    selector = service["spec"].get("selector")
    return bool(selector) and matches_selector({"matchLabels": selector}, labels)


def _endpoint(pod: Manifest) -> Manifest:
    metadata, ready = pod["metadata"], pod_ready(pod)
    target = {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"].get("nodeName", ""),
        "targetRef": target,
    }


def _port(port: Manifest, pods: list[Manifest]) -> Manifest:
    target = port.get("targetPort", port["port"])
    if isinstance(target, str):
        numbers = [
            entry["containerPort"]
            for pod in pods
            for container in pod["spec"]["containers"]
            for entry in container.get("ports") or ()
            if entry.get("name") == target
        ]
        target = numbers[0] if numbers else port["port"]
    return {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": target}


def _address(uid: str) -> str:
    """An address of the range for documentation (RFC 5737)."""
    return f"198.51.100.{hashlib.sha256(uid.encode()).digest()[0] % 254 + 1}"
