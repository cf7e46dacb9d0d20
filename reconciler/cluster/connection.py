"""One API server: authenticated JSON requests, foreign errors turned into ours.

The kubernetes package reads the kubeconfig (exec plugins, token refresh, TLS, proxies) and owns the connection pool; the
requests themselves are plain, because its typed calls spend many times the request's own cost on building objects.
"""

import contextlib
import functools
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlencode

import orjson
import urllib3
import yaml
from urllib3.util.retry import Retry

from reconciler.cluster.certificate_files import LOADING, hold_certificates
from reconciler.cluster.exchange import Exchange
from reconciler.errors import (
    ClusterError,
    ClusterUnreachableError,
    ConflictError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    UsageError,
)

if TYPE_CHECKING:
    from kubernetes.client import ApiClient, Configuration

JSON: Final = "application/json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"

# Every request of ours may be repeated: names are made before they are sent, applies and deletes carry identity.
RETRIES: Final = Retry(
    total=5,
    connect=2,
    other=0,  # a certificate that is wrong stays wrong
    backoff_factor=0.1,
    backoff_max=5,
    backoff_jitter=0.1,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
)
# For an API server that has answered before: it is being restarted, which takes it half a minute.
PATIENT_RETRIES: Final = RETRIES.new(total=None, connect=12, read=5, status=5)
# For callers that try again on their own: a wait in here would only delay their end.
NO_RETRIES: Final = Retry(total=0, raise_on_status=False, redirect=0)
REQUEST_TIMEOUT_S: Final = 30.0
POOL_SIZE: Final = 256
"""Connections that are kept: a live state holds one for each kind and namespace, and urllib3 warns of any beyond."""
HEADERS_S: Final = 1.0
"""How long a login is used again before it is asked for anew: a token is refreshed long before it ends."""
LINE_BYTES: Final = 64 * 2**20
"""The longest event of a watch; etcd holds objects of at most a few MB."""


class Writes:
    """Counts what a process has written: what it holds of a cluster from before a write may be older than that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def note(self) -> None:
        """Something was written, or may have been, or what was written has had its effect."""
        with self._lock:
            self.count += 1


WRITES: Final = Writes()
"""Of all connections: several may lead to one cluster."""


class Access(Protocol):
    """The way to one API server: its URL, a pool of connections, and the headers that log in."""

    @property
    def server(self) -> str: ...

    @property
    def pool(self) -> urllib3.PoolManager: ...

    def headers(self) -> dict[str, str]: ...


class KubeconfigAccess:
    """As the kubernetes package read it from a kubeconfig or from a pod's service account."""

    def __init__(self, client: "ApiClient") -> None:
        self._client = client
        self.pool: urllib3.PoolManager = client.rest_client.pool_manager
        self.server: str = client.configuration.host.rstrip("/")
        self._known: tuple[float, dict[str, str]] = (float("-inf"), {})

    def headers(self) -> dict[str, str]:
        now = time.monotonic()
        if now - self._known[0] > HEADERS_S:
            self._known = (now, self._read())
        return self._known[1]

    def _read(self) -> dict[str, str]:
        headers: dict[str, str] = dict(self._client.default_headers)
        self._client.update_params_for_auth(headers, [], ["BearerToken"], "", "", None)
        return headers


