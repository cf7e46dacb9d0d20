"""Webhooks and aggregated APIs of a test's own: a server on loopback that a real API server asks.

Every configuration is limited to one namespace, is known to be in force before a test goes on, and is removed at the end.
"""

import json
import ssl
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from tests import left_out
from tests.conformance.client import Answer, Client
from tests.git_servers import Authority

REGISTRATION: Final = "/apis/admissionregistration.k8s.io/v1"
UNREACHABLE: Final = "https://127.0.0.1:1/"
_PROBE: Final = "webhook-probe"
NOT_A_PROBE: Final = f"!has(object.metadata.labels) || !('{_PROBE}' in object.metadata.labels)"
"""True, in a policy's language, of every object but those that `wait_in_force` tries."""
_IN_FORCE_S: Final = 20.0

Response = dict[str, Any]
Handler = Callable[[dict[str, Any]], Response]
"""Given the ``request`` of a review, the ``response`` without its ``uid``."""


def allowed(_request: Mapping[str, Any] | None = None) -> Response:
    """Let it pass as it is."""
    return {"allowed": True}


def denied(message: str, *, code: int = 403) -> Response:
    """Refuse, with an HTTP status and a message."""
    return {"allowed": False, "status": {"code": code, "message": message}}


def patched(*operations: Mapping[str, Any]) -> Response:
    """Let it pass, changed by the operations of a JSON patch."""
    patch = b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def converted(change: Callable[[dict[str, Any], str], dict[str, Any]]) -> Handler:
    """A conversion webhook: ``change`` gets each object and the apiVersion that is wanted, which is set after it."""

    def handler(request: dict[str, Any]) -> Response:
        wanted = request["desiredAPIVersion"]
        objects = [change(obj, wanted) | {"apiVersion": wanted} for obj in request["objects"]]
        return {"convertedObjects": objects, "result": {"status": "Success"}}

    return handler


class _Broken(Exception):  # noqa: N818 - it is an answer: what a handler raises to fail
    def __init__(self, status: int) -> None:
        self.status = status


def broken(_request: Mapping[str, Any]) -> Response:
    """Fail as a server does that is not well."""
    raise _Broken(500)


def held(_request: Mapping[str, Any]) -> Response:
    """Do not answer before the test ends."""
    raise _Broken(0)


@dataclass(frozen=True)
class Hook:
    """One webhook; ``handler`` None stands for an address where nobody listens."""

    handler: Handler | None = allowed
    resources: Sequence[str] = ("configmaps",)
    groups: Sequence[str] = ("",)
    operations: Sequence[str] = ("CREATE", "UPDATE")
    failure_policy: str = "Fail"
    side_effects: str = "None"
    timeout_s: int = 5


