"""The sub-resources that are acts rather than parts of an object: binding, eviction, token, log, finalize.

Source: k8s.io/kubernetes/pkg/registry/core/{pod,serviceaccount,namespace}/storage, v1.37.
"""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import NAMESPACES, Cluster, format_time
from reconciler.sandbox.deletion import delete_object, parse_delete_options
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import StatusError, conflict, not_found
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.strategy import PODS

CREATED: Final = frozenset(["binding", "eviction", "token"])
_TOKEN_S: Final = 3600


def create_subresource(cluster: Cluster, resource: Resource, name: ObjectName, subresource: str, body: Any) -> Manifest:
    """Carry out a POST to one of `CREATED`.

    Raises
    ------
    StatusError
        404 for an object that is not there, 409 for a pod that is bound already.
    """
    obj = cluster.store.get(resource.storage, name)
    if obj is None:
        raise not_found(resource.group, resource.plural, name.name)
    given = body if isinstance(body, dict) else {}
    if subresource == "binding":
        return _bind(cluster, obj, str((given.get("target") or {}).get("name", "")))
    if subresource == "eviction":
        delete_object(cluster, resource, name, parse_delete_options(given.get("deleteOptions"), {}))
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return _token(cluster, name, given)


def _bind(cluster: Cluster, pod: Manifest, node: str) -> Manifest:
    if pod["spec"].get("nodeName"):
        why = f'pod {pod["metadata"]["name"]} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise conflict("", "pods/binding", pod["metadata"]["name"], why)
    cluster.store.put(PODS, bound_pod(pod, node, cluster.timestamp()))
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def bound_pod(pod: Manifest, node: str, now: str) -> Manifest:
    """A pod as the binding leaves it; field ownership takes no note of that."""
    status = pod.get("status") or {}
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    others = [entry for entry in status.get("conditions") or () if entry["type"] != "PodScheduled"]
    return {
        **pod,
        "spec": {**pod["spec"], "nodeName": node},
        "status": {**status, "conditions": [*others, condition]},
    }


def _token(cluster: Cluster, name: ObjectName, given: Mapping[str, Any]) -> Manifest:
    """A token in the form of one, which the sandbox itself does not accept."""
    spec = dict(given.get("spec") or {})
    seconds = int(spec.get("expirationSeconds") or _TOKEN_S)
    expires = cluster.clock() + timedelta(seconds=seconds)
    claims = {"sub": f"system:serviceaccount:{name.namespace}:{name.name}", "exp": int(expires.timestamp())}
    parts = [_encode(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)]
    spec.update(audiences=spec.get("audiences") or ["https://kubernetes.default.svc"], expirationSeconds=seconds)
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name.name, "namespace": name.namespace, "creationTimestamp": cluster.timestamp()},
        "spec": spec,
        "status": {"token": ".".join([*parts, ""]), "expirationTimestamp": format_time(expires)},
    }


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def finalize_namespace(cluster: Cluster, name: str, body: Any) -> Manifest:
    """Replace a namespace's ``spec.finalizers``; without any left, a namespace that is being deleted goes.

    Raises
    ------
    StatusError
        404 for a namespace that is not there.
    """
    live = cluster.store.get(NAMESPACES, ObjectName("", name))
    if live is None:
        raise not_found("", "namespaces", name)
    finalizers = ((body if isinstance(body, dict) else {}).get("spec") or {}).get("finalizers") or []
    stored = cluster.store.put(NAMESPACES, {**live, "spec": {"finalizers": finalizers} if finalizers else {}})
    metadata = stored["metadata"]
    if metadata.get("deletionTimestamp") and not finalizers and not metadata.get("finalizers"):
        cluster.store.remove(NAMESPACES, ObjectName("", name))
    return stored


def pod_log(pod: Manifest, container: str) -> str:
    """What a simulated container has to say.

    Raises
    ------
    StatusError
        400 for a container that the pod does not have or that has not started.
    """
    name = pod["metadata"]["name"]
    containers = [entry["name"] for key in ("initContainers", "containers") for entry in pod["spec"].get(key) or ()]
    chosen = container or containers[0]
    if chosen not in containers:
        raise StatusError(400, "BadRequest", f"container {chosen} is not valid for pod {name}")
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    state = next((entry.get("state") or {} for entry in statuses if entry["name"] == chosen), {})
    if "waiting" in state or not state:
        reason = (state.get("waiting") or {}).get("reason", "PodInitializing")
        text = f'container "{chosen}" in pod "{name}" is waiting to start: {reason}'
        raise StatusError(400, "BadRequest", text)
    lines = [f"simulated container {chosen}: started"]
    if "terminated" in state:
        lines.append(f"simulated container {chosen}: exited with {state['terminated'].get('exitCode', 0)}")
    return "\n".join(lines) + "\n"
