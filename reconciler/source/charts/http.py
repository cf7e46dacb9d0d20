"""The one HTTP client for chart repositories, registries and value files: limits, redirects, credentials, proxies.

Credentials go to the scheme, host and port they belong to and to no other, whatever a redirect says. Every answer is
limited in bytes, every exchange in time.
"""

import base64
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source.charts.addresses import Origin, WebAddress, refusal
from reconciler.source.charts.proxies import proxy_for
from reconciler.source.credentials import RepositoryCredentials
from reconciler.source.files.paths import has_control_characters

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

    from reconciler.source.charts.transport import Deadline, Trust

MAX_REDIRECTS = 5
USER_AGENT = "gitops-nb"

_CHUNK = 2**16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRY_AGAIN = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one repository.

    ``origin`` is what the credentials belong to; ``plain_http`` allows addresses without TLS.
    """

    origin: Origin | None = None
    credentials: RepositoryCredentials | None = None
    plain_http: bool = False

    def owner(self, address: WebAddress) -> RepositoryCredentials | None:
        """The credentials where ``address`` is of their own server."""
        return self.credentials if address.origin == self.origin else None


@dataclass(frozen=True, slots=True)
class Response:
    """``headers`` by name in lower case; ``address`` is where the answer came from, redirects followed."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    address: WebAddress


class HttpClient:
    """Safe to share between threads; connections are kept for the next request.

    Parameters
    ----------
    certificate_authority
        Host to the PEM certificates to trust for it; empty for the system's.
    allow_inner
        Let names lead to loopback and private addresses. Link-local and metadata addresses are refused in any case.
    timeout_s
        Seconds for one exchange with all its bytes.
    attempts, pause_s
        How often to ask a server that does not answer, and the seconds between, doubled each time.
    """

    def __init__(
        self,
        *,
        certificate_authority: Callable[[str], str] = lambda host: "",
        allow_inner: bool = True,
        timeout_s: float = 120,
        attempts: int = 3,
        pause_s: float = 0.5,
    ) -> None:
        self._certificate_authority = certificate_authority
        self._allow_inner = allow_inner
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._pause_s = pause_s
        self._pools: dict[tuple[Trust, str], PoolManager] = {}
        self._lock = threading.Lock()

    def get(
        self,
        address: WebAddress,
        access: Access,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        compressed: bool = False,
    ) -> Response:
        """Fetch ``address``; statuses below 500 are the caller's to judge.

        Parameters
        ----------
        limit
            Bytes of the answer, unpacked.
        headers
            More headers; ``Authorization`` belongs to `Access.origin` too.
        compressed
            Ask for gzip on the way, which pays for text.

        Raises
        ------
        RepositoryUnreachableError
            No answer, an answer that does not end, or the server's own failure, after some attempts.
        RepositoryError
            A certificate that is not trusted, a refused address, scheme or redirect, too many bytes.
        """
        wanted = dict(headers or {}) | {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip" if compressed else "identity",
        }
        for _ in range(MAX_REDIRECTS + 1):
            if address.scheme != "https" and not access.plain_http:
                raise RepositoryError(
                    f"{address} has no TLS, which is refused; use https://, or allow it in the repository's Secret"
                )
            response = self._persist(address, access, wanted, limit)
            location = response.headers.get("location", "")
            if response.status not in _REDIRECTS or not location:
                return response
            target = address.join(location)
            if address.scheme == "https" and target.scheme != "https":
                raise RepositoryError(f"{address} redirects to an address without TLS, which is refused")
            address = target
        raise RepositoryError(f"{address} redirects more than {MAX_REDIRECTS} times, which is refused")

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def _persist(self, address: WebAddress, access: Access, headers: Mapping[str, str], limit: int) -> Response:
        attempt = 1
        while True:
            try:
                response = self._exchange(address, access, headers, limit)
            except RepositoryUnreachableError:
                if attempt >= self._attempts:
                    raise
            else:
                if response.status not in _TRY_AGAIN and response.status < 500:
                    return response
                if attempt >= self._attempts or response.status not in _TRY_AGAIN:
                    raise RepositoryUnreachableError(
                        f"{address} answers with status {response.status}; the server fails, try again later"
                    )
            time.sleep(self._pause_s * 2 ** (attempt - 1))
            attempt += 1

    def _exchange(self, address: WebAddress, access: Access, headers: Mapping[str, str], limit: int) -> Response:
        from http.client import HTTPException

        import urllib3  # 60 ms that a run without charts never needs

        from reconciler.source.charts.transport import Deadline

        owner = access.owner(address)
        proxy = proxy_for(address, owner or access.credentials)
        if proxy and (reason := refusal(address.host, allow_inner=self._allow_inner)):
            raise RepositoryError(f"{address.host} is {reason}; name another host")
        pool = self._pool(address, owner, proxy)
        sent = _request_headers(headers, access, address)
        # A proxy is the operator's own choice, and what a name means to it is not ours to see.
        with Deadline(self._timeout_s, allow_inner=self._allow_inner or bool(proxy)) as deadline:
            try:
                answer = pool.request(
                    "GET", address.url, headers=sent, redirect=False, preload_content=False, decode_content=False
                )
                try:
                    body = _read(answer, address, limit, deadline)
                except BaseException:
                    answer.close()
                    raise
                answer.release_conn()
            except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
                raise _explained(error, address, deadline, self._timeout_s) from error
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body, address)

    def _pool(self, address: WebAddress, owner: RepositoryCredentials | None, proxy: str) -> "PoolManager":
        from reconciler.source.charts.transport import Trust, connection_pool

        trust = Trust()
        if address.scheme == "https":
            authority = self._certificate_authority(address.host.strip("[]"))
            trust = Trust(authority)
            if owner is not None:
                trust = Trust(authority, owner.insecure, owner.tls_client_cert, owner.tls_client_key.reveal())
        with self._lock:
            pool = self._pools.get((trust, proxy))
            if pool is None:
                pool = self._pools[trust, proxy] = connection_pool(trust, proxy)
        return pool