class Connection:
    """Requests to one API server as one identity.

    ``server`` is its URL and ``name`` the kubeconfig context, or the cluster Secret, that it came from.
    """

    def __init__(self, access: Access, *, name: str) -> None:
        self._access = access
        self.server = access.server
        self.name = name
        self._answered = False
        self._exchange = Exchange(access.pool, access.server)

    def get(self, path: str, *, query: Mapping[str, str] | None = None, accept: str = JSON) -> Any:
        return self.request("GET", path, query=query, accept=accept)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Any:
        """Send a request and decode its JSON answer.

        Raises
        ------
        ClusterError
            The sub-class for the status; its message is the API server's own, which names the object and the reason.
        """
        headers = {"Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = orjson.dumps(body)
        try:
            answer = self._ask(method, path, query, headers, body=data, timeout_s=timeout_s, retries=RETRIES)
        finally:
            if method != "GET" and "dryRun" not in (query or ()):
                WRITES.note()
        try:
            return orjson.loads(answer) if answer else None
        except orjson.JSONDecodeError as error:
            raise ClusterError(
                f"{self.server}: {method} {path} was answered with something that is not JSON"
            ) from error

    def get_bytes(
        self, path: str, *, query: Mapping[str, str] | None = None, accept: str = JSON, retries: Retry = RETRIES
    ) -> bytes:
        """The answer as it came, for callers that do not need all of it decoded; errors as `request` has them."""
        return self._ask(
            "GET", path, query, {"Accept": accept}, body=None, timeout_s=REQUEST_TIMEOUT_S, retries=retries
        )

    def stream(
        self,
        path: str,
        *,
        query: Mapping[str, str],
        idle_timeout_s: float,
        accept: str = JSON,
        retries: Retry = RETRIES,
    ) -> "Stream":
        """Open a watch or a log; it ends when the server closes it or nothing comes for ``idle_timeout_s`` seconds."""
        timeout = urllib3.Timeout(connect=REQUEST_TIMEOUT_S, read=idle_timeout_s)
        headers = {"Accept": accept}
        return Stream(self._send("GET", path, query, headers, timeout=timeout, retries=retries, preload_content=False))

    def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
        *,
        body: bytes | None,
        timeout_s: float,
        retries: Retry,
    ) -> bytes:
        """The whole answer; tried the short way first, where that may be followed by another try."""
        if retries is RETRIES:
            target = f"{path}?{_encoded(tuple(query.items()))}" if query else path
            reply = self._exchange.send(
                method, target, {**self._access.headers(), **headers}, body, timeout_s=timeout_s
            )
            if reply is not None:
                self._answered = True
                if reply.status >= 300:
                    raise _error(reply.status, reply.data, f"{method} {path}")
                return reply.data
        timeout = urllib3.Timeout(timeout_s)
        answer: bytes = self._send(method, path, query, headers, body=body, timeout=timeout, retries=retries).data
        return answer

    def _send(
        self, method: str, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str], **how: Any
    ) -> urllib3.BaseHTTPResponse:
        url = f"{self.server}{path}" + (f"?{_encoded(tuple(query.items()))}" if query else "")
        if how["retries"] is RETRIES and self._answered:
            how["retries"] = PATIENT_RETRIES
        try:
            # A redirect would carry the login along.
            response = self._access.pool.request(
                method, url, headers={**self._access.headers(), **headers}, redirect=False, **how
            )
            self._answered = True
            if response.status >= 300:
                raise _error(response.status, response.data, f"{method} {path}")
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return response

    def _unreachable(self, error: Exception) -> ClusterUnreachableError:
        cause: Any = error
        while getattr(cause, "reason", None) is not None and isinstance(cause.reason, Exception):
            cause = cause.reason
        text = str(cause).rpartition(": ")[2] or type(cause).__name__
        return ClusterUnreachableError(
            f"cluster {self.name} at {self.server} cannot be reached: {text}; check --context and that the server runs"
        )


