"""Public example applications, synced through the notebook on both clusters."""

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

import nbformat
import pytest

from gitops_nb.jobs import RESULT_MIME, find_notebook, run_job
from reconciler import Reconciler
from reconciler.cluster import connect
from reconciler.history import open_store
from reconciler.model.status import ApplicationStatus
from reconciler.sync.records import Change
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.repositories import GitRepository

pytestmark = [pytest.mark.realinput, pytest.mark.timeout(240)]

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"


@pytest.fixture(scope="session")
def example_apps(real_input: Path, tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    return GitRepository.create(tmp_path_factory.mktemp("examples") / "repository", real_input / "argocd-example-apps")


@pytest.fixture
def unique(client: Client) -> str:
    """A suffix of the test's own; the cluster knows Applications."""
    install_argo(client)
    return uuid.uuid4().hex[:8]


def application(
    name: str, namespace: str, source: dict[str, Any], options: tuple[str, ...] = ("CreateNamespace=true",)
) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "source": source,
            "syncPolicy": {"syncOptions": list(options)},
        },
    }


def run_sync(name: str, kubeconfig: Path, folder: Path) -> tuple[dict[str, Any], Path]:
    """Run the sync notebook; its result and where the executed notebook lies."""
    outcome = run_job(
        find_notebook("sync"),
        {
            "application": name,
            "dry_run": False,
            "timeout_s": 120,
            "kubeconfig": str(kubeconfig),
            "store": f"sqlite:///{folder}/history.db",
            "initiated_by": "ada",
        },
        output=str(folder / "{application}-{run}.ipynb"),
    )
    assert outcome.exit_status == 0, outcome.summary
    return outcome.result, Path(outcome.notebook)


def engine(kubeconfig: Path) -> Reconciler:
    return Reconciler(connect(kubeconfig=kubeconfig))


def assert_nothing_left(reconciler: Reconciler, name: str) -> None:
    """A further comparison finds no difference, and a further sync would write nothing new."""
    reconciliation = reconciler.reconcile(reconciler.application(name))
    assert [(str(entry.key), entry.differences) for entry in reconciliation.comparison.changed] == []
    assert reconciliation.comparison.status == "Synced"
    plan = reconciler.plan(reconciliation)
    assert {task.change for task in plan.tasks if not task.is_hook} == {Change.UNCHANGED}


def assert_syncs_again(reconciler: Reconciler, name: str) -> None:
    """A second sync succeeds, runs the hooks afresh and leaves nothing different."""
    outcome = reconciler.sync(reconciler.reconcile(reconciler.application(name)), wait=True)
    assert outcome.result.succeeded, outcome.result.message
    assert_nothing_left(reconciler, name)


@pytest.mark.parametrize(
    ("path", "kinds", "hooks"),
    [
        ("guestbook", {"Deployment", "Service"}, {}),
        ("kustomize-guestbook", {"Deployment", "Service"}, {}),
        ("helm-guestbook", {"Deployment", "Service"}, {}),
        ("sync-waves", {"ReplicaSet", "Service"}, {"PreSync": 1, "Sync": 2}),
        ("pre-post-sync", {"Deployment", "Service"}, {"PreSync": 1, "PostSync": 1}),
    ],
)
def test_example_syncs_to_synced_and_healthy(
    path: str,
    kinds: set[str],
    hooks: dict[str, int],
    example_apps: GitRepository,
    client: Client,
    cluster_kubeconfig: Path,
    unique: str,
    tmp_path: Path,
) -> None:
    name = f"{path}-{unique}"
    client.create(APPLICATIONS, application(name, name, {"repoURL": example_apps.url, "path": path})).expect(201)

    result, notebook = run_sync(name, cluster_kubeconfig, tmp_path)

    assert (result["phase"], result["sync_status"], result["health_status"]) == ("Succeeded", "Synced", "Healthy")
    status = client.get(f"{APPLICATIONS}/{name}").expect()["status"]
    ApplicationStatus.model_validate(status)
    assert status["sync"]["status"] == "Synced"
    assert status["sync"]["revision"] == example_apps.head
    assert status["health"]["status"] == "Healthy"
    assert {entry["kind"] for entry in status["resources"]} == kinds
    assert [entry["id"] for entry in status["history"]] == [0]
    assert status["operationState"]["phase"] == "Succeeded"
    ran = [entry["hookType"] for entry in status["operationState"]["syncResult"]["resources"] if "hookType" in entry]
    assert {phase: ran.count(phase) for phase in ran} == hooks
    with open_store(f"sqlite:///{tmp_path}/history.db") as store:
        (record,) = store.records(application=name)
        assert (record.phase, record.initiated_by, record.notebook) == ("Succeeded", "ada", str(notebook))
    reconciler = engine(cluster_kubeconfig)
    assert_nothing_left(reconciler, name)
    assert_syncs_again(reconciler, name)
    assert_is_an_audit_record(notebook)