def basic_authorization(credentials: RepositoryCredentials) -> str:
    """The value of an ``Authorization`` header, empty without user name and password."""
    user, password = credentials.username.reveal(), credentials.password.reveal()
    if not user and not password:
        return ""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bearer_authorization(token: str, where: object) -> str:
    """The value of an ``Authorization`` header for a token.

    Raises
    ------
    RepositoryError
        When the token cannot stand in a header; the HTTP library would quote it.
    """
    if has_control_characters(token) or not token.isascii():
        raise RepositoryError(f"the token for {where} holds characters that no header can carry")
    return f"Bearer {token}"


def _request_headers(headers: Mapping[str, str], access: Access, address: WebAddress) -> dict[str, str]:
    if access.origin == address.origin:
        return dict(headers)
    return {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _read(answer: "BaseHTTPResponse", address: WebAddress, limit: int, deadline: "Deadline") -> bytes:
    length = answer.headers.get("Content-Length", "")
    if length.isdigit() and len(length) < 20 and int(length) > limit:
        raise _too_large(address, limit)
    packed = answer.headers.get("Content-Encoding", "").lower() == "gzip" and answer.status == 200
    inflate = zlib.decompressobj(wbits=31) if packed else None
    parts: list[bytes] = []
    size = 0
    while chunk := answer.read1(_CHUNK):
        try:
            # One byte over the limit is enough to know.
            part = chunk if inflate is None else inflate.decompress(chunk, limit - size + 1)
        except zlib.error:
            raise RepositoryError(f"{address} answers with damaged gzip; its server is at fault") from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(address, limit)
    if deadline.passed:
        raise TimeoutError("the time for the exchange is over")
    if inflate is not None and parts and not inflate.eof:
        raise RepositoryError(f"{address} answers with gzip that is cut short; its server is at fault")
    return b"".join(parts)


def _too_large(address: WebAddress, limit: int) -> RepositoryError:
    return RepositoryError(f"{address} answers with more than {limit} bytes, the limit here")


def _explained(error: Exception, address: WebAddress, deadline: "Deadline", timeout_s: float) -> RepositoryError:
    import ssl

    if deadline.passed:
        return RepositoryUnreachableError(
            f"{address} takes more than {timeout_s:g} s, the limit of one download; check the server and the network"
        )
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        inner = cause.args[-1] if cause.args and isinstance(cause.args[-1], BaseException) else None
        cause = inner or cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return RepositoryError(
            f"the certificate of {address.host} is not trusted ({cause.verify_message}); "
            "add its authority to argocd-tls-certs-cm"
        )
    if isinstance(cause, ssl.SSLError):
        return RepositoryError(f"{address} does not speak TLS with us; check the address and the client certificate")
    return RepositoryUnreachableError(f"{address} cannot be reached; check the address and the network")
