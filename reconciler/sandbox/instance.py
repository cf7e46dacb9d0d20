"""Running a sandbox cluster inside this process."""

import asyncio
import json
import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from reconciler.errors import ClusterUnreachableError, UsageError

if TYPE_CHECKING:
    from reconciler.sandbox.api import Api
    from reconciler.sandbox.controllers import ControllerLoop
    from reconciler.sandbox.faults import Faults
    from reconciler.sandbox.server import Server
    from reconciler.sandbox.store import Saved

DEFAULT_LATENCY_S: Final = 0.05
START_TIMEOUT_S: Final = 20.0
CONTEXT: Final = "gitops-nb-sandbox"


class Sandbox:
    """A sandbox cluster on a loopback port, served by a thread of this process.

    ::

        with Sandbox() as sandbox:
            subprocess.run(["kubectl", "--kubeconfig", sandbox.kubeconfig, "get", "nodes"])

    Parameters
    ----------
    latency_s:
        Seconds that a simulated controller takes for one step.
    directory:
        Where kubeconfig and certificate are written; a private temporary folder, removed at the end, when None.
    clock:
        The cluster's time; the real one when None.
    seed:
        Makes uids and generated names repeatable.
    """

    def __init__(
        self,
        *,
        latency_s: float = DEFAULT_LATENCY_S,
        directory: Path | None = None,
        clock: Callable[[], datetime] | None = None,
        seed: int | None = None,
    ) -> None:
        if latency_s < 0:
            raise UsageError(f"latency_s is {latency_s}; give a number of seconds that is not negative")
        self._latency_s = latency_s
        self._directory = directory
        self._clock = clock
        self._seed = seed
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], None] = lambda: None
        self._failure: BaseException | None = None
        self._restart: Callable[[float], None] = lambda down_s: None
        self.faults: Faults
        """Its fault switches and request log, once it runs."""
        self.instance = secrets.token_hex(8)
        self.token = secrets.token_urlsafe(32)
        self.url = ""

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a cluster administrator (mode 0600)."""
        return self._folder / "kubeconfig"

    @property
    def ca_file(self) -> Path:
        """The certificate to trust."""
        return self._folder / "server.crt"

    @property
    def _folder(self) -> Path:
        if self._directory is None:
            raise UsageError("the sandbox is not running; use it as a context manager, or call start()")
        return self._directory

    def start(self) -> Self:
        """Start serving; returns when requests are answered.

        Raises
        ------
        ClusterUnreachableError
            When the server does not come up.
        """
        self._private = self._directory is None
        if self._directory is None:
            self._directory = Path(tempfile.mkdtemp(prefix="gitops-nb-sandbox-"))
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="gitops-nb-sandbox", daemon=True)
        self._thread.start()
        if not ready.wait(START_TIMEOUT_S) or self._failure is not None:
            self.stop()
            raise ClusterUnreachableError(f"the sandbox did not start within {START_TIMEOUT_S:g} s") from self._failure
        return self

    def stop(self) -> None:
        """Stop serving and remove the private folder."""
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join(timeout=10)
        self._thread = None
        if self._directory is not None and self._private:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def call(self, action: "Callable[[Api], Any]") -> Any:
        """Run ``action`` in the server's own thread, between two requests: the way to look inside or to disturb."""
        if self._loop is None:
            raise UsageError("the sandbox is not running; use it as a context manager, or call start()")

        async def run() -> Any:
            return action(self._api)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=START_TIMEOUT_S)

    def restart(self, *, down_s: float = 0.0) -> None:
        """Cut every connection and take no others for so many seconds, as an API server does that is restarted.

        Objects and address stay; returns at once.
        """
        self.call(lambda _api: self._restart(down_s))

    def save(self) -> "Saved":
        """A backup of all objects."""
        saved: Saved = self.call(lambda api: api.cluster.store.save())
        return saved

    def restore(self, saved: "Saved") -> None:
        """Go back to a backup; whoever is connected is cut."""

        def go_back(api: "Api") -> None:
            self._restart(0.0)
            api.cluster.store.restore(saved)

        self.call(go_back)

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits for the start
            self._failure = error
        finally:
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        from reconciler.sandbox.tls import make_certificate

        certificate, key = make_certificate(self._folder)
        self._loop = asyncio.get_running_loop()
        application, controllers = self._populate(self._loop, certificate.read_text())
        listener = _listener(0)
        port = listener.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        self._write_kubeconfig(certificate)
        ending = False
        down_s: float | None = None
        server = _http_server(application, certificate, key)

        def cut(client: Any = None) -> None:
            # A client that keeps its connection would hold up the end: closing TLS waits for its answer.
            for connection in list(server.server_state.connections):
                if client is None or connection.client == client:
                    connection.transport.abort()

        def leave() -> None:
            application.stop()
            # At once, not when the server looks up next: whoever connects again meanwhile would be cut once more.
            for each in getattr(server, "servers", ()):
                each.close()
            cut()
            server.should_exit = server.force_exit = True

        def stop() -> None:
            nonlocal ending
            ending = True
            controllers.stop()
            leave()

        def restart(seconds: float) -> None:
            nonlocal down_s
            down_s = seconds
            leave()

        self._stop, self._restart, application.abort = stop, restart, cut
        while not ending:
            serving = asyncio.ensure_future(server.serve(sockets=[listener]))
            while not server.started and not serving.done():
                await asyncio.sleep(0.002)
            ready.set()
            await serving
            if ending or down_s is None:
                return
            listener.close()
            reserved = await _reserved(port)
            await asyncio.sleep(down_s)
            down_s = None
            if not ending:
                listener, server = _listener(port), _http_server(application, certificate, key)
            reserved.close()

    def _populate(self, loop: asyncio.AbstractEventLoop, authority: str) -> "tuple[Server, ControllerLoop]":
        """The cluster with its first objects, and its controllers at work."""
        from reconciler.sandbox.api import Api
        from reconciler.sandbox.bootstrap import bootstrap
        from reconciler.sandbox.cluster import Cluster, utc_now
        from reconciler.sandbox.controllers import start_controllers
        from reconciler.sandbox.faults import Faults
        from reconciler.sandbox.server import Server

        self._api = Api(Cluster(clock=self._clock or utc_now, seed=self._seed))
        controllers = start_controllers(self._api, loop, latency_s=self._latency_s, certificate=authority)
        bootstrap(self._api)
        self.faults = Faults(self._api.cluster.store)
        return Server(self._api, token=self.token, instance=self.instance, faults=self.faults), controllers

    def _write_kubeconfig(self, certificate: Path) -> None:
        from base64 import b64encode

        data = b64encode(certificate.read_bytes()).decode()
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": {"server": self.url, "certificate-authority-data": data}}],
            "users": [{"name": CONTEXT, "user": {"token": self.token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": "default"}}],
            "current-context": CONTEXT,
        }
        self.kubeconfig.touch(mode=0o600)
        self.kubeconfig.chmod(0o600)
        # JSON is YAML, and needs no YAML library here.
        self.kubeconfig.write_text(json.dumps(content, indent=2) + "\n")


def _listener(port: int) -> socket.socket:
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    # Accepted connections inherit it. asyncio sets it only on sockets made with an explicit protocol, and without it
    # each answer waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _reserved(port: int) -> socket.socket:
    """A socket on the port of a server that is down: connections are refused, and nobody else gets the port."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        reserved = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reserved.bind(("127.0.0.1", port))
        except OSError:
            reserved.close()
            if time.monotonic() > deadline:
                raise
            # A client of somebody has been given it in this moment.
            await asyncio.sleep(0.02)
        else:
            return reserved


def _http_server(application: "Server", certificate: Path, key: Path) -> Any:
    import uvicorn

    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
    )
    return uvicorn.Server(config)
