"""API servers that answer as a test has it written down, for faults that no real one shows on demand."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import urllib3

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.manifest.objects import GroupVersionKind

CONFIG_MAPS = ApiResource(
    GroupVersionKind("", "v1", "ConfigMap"), "configmaps", True, frozenset({"get", "list", "watch"})
)

Query = dict[str, str]


@dataclass
class Answer:
    """``lines`` are sent one by one; after them the connection is held until the server ends where ``hold`` is set."""

    status: int = 200
    lines: Iterable[bytes] = ()
    hold: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    path: str
    query: Query
    headers: dict[str, str]


@dataclass(frozen=True)
class _Access:
    server: str
    pool: urllib3.PoolManager

    def headers(self) -> dict[str, str]:
        return {"Authorization": "Bearer token"}


@contextmanager
def serving(script: Callable[[str, Query], Answer]) -> Iterator[tuple[Connection, list[Seen]]]:
    """Serve on a loopback port; yields a connection to it and what it was asked."""
    seen: list[Seen] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query))
            seen.append(Seen(parts.path, query, dict(self.headers)))
            answer = script(parts.path, query)
            self.send_response(answer.status)
            self.send_header("Transfer-Encoding", "chunked")
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for line in answer.lines:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                    self.wfile.flush()
                if answer.hold:
                    over.wait(20)
                self.wfile.write(b"0\r\n\r\n")
            except OSError:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        pool = urllib3.PoolManager(maxsize=32)
        url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield Connection(_Access(url, pool), name="scripted"), seen
        finally:
            over.set()
            pool.clear()
            server.shutdown()
            thread.join()


def text(value: Any) -> bytes:
    return json.dumps(value).encode()


def config_map(name: str, version: int, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "web", "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, "data": data}


def listing(version: int, *items: dict[str, Any], token: str = "") -> Answer:
    metadata = {"resourceVersion": str(version)} | ({"continue": token} if token else {})
    return Answer(lines=[text({"kind": "ConfigMapList", "metadata": metadata, "items": list(items)})])


def event(kind: str, obj: dict[str, Any]) -> bytes:
    return text({"type": kind, "object": {"apiVersion": "v1", "kind": "ConfigMap", **obj}}) + b"\n"


def failure(code: int, message: str = "no") -> Answer:
    return Answer(code, [text({"kind": "Status", "message": message, "code": code, "reason": "Because"})])
