"""One HTTP exchange over urllib3: judged addresses, TLS as the repository's Secret says, an end that comes in any case.

urllib3's own timeouts hold for one read each, so a server that sends a byte now and then is never late; a `Deadline`
shuts the socket down. Imported only where something is fetched.
"""

import contextlib
import os
import socket
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import make_headers, parse_url

from reconciler.errors import RepositoryError
from reconciler.source.charts.addresses import refusal

CONNECT_S = 10.0
READ_S = 30.0


class RefusedAddressError(RepositoryError):
    """A name that leads to an address nothing may be fetched from."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust and who we are: PEM texts; ``insecure`` checks no certificate."""

    authority: str = ""
    insecure: bool = False
    certificate: str = ""
    key: str = ""


class Deadline:
    """Ends one exchange after ``seconds``, whatever it waits for; ``passed`` says that it did."""

    def __init__(self, seconds: float, *, allow_inner: bool) -> None:
        self.allow_inner = allow_inner
        self.passed = False
        self._end = time.monotonic() + seconds
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        _current.deadline = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._socket = None
        _current.deadline = None

    def watch(self, connection: socket.socket | None) -> None:
        """The socket to shut down in the end; a connection forgets it before the answer is read."""
        self._socket = connection
        if self.passed:
            raise TimeoutError("the time for the exchange is over")

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to the first address of ``host`` that answers; refused addresses are never tried."""
        problem: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            # The address that is judged here is the one connected to: no second look-up can change it.
            if reason := refusal(str(address[0]), allow_inner=self.allow_inner):
                raise RefusedAddressError(f"{host} is {reason}; name another host")
            connection = socket.socket(family, kind, protocol)
            try:
                # Holds for the TLS handshake too.
                connection.settimeout(max(0.01, min(CONNECT_S, self._end - time.monotonic())))
                connection.connect(address)
            except OSError as error:
                connection.close()
                problem = error
            else:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
        raise problem

    def _expire(self) -> None:
        self.passed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                # Not the method of an SSL socket, which would take its state from under the reading thread.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


_current = threading.local()


class _PlainConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        _deadline().watch(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        # A connection that was kept from an earlier request is not connected again.
        _deadline().watch(self.sock)
        super().request(*arguments, **options)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def connect(self) -> None:
        super().connect()
        # Where the operator says insecure, urllib3 need not warn of it at every request.
        self.is_verified = True
        _deadline().watch(self.sock)

    def request(self, *arguments: Any, **options: Any) -> None:
        _deadline().watch(self.sock)
        super().request(*arguments, **options)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _deadline() -> Deadline:
    deadline = _current.deadline
    assert isinstance(deadline, Deadline), "requests are made under a deadline"
    return deadline


def _connect(connection: HTTPConnection) -> socket.socket:
    return _deadline().connect(connection.host.strip("[]"), int(connection.port or 0))


def connection_pool(trust: Trust, proxy: str) -> urllib3.PoolManager:
    """Connections under these terms; ``proxy`` is ``http://`` or ``https://`` with an optional login, or empty.

    Raises
    ------
    RepositoryError
        For certificates or a key that cannot be used.
    """
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    common: dict[str, Any] = {"retries": False, "timeout": timeout, "ssl_context": _tls_context(trust)}
    manager: urllib3.PoolManager
    if proxy:
        parsed = parse_url(proxy)
        login = make_headers(proxy_basic_auth=unquote(parsed.auth)) if parsed.auth else {}
        address = parsed._replace(auth=None).url
        manager = urllib3.ProxyManager(address, proxy_headers=login, **common)
    else:
        manager = urllib3.PoolManager(**common)
    manager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
    return manager


def _tls_context(trust: Trust) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=trust.authority or None)
    except ssl.SSLError as error:
        raise RepositoryError(
            "a certificate authority is not valid PEM; correct its entry in argocd-tls-certs-cm"
        ) from error
    if trust.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if trust.certificate:
        _load_client_certificate(context, trust)
    return context


def _load_client_certificate(context: ssl.SSLContext, trust: Trust) -> None:
    # OpenSSL reads the pair from a file only: it lies in a private folder for this one call.
    with tempfile.TemporaryDirectory(prefix="gitops-nb-") as folder:
        file = Path(folder) / "client.pem"
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(f"{trust.certificate}\n{trust.key}\n")
        try:
            context.load_cert_chain(file)
        except (ssl.SSLError, OSError) as error:
            raise RepositoryError(
                "a client certificate and its key cannot be used; correct tlsClientCertData and tlsClientCertKey"
            ) from error
