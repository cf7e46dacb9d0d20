"""The sandbox's sockets: HTTP/1.1 over TLS on the loopback interface.

Source of the access rules: a server on loopback is reachable by every local process and, through a browser, by every
web page; so each request needs the token, a loopback Host, and no Origin.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from reconciler.sandbox.access import GROUP_SEPARATOR
from reconciler.sandbox.api import Answer, Api
from reconciler.sandbox.faults import Delay, Disturbance, Effect, Faults, Lag, Refuse, Reset, Stale, asked_of, lagging
from reconciler.sandbox.messages import JSON, Request, Response
from reconciler.sandbox.status import StatusError, internal_error, unauthorized
from reconciler.sandbox.watches import Watch

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
MAX_BODY_BYTES: Final = 3 * 1024 * 1024
BOOKMARK_S: Final = 60.0
WATCH_TIMEOUT_S: Final = 2400.0
INSTANCE_PATH: Final = "/sandbox/instance"
_LOOPBACK: Final = frozenset(["127.0.0.1", "localhost", "[::1]"])
_PUBLIC: Final = frozenset(["/healthz", "/livez", "/readyz"])


class Server:
    """The ASGI application.

    Parameters
    ----------
    token:
        What clients present as bearer token.
    instance:
        An id that tells this process from others that had the port before.
    faults:
        What goes wrong, where somebody wants it to.
    """

    def __init__(self, api: Api, *, token: str, instance: str, faults: Faults) -> None:
        self._api = api
        self._faults = faults
        self.abort: Callable[[Any], None] = lambda client: None
        """Cuts the connection of a client, told by its address."""
        self._token = token.encode()
        self._instance = instance
        self._watches: set[Watch] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = _headers(scope)
        refusal = self._refusal(scope["path"], headers)
        if refusal is not None:
            await _respond(send, Response(refusal.status, refusal.body()))
            return
        try:
            body = await _read(receive)
        except StatusError as error:
            await _respond(send, Response(error.status, error.body()))
            return
        query: dict[str, str] = {}
        for key, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            query.setdefault(key, value)
        path = scope.get("raw_path", b"").decode("latin-1") or scope["path"]
        request = Request(scope["method"], path, query, headers, body)
        if self._faults.idle or path == INSTANCE_PATH:
            await self._answer(request, receive, send)
        else:
            await self._disturbed(request, scope["client"], receive, send)

    def stop(self) -> None:
        """End all watches, so that the server can close its connections."""
        for watch in tuple(self._watches):
            watch.end()

    async def _answer(self, request: Request, receive: Receive, send: Send) -> None:
        if request.path == INSTANCE_PATH:
            await _respond(send, Response(200, {"instance": self._instance}))
            return
        answer = await self._handle(request, send)
        if isinstance(answer, Watch):
            await self._stream(request, answer, receive, send)
        else:
            await _respond(send, answer, head=request.method == "HEAD")

    async def _disturbed(self, request: Request, client: Any, receive: Receive, send: Send) -> None:
        """As `_answer`, with a log and what the fault switches make of it."""
        asked = asked_of(request)
        effect = self._faults.effect_on(asked, request.query)
        if isinstance(effect, Delay) and asked.verb != "watch":
            await asyncio.sleep(effect.seconds)
        if isinstance(effect, Reset) and not effect.committed:
            self._faults.note(asked, None)
            self.abort(client)
            return
        if isinstance(effect, Lag):
            request = lagging(request, effect.versions, self._api.cluster.store.revision)
        answer = effect.response() if isinstance(effect, Refuse) else await self._handle(request, send)
        if isinstance(effect, Stale):
            answer = effect.of(answer)
        self._faults.note(asked, None if isinstance(effect, Reset) else answer)
        if isinstance(effect, Reset):
            self.abort(client)
        elif isinstance(answer, Watch):
            await self._stream(request, answer, receive, send, effect=effect, cut=lambda: self.abort(client))
        else:
            await _respond(send, answer, head=request.method == "HEAD")

    async def _handle(self, request: Request, send: Send) -> Answer:
        try:
            return self._api.handle(request)
        except Exception as error:
            problem = internal_error(f"{type(error).__name__} while handling {request.method}")
            await _respond(send, Response(problem.status, problem.body()))
            raise

    def _refusal(self, path: str, headers: Mapping[str, str]) -> StatusError | None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        if name.lower() not in _LOOPBACK:
            return StatusError(403, "Forbidden", "the sandbox answers only to loopback host names")
        if "origin" in headers:
            return StatusError(403, "Forbidden", "the sandbox refuses requests from web pages")
        if path in _PUBLIC:
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            return unauthorized()
        return None

    async def _stream(
        self,
        request: Request,
        watch: Watch,
        receive: Receive,
        send: Send,
        *,
        effect: Effect | None = None,
        cut: Callable[[], None] = lambda: None,
    ) -> None:
        """Send a watch's events as they come, until the client, the time limit, the server or a fault ends it."""
        disturbance = Disturbance(effect)
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        watch.wake = woken.set
        self._watches.add(watch)
        gone = asyncio.ensure_future(_disconnected(receive))
        gone.add_done_callback(lambda _: woken.set())
        seconds = request.query.get("timeoutSeconds", "")
        deadline = loop.time() + (float(seconds) if seconds.isdigit() and int(seconds) else WATCH_TIMEOUT_S)
        await send(_start(200, JSON, (("transfer-encoding", "chunked"),)))
        try:
            while not gone.done():
                events = disturbance.of(watch.drain())
                if events:
                    if disturbance.delay_s:
                        await asyncio.sleep(disturbance.delay_s)
                    lines = b"".join(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE) for event in events)
                    await send({"type": "http.response.body", "body": lines, "more_body": True})
                if disturbance.cuts:
                    cut()
                if watch.ended or disturbance.ends or loop.time() >= deadline:
                    break
                if not await _wait(woken, min(BOOKMARK_S, deadline - loop.time())):
                    watch.add_bookmark()
        finally:
            watch.close()
            self._watches.discard(watch)
            gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        if name == "impersonate-group" and name in headers:
            value = f"{headers[name]}{GROUP_SEPARATOR}{value}"
        headers[name] = value
    return headers


async def _wait(woken: asyncio.Event, seconds: float) -> bool:
    """Whether there was news within ``seconds``."""
    try:
        await asyncio.wait_for(woken.wait(), seconds)
    except TimeoutError:
        return False
    woken.clear()
    return True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            text = f"Request entity too large: limit is {MAX_BODY_BYTES}"
            raise StatusError(413, "RequestEntityTooLarge", text)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


def _start(status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> MutableMapping[str, Any]:
    fixed = (("content-type", content_type), ("cache-control", "no-cache, private"))
    encoded = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in (*fixed, *headers)]
    return {"type": "http.response.start", "status": status, "headers": encoded}


async def _respond(send: Send, response: Response, *, head: bool = False) -> None:
    body = b"" if head else response.encode()
    headers = (*response.headers, ("content-length", str(len(body))))
    await send(_start(response.status, response.content_type, headers))
    await send({"type": "http.response.body", "body": body, "more_body": False})
