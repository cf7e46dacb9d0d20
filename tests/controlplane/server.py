"""A real Kubernetes control plane on 127.0.0.1: etcd, kube-apiserver, kube-controller-manager, and a simulated node."""

import base64
import ctypes
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3
import yaml

from tests.conformance.client import Client
from tests.controlplane.binaries import Binaries
from tests.controlplane.certificates import write_certificates
from tests.controlplane.node import SimulatedNode

_START_LIMIT_S = 90.0
_STOP_LIMIT_S = 5.0
_POLL_S = 0.05
_ROOM_FOR_ETCD = 1 << 30
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ControlPlaneError(Exception):
    """A part of the control plane did not come up; the text ends with the tail of its log."""


class ControlPlane:
    """A control plane for the length of a ``with`` block; start it from the main thread.

    It stops only processes that it started, by their process groups, and removes its folder; should this process be
    killed, the kernel ends them (on Linux).

    Attributes
    ----------
    kubeconfig
        Token authentication as a member of system:masters; mode 0600; valid after `__enter__`.
    started_in_s
        Seconds from nothing to a ready API, a ready node and a default service account.
    """

    def __init__(self, binaries: Binaries, *, latency_s: float = 0.05) -> None:
        self._binaries = binaries
        self._latency_s = latency_s
        self._cleanup = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._arguments: dict[str, tuple[str, ...]] = {}
        self._directory = Path()
        self.started_in_s = 0.0

    @property
    def kubeconfig(self) -> Path:
        return self._directory / "kubeconfig"

    def __enter__(self) -> Self:
        begun = time.monotonic()
        with ExitStack() as undo:
            self._directory = Path(tempfile.mkdtemp(prefix="gitops-nb-controlplane-", dir=_fast_directory()))
            undo.callback(shutil.rmtree, self._directory, ignore_errors=True)
            undo.callback(self._stop)
            self._start()
            client = undo.enter_context(closing(Client(self.kubeconfig)))
            self._wait_for(client, "kube-apiserver", "/readyz")
            undo.enter_context(SimulatedNode(self.kubeconfig, latency_s=self._latency_s))
            self._wait_for(client, "kube-controller-manager", "/api/v1/namespaces/default/serviceaccounts/default")
            self._cleanup = undo.pop_all()
        self.started_in_s = time.monotonic() - begun
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def check(self) -> None:
        """Fail with the tail of its log when a process has ended.

        Raises
        ------
        ControlPlaneError
        """
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise ControlPlaneError(f"{name} ended with {process.returncode}:\n{self._tail(name)}")

    def stop_apiserver(self) -> None:
        """End kube-apiserver as systemd does; etcd keeps everything. `start_apiserver` brings it back."""
        process = self._processes.pop("kube-apiserver")
        process.terminate()
        try:
            process.wait(timeout=_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            # It waits for open watches, up to a minute.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start_apiserver(self, *, wait: bool = True) -> None:
        """Start kube-apiserver again on the same etcd, port and token; ``wait`` until it is ready.

        Raises
        ------
        ControlPlaneError
        """
        self._run("kube-apiserver", *self._arguments["kube-apiserver"])
        if wait:
            with closing(Client(self.kubeconfig)) as client:
                self._wait_for(client, "kube-apiserver", "/readyz")

    def restart_apiserver(self, *, wait: bool = True) -> None:
        """SIGTERM and a new start; errors as `start_apiserver`."""
        self.stop_apiserver()
        self.start_apiserver(wait=wait)

    @contextmanager
    def controllers_halted(self) -> Iterator[None]:
        """Only the API server and etcd work meanwhile: what is applied stays as it is, and no Pods are made of it."""
        process = self._processes["kube-controller-manager"]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def _start(self) -> None:
        here = self._directory
        here.chmod(0o700)
        write_certificates(here)
        client_port, peer_port, api_port = _free_ports(3)
        etcd = f"http://127.0.0.1:{client_port}"
        token = secrets.token_hex(16)
        _write_private(here / "tokens.csv", f'{token},admin,admin,"system:masters"\n')
        _write_private(self.kubeconfig, _kubeconfig(f"https://127.0.0.1:{api_port}", here / "ca.crt", token))
        peer = f"http://127.0.0.1:{peer_port}"
        self._run(
            "etcd",
            f"--data-dir={here / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--log-level=warn",
        )
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={api_port}",
            # The advertised address would be looked up among the machine's interfaces, of which there may be none.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={here / 'serving.crt'}",
            f"--tls-private-key-file={here / 'serving.key'}",
            f"--token-auth-file={here / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={here / 'sa.key'}",
            f"--service-account-signing-key-file={here / 'sa.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged",
        )
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={here / 'sa.key'}",
            f"--root-ca-file={here / 'ca.crt'}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def _run(self, name: str, *arguments: str) -> None:
        self._arguments[name] = arguments
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [self._binaries.path(name), *arguments],
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if _LIBC else None,  # noqa: PLW1509 - started before any thread of ours
            )

    def _wait_for(self, client: Client, name: str, path: str) -> None:
        limit = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < limit:
            self.check()
            with suppress(urllib3.exceptions.HTTPError):
                if client.get(path).status == 200:
                    return
            time.sleep(_POLL_S)
        raise ControlPlaneError(f"{name} is not ready after {_START_LIMIT_S:.0f} s ({path}):\n{self._tail(name)}")

    def _tail(self, name: str, lines: int = 15) -> str:
        text = (self._directory / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _stop(self) -> None:
        for process in reversed(self._processes.values()):
            # Its group is its own (a new session), and it is ours until it is reaped below. Nothing is worth saving.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._processes.clear()


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _fast_directory() -> str | None:
    """A folder in memory where there is one with room; etcd allocates its log ahead."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM_FOR_ETCD:
        return f"{memory}"
    return None


def _free_ports(count: int) -> Sequence[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _kubeconfig(server: str, authority: Path, token: str) -> str:
    name = "controlplane"
    data = base64.b64encode(authority.read_bytes()).decode()
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data}}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        },
        sort_keys=False,
    )
