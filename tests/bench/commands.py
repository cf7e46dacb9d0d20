"""Commands as a user runs them: each figure is the median of several whole processes."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.figures import report, timed
from tests.controlplane.binaries import ensure_binaries
from tests.controlplane.node import SimulatedNode
from tests.controlplane.server import ControlPlane
from tests.repositories import GitRepository

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
