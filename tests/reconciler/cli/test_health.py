"""``health``: objects of files, and the cases of a directory of customizations."""

import io
import json
import sys
from pathlib import Path

import pytest
import typer

from reconciler.cli.health import health
from reconciler.cli.main import root as reconciler_root
from tests.reconciler.cli.conftest import Call

WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: letsencrypt, namespace: shop}
status: {conditions: [{type: Ready, status: "True", message: registered}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: plain, namespace: shop}
"""
CONDITION = "{type: Failed, status: 'True', message: out}"
FAILED = f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nstatus: {{conditions: [{CONDITION}]}}\n"


@pytest.fixture
def root() -> typer.Typer:
    """The command line with the command under test."""
    application = typer.Typer()
    application.callback()(reconciler_root.registered_callback.callback)  # type: ignore[union-attr, type-var]
    application.command("health")(health)
    return application


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_objects_of_files(call: Call, root: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path / "web.yaml", WEB)
    status, out, err = call("health", file, application=root)
    assert (status, err) == (0, "")
    assert out == (
        "NAME                                      HEALTH    MESSAGE\n"
        "Service shop/web                          Healthy\n"
        "Issuer.cert-manager.io shop/letsencrypt   Healthy   registered\n"
        "ConfigMap shop/plain\n"
    )
    status, out, _ = call("health", file, write(tmp_path / "job.yaml", FAILED), "-o", "json", application=root)
    rows = json.loads(out)
    assert (status, len(rows)) == (1, 4)
    assert rows[-1] == {
        "name": "Job.batch j",
        "health": "Degraded",
        "message": "out",
        "group": "batch",
        "kind": "Job",
        "namespace": "",
    }


def test_objects_of_stdin(call: Call, root: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FAILED.encode())))
    status, out, _ = call("health", "-", application=root)
    assert (status, out.splitlines()[1]) == (1, "Job.batch j   Degraded   out")


def test_settings_come_before_a_directory(call: Call, root: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path / "web.yaml", WEB)
    script = "return { status = 'Suspended', message = 'directory' }"
    write(tmp_path / "scripts" / "cert-manager.io" / "Issuer" / "health.lua", script)
    config = write(
        tmp_path / "cm.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata:\n"
        "  resource.customizations.health.cert-manager.io_Issuer: return { status = 'Degraded', message = 'settings' }\n",
    )
    options = ["--customizations", str(tmp_path / "scripts")]
    status, out, _ = call("health", file, *options, application=root)
    assert (status, "Suspended   directory" in out) == (0, True)
    status, out, _ = call("health", file, *options, "--argocd-config", config, application=root)
    assert (status, "Degraded   settings" in out) == (1, True)
    status, _, err = call("health", file, "--argocd-config", file, application=root)
    assert (status, err) == (2, f"error: {file}: there is no ConfigMap argocd-cm in it\n")


def test_the_cases_of_a_directory(call: Call, root: typer.Typer, tmp_path: Path) -> None:
    folder = tmp_path / "a.example" / "Widget"
    write(folder / "health.lua", "return { status = 'Healthy' }")
    write(folder / "testdata" / "w.yaml", "apiVersion: a.example/v1\nkind: Widget\n")
    write(folder / "health_test.yaml", "tests: [{inputPath: testdata/w.yaml, healthStatus: {status: Healthy}}]")
    assert call("health", "--test", str(tmp_path), application=root) == (0, "", "1 cases of 1 suites, 0 failed\n")
    write(folder / "health_test.yaml", "tests: [{inputPath: testdata/w.yaml, healthStatus: {status: Degraded}}]")
    status, out, err = call("health", "--test", str(tmp_path), application=root)
    assert (status, err) == (1, "1 cases of 1 suites, 1 failed\n")
    assert "a.example/Widget/testdata/w.yaml   expected Degraded '', found Healthy ''" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "no file given; give files with objects, - for stdin, or --test DIR"),
        (["--test", "x", "y"], "--test stands alone; give either files or --test DIR"),
    ],
)
def test_bad_use(call: Call, root: typer.Typer, words: list[str], message: str) -> None:
    assert call("health", *words, application=root) == (2, "", f"error: {message}\n")
