"""What it takes to hold the live state of a large cluster: memory and time, for objects of a usual size."""

import hashlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

_ROOT = Path(__file__).resolve().parents[2]
_OBJECTS = 10_000
_LIMIT_MIB = 250
_CHANGES = 2_000


def live() -> None:
    """10,000 Deployments of about 5 KB in 20 namespaces: listed, held, read, and changed by a watch."""
    server = subprocess.Popen([sys.executable, "-m", "tests.bench.live", "serve"], stdout=subprocess.PIPE, cwd=_ROOT)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().decode().strip()
        command = [sys.executable, "-m", "tests.bench.live", "hold", url]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    finally:
        server.terminate()
        server.wait()
    for line in json.loads(done.stdout):
        print(line, flush=True)


def _deployment(number: int) -> dict[str, Any]:
    """About 5 KB, a third of it managedFields, as in a cluster that Argo CD syncs."""
    name = f"service-{number:05}"
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "shop", "team": f"team-{number % 37}"}
    variables = [{"name": f"SETTING_{index}", "value": f"{name}-{index * number % 9973}"} for index in range(12)]
    probe = {
        "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "periodSeconds": 10,
        "timeoutSeconds": 1,
    }
    container = {
        "name": "main",
        "image": f"registry.example.com/shop/{name}:1.{number % 50}.{number % 9}",
        "env": variables,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "imagePullPolicy": "IfNotPresent",
    }
    owned = {f"k:{json.dumps({'name': entry['name']})}": {".": {}, "f:name": {}, "f:value": {}} for entry in variables}
    fields = {
        "f:spec": {
            "f:replicas": {},
            "f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:env": owned}}}},
        }
    }
    entry = {"manager": "argocd-controller", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": fields}
    return {
        "metadata": {
            "name": name,
            "namespace": f"space-{number % 20:02}",
            "uid": f"{number:08x}-4b1c-4a7e-9d5e-{number * 7919:012x}",
            "resourceVersion": str(100_000 + number),
            "labels": labels,
            "annotations": {
                "argocd.argoproj.io/tracking-id": f"shop:apps/Deployment:space/{name}",
                "checksum": hashlib.shake_256(name.encode()).hexdigest(600),
            },
            "managedFields": [{**entry, "time": "2026-11-01T10:00:00Z", "fieldsType": "FieldsV1"}],
        },
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container], "restartPolicy": "Always"},
            },
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        },
        "status": {
            "observedGeneration": 4,
            "replicas": 3,
            "readyReplicas": 3,
            "availableReplicas": 3,
            "updatedReplicas": 3,
        },
    }


def _serve() -> None:
    items = [json.dumps(_deployment(number)).encode() for number in range(_OBJECTS)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            if "watch" in query:
                self._watch()
                return
            start, count = int(query.get("continue", 0)), int(query.get("limit", _OBJECTS))
            more = str(start + count) if start + count < _OBJECTS else ""
            metadata = json.dumps({"resourceVersion": "200000", "continue": more}).encode()
            body = b'{"metadata":%s,"items":[%s]}' % (metadata, b",".join(items[start : start + count]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _watch(self) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(_CHANGES):
                obj = _deployment(number)
                obj["metadata"]["resourceVersion"] = str(200_001 + number)
                line = json.dumps({"type": "MODIFIED", "object": obj}).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            threading.Event().wait(60)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


@dataclass(frozen=True)
class _Access:
    server: str
    pool: Any

    def headers(self) -> dict[str, str]:
        return {}


def _hold(url: str) -> list[str]:
    import urllib3

    from reconciler.cluster.connection import Connection
    from reconciler.cluster.discovery import ApiResource
    from reconciler.cluster.live_state import LiveState
    from reconciler.manifest.objects import GroupVersionKind

    kind = ApiResource(GroupVersionKind("apps", "v1", "Deployment"), "deployments", True, frozenset({"list", "watch"}))
    before = _resident_mib()
    started, cpu = time.perf_counter(), time.process_time()
    with LiveState(Connection(_Access(url, urllib3.PoolManager()), name="bench")) as state:
        state.follow([(kind, "")])
        seen = 0
        while state.revision < 1 + _CHANGES:
            seen = state.wait_for_change(seen, timeout_s=60)
        wall, spent = time.perf_counter() - started, time.process_time() - cpu
        held = state.held(kind)
        resident, peak = _resident_mib(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = sum(len(json.dumps(obj.load(kind))) for obj in held[:100]) / 100
        started = time.perf_counter()
        loaded = [obj.load(kind) for obj in held if obj.namespace == "space-07"]
        one = (time.perf_counter() - started) / len(loaded)
    assert len(held) == _OBJECTS
    name = f"{_OBJECTS} live objects of {size / 1000:.1f} KB"
    against = f"limit {_LIMIT_MIB} MiB, ratio {resident / _LIMIT_MIB:.2f}"
    return [
        f"{f'{name}: resident memory':<52} {resident:7.1f} MiB  {against}  (peak {peak:.1f}; {before:.1f} before)",
        f"{f'{name}: listed, {_CHANGES} changes':<52} {wall:7.3f} s    ({spent:.3f} s of CPU)",
        f"{f'{name}: decoding one':<52} {one * 1e6:7.1f} µs",
    ]


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _main(arguments: Sequence[str]) -> None:
    if arguments[0] == "serve":
        _serve()
    else:
        print(json.dumps(_hold(arguments[1])))


if __name__ == "__main__":
    _main(sys.argv[1:])
