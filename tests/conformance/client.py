"""A plain HTTP client for a Kubernetes API: no generated code between a case and what the server said."""

import base64
import json
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
AGGREGATED_DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said: the status code, the headers, and the body parsed as JSON (text where it is none)."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """The `message` of a Status body."""
        return str(self.body["message"])

    def expect(self, status: int = 200) -> Any:
        """Return the body, and fail with the server's own words where the status code is another one."""
        assert self.status == status, f"expected {status}, got {self.status}: {self.body}"
        return self.body


class Client:
    """Requests as the user of a kubeconfig's current context."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        self.kubeconfig = kubeconfig
        self.server = cluster["server"].rstrip("/")
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._pool = urllib3.PoolManager(
            maxsize=8,
            ssl_context=_ssl_context(cluster, user) if self.server.startswith("https") else None,
            retries=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Answer:
        """One request; a `query` value that is None is left out."""
        response = self._send(
            method, path, body, content_type=content_type, accept=accept, headers=headers, query=query, timeout_s=30.0
        )
        text = response.data.decode()
        try:
            return Answer(response.status, response.headers, json.loads(text))
        except ValueError:
            return Answer(response.status, response.headers, text)

    def get(self, path: str, **query: Any) -> Answer:
        """GET."""
        return self.request("GET", path, **query)

    def create(self, path: str, body: Mapping[str, Any], **query: Any) -> Answer:
        """POST to a collection."""
        return self.request("POST", path, body, **query)

    def update(self, path: str, body: Mapping[str, Any], **query: Any) -> Answer:
        """PUT."""
        return self.request("PUT", path, body, **query)

    def delete(self, path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Answer:
        """DELETE, with DeleteOptions as the body."""
        return self.request("DELETE", path, body, **query)

    def patch(self, path: str, body: object, content_type: str = MERGE_PATCH, **query: Any) -> Answer:
        """PATCH with the given patch type."""
        return self.request("PATCH", path, body, content_type=content_type, **query)

    def apply(self, path: str, body: Mapping[str, Any], manager: str = "tester", **query: Any) -> Answer:
        """Server-side apply."""
        return self.patch(path, body, APPLY, fieldManager=manager, **query)

    def watch(self, path: str, *, timeout_s: int = 20, **query: Any) -> Iterator[dict[str, Any]]:
        """The events of one watch, until the server ends it after `timeout_s` seconds."""
        response = self._send(
            "GET",
            path,
            query=query | {"watch": "true", "timeoutSeconds": timeout_s},
            timeout_s=timeout_s + 5,
            stream=True,
        )
        try:
            if response.status != 200:
                raise AssertionError(f"watch of {path}: {response.status}: {response.read()!r}")
            pending = b""
            for chunk in response.stream(65536, decode_content=True):
                *lines, pending = (pending + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line.strip())
        finally:
            response.close()
            response.release_conn()

    def wait_for(
        self, collection: str, name: str, holds: Callable[[dict[str, Any]], object], *, timeout_s: int = 20
    ) -> dict[str, Any]:
        """Wait, by watching, until the object is there and `holds`; else fail with what was last seen of it."""
        selector = f"metadata.name={name}"
        listed = self.get(collection, fieldSelector=selector).expect()
        last: dict[str, Any] | None = None
        for last in listed["items"]:
            if holds(last):
                return last
        version = listed["metadata"]["resourceVersion"]
        for event in self.watch(collection, timeout_s=timeout_s, fieldSelector=selector, resourceVersion=version):
            last = event["object"]
            if event["type"] in {"ADDED", "MODIFIED"} and holds(last):
                return last
        raise AssertionError(f"{collection}/{name} did not get there within {timeout_s} s; last seen: {last}")

    def wait_gone(self, collection: str, name: str, *, timeout_s: int = 20) -> None:
        """Wait, by watching, until the object is gone."""
        selector = f"metadata.name={name}"
        listed = self.get(collection, fieldSelector=selector).expect()
        if not listed["items"]:
            return
        version = listed["metadata"]["resourceVersion"]
        for event in self.watch(collection, timeout_s=timeout_s, fieldSelector=selector, resourceVersion=version):
            if event["type"] == "DELETED":
                return
        raise AssertionError(f"{collection}/{name} is still there after {timeout_s} s")

    def _send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, object],
        timeout_s: float,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        present = {key: str(value) for key, value in query.items() if value is not None}
        sent = self._headers | {"Accept": accept} | dict(headers or {})
        if body is not None:
            sent["Content-Type"] = content_type
        return self._pool.request(
            method,
            f"{self.server}{path}{'?' + urlencode(present) if present else ''}",
            body=None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=sent,
            timeout=urllib3.Timeout(connect=5.0, read=timeout_s),
            preload_content=not stream,
        )


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _ssl_context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    if "certificate-authority-data" in cluster:
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        context = ssl.create_default_context(cadata=authority)
    else:
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
            pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
            pair.write(base64.b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
