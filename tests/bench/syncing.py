"""Syncing on a real control plane: many applications at once, one after a commit, waves, and a run after a killed one.

The control plane is measured with what it serves, so each figure of ours stands beside kubectl's in the same run, and beside
what does not depend on the machine's load: requests, TLS handshakes and processor time of our own processes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bench.commands import BIN, control_plane
from tests.bench.figures import measured, report, timed
from tests.bench.repositories import OBJECTS, commit_change, make_repository, members

if TYPE_CHECKING:
    from reconciler.engine import Reconciler

APPLICATIONS = 150
NAMESPACES = 15
WALL_S = 8.0
TIMES_KUBECTL = 2.0
_ROOT = Path(__file__).resolve().parents[2]
_PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def syncing() -> None:
    """The first sync of 150 applications of 10 objects, rendering and history included, and kubectl's of the same objects."""
    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder, control_plane() as kubeconfig:
        work = Path(folder)
        origin = work / "origin.git"
        made = make_repository(origin, APPLICATIONS)
        _install(kubeconfig, [_application(m.name, origin.as_uri(), m.path, index) for index, m in enumerate(made)])
        for prefix in ("place", "peer"):
            _namespaces(kubeconfig, prefix)
        first = _in_process("first", kubeconfig, work)
        kubectl = [BIN / "kubectl", "--kubeconfig", kubeconfig, "apply", "--server-side", "--force-conflicts"]
        peer = timed([*kubectl, "--field-manager=argocd-controller", "-f", work / "objects.yaml"])
        again = _in_process("again", kubeconfig, work)
    count = f"{APPLICATIONS} applications of {OBJECTS} objects"
    report(f"{count}: first sync (wall)", [first["wall_s"]], min(WALL_S, TIMES_KUBECTL * peer))
    report("  its own processor time, renderers included", [first["cpu_s"]], None, f"{first['own_s']:.2f} s in Python")
    report("  peer: kubectl apply --server-side (wall)", [peer], None)
    print(f"  requests an application: {_shown(first)}", flush=True)
    report(f"{count}: synced again, nothing changed (wall)", [again["wall_s"]], None, f"{again['own_s']:.2f} s in Python")
    print(f"  requests an application: {_shown(again)}", flush=True)


def _shown(figures: Mapping[str, Any]) -> str:
    counts = ", ".join(f"{name} {number / APPLICATIONS:.2f}" for name, number in figures["requests"].items())
    return f"{counts}; {figures['handshakes']} TLS handshakes in all"


def _in_process(what: str, kubeconfig: Path, work: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.syncing", what, str(kubeconfig), str(work)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _application(name: str, url: str, path: str, index: int) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": f"place-{index % NAMESPACES:02}"},
            "source": {"repoURL": url, "path": path, "targetRevision": "main"},
        },
    }


def _install(kubeconfig: Path, applications: Sequence[Mapping[str, Any]]) -> None:
    from tests.argo import install_argo
    from tests.conformance.client import Client

    with closing(Client(kubeconfig)) as client:
        install_argo(client)
        for application in applications:
            client.create(_PATH, dict(application)).expect(201)


def _namespaces(kubeconfig: Path, prefix: str) -> None:
    from tests.conformance.client import Client

    with closing(Client(kubeconfig)) as client:
        for index in range(NAMESPACES):
            client.create("/api/v1/namespaces", {"metadata": {"name": f"{prefix}-{index:02}"}}).expect(201)


class Counted:
    """A pool of connections that counts what is sent through it, by what it is for."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.requests: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def request(self, method: str, url: str, **how: Any) -> Any:
        self.requests[_purpose(method, url)] += 1
        return self._pool.request(method, url, **how)

    @property
    def handshakes(self) -> int:
        """New connections of all hosts."""
        pools = self._pool.pools
        return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - no mapping


def _purpose(method: str, url: str) -> str:
    path = url.partition("?")[0]
    if "leases" in path:
        return "lease"
    if "/applications" in path and method == "PATCH":
        return "status"
    if method == "GET":
        if "/openapi/" in path or path.count("/") <= 5:
            return "discovery"
        if "watch=" in url:
            return "watch"
        return "list" if "limit=" in url else "get"
    return "dry run" if "dryRun=" in url else "write"


@contextmanager
def _engine(kubeconfig: Path, work: Path) -> "Iterator[tuple[Reconciler, Counted]]":
    from reconciler.cluster import connect
    from reconciler.cluster.connection import Connection, KubeconfigAccess
    from reconciler.engine import Reconciler
    from reconciler.history import open_store
    from reconciler.source import RepositoryCache, Sources

    access: Any = connect(kubeconfig=str(kubeconfig))._access
    assert isinstance(access, KubeconfigAccess)
    counted = Counted(access.pool)
    access.pool = counted  # type: ignore[assignment]
    connection = Connection(access, name="bench")
    sources = Sources(repositories=RepositoryCache(work / "mirrors"))
    with sources, open_store(f"sqlite:///{work}/history.db") as store:
        yield Reconciler(connection, sources=sources, store=store), counted


def _sync_all(kubeconfig: Path, work: Path, *, keep: bool) -> dict[str, Any]:
    from reconciler.engine.operation import SyncRequest

    with _engine(kubeconfig, work) as (engine, counted):
        own = time.process_time()
        with measured() as spent:
            applications = engine.applications()
            runs = engine.sync_all(applications, lambda _application, _found: SyncRequest(initiated_by="bench"))
        own = time.process_time() - own
        failures = [str(run.error or run.outcome) for run in runs if run.failed or run.status_problem]
        assert not failures, failures[0]
        assert all(run.comparison.status == "Synced" for run in runs), [run.comparison.status for run in runs]
        requests, handshakes = dict(counted.requests), counted.handshakes
        if keep:
            _write_objects(engine, work / "objects.yaml")
    figures = {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "own_s": own}
    return {**figures, "requests": requests, "handshakes": handshakes}


def _write_objects(engine: "Reconciler", file: Path) -> None:
    """What was synced, for kubectl and other namespaces."""
    from reconciler.engine import Reconciliation
    from reconciler.manifest.yaml import dump_document

    answers = engine.reconcile_all(engine.applications())
    targets = [target for each in answers if isinstance(each, Reconciliation) for target in each.targets.values()]
    assert len(targets) == APPLICATIONS * OBJECTS
    text = "---\n".join(dump_document(target) for target in targets)
    file.write_text(text.replace("namespace: place-", "namespace: peer-"))


def _main(arguments: Sequence[str]) -> None:
    what, kubeconfig, work = arguments[0], Path(arguments[1]), Path(arguments[2])
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    print(json.dumps(_sync_all(kubeconfig, work, keep=what == "first")))


if __name__ == "__main__":
    _main(sys.argv[1:])
