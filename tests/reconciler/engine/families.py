"""A parent Application with children, in one repository and one sandbox cluster."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.engine import Reconciler
from reconciler.manifest.yaml import load_document
from reconciler.model import Application
from reconciler.sandbox import Sandbox
from reconciler.source import RenderCache, RepositoryCache, Sources
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.repositories import GitRepository

IN_CLUSTER = "https://kubernetes.default.svc"
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


def application_text(
    name: str, url: str, path: str, *, revision: str = "main", policy: str = "", finalizers: str = "[]"
) -> str:
    """An Application as somebody writes it, comments included."""
    return f"""\
# The application {name}.
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: {name}
  namespace: argocd
  finalizers: {finalizers}
spec:
  project: default
  source:
    repoURL: {url}
    path: {path}
    targetRevision: {revision}   # what is deployed
  destination: {{server: "{IN_CLUSTER}", namespace: default}}
  syncPolicy: {{{policy}}}
"""


def config_text(name: str, value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: {value}}}\n"


@dataclass
class Family:
    """``root`` is the parent, of the folder ``apps`` on the branch ``main``."""

    client: Client
    origin: GitRepository
    engine: Reconciler

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        self.origin.commit(files)
        self.engine.begin_run()

    def create(self, text: str) -> None:
        self.client.create(APPLICATIONS, load_document(text, file="a.yaml")).expect(201)

    def root(self) -> Application:
        return self.engine.application("root")

    def sync(self) -> None:
        """Sync the root and all automated children."""
        outcome = self.engine.sync(self.engine.reconcile(self.root()))
        assert outcome.result.succeeded, outcome.result.message

    def config(self, name: str) -> Any:
        return self.client.get(f"/api/v1/namespaces/default/configmaps/{name}").expect(200)["data"]["value"]


@pytest.fixture
def family(
    sandbox: Sandbox, git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> Iterator[Family]:
    """A root that is in the cluster; its folder holds nothing yet."""
    origin = git_repository({"README.md": "", "apps/none.yaml": ""})
    sources = Sources(repositories=RepositoryCache(tmp_path / "mirrors"), cache=RenderCache(persistent=False))
    with sources, closing(Client(sandbox.kubeconfig)) as client:
        install_argo(client)
        engine = Reconciler(connect(kubeconfig=str(sandbox.kubeconfig)), sources=sources)
        made = Family(client, origin, engine)
        made.create(application_text("root", origin.url, "apps"))
        yield made
