"""Comparing 150 applications of 10 objects with a real control plane, beside ``kubectl diff --server-side``."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.commands import BIN, control_plane
from tests.bench.figures import measured, report, timed
from tests.repositories import GitRepository

if TYPE_CHECKING:
    from reconciler.engine import Reconciler
    from reconciler.model import Application

APPLICATIONS = 150
NAMESPACES = 15

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  replicas: 1
  revisionHistoryLimit: 3
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: web
          image: "example.com/{name}:v1"
          ports: [{{containerPort: 80}}]
          env: [{{name: COLOUR, value: blue}}, {{name: SIZE, value: "3"}}]
          resources: {{requests: {{cpu: 100m, memory: 64Mi}}, limits: {{memory: 128Mi}}}}
          readinessProbe: {{httpGet: {{path: /, port: 80}}}}
"""
_SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{port: 80, targetPort: 80}}], selector: {{app: {name}}}}}
"""
_CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}}}
data: {{colour: blue, text: "one\\ntwo\\nthree\\n"}}
"""
_SECRET = """
apiVersion: v1
kind: Secret
metadata: {{name: {name}}}
stringData: {{password: sample}}
"""
_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}}}
"""
_OBJECTS: tuple[tuple[str, str], ...] = (
    ("web", _DEPLOYMENT),
    ("worker", _DEPLOYMENT),
    ("web", _SERVICE),
    ("worker", _SERVICE),
    ("settings-a", _CONFIG_MAP),
    ("settings-b", _CONFIG_MAP),
    ("settings-c", _CONFIG_MAP),
    ("settings-d", _CONFIG_MAP),
    ("access", _SECRET),
    ("runner", _ACCOUNT),
)


def compare() -> None:
    """Cold: targets rendered, kinds and schemas looked up, everything listed and compared.

    Again: a new run, which looks at repositories, kinds and schemas anew and finds nothing changed, once by lists and once by
    what watches hold. The control plane is a child of this process: what it spends on the answers counts.
    """
    from reconciler.cluster import connect
    from reconciler.engine import Reconciler
    from reconciler.model import parse_application
    from reconciler.source import RepositoryCache, Sources

    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder, control_plane() as kubeconfig:
        work = Path(folder)
        os.environ["XDG_CACHE_HOME"] = str(work / "cache")
        repository = GitRepository.create(work / "repository", dict(_files()))
        applications = [parse_application(_application(index, repository.url)) for index in range(APPLICATIONS)]
        sources = Sources(repositories=RepositoryCache(work / "mirrors"))
        manifests = work / "objects.yaml"
        _apply(kubeconfig, applications, sources, manifests)
        connection = connect(kubeconfig=str(kubeconfig))
        walls, again = [], []
        for _ in range(3):
            reconciler = Reconciler(connection, sources=sources)
            # Rendering is another benchmark's.
            reconciler.comparer.generator.generate(applications[0])
            for application in applications:
                reconciler.generate(application)
            reconciler.comparer.forget_kinds()
            with measured() as spent:
                comparisons = reconciler.compare_all(applications)
            assert all(comparison.status == "Synced" for comparison in comparisons)
            walls.append(spent.wall_s)
            again += _again(reconciler, applications)
        with Reconciler(connection, sources=sources, follow=True) as reconciler:
            reconciler.compare_all(applications)
            followed = _again(reconciler, applications)
        kubectl = [BIN / "kubectl", "--kubeconfig", kubeconfig, "diff", "--server-side", "--force-conflicts"]
        peer = timed([*kubectl, "--field-manager=argocd-controller", "-f", manifests])
        sources.close()
    report(f"{APPLICATIONS} applications compared, cold (wall)", walls, 1.5)
    report("  again, nothing changed, listed (CPU)", again, None)
    report("  again, nothing changed, followed (CPU)", followed, 0.1)
    report("  peer: kubectl diff --server-side (wall)", [peer], None)


def _again(reconciler: "Reconciler", applications: Sequence["Application"]) -> list[float]:
    spent_s = []
    for _ in range(5):
        with measured() as spent:
            reconciler.begin_run()
            comparisons = reconciler.compare_all(applications)
        assert all(comparison.status == "Synced" for comparison in comparisons)
        spent_s.append(spent.cpu_s)
    return spent_s


def _files() -> Iterator[tuple[str, str]]:
    for index in range(APPLICATIONS):
        for name, template in _OBJECTS:
            kind = template.split("kind: ")[1].split("\n")[0].lower()
            full = f"{name}-{index:03}"
            yield f"apps/{index:03}/{kind}-{name}.yaml", template.format(name=full)


def _application(index: int, url: str) -> Mapping[str, object]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": f"app-{index:03}", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": f"place-{index % NAMESPACES:02}"},
            "source": {"repoURL": url, "path": f"apps/{index:03}"},
        },
    }


def _apply(kubeconfig: Path, applications: object, sources: object, manifests: Path) -> None:
    """Bring the cluster to the state that a sync of all would leave."""
    from reconciler.cluster import connect
    from reconciler.engine import Reconciler
    from reconciler.manifest.yaml import dump_document

    kubectl: list[str | Path] = [BIN / "kubectl", "--kubeconfig", kubeconfig]
    for index in range(NAMESPACES):
        subprocess.run([*kubectl, "create", "namespace", f"place-{index:02}"], check=True, capture_output=True)
    reconciler = Reconciler(connect(kubeconfig=str(kubeconfig)), sources=sources)  # type: ignore[arg-type]
    targets = [
        target
        for application in applications  # type: ignore[attr-defined]
        for target in reconciler.reconcile(application).targets.values()
    ]
    manifests.write_text("---\n".join(dump_document(target) for target in targets))
    apply = ["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", manifests]
    subprocess.run([*kubectl, *apply], check=True, capture_output=True)
