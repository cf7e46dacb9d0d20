"""Sandbox clusters without sockets or real time, for the tests of this folder."""

import heapq
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.sandbox.api import Api
from reconciler.sandbox.bootstrap import bootstrap
from reconciler.sandbox.cluster import Cluster
from reconciler.sandbox.controllers import start_controllers
from reconciler.sandbox.messages import Request, Response
from reconciler.sandbox.watches import Watch

START = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass
class VirtualTime:
    """A scheduler and a clock that stand still until they are advanced."""

    seconds: float = 0.0
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: Any = field(default_factory=itertools.count)

    def call_later(self, delay_s: float, action: Callable[[], None], /) -> object:
        heapq.heappush(self._queue, (self.seconds + delay_s, next(self._count), action))
        return None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Do everything that is due within the next ``seconds``, in order."""
        end = self.seconds + seconds
        while self._queue and self._queue[0][0] <= end:
            due, _, action = heapq.heappop(self._queue)
            self.seconds = due
            action()
        self.seconds = end


class TestCluster:
    """A bootstrapped cluster whose requests are plain calls.

    ``controllers`` decides whether objects come to life; time moves by `advance` alone.
    """

    __test__ = False

    def __init__(self, *, controllers: bool = False, latency_s: float = 0.05, history: int = 1000) -> None:
        self.time = VirtualTime()
        self.cluster = Cluster(clock=self.time.now, seed=1, history=history)
        self.api = Api(self.cluster)
        if controllers:
            start_controllers(self.api, self.time, latency_s=latency_s, certificate="PEM")
        bootstrap(self.api)
        self.time.advance(2)

    def advance(self, seconds: float) -> None:
        self.time.advance(seconds)

    def send(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **query: Any
    ) -> Response:
        """One request; its answer must not be a watch."""
        path, _, text = path.partition("?")
        given = dict(pair.split("=", 1) for pair in text.split("&")) if text else {}
        packed = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = Request(method, path, {**given, **{k: str(v) for k, v in query.items()}}, headers or {}, packed)
        answer = self.api.handle(request)
        assert isinstance(answer, Response)
        # As after a way over a wire: what a test does with an answer does not reach the store.
        content = json.loads(answer.encode()) if answer.content_type == "application/json" else answer.content
        return replace(answer, content=content)

    def get(self, path: str, **query: Any) -> Any:
        return expect(self.send("GET", path, **query), 200)

    def create(self, path: str, body: Any, **query: Any) -> Any:
        return expect(self.send("POST", path, body, **query), 201)

    def update(self, path: str, body: Any, **query: Any) -> Any:
        return expect(self.send("PUT", path, body, **query), 200)

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: Any) -> Any:
        return expect(self.send("PATCH", path, body, headers={"content-type": kind}, **query), 200)

    def apply(self, path: str, body: Any, manager: str = "tester", **query: Any) -> Response:
        return self.send("PATCH", path, body, headers={"content-type": APPLY}, fieldManager=manager, **query)

    def delete(self, path: str, body: Any = None, **query: Any) -> Any:
        return expect(self.send("DELETE", path, body, **query), 200)

    def refuse(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> str:
        """The message of a request that is refused with ``status``."""
        answer = self.send(method, path, body, **more)
        assert answer.status == status, answer.content
        assert answer.content["code"] == status
        return str(answer.content["message"])

    def watch(self, path: str, **query: Any) -> Watch:
        texts = {key: str(value) for key, value in query.items()}
        answer = self.api.handle(Request("GET", path, {"watch": "true", **texts}))
        assert isinstance(answer, Watch)
        return answer


def expect(answer: Response, status: int) -> Any:
    assert answer.status == status, answer.content
    return answer.content


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod_template(app: str = "web", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "example.com/web:1"}
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container], **spec}}


def deployment(name: str = "web", replicas: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name),
            **spec,
        },
    }


def job(name: str = "once", *, command: str = "true", policy: str = "Never", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "example.com/job:1", "command": ["sh", "-c", command]}
    template = {"spec": {"restartPolicy": policy, "containers": [container]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": template, **spec}}
