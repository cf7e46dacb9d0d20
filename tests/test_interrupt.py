"""A signal in the middle of a sync: it ends in order, and the record says so."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from reconciler.history import open_store
from reconciler.manifest import dump_document
from reconciler.sandbox import Sandbox
from tests.conformance.client import Client
from tests.repositories import GitRepository

COMMAND = Path(sys.executable).with_name("gitops-nb")
JOBS = "/apis/batch/v1/namespaces/default/jobs"
CONTAINER = {"name": "migrate", "image": "alpine", "command": ["sleep", "infinity"]}
FOR_EVER = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "migrate", "annotations": {"argocd.argoproj.io/hook": "PreSync"}},
    "spec": {
        "template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}},
    },
}
CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n"


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_signal_ends_the_operation_in_order(
    sent: signal.Signals, sandbox: Sandbox, git_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    repository = git_repository({"shop/job.yaml": dump_document(FOR_EVER), "shop/settings.yaml": CONFIG})
    file = tmp_path / "app.yaml"
    file.write_text(
        dump_document(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "shop", "namespace": "argocd"},
                "spec": {
                    "project": "default",
                    "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
                    "source": {"repoURL": repository.url, "path": "shop"},
                },
            }
        )
    )
    store = f"sqlite:///{tmp_path}/history.db"
    arguments = ["app", "sync", "-f", str(file), "--kubeconfig", str(sandbox.kubeconfig), "--store", store]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with (
        closing(Client(sandbox.kubeconfig)) as client,
        subprocess.Popen(
            [COMMAND, *arguments],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
            # A background job of a shell ignores interrupts, and what it starts does so too.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - takes no lock
        ) as running,
    ):
        client.wait_for(JOBS, "migrate", lambda job: (job.get("status") or {}).get("active"))
        running.send_signal(sent)
        _, said = running.communicate(timeout=30)
        assert running.returncode == 130
        assert said.splitlines()[-1] == "interrupted"
        assert "Traceback" not in said
        assert client.get(f"{JOBS}/migrate").status == 404
        assert client.get("/api/v1/namespaces/default/configmaps/settings").status == 404
    with open_store(store) as history:
        (record,) = history.records()
    assert record.phase == "Failed"
    assert record.message == "interrupted; waiting for Job.batch default/migrate"
