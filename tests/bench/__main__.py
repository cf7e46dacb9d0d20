"""Print the figures: ``make bench`` for all, ``python -m tests.bench NAME…`` for some.

Each figure is the median of several whole processes, beside its limit or a peer in the same run.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.controlplane.binaries import ensure_binaries
from tests.controlplane.node import SimulatedNode
from tests.controlplane.server import ControlPlane
from tests.repositories import GitRepository

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GUESTBOOK = {
    "guestbook/deployment.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: guestbook-ui}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  selector: {matchLabels: {app: guestbook-ui}}
  template:
    metadata: {labels: {app: guestbook-ui}}
    spec:
      containers:
        - {name: guestbook-ui, image: "example.com/guestbook:v5", ports: [{containerPort: 80}]}
""",
    "guestbook/service.yaml": """
apiVersion: v1
kind: Service
metadata: {name: guestbook-ui}
spec:
  ports: [{port: 80, targetPort: 80}]
  selector: {app: guestbook-ui}
""",
}


def report(name: str, seconds: list[float], limit_s: float | None, note: str = "") -> None:
    median = statistics.median(seconds)
    spread = f"{min(seconds):.3f} to {max(seconds):.3f} s over {len(seconds)}"
    against = f"limit {limit_s:g} s, ratio {median / limit_s:.2f}" if limit_s else ""
    print(f"{name:<44} {median:7.3f} s   {against:<28} ({spread}){'  ' + note if note else ''}", flush=True)


def timed(command: list[str | Path], *, environment: Mapping[str, str] | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=dict(os.environ) | dict(environment or {}))
    return time.perf_counter() - started


def help_text() -> None:
    report("gitops-nb --help", [timed([BIN / "gitops-nb", "--help"]) for _ in range(7)], 0.3)
    report("  peer: python -c pass", [timed([sys.executable, "-c", "pass"]) for _ in range(7)], None)


def sandbox_start() -> None:
    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as state:
            environment = {"GITOPS_NB_SANDBOX_DIR": state}
            times.append(timed([BIN / "gitops-nb", "sandbox", "start"], environment=environment))
            timed([BIN / "gitops-nb", "sandbox", "stop"], environment=environment)
    report("gitops-nb sandbox start, until it answers", times, 1.5)


@contextmanager
def control_plane() -> Iterator[Path]:
    with ControlPlane(ensure_binaries()) as cluster, SimulatedNode(cluster.kubeconfig, latency_s=0.0):
        yield cluster.kubeconfig


def guestbook() -> None:
    """A first sync of guestbook into a new namespace on the real control plane, from the command's start to Healthy."""
    with tempfile.TemporaryDirectory() as folder, control_plane() as kubeconfig:
        work = Path(folder)
        repository = GitRepository.create(work / "repository", GUESTBOOK)
        store = f"sqlite:///{work}/history.db"
        common: list[str | Path] = ["--kubeconfig", kubeconfig, "--store", store]
        first, again, peer = [], [], []
        for index in range(6):
            namespace = f"guestbook-{index}"
            kubectl: list[str | Path] = [BIN / "kubectl", "--kubeconfig", kubeconfig]
            subprocess.run([*kubectl, "create", "namespace", namespace], check=True, capture_output=True)
            application = work / f"{namespace}.yaml"
            application.write_text(_application(namespace, repository.url))
            sync: list[str | Path] = [BIN / "gitops-nb", "app", "sync", "-f", application, "--wait", *common]
            first.append(timed(sync))
            again.append(timed(sync))
            peer.append(
                timed(
                    [
                        *kubectl,
                        "apply",
                        "--server-side",
                        "-n",
                        namespace,
                        "-f",
                        repository.path / "guestbook",
                        "--dry-run=server",
                    ]
                )
            )
        # The first of all also fills the caches of schemas and the repository.
        report("guestbook: first sync, cold caches", first[:1], 1.5)
        report("guestbook: first sync to Healthy", first[1:], 1.5)
        report("guestbook: sync again, nothing changed", again[1:], None)
        report("  peer: kubectl apply --server-side, dry run", peer[1:], None)


def _application(namespace: str, url: str) -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {namespace}, namespace: argocd}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: {namespace}}}
  source: {{repoURL: "{url}", path: guestbook}}
"""


def demo() -> None:
    with tempfile.TemporaryDirectory() as state:
        environment = {"GITOPS_NB_SANDBOX_DIR": state}
        report(
            "make demo, after the install",
            [timed([sys.executable, "-m", "gitops_nb.demo"], environment=environment)],
            30,
        )
        timed([BIN / "gitops-nb", "sandbox", "stop"], environment=environment)


BENCHMARKS: Mapping[str, Callable[[], None]] = {
    "help": help_text,
    "sandbox": sandbox_start,
    "guestbook": guestbook,
    "demo": demo,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"error: no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in chosen:
        BENCHMARKS[name]()
