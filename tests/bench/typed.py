"""The typed merge: predictions held to a real API server, and what one comparison takes."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.reconciler.manifest.typed.recorded import recorded_openapi

_CASES = 5000
_LIMIT_US = 300
_ROUNDS = 600
_TIME = "2026-01-01T00:00:00Z"


def typed() -> None:
    """Cases tried and what came of them; microseconds of one Deployment of 5 KB."""
    from tests.controlplane.binaries import ensure_binaries
    from tests.controlplane.server import ControlPlane
    from tests.reconciler.manifest.typed.campaign import run

    comparison()
    with ControlPlane(ensure_binaries()) as plane:
        print(f"{'typed merge against kube-apiserver':<52} {run(plane.kubeconfig, _CASES)}", flush=True)


def comparison() -> None:
    """Predicted merge and diff of one Deployment that is as applied, and of one whose image has changed."""
    from reconciler.diff.compare import compare_resource
    from reconciler.diff.secrets import Masker
    from reconciler.manifest import predict_apply
    from reconciler.manifest.objects import ResourceKey
    from reconciler.terms import FIELD_MANAGER

    openapi, masker = recorded_openapi(), Masker(b"bench")
    target = deployment("1.2.3")
    live = _as_served(
        predict_apply(None, target, field_manager=FIELD_MANAGER, force=True, openapi=openapi).object or {}
    )
    key = ResourceKey("apps", "Deployment", "shop", "web")
    size = len(json.dumps(target))
    text = json.dumps(live)

    def compare(wanted: Mapping[str, Any], found: dict[str, Any]) -> object:
        return compare_resource(key, "v1", dict(wanted), found, openapi=openapi, masker=masker)

    def predict(wanted: Mapping[str, Any], found: dict[str, Any]) -> object:
        return predict_apply(found, wanted, field_manager=FIELD_MANAGER, force=True, openapi=openapi)

    gone = deployment("1.2.3")
    gone["spec"]["template"]["spec"]["containers"][0]["env"].pop()
    wanted = {"as applied": target, "another image": deployment("1.2.4"), "a variable less": gone}
    for name, each in wanted.items():
        _print(f"a Deployment of {size} bytes, {name}", lambda found, each=each: compare(each, found), text)
        _print("  the prediction alone", lambda found, each=each: predict(each, found), text)


def deployment(tag: str) -> dict[str, Any]:
    """Two containers with what such usually have: 5 KB as JSON."""
    labels = {f"app.kubernetes.io/{name}": "web" for name in ("name", "instance", "version", "component", "part-of")}
    spec = {
        "serviceAccountName": "web",
        "containers": [_container("web", f"registry.example.com/web:{tag}"), _container("proxy", "proxy:4.5")],
        "volumes": [{"name": "config", "configMap": {"name": "web"}}, {"name": "tmp", "emptyDir": {}}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": labels, "annotations": {"example.com/team": "a"}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _container(name: str, image: str) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "args": [f"--option-{number}=value" for number in range(12)],
        "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
        "env": [{"name": f"VARIABLE_{number}", "value": "a value of some length" * 3} for number in range(10)],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "livenessProbe": {"httpGet": {"path": "/live", "port": "http"}},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}, {"name": "tmp", "mountPath": "/tmp"}],
        "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
    }


def _as_served(obj: dict[str, Any]) -> dict[str, Any]:
    live: dict[str, Any] = json.loads(json.dumps(obj))
    live["metadata"] |= {"uid": "u", "resourceVersion": "7", "generation": 1, "creationTimestamp": _TIME}
    for entry in live["metadata"]["managedFields"]:
        entry["time"] = _TIME
    counts = dict.fromkeys(("availableReplicas", "readyReplicas", "replicas", "updatedReplicas"), 3)
    fields = {"f:status": {f"f:{name}": {} for name in counts}}
    status = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": _TIME}
    status |= {"apiVersion": "apps/v1", "fieldsType": "FieldsV1", "fieldsV1": fields}
    live["metadata"]["managedFields"].append(status)
    return {**live, "status": counts}


def _print(name: str, work: Callable[[dict[str, Any]], object], text: str) -> None:
    """Each round has a live object of its own, as it comes off the wire."""
    took = []
    gc.collect()
    for _ in range(_ROUNDS):
        found = json.loads(text)
        started = time.perf_counter_ns()
        work(found)
        took.append((time.perf_counter_ns() - started) / 1000)
    median = statistics.median(took)
    print(
        f"{name:<52} {median:7.0f} µs  limit {_LIMIT_US} µs, ratio {median / _LIMIT_US:.2f}  "
        f"({min(took):.0f} to {max(took):.0f} µs over {len(took)})",
        flush=True,
    )