class Stream:
    """What comes over one long answer; ``close`` may be called from another thread and ends the iteration."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The events of a watch, one a line."""
        for line in self.lines():
            try:
                yield orjson.loads(line)
            except ValueError:
                # Half an event at a cut, or a proxy's page.
                return

    def lines(self) -> Iterator[bytes]:
        """Whole lines without their ends; what follows the last line end is dropped."""
        pending = bytearray()
        for chunk in self.chunks():
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                pending += line
                if pending:
                    yield bytes(pending)
                pending.clear()
            pending += rest
            if len(pending) > LINE_BYTES:
                self._response.close()
                return

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come."""
        try:
            yield from self._response.stream(None)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
            # A cut, silent or closed watch is ordinary: the caller lists again.
            return
        finally:
            self._response.close()

    def close(self) -> None:
        connection = getattr(self._response, "connection", None)
        sock = getattr(connection, "sock", None)
        if sock is not None:
            # Wakes the reader; closing the response alone would wait for it.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def connect(*, kubeconfig: str | Path | None = None, context: str | None = None) -> Connection:
    """Connect by a kubeconfig, by ``KUBECONFIG`` or ``~/.kube/config``, or by the pod's own service account.

    Nothing is sent yet.

    Raises
    ------
    UsageError
        When the file or the context is not there or cannot be used.
    """
    from kubernetes import client

    configuration = client.Configuration()
    with LOADING:
        name = _load(configuration, kubeconfig, context)
        configuration.connection_pool_maxsize = POOL_SIZE
        access = KubeconfigAccess(client.ApiClient(configuration))
        hold_certificates(access.pool)
    return Connection(access, name=name)


def _load(configuration: "Configuration", kubeconfig: str | Path | None, context: str | None) -> str:
    """Read a kubeconfig, or the pod's service account; the name of the context."""
    from kubernetes import config
    from kubernetes.config.config_exception import ConfigException

    try:
        if kubeconfig is None and context is None and _in_cluster():
            config.load_incluster_config(client_configuration=configuration)
            name = "in-cluster"
        else:
            # The package reads the variable once, when it is imported, which a notebook may have done before it was set.
            file = str(kubeconfig or "") or os.environ.get("KUBECONFIG") or None
            config.load_kube_config(config_file=file, context=context, client_configuration=configuration)
            _, active = config.list_kube_config_contexts(config_file=file)
            name = context or active["name"]
        if not configuration.host:
            raise ConfigException(f"the cluster of context {name} has no server")
    except (ConfigException, OSError, TypeError, KeyError, ValueError, AttributeError, yaml.YAMLError) as error:
        where = str(kubeconfig) if kubeconfig else "the kubeconfig (KUBECONFIG or ~/.kube/config)"
        # Of a file of another shape Python says only what it could not do with it.
        foreign = isinstance(error, TypeError | KeyError | AttributeError)
        text = "not a kubeconfig" if foreign else " ".join(str(error).split())
        raise UsageError(
            f"{where}: {text}; give --kubeconfig and --context, or start the sandbox with: gitops-nb sandbox start"
        ) from error
    return str(name)


def _in_cluster() -> bool:
    """Whether only the pod's service account is there to connect with, as client-go decides."""
    default = Path.home() / ".kube" / "config"
    return not os.environ.get("KUBECONFIG") and not default.exists() and "KUBERNETES_SERVICE_HOST" in os.environ


_ERRORS: Final[dict[int, type[ClusterError]]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    400: InvalidObjectError,
    413: InvalidObjectError,
    415: InvalidObjectError,
    422: InvalidObjectError,
    429: ClusterUnreachableError,
    502: ClusterUnreachableError,
    503: ClusterUnreachableError,
    504: ClusterUnreachableError,
}


# What the typed merge of the API server prints after this is the value that does not fit, secret or not.
_VALUE: Final = re.compile(r"(expected [a-z ]+), got .*", re.DOTALL)
# Server-side apply answers 500 where the object does not fit the schema.
_MISFITS: Final = ("failed to create typed patch object", "failed to convert new object", "field not declared")


@functools.lru_cache(1024)
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    """A query string; a sync asks thousands of times with the same one."""
    return urlencode(query)


def _error(status: int, data: bytes, request: str) -> ClusterError:
    """The error for a response; of the body only ``message`` and ``reason`` of a Status are used, without values."""
    try:
        body = json.loads(data)
    except ValueError:
        body = {}
    message = body.get("message") if isinstance(body, dict) and body.get("kind") == "Status" else None
    reason = str(body.get("reason") or "") if message else ""
    shown = _VALUE.sub(r"\1, got a value of another type", str(message or ""))
    text = " ".join(shown.split()) or f"{request} was answered with status {status}"
    kind = _ERRORS.get(status, ClusterError)
    if status == 500 and message and any(misfit in text for misfit in _MISFITS):
        kind = InvalidObjectError
    return kind(text, status=status, reason=reason)
