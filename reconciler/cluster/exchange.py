"""One request and its answer over a kept connection, for the usual case that nothing is out of the ordinary.

A sync is thousands of small requests, and urllib3 spends more on each than the rest of the sync does: it works out anew which
pool, which retries and which kind of answer apply. Here urllib3 makes and keeps the connections, and http.client reads the
answers. Whatever is not plain, such as a proxy, a broken connection or an answer that asks for patience, is left to urllib3.
"""

import re
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import urllib3
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ClosedPoolError, HTTPError

REPEATED: Final = frozenset({429, 502, 503, 504})
"""Statuses after which a request is sent again, with patience."""
_TARGET: Final = re.compile(r"/[!-~]*")
_HEADER: Final = re.compile(r"[\t -~]*")


class Reply(NamedTuple):
    """The answer to a request, all of it read."""

    status: int
    data: bytes


class Exchange:
    """Sends plain requests to one server; `send` answers None for what it leaves to others. Threads may share one.

    Parameters
    ----------
    pool
        Has the connections of all servers.
    server
        URL of the server, whose path stands before every target.
    """

    def __init__(self, pool: urllib3.PoolManager, server: str) -> None:
        # A proxy is spoken to in its own ways.
        self._manager = pool if type(pool) is urllib3.PoolManager else None
        self._server = server
        parts = urlsplit(server)
        self._prefix = parts.path
        self._host = parts.netloc.rpartition("@")[2]
        self._pool: HTTPConnectionPool | None = None

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Reply | None:
        """Send a request and read its answer; None where it must be sent again, by other means.

        A request that was sent and not answered may have been done: every one of them may be repeated.
        """
        pool, head = self._connections(), self._head(method, target, headers, body)
        if pool is None or head is None:
            return None
        try:
            connection: Any = pool._get_conn()
        except ClosedPoolError:
            self._pool = None
            return None
        kept = False
        try:
            if connection.sock is None:
                connection.timeout = timeout_s
                # Also warns of a server that nothing vouches for.
                pool._validate_conn(connection)
            if connection.sock is None:
                connection.connect()
            connection.sock.settimeout(timeout_s)
            connection.sock.sendall(head + body if body is not None else head)
            response = HTTPResponse(connection.sock, method=method)
            try:
                response.begin()
                data = response.read()
                kept = not response.will_close
            finally:
                response.close()
        except (HTTPException, HTTPError, OSError, ValueError):
            kept = False
            return None
        finally:
            if not kept:
                connection.close()
            pool._put_conn(connection)
        return None if response.status in REPEATED else Reply(response.status, data)

    def _connections(self) -> HTTPConnectionPool | None:
        if self._pool is None and self._manager is not None:
            self._pool = self._manager.connection_from_url(self._server)
        return self._pool

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes | None:
        """Request line and headers; None where a character might end one of them too early."""
        line = f"{self._prefix}{target}"
        if not _TARGET.fullmatch(line) or not all(map(_HEADER.fullmatch, headers.values())):
            return None
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if body is not None else ""
        text = f"{method} {line} HTTP/1.1\r\nHost: {self._host}\r\nAccept-Encoding: identity\r\n{fields}{length}\r\n"
        return text.encode("ascii")