@dataclass
class Webhooks:
    """The server, and the configurations that point to it.

    ``requests`` are those of the reviews that came, by path. ``documents`` are answered to GET, with their status codes.
    """

    client: Client
    authority: Authority
    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    documents: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    url: str = ""
    _made: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    on_stop: Callable[[], None] = lambda: None

    def at(self, path: str, handler: Handler) -> dict[str, str]:
        """Answer at a path; the ``clientConfig`` that leads there."""
        self.handlers[path] = handler
        return {"url": f"{self.url}{path}", "caBundle": b64encode(self.authority.pem.encode()).decode()}

    def mutating(self, namespace: str, *hooks: Hook) -> str:
        """Have mutating webhooks asked for objects of one namespace; returns the first one's name."""
        return self._install("MutatingWebhookConfiguration", namespace, hooks)

    def validating(self, namespace: str, *hooks: Hook) -> str:
        """Have validating webhooks asked for objects of one namespace; returns the first one's name."""
        return self._install("ValidatingWebhookConfiguration", namespace, hooks)

    def configuration(self, kind: str, namespace: str, hooks: Sequence[Hook]) -> dict[str, Any]:
        """A webhook configuration as it is sent; its first webhook tells when it is in force."""
        name = f"{namespace}-{uuid.uuid4().hex[:6]}"
        probe = _webhook(f"probe.{name}.example.com", namespace, Hook(), [{"key": _PROBE, "operator": "Exists"}])
        probe["clientConfig"] = self.at(f"/{name}/probe", lambda _request: denied("in force"))
        webhooks = [probe]
        for index, hook in enumerate(hooks):
            full = f"hook-{index}.{name}.example.com"
            webhook = _webhook(full, namespace, hook, [{"key": _PROBE, "operator": "DoesNotExist"}])
            path = f"/{name}/{index}"
            webhook["clientConfig"] = self.at(path, hook.handler) if hook.handler else {"url": UNREACHABLE}
            webhooks.append(webhook)
        return {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name},
            "webhooks": webhooks,
        }

    def asked(self) -> list[dict[str, Any]]:
        """The requests that came but for those that only tell whether a configuration is in force."""
        return [request for path, found in self.requests.items() if not path.endswith("/probe") for request in found]

    def _install(self, kind: str, namespace: str, hooks: Sequence[Hook]) -> str:
        configuration = self.configuration(kind, namespace, hooks)
        name = configuration["metadata"]["name"]
        self.make(f"{REGISTRATION}/{kind.lower()}s", configuration)
        wait_in_force(self.client, namespace, lambda answer: "denied the request: in force" in str(answer.body))
        return f"hook-0.{name}.example.com"

    def make(self, collection: str, body: Mapping[str, Any]) -> None:
        """Create an object of the whole cluster that goes when the webhooks go."""
        self.client.create(collection, body).expect(201)
        self._made.append(f"{collection}/{body['metadata']['name']}")

    def remove(self) -> None:
        """Take the configurations away; the server stays."""
        while self._made:
            self.client.delete(self._made.pop())

    def answer(self, path: str, review: dict[str, Any]) -> dict[str, Any]:
        request = review["request"]
        self.requests.setdefault(path, []).append(request)
        try:
            response = self.handlers[path](request)
        except _Broken as error:
            if not error.status:
                self._over.wait(60)
            raise
        kinds = {"apiVersion": review["apiVersion"], "kind": review["kind"]}
        return {**kinds, "response": {**response, "uid": request["uid"]}}

    def stop(self) -> None:
        """Stop answering: nobody listens any more."""
        self._over.set()
        self.on_stop()


def wait_in_force(client: Client, namespace: str, holds: Callable[[Answer], bool]) -> None:
    """Try to create a labelled ConfigMap until the answer shows that what was configured is in force.

    The test is left out where the cluster cannot reach a server on this machine's loopback.
    """
    probe = {"metadata": {"name": _PROBE, "labels": {_PROBE: "yes"}}}
    limit = time.monotonic() + _IN_FORCE_S
    while time.monotonic() < limit:
        answer = client.create(f"/api/v1/namespaces/{namespace}/configmaps", probe, dryRun="All")
        if holds(answer):
            return
        if "failed calling webhook" in str(answer.body):
            left_out.leave_out(f"the cluster at {client.server} cannot reach webhooks on 127.0.0.1 of this machine")
    raise AssertionError(f"not in force after {_IN_FORCE_S:g} s; last answer: {answer}")


def _webhook(name: str, namespace: str, hook: Hook, objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "admissionReviewVersions": ["v1"],
        "sideEffects": hook.side_effects,
        "failurePolicy": hook.failure_policy,
        "timeoutSeconds": hook.timeout_s,
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "objectSelector": {"matchExpressions": list(objects)},
        "rules": [
            {
                "apiGroups": list(hook.groups),
                "apiVersions": ["*"],
                "operations": list(hook.operations),
                "resources": list(hook.resources),
            }
        ],
    }


@contextmanager
def serving_webhooks(client: Client, folder: Path) -> Iterator[Webhooks]:
    """Serve webhooks to the client's cluster; the authority's files are in ``folder``."""
    webhooks = Webhooks(client, Authority(folder))
    context = webhooks.authority.server_context()

    class Reviews(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, body = 200, json.dumps(webhooks.answer(self.path.partition("?")[0], review)).encode()
            except _Broken as error:
                status, body = error.status or 504, b"broken"
            self._answer(status, body)

        def do_GET(self) -> None:
            status, document = webhooks.documents.get(self.path.partition("?")[0], (404, {}))
            self._answer(status, json.dumps(document).encode())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with _Server(("127.0.0.1", 0), Reviews) as server:
        server.context = context
        webhooks.url = f"https://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def stop() -> None:
            server.shutdown()
            thread.join()
            server.server_close()

        webhooks.on_stop = stop
        try:
            yield webhooks
        finally:
            webhooks.remove()
            webhooks.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # all answers are given when the server is closed
    context: ssl.SSLContext

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        # The handshake is made in the request's own thread.
        return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An API server that hangs up, at a time limit of its own, is part of the tests."""
