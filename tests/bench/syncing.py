"""Syncing on a real control plane: many applications at once, one after a commit, waves, and a run after a killed one.

The control plane is measured with what it serves, so each figure of ours stands beside kubectl's in the same run, and beside
what does not depend on the machine's load: requests, TLS handshakes and processor time of our own processes.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.argo import install_argo
from tests.bench.commands import BIN, control_plane
from tests.bench.figures import Spent, measured, report, timed
from tests.bench.repositories import OBJECTS, commit_change, make_repository
from tests.conformance.client import Client
from tests.controlplane.binaries import ensure_binaries
from tests.controlplane.server import ControlPlane
from tests.repositories import GitRepository

if TYPE_CHECKING:
    from reconciler.cluster import Connection
    from reconciler.engine import Reconciler

APPLICATIONS = 150
NAMESPACES = 15
_REPEATS = 3
WALL_S = 8.0
TIMES_KUBECTL = 2.0
_ROOT = Path(__file__).resolve().parents[2]
_PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def syncing() -> None:
    """The first sync of 150 applications of 10 objects, rendering and history included, and kubectl's of the same objects.

    Once with the API server and etcd alone, once while the cluster's controllers make Pods of it on the same two cores.
    """
    for situation, halted in (("", True), (", controllers at work", False)):
        with (
            tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder,
            ControlPlane(ensure_binaries()) as plane,
            closing(Client(plane.kubeconfig)) as client,
        ):
            _first_syncs(plane, client, Path(folder), situation, halted=halted)


def _first_syncs(plane: ControlPlane, client: Client, work: Path, situation: str, *, halted: bool) -> None:
    origin, kubeconfig = work / "origin.git", plane.kubeconfig
    made = make_repository(origin, APPLICATIONS)
    _install(client, [_application(m.name, origin.as_uri(), m.path, index) for index, m in enumerate(made)])
    for prefix in ("place", "peer", "plain"):
        _namespaces(client, prefix)
    with plane.controllers_halted() if halted else nullcontext():
        first = _in_process("first", kubeconfig, work)
        kubectl = [BIN / "kubectl", "--kubeconfig", kubeconfig, "apply", "--server-side", "--force-conflicts"]
        peer = timed([*kubectl, "--field-manager=argocd-controller", "-f", work / "objects.yaml"])
        plain = _in_process("plain", kubeconfig, work)["wall_s"]
        again = _in_process("again", kubeconfig, work)
    count = f"{APPLICATIONS} applications of {OBJECTS} objects"
    times = f"{first['wall_s'] / peer:.2f} times kubectl, limit {TIMES_KUBECTL:g}"
    report(f"{count}: first sync{situation} (wall)", [first["wall_s"]], WALL_S, times)
    report("  its own processor time, renderers included", [first["cpu_s"]], None, f"{first['own_s']:.2f} s in Python")
    report("  peer: kubectl apply --server-side (wall)", [peer], None)
    floor = f"the first sync took {first['wall_s'] / plain:.2f} times that"
    report("  floor: the same dry-runs and applies, nothing else (wall)", [plain], None, floor)
    print(f"  requests an application: {_shown(first)}", flush=True)
    report("  again, nothing changed (wall)", [again["wall_s"]], None, f"{again['own_s']:.2f} s in Python")


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


def _install(client: Client, applications: Sequence[Mapping[str, Any]]) -> None:
    install_argo(client)
    for application in applications:
        client.create(_PATH, dict(application)).expect(201)


def _namespaces(client: Client, prefix: str) -> None:
    """Ready for Pods, so that nothing of it falls into what is measured."""
    names = [f"{prefix}-{index:02}" for index in range(NAMESPACES)]
    for name in names:
        client.create("/api/v1/namespaces", {"metadata": {"name": name}}).expect(201)
    for name in names:
        client.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts", "default", lambda _account: True)


def _prepare(kubeconfig: Path, applications: Sequence[Mapping[str, Any]]) -> None:
    with closing(Client(kubeconfig)) as client:
        _install(client, applications)
        _namespaces(client, "place")


def _counting(connection: "Connection", note: Callable[[str], None]) -> "tuple[Connection, Counter[str]]":
    """The same cluster by a connection that counts what is asked of it, by what it is for."""
    from reconciler.cluster.connection import Connection

    requests: Counter[str] = Counter()

    class Counting(Connection):
        def _ask(self, method: str, path: str, query: Any, *others: Any, **how: Any) -> bytes:
            purpose = _purpose(method, path, query or {})
            requests[purpose] += 1
            note(purpose)
            return super()._ask(method, path, query, *others, **how)

        def _send(self, method: str, path: str, query: Any, *others: Any, **how: Any) -> Any:
            if not how.get("preload_content", True):
                requests["watch"] += 1
                note("watch")
            return super()._send(method, path, query, *others, **how)

    return Counting(connection._access, name="bench"), requests


def _handshakes(connection: "Connection") -> int:
    """Connections that were made, to all hosts."""
    pools = connection._access.pool.pools
    return sum(pools[key].num_connections for key in pools.keys())  # noqa: SIM118 - no mapping


def _purpose(method: str, path: str, query: Mapping[str, str]) -> str:
    if "/leases" in path:
        return "lease"
    if "/applications" in path and method == "PATCH":
        return "status"
    if method == "GET":
        if "/openapi/" in path or path.count("/") <= 3:
            return "discovery"
        return "list" if "limit" in query else "get"
    return "dry run" if "dryRun" in query else "write"


@contextmanager
def _engine(
    kubeconfig: Path, work: Path, *, note: Callable[[str], None] = lambda _purpose: None
) -> "Iterator[tuple[Reconciler, Counter[str]]]":
    from reconciler.cluster import connect
    from reconciler.engine import Reconciler
    from reconciler.history import open_store
    from reconciler.source import RepositoryCache, Sources

    connection, requests = _counting(connect(kubeconfig=str(kubeconfig)), note)
    sources = Sources(repositories=RepositoryCache(work / "mirrors"))
    with sources, open_store(f"sqlite:///{work}/history.db") as store:
        yield Reconciler(connection, sources=sources, store=store), requests


def _sync_all(kubeconfig: Path, work: Path, *, keep: bool) -> dict[str, Any]:
    from reconciler.engine.requests import SyncRequest

    with _engine(kubeconfig, work) as (engine, counted):
        own = time.process_time()
        with measured() as spent:
            applications = engine.applications()
            runs = engine.sync_all(applications, lambda _application, _found: SyncRequest(initiated_by="bench"))
        own = time.process_time() - own
        failures = [str(run.error or run.outcome) for run in runs if run.failed or run.status_problem]
        assert not failures, failures[0]
        assert all(run.comparison.status == "Synced" for run in runs), [run.comparison.status for run in runs]
        requests, handshakes = dict(counted), _handshakes(engine.connection)
        if keep:
            _write_objects(engine, work / "objects.yaml")
    figures = {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "own_s": own}
    return {**figures, "requests": requests, "handshakes": handshakes}


def _write_objects(engine: "Reconciler", file: Path) -> None:
    """What was synced, for kubectl and other namespaces."""
    from reconciler.engine import Reconciliation
    from reconciler.manifest.objects import GroupVersionKind
    from reconciler.manifest.yaml import dump_document

    answers = engine.reconcile_all(engine.applications())
    targets = [target for each in answers if isinstance(each, Reconciliation) for target in each.targets.values()]
    assert len(targets) == APPLICATIONS * OBJECTS
    text = "---\n".join(dump_document(target) for target in targets)
    file.write_text(text.replace("namespace: place-", "namespace: peer-"))
    lines = []
    for target in targets:
        resource = engine.comparer.discovery.find(GroupVersionKind.of(target))
        assert resource is not None
        lines.append(json.dumps([resource.path_of(target), json.dumps(target)]))
    file.with_suffix(".requests").write_text("\n".join(lines).replace("place-", "plain-"))


def _plain(kubeconfig: Path, file: Path) -> dict[str, Any]:
    """What the dry-runs and applies alone take: bare requests, eight applications at a time, each of them dry-run first."""
    from reconciler.cluster import connect
    from reconciler.cluster.connection import APPLY_PATCH

    requests = [json.loads(line) for line in file.read_text().splitlines()]
    groups = [requests[start : start + OBJECTS] for start in range(0, len(requests), OBJECTS)]
    connection = connect(kubeconfig=str(kubeconfig))
    headers = {**connection._access.headers(), "Accept": "application/json", "Content-Type": APPLY_PATCH}
    query = "fieldManager=argocd-controller&force=true&fieldValidation=Strict"

    def apply(group: Sequence[tuple[str, str]]) -> None:
        for how in ("&dryRun=All", ""):
            for path, body in group:
                reply = connection._exchange.send("PATCH", f"{path}?{query}{how}", headers, body.encode(), timeout_s=60)
                assert reply is not None
                assert reply.status in (200, 201), reply.data

    with measured() as spent, ThreadPoolExecutor(8) as pool:
        list(pool.map(apply, groups))
    return {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s}


def one() -> None:
    """One application, in a process that is up: after a commit of one line, and in three waves of Deployments."""
    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder, control_plane() as kubeconfig:
        work = Path(folder)
        member = replace(make_repository(work / "origin.git", 1)[0], changed_text="web:v1")
        waves = GitRepository.create(work / "waves", _waves())
        url = (work / "origin.git").as_uri()
        first = [
            _application(member.name, url, member.path, 0),
            *(_waved(index, waves.url) for index in range(_REPEATS)),
        ]
        _prepare(kubeconfig, first)
        cache = {"XDG_CACHE_HOME": str(work / "cache")}
        # Only here: the benchmark after this one looks for the control plane's binaries in the cache.
        with patch.dict(os.environ, cache), _engine(kubeconfig, work) as (engine, requests):
            _sync_one(engine, member.name)
            commits, waved = [], []
            for version in range(_REPEATS):
                commit_change(work / "origin.git", member, f"web:v{version + 2}")
                requests.clear()
                commits.append(_timed(lambda: _sync_one(engine, member.name)))
            of_commit = dict(requests)
            for index in range(_REPEATS):
                waved.append(_timed(lambda name=f"waves-{index}": _sync_one(engine, name)))  # type: ignore[misc]
    report("one application after a commit, fetch to Synced (wall)", [spent.wall_s for spent in commits], 1.0)
    report("  processor time, the control plane's included", [spent.cpu_s for spent in commits], None, str(of_commit))
    report("three waves, pods ready at once (wall)", [spent.wall_s for spent in waved], 1.5)


def resumed() -> None:
    """What it costs that a sync is killed after half of its objects, in requests and renders, beside one comparison."""
    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder, control_plane() as kubeconfig:
        work = Path(folder)
        waves = GitRepository.create(work / "waves", _waves())
        _prepare(kubeconfig, [_waved(index, waves.url) for index in range(3)])
        # The first one only warms up what is kept on disk.
        counts = {name: _in_other_process(kubeconfig, work, name) for name in ("waves-2", "waves-0")}
        killed = _in_other_process(kubeconfig, work, "waves-1", kill="apply-after:3")
        again = _in_other_process(kubeconfig, work, "waves-1")
        compared = _in_other_process(kubeconfig, work, "waves-1", what="compare")
    whole = counts["waves-0"]
    print(f"an uninterrupted sync: {_sum(whole)}", flush=True)
    print(f"  killed after 3 of 6 objects: {_sum(killed)}; the run after it: {_sum(again)}", flush=True)
    print(f"  a comparison alone: {_sum(compared)}", flush=True)


def _sum(counts: Mapping[str, int]) -> str:
    requests = sum(number for name, number in counts.items() if name != "renders")
    return f"{requests} requests ({', '.join(f'{name} {number}' for name, number in sorted(counts.items()))})"


def _in_other_process(kubeconfig: Path, work: Path, name: str, *, what: str = "sync", kill: str = "") -> Counter[str]:
    log = work / "requests.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.syncing", what, str(kubeconfig), str(work), name, str(log)]
    environment = os.environ | ({"GITOPS_NB_KILL_POINT": kill} if kill else {})
    done = subprocess.run(command, cwd=_ROOT, env=environment, check=False)
    assert done.returncode == (-signal.SIGKILL if kill else 0), done.returncode
    return Counter(log.read_text().split("\n")[:-1])


def _timed(work: Callable[[], None]) -> Spent:
    with measured() as spent:
        work()
    return spent


def _sync_one(engine: "Reconciler", name: str) -> None:
    engine.begin_run()
    outcome = engine.sync(engine.reconcile(engine.application(name)), initiated_by="bench")
    assert outcome.result.succeeded, outcome.result.message
    assert outcome.comparison is not None
    assert outcome.comparison.status == "Synced"


def _waved(index: int, url: str) -> dict[str, Any]:
    return _application(f"waves-{index}", url, "waves", index)


def _waves() -> dict[str, str]:
    """A Deployment and a ConfigMap in each of three waves."""
    files = {}
    for wave in range(3):
        mark = f"annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}"
        container = "{name: web, image: 'example.com/web:v1'}"
        files[f"waves/deployment-{wave}.yaml"] = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web-{wave}, {mark}}}
spec:
  selector: {{matchLabels: {{app: web-{wave}}}}}
  template: {{metadata: {{labels: {{app: web-{wave}}}}}, spec: {{containers: [{container}]}}}}
"""
        config = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web-{wave}, {mark}}}\ndata: {{wave: '{wave}'}}\n"
        files[f"waves/config-{wave}.yaml"] = config
    return files


def _log_one(what: str, kubeconfig: Path, work: Path, name: str, log: Path) -> None:
    """Sync or compare one application; what is asked of the API server is noted as it is sent."""
    with (
        log.open("a", buffering=1) as file,
        _engine(kubeconfig, work, note=lambda kind: print(kind, file=file)) as (
            engine,
            _,
        ),
    ):
        application = engine.application(name)
        for source in engine.generate(application).sources:
            if not source.cached:
                print("renders", file=file)
        if what == "compare":
            engine.compare(application)
        else:
            outcome = engine.sync(engine.reconcile(application), initiated_by="bench")
            assert outcome.result.succeeded, outcome.result.message


def _main(arguments: Sequence[str]) -> None:
    what, kubeconfig, work = arguments[0], Path(arguments[1]), Path(arguments[2])
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    if what in ("sync", "compare"):
        _log_one(what, kubeconfig, work, arguments[3], Path(arguments[4]))
    elif what == "plain":
        print(json.dumps(_plain(kubeconfig, work / "objects.requests")))
    else:
        print(json.dumps(_sync_all(kubeconfig, work, keep=what == "first")))


if __name__ == "__main__":
    _main(sys.argv[1:])
