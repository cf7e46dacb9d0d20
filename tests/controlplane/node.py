"""A node for the real control plane: it binds pods, writes their statuses as `pod_timeline` says, and lets them go."""

import heapq
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import urllib3

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.kubelet import pod_termination, pod_timeline
from tests.conformance.client import Answer, Client

NODE_NAME = "simulated-node"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_RENEW_S = 10.0
_WATCH_S = 240
_AGAIN_S = 0.2
_CAPACITY = {"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}


class SimulatedNode:
    """Plays scheduler and kubelet of one node for the length of a ``with`` block.

    One thread watches pods; another does what is due, in order: bindings, statuses, deletions, and the node's lease.
    """

    def __init__(self, kubeconfig: Path, *, latency_s: float) -> None:
        self._client = Client(kubeconfig)
        self._latency_s = latency_s
        self._ending = threading.Event()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._order = 0
        self._seen: dict[str, str] = {}
        self._threads = [
            threading.Thread(target=self._watch_pods, name="node-watch", daemon=True),
            threading.Thread(target=self._work, name="node-work", daemon=True),
        ]

    def __enter__(self) -> Self:
        self._register()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        # The watching thread sits in a read until its server goes away, and is a daemon for that.
        self._threads[1].join()
        self._client.close()

    def _register(self) -> None:
        node = {
            "metadata": {
                "name": NODE_NAME,
                "labels": {"kubernetes.io/hostname": NODE_NAME, "kubernetes.io/os": "linux"},
            },
        }
        _require(self._client.create("/api/v1/nodes", node), 201, 409)
        _require(self._client.patch(f"/api/v1/nodes/{NODE_NAME}/status", {"status": _node_status()}), 200)
        lease = {"metadata": {"name": NODE_NAME}, "spec": _lease_spec()}
        _require(self._client.create(_LEASES, lease), 201, 409)
        self._after(_RENEW_S, self._renew)

    def _renew(self) -> None:
        self._client.patch(f"{_LEASES}/{NODE_NAME}", {"spec": _lease_spec()})
        self._after(_RENEW_S, self._renew)

    def _watch_pods(self) -> None:
        while not self._ending.is_set():
            # A watch ends by its time limit, by a compaction (410) or with its server; a new list starts over.
            with suppress(urllib3.exceptions.HTTPError, OSError, AssertionError):
                pods = self._client.get("/api/v1/pods").expect()
                for pod in pods["items"]:
                    self._see(pod)
                version = pods["metadata"]["resourceVersion"]
                for event in self._client.watch("/api/v1/pods", timeout_s=_WATCH_S, resourceVersion=version):
                    if event["type"] == "ERROR" or self._ending.is_set():
                        break
                    if event["type"] == "DELETED":
                        self._seen.pop(event["object"]["metadata"]["uid"], None)
                    else:
                        self._see(event["object"])
            self._ending.wait(0.1)

    def _see(self, pod: Manifest) -> None:
        """Decide what to do about a pod; each of the three is done once."""
        uid, known = pod["metadata"]["uid"], self._seen.get(pod["metadata"]["uid"], "")
        node = pod["spec"].get("nodeName")
        if node not in {None, "", NODE_NAME}:
            return
        if "deletionTimestamp" in pod["metadata"]:
            if node and known != "ending":
                self._seen[uid] = "ending"
                self._after(0.0, partial(self._end, pod))
        elif not node and not known:
            self._seen[uid] = "bound"
            self._after(0.0, partial(self._bind, pod))
        elif node and known != "running":
            self._seen[uid] = "running"
            if (pod.get("status") or {}).get("phase") in {"", "Pending", None}:
                self._run(pod)

    def _bind(self, pod: Manifest) -> None:
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE_NAME}
        metadata = {"name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
        self._client.create(f"{_path(pod)}/binding", body)

    def _run(self, pod: Manifest) -> None:
        steps = pod_timeline(pod, now=datetime.now(UTC), latency_s=self._latency_s)
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            if following is None or following.after_s > step.after_s:
                self._after(step.after_s, partial(self._write, pod, step.status))

    def _write(self, pod: Manifest, status: Manifest) -> None:
        if self._seen.get(pod["metadata"]["uid"]) == "running":
            body = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
            self._client.patch(f"{_path(pod)}/status", body)

    def _end(self, pod: Manifest) -> None:
        uid = pod["metadata"]["uid"]
        body = {"metadata": {"uid": uid}, "status": pod_termination(pod, now=datetime.now(UTC))}
        self._client.patch(f"{_path(pod)}/status", body)
        self._client.delete(_path(pod), {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        with self._changed:
            self._order += 1
            heapq.heappush(self._due, (monotonic() + seconds, self._order, action))
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._ending.is_set() and (not self._due or self._due[0][0] > monotonic()):
                    self._changed.wait(self._due[0][0] - monotonic() if self._due else None)
                if self._ending.is_set():
                    return
                action = heapq.heappop(self._due)[2]
            try:
                action()
            except (urllib3.exceptions.HTTPError, OSError):
                # The server is being restarted, or gone for good; a pod that is gone is no error.
                self._after(_AGAIN_S, action)


def _node_status() -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "capacity": _CAPACITY,
        "allocatable": _CAPACITY,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE_NAME}],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "KubeletReady",
                "lastHeartbeatTime": now,
                "lastTransitionTime": now,
            }
        ],
    }


def _lease_spec() -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"holderIdentity": NODE_NAME, "leaseDurationSeconds": 40, "renewTime": now}


def _path(pod: Manifest) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _require(answer: Answer, *statuses: int) -> None:
    if answer.status not in statuses:
        raise RuntimeError(f"the simulated node cannot register: {answer.status}: {answer.message}")
