"""What a notebook holds: `gitops_nb.connect()` on the sandbox cluster."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

import gitops_nb as gnb
from gitops_nb.session import Session
from gitops_nb.widgets import DiffWidget, WavePreviewWidget
from reconciler.errors import NotFoundError
from reconciler.sandbox import Sandbox
from tests.conformance.client import Client
from tests.repositories import GitRepository

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
FILES = {
    "shop/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n",
    "shop/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {password: canary-4711}\n",
}


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with closing(Client(sandbox.kubeconfig)) as each:
        yield each


@pytest.fixture
def repository(git_repository: Callable[..., GitRepository], client: Client) -> GitRepository:
    """The repository of one Application, ``shop``, that the cluster knows."""
    made = git_repository(FILES)
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "source": {"repoURL": made.url, "path": "shop"},
            "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
        },
    }
    client.create(APPLICATIONS, document).expect(201)
    return made


@pytest.fixture
def cd(sandbox: Sandbox, repository: GitRepository, tmp_path: Path) -> Session:
    return gnb.connect(kubeconfig=str(sandbox.kubeconfig), store=f"sqlite:///{tmp_path}/history.db")


def test_import_is_light() -> None:
    code = "import sys, gitops_nb; print([name for name in ('pandas', 'ipywidgets', 'kubernetes', 'git') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_walk_from_out_of_sync_to_drift(cd: Session, client: Client) -> None:
    apps = cd.apps
    assert isinstance(apps, pd.DataFrame)
    assert apps["app"].tolist() == ["shop"]
    assert isinstance(cd.diff("shop"), DiffWidget)
    waves = cd.waves("shop")
    assert isinstance(waves, WavePreviewWidget)
    assert "ConfigMap" in waves.format_text()

    report = cd.sync("shop", initiated_by="ada", timeout_s=60)
    assert report.ok
    assert "Synced and Healthy" in report.summary
    assert cd.drift().empty

    patch = {"data": {"level": "debug", "extra": "1"}}
    client.patch("/api/v1/namespaces/shop/configmaps/settings", patch, fieldManager="kubectl-edit").expect()
    drift = cd.drift("shop")
    assert drift[["kind", "name", "path", "target", "live", "manager"]].to_dict("records") == [
        {
            "kind": "ConfigMap",
            "name": "settings",
            "path": "$.data.level",
            "target": "info",
            "live": "debug",
            "manager": "kubectl-edit",
        }
    ]

    history = cd.history("shop")
    assert len(history) == 1
    assert cd.sync("shop").ok
    assert cd.drift().empty


def test_prune_only_when_asked(cd: Session, repository: GitRepository, client: Client) -> None:
    assert cd.sync("shop").ok
    repository.commit({"shop/settings.yaml": None})
    kept = cd.sync("shop", wait=False)
    messages = {str(entry.key): entry.message for entry in kept.result.results}
    assert messages["ConfigMap shop/settings"] == "ignored (requires pruning)"
    client.get("/api/v1/namespaces/shop/configmaps/settings").expect(200)
    assert cd.sync("shop", prune=True).ok
    assert client.get("/api/v1/namespaces/shop/configmaps/settings").status == 404


def test_no_secret_value_in_any_output(cd: Session, client: Client, tmp_path: Path) -> None:
    import base64

    canaries = [b"canary-4711", base64.b64encode(b"canary-4711"), b"canary-0815", base64.b64encode(b"canary-0815")]
    shown = [repr(cd.diff("shop").format_html()), cd.waves("shop").format_html(), str(cd.diff("shop").get_state())]
    report = cd.sync("shop")
    shown += [repr(report), report._repr_html_(), str(report.as_dict())]
    changed = {"data": {"password": base64.b64encode(b"canary-0815").decode()}}
    client.patch("/api/v1/namespaces/shop/secrets/token", changed).expect()
    diff = cd.diff("shop")
    shown += [diff.format_html(), diff.format_text(), str(diff.get_state()), cd.drift().to_string()]
    assert cd.drift()["path"].tolist() == ["$.data.password"]
    output = "\n".join(shown).encode() + b"".join(path.read_bytes() for path in tmp_path.glob("history.db*"))
    assert [canary for canary in canaries if canary in output] == []


def test_unknown_application_names_those_there_are(cd: Session) -> None:
    with pytest.raises(NotFoundError, match="no Application ghost in namespace argocd; there are shop"):
        cd.diff("ghost")
