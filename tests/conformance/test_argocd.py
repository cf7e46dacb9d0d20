"""Argo CD's own server and command line show what we wrote: ``GITOPS_NB_ARGOCD`` names an ``argocd`` program.

The server needs ``redis-server``; both run on loopback, beside the real control plane. CONTRIBUTING says how to build the
program, which takes some minutes: a test run does not need it.
"""

import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from reconciler.cluster import connect
from reconciler.engine import Reconciler
from reconciler.engine.requests import SyncRequest
from reconciler.source import RenderCache, RepositoryCache, Sources
from reconciler.sync.records import PlanOptions
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.repositories import GitRepository

PROGRAM = os.environ.get("GITOPS_NB_ARGOCD", "")
Ask = Callable[..., Any]

# Not left out but not there: the program is no part of what a test run needs.
if PROGRAM:

    @pytest.fixture
    def cluster_kubeconfig(controlplane: Path) -> Path:
        return controlplane

    @pytest.fixture
    def argocd(client: Client, namespace: str, tmp_path: Path) -> Iterator[Ask]:
        """Asks the command line, which asks the server; the answer of ``-o json`` decoded."""
        install_argo(client)
        for collection, body in (
            ("configmaps", {"metadata": named("argocd-cm")}),
            ("configmaps", {"metadata": named("argocd-rbac-cm")}),
            ("secrets", {"metadata": named("argocd-secret"), "stringData": {"server.secretkey": "abcdefgh"}}),
        ):
            client.create(f"/api/v1/namespaces/{namespace}/{collection}", body).expect(201)
        with ExitStack() as stack:
            redis, port, metrics = free_port(), free_port(), free_port()
            stack.enter_context(running(["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", ""]))
            server = stack.enter_context(
                running(
                    [
                        *(PROGRAM, "--insecure", "--disable-auth", "--namespace", namespace),
                        *("--redis", f"127.0.0.1:{redis}", "--repo-server", "127.0.0.1:1"),
                        *("--port", str(port), "--metrics-port", str(metrics), "--staticassets", str(tmp_path)),
                    ],
                    KUBECONFIG=str(client.kubeconfig),
                    ARGOCD_BINARY_NAME="argocd-server",
                )
            )
            address = f"127.0.0.1:{port}"
            await_answer(f"http://{address}/healthz", server)

            def ask(*words: str) -> Any:
                command = [PROGRAM, *words, "--server", address, "--plaintext", "--config", str(tmp_path / "config")]
                done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
                return json.loads(done.stdout) if "json" in words else done.stdout

            yield ask

    @pytest.fixture
    def engine(client: Client, namespace: str, tmp_path: Path) -> Reconciler:
        sources = Sources(repositories=RepositoryCache(tmp_path / "mirrors"), cache=RenderCache(persistent=False))
        return Reconciler(connect(kubeconfig=client.kubeconfig), sources=sources, namespace=namespace)

    def test_it_shows_a_sync_its_history_and_a_failure(
        argocd: Ask,
        engine: Reconciler,
        client: Client,
        namespace: str,
        git_repository: Callable[[Mapping[str, str]], GitRepository],
    ) -> None:
        origin = git_repository({"app/a.yaml": config_map("a", "1")})
        destination = {"server": "https://kubernetes.default.svc", "namespace": namespace}
        source = {"repoURL": origin.url, "path": "app", "targetRevision": "main"}
        spec = {"project": "default", "destination": destination, "source": source}
        body = {**kind("Application"), "metadata": {"name": "shop"}, "spec": spec}
        client.create(f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/applications", body).expect(201)

        sync(engine)
        (listed,) = argocd("app", "list", "-o", "json")
        assert listed["metadata"]["name"] == "shop"
        assert (listed["status"]["sync"]["status"], listed["status"]["health"]["status"]) == ("Synced", "Healthy")
        first = origin.head
        shown = argocd("app", "get", "shop")
        assert "Sync Status:        Synced to main" in shown
        assert "configmaps/a created" in shown
        assert first[:7] in argocd("app", "history", "shop")

        origin.commit({"app/a.yaml": config_map("a", "2")})
        sync(engine)
        entries = argocd("app", "history", "shop").splitlines()[2:]
        assert [entry.split()[0] for entry in entries] == ["0", "1"]

        origin.commit({"app/a.yaml": config_map("A_not_a_name", "2")})
        sync(engine)
        state = argocd("app", "get", "shop", "-o", "json")["status"]["operationState"]
        assert state["phase"] == "Failed"
        assert "A_not_a_name" in state["message"]
        assert len(argocd("app", "history", "shop").splitlines()[2:]) == 2

    def sync(engine: Reconciler) -> None:
        engine.begin_run()
        reconciliation = engine.reconcile(engine.application("shop"))
        engine.run_sync(reconciliation, SyncRequest(options=PlanOptions(prune=True), initiated_by="ada"))


def named(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {"app.kubernetes.io/part-of": "argocd"}}


def kind(name: str) -> dict[str, str]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": name}


def config_map(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value!r}}}\n"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block."""
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, env={**os.environ, **environment}) as process:
        try:
            yield process
        finally:
            process.kill()


def await_answer(url: str, server: "subprocess.Popen[bytes]") -> None:
    """Ask until the server answers."""
    retries = urllib3.Retry(total=200, backoff_factor=0.05, backoff_max=0.2, status_forcelist=[503])
    with urllib3.PoolManager(retries=retries) as pool:
        assert pool.request("GET", url).status == 200, server.poll()