def assert_is_an_audit_record(path: Path) -> None:
    """The executed notebook shows the diff and the waves without any widget, and carries the result as JSON."""
    notebook = nbformat.read(path, as_version=4)
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [data for data in outputs if "application/vnd.jupyter.widget-view+json" in data]
    assert len([data for data in outputs if "text/html" in data]) >= 3
    assert [data[RESULT_MIME]["phase"] for data in outputs if RESULT_MIME in data] == ["Succeeded"]
    assert "widgets" not in notebook.metadata


def test_app_of_apps_syncs_its_children(
    example_apps: GitRepository, client: Client, cluster_kubeconfig: Path, unique: str, tmp_path: Path
) -> None:
    children = ["guestbook", "kustomize-guestbook", "helm-guestbook", "sync-waves", "pre-post-sync"]
    listed = [
        {
            "name": f"{child}-{unique}",
            "path": child,
            "namespace": f"{child}-{unique}",
            "tool": {"helm": {"releaseName": child}},
        }
        if child == "helm-guestbook"
        else {"name": f"{child}-{unique}", "path": child, "namespace": f"{child}-{unique}"}
        for child in children
    ]
    values = {
        "config": {"spec": {"source": {"repoURL": example_apps.url, "targetRevision": "main"}}},
        "applications": listed,
    }
    name = f"apps-{unique}"
    source = {"repoURL": example_apps.url, "path": "apps", "helm": {"valuesObject": values}}
    client.create(APPLICATIONS, application(name, "argocd", source, ())).expect(201)

    result, _ = run_sync(name, cluster_kubeconfig, tmp_path)

    assert (result["sync_status"], result["health_status"]) == ("Synced", "Healthy")
    reconciler = engine(cluster_kubeconfig)
    assert_nothing_left(reconciler, name)
    for child in children:
        assert_nothing_left(reconciler, f"example.{child}-{unique}")
    parent = client.get(f"{APPLICATIONS}/{name}").expect()["status"]
    assert parent["summary"]["isAppOfApps"] is True
    with open_store(f"sqlite:///{tmp_path}/history.db") as store:
        assert len(store.records()) == 1 + len(children)


@pytest.mark.parametrize("path", ["kubernetes-manifests", "kustomize", "helm-chart"])
def test_microservices_demo_syncs_and_stays_in_sync(
    path: str, real_input: Path, client: Client, cluster_kubeconfig: Path, unique: str, tmp_path: Path
) -> None:
    copy = tmp_path / "demo"
    shutil.copytree(real_input / "microservices-demo", copy)
    repository = GitRepository.create(tmp_path / "repository", copy)
    name = f"shop-{unique}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).expect(201)
    client.create(APPLICATIONS, application(name, name, {"repoURL": repository.url, "path": path}, ())).expect(201)
    reconciler = engine(cluster_kubeconfig)
    # One wave ends with its applies. Its Service of type LoadBalancer would never be Healthy: nothing gives out addresses.
    outcome = reconciler.sync(reconciler.reconcile(reconciler.application(name)))
    assert outcome.result.succeeded, json.dumps(outcome.result.message)
    assert_nothing_left(reconciler, name)
