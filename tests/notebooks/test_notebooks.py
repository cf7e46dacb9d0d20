"""Every notebook of ours: without outputs in Git, with one typed and commented parameters cell, and executable."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gitops_nb.jobs import describe_parameters, find_notebook, run_job
from reconciler.manifest import dump_document
from reconciler.sandbox import Sandbox, stop_sandbox
from tests.conftest import ROOT
from tests.repositories import GitRepository

NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n"


def test_there_are_notebooks() -> None:
    assert find_notebook("sync") in NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_committed_without_outputs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks" / "jobs").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_parameter_of_a_job_has_a_type_and_a_comment(path: Path) -> None:
    parameters = describe_parameters(path)
    assert parameters
    assert [parameter.name for parameter in parameters if not parameter.type or not parameter.help] == []


@pytest.fixture
def application_file(git_repository: Callable[..., GitRepository], tmp_path: Path) -> Path:
    repository = git_repository({"shop/settings.yaml": CONFIG})
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
            "source": {"repoURL": repository.url, "path": "shop"},
        },
    }
    path = tmp_path / "shop.yaml"
    path.write_text(dump_document(document))
    return path


def test_sync_is_a_dry_run_by_default_and_works_from_a_file(
    sandbox: Sandbox, application_file: Path, tmp_path: Path
) -> None:
    outcome = run_job(
        find_notebook("sync"),
        {
            "application_file": str(application_file),
            "kubeconfig": str(sandbox.kubeconfig),
            "store": f"sqlite:///{tmp_path}/history.db",
        },
        output=str(tmp_path / "runs" / "{application}-{run}.ipynb"),
    )
    assert outcome.exit_status == 0, outcome.summary
    assert outcome.result["dry_run"] is True
    assert outcome.result["sync_status"] is None
    assert Path(outcome.notebook).parent == tmp_path / "runs"


def test_failed_sync_fails_the_notebook_and_keeps_it(
    sandbox: Sandbox, git_repository: Callable[..., GitRepository], application_file: Path, tmp_path: Path
) -> None:
    text = application_file.read_text()
    failing = {
        "shop/job.yaml": dump_document(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": "migrate", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
                "spec": {
                    "backoffLimit": 0,
                    "template": {
                        "spec": {
                            "restartPolicy": "Never",
                            "containers": [{"name": "migrate", "image": "alpine", "command": ["false"]}],
                        }
                    },
                },
            }
        )
    }
    repository = git_repository({"shop/settings.yaml": CONFIG, **failing})
    first = text.split("repoURL: ")[1].splitlines()[0]
    application_file.write_text(text.replace(first, repository.url))

    outcome = run_job(
        find_notebook("sync"),
        {
            "application_file": str(application_file),
            "dry_run": False,
            "kubeconfig": str(sandbox.kubeconfig),
            "store": f"sqlite:///{tmp_path}/history.db",
        },
        output=str(tmp_path / "failed.ipynb"),
    )

    assert outcome.exit_status == 1
    assert outcome.result["phase"] == "Failed"
    assert "Job.batch default/migrate" in outcome.summary
    kept = json.loads((tmp_path / "failed.ipynb").read_text())
    tags = [tag for cell in kept["cells"] for tag in cell["metadata"].get("tags", [])]
    assert "papermill-error-cell-tag" in tags


@pytest.fixture
def walkthrough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], nbformat.NotebookNode]]:
    """Execute a walkthrough from top to bottom in a folder of its own, on a sandbox of its own."""
    monkeypatch.setenv("GITOPS_NB_SANDBOX_DIR", str(tmp_path / "sandbox"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def execute(name: str) -> nbformat.NotebookNode:
        folder = tmp_path / "notebooks" / "walkthroughs"
        folder.mkdir(parents=True)
        path = shutil.copy(ROOT / "notebooks" / "walkthroughs" / f"{name}.ipynb", folder)
        notebook = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": str(folder)}}
        return NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources=resources, store_widget_state=False
        ).execute()

    yield execute
    stop_sandbox()


def shown(notebook: nbformat.NotebookNode, source: str, mime: str = "text/plain") -> str:
    """What the cell shows whose source begins so."""
    (cell,) = [each for each in notebook.cells if each.cell_type == "code" and each.source.startswith(source)]
    return "".join(output["data"][mime] for output in cell.outputs if "data" in output)


def test_explaining_drift_names_owner_rule_crash_and_orphan(
    walkthrough: Callable[[str], nbformat.NotebookNode],
) -> None:
    notebook = walkthrough("explaining-drift")
    drift = shown(notebook, "cd.drift(NAME)[[", "text/html")
    assert "kubectl-edit" in drift
    assert "kubectl-patch" in drift
    assert "keda-operator" not in drift
    hidden = shown(notebook, "everything = ", "text/html")
    assert "/spec/replicas" in hidden
    assert "spec.ignoreDifferences[0].jsonPointers" in hidden
    assert "no such manager" in shown(notebook, "cd.unused_rules", "text/html")
    diff = shown(notebook, "cd.diff", "text/html")
    assert "1 ignored field" in diff
    assert "keda-operator" in diff
    tree = shown(notebook, "tree = ")
    assert "CrashLoopBackOff" in tree
    assert "ConfigMap drift-example/left-behind" in tree[tree.index("orphaned") :]
    assert "CrashLoopBackOff" in shown(notebook, "resources = ", "text/html")
    assert "BackOff" in shown(notebook, "cd.events", "text/html")
    assert "simulated container web" in shown(notebook, "cd.logs", "text/html")
    assert "successfully synced" in shown(notebook, "cd.sync")
    assert "Empty DataFrame" in shown(notebook, "cd.drift(NAME, hidden=True)")
