"""From client-side to server-side apply, as kubectl does it on a real API server."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import OpenApi, migrate_client_side_apply, predict_apply
from reconciler.source.kustomize.tool import kustomize_command
from reconciler.terms import FIELD_MANAGER
from tests.conformance.client import Client
from tests.reconciler.manifest.typed.judging import owners
from tests.reconciler.manifest.typed.recorded import recorded_openapi


@pytest.fixture(scope="module")
def documented() -> OpenApi:
    return recorded_openapi()


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"a": "b"}}, "data": data}


def service(*ports: int) -> dict[str, Any]:
    listed = [{"name": f"p{port}", "port": port} for port in ports]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"clusterIP": "None", "ports": listed}}


def deployment(**env: str) -> dict[str, Any]:
    variables = [{"name": name, "value": value} for name, value in env.items()]
    pod = {"containers": [{"name": "c", "image": "i:1", "env": variables}]}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod}
    spec = {"paused": True, "selector": {"matchLabels": {"a": "b"}}, "template": template, "replicas": 0}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": spec}


CASES = {
    "a removed key": (config_map(kept="x", gone="x"), config_map(kept="y", new="z"), "configmaps"),
    "a removed port": (service(80, 81), service(80), "services"),
    "a removed variable": (deployment(A="1", B="2"), deployment(A="3"), "deployments"),
}


@pytest.mark.controlplane
@pytest.mark.parametrize("case", CASES)
def test_ownership_moves_as_kubectl_moves_it(
    controlplane: Path, documented: OpenApi, tmp_path: Path, case: str
) -> None:
    before, after, plural = CASES[case]
    name = f"migrated-{tmp_path.name.lower().strip('-_')[:30].strip('_-').replace('_', '-')}"
    prefix = "/apis/apps/v1" if plural == "deployments" else "/api/v1"
    path = f"{prefix}/namespaces/default/{plural}/{name}"
    with closing(Client(controlplane)) as client:
        try:
            _kubectl(controlplane, tmp_path, before, name)
            live = client.get(path).expect(200)
            migrated = migrate_client_side_apply(live, to_manager=FIELD_MANAGER)
            _kubectl(
                controlplane,
                tmp_path,
                after,
                name,
                "--server-side",
                "--force-conflicts",
                "--field-manager",
                FIELD_MANAGER,
            )
            answer = client.get(path).expect(200)
        finally:
            client.delete(path)
    target = {**after, "metadata": {**after["metadata"], "name": name, "namespace": "default"}}
    prediction = predict_apply(migrated, target, field_manager=FIELD_MANAGER, force=True, openapi=documented)
    assert prediction.object is not None
    ours, theirs = _ages_aside(owners(prediction.object)), _ages_aside(owners(answer))
    # The controller's own entry is of its own time.
    assert {key: fields for key, fields in ours.items() if "controller-manager" not in key[0]} == {
        key: fields for key, fields in theirs.items() if "controller-manager" not in key[0]
    }
    for part in ("data", "spec"):
        assert prediction.object.get(part) == answer.get(part)


def _ages_aside(found: dict[tuple[Any, ...], list[Any]]) -> dict[tuple[Any, ...], list[Any]]:
    return {key: [fields for _, fields in entries] for key, entries in found.items()}


def _kubectl(kubeconfig: Path, folder: Path, obj: dict[str, Any], name: str, *options: str) -> None:
    file = folder / "object.json"
    file.write_text(json.dumps({**obj, "metadata": {**obj["metadata"], "name": name, "namespace": "default"}}))
    command = [kustomize_command()[0], "--kubeconfig", kubeconfig, "apply", "-f", file, *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
