"""Both clusters answer the same request with the same object: defaults, normalization, ownership."""

import difflib
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conformance.client import STRATEGIC_PATCH, Answer, Client

pytestmark = pytest.mark.controlplane

_MANIFESTS = list(yaml.safe_load_all(Path(__file__).with_name("manifests.yaml").read_text()))
_EACH = pytest.mark.parametrize(
    "manifest", _MANIFESTS, ids=[f"{each['kind']}-{each['metadata']['name']}" for each in _MANIFESTS]
)
# What is each cluster's own: identities, times, addresses from its pools, and volumes.
_OWN = {"uid", "resourceVersion", "creationTimestamp", "time", "clusterIP", "clusterIPs", "nodePort"}
_OWN |= {"healthCheckNodePort", "namespace", "startTime", "volumeName"}

_OURS = {"tester", "other", "third", "python-urllib3"}

Pair = tuple[Client, Client]


@pytest.fixture
def pair(shared_sandbox_kubeconfig: Path, controlplane: Path) -> Iterator[Pair]:
    """A client of the sandbox and one of the real control plane."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(closing(Client(shared_sandbox_kubeconfig))),
            stack.enter_context(closing(Client(controlplane))),
        )


@pytest.fixture
def twin_namespace(pair: Pair) -> Iterator[str]:
    """A namespace of the same name in both."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    for client in pair:
        client.create("/api/v1/namespaces", {"metadata": {"name": name}}).expect(201)
        client.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts", "default", lambda account: True)
    yield name
    for client in pair:
        client.delete(f"/api/v1/namespaces/{name}")


def _collection(client: Client, manifest: dict[str, Any], namespace: str) -> str:
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    resource = next(
        each
        for each in client.get(root).expect()["resources"]
        if each["kind"] == manifest["kind"] and "/" not in each["name"]
    )
    scope = f"/namespaces/{namespace}" if resource["namespaced"] else ""
    return f"{root}{scope}/{resource['name']}"


def _comparable(value: Any) -> Any:
    """Without what is each cluster's own, and with managedFields in one order."""
    if isinstance(value, dict):
        kept = {key: _comparable(child) for key, child in value.items() if key not in _OWN}
        if "managedFields" in kept:
            kept["managedFields"] = sorted(kept["managedFields"], key=lambda each: (each["manager"], each["operation"]))
        return kept
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return value


def _undisturbed(body: dict[str, Any]) -> dict[str, Any]:
    """Without what controllers write at a time of their own: status, their annotations and their ownership."""
    metadata = dict(body["metadata"])
    metadata["managedFields"] = [each for each in metadata.get("managedFields", ()) if each["manager"] in _OURS]
    noted = {key: value for key, value in metadata.pop("annotations", {}).items() if "kubernetes.io/" not in key}
    metadata |= {"annotations": noted} if noted else {}
    return {key: value for key, value in body.items() if key != "status"} | {"metadata": metadata}


def _same(answers: list[Answer], select: Callable[[dict[str, Any]], dict[str, Any]] = lambda body: body) -> None:
    sandbox, real = answers
    assert sandbox.status == real.status, f"sandbox: {sandbox.body}\nreal: {real.body}"
    assert real.status < 500, real.body
    expected, found = (yaml.safe_dump(_comparable(select(each.body))).splitlines() for each in (real, sandbox))
    differences = list(difflib.unified_diff(expected, found, "real", "sandbox", lineterm="", n=4))
    assert not differences, "\n".join(differences)


@_EACH
def test_create(pair: Pair, twin_namespace: str, manifest: dict[str, Any]) -> None:
    path = _collection(pair[1], manifest, twin_namespace)
    _same([client.create(path, manifest, dryRun="All", fieldManager="tester") for client in pair])


@_EACH
def test_apply(pair: Pair, twin_namespace: str, manifest: dict[str, Any]) -> None:
    path = f"{_collection(pair[1], manifest, twin_namespace)}/{manifest['metadata']['name']}"
    _same([client.apply(path, manifest, dryRun="All") for client in pair])


_LABELLED = [
    each for each in _MANIFESTS if each["metadata"]["name"] != "gitops-nb-conformance" and each["kind"] != "Pod"
]


@pytest.mark.parametrize(
    "manifest", _LABELLED, ids=[f"{each['kind']}-{each['metadata']['name']}" for each in _LABELLED]
)
def test_apply_again(pair: Pair, twin_namespace: str, manifest: dict[str, Any]) -> None:
    path = f"{_collection(pair[1], manifest, twin_namespace)}/{manifest['metadata']['name']}"
    assert [client.apply(path, manifest).status for client in pair] == [201, 201]
    labelled = manifest | {"metadata": {**manifest["metadata"], "labels": {"added": "yes"}}}
    _same([client.apply(path, labelled, dryRun="All") for client in pair], _undisturbed)
    _same([client.apply(path, labelled, "other", dryRun="All") for client in pair], _undisturbed)
    patch = {"metadata": {"labels": {"p": "q"}}}
    _same([client.patch(path, patch, STRATEGIC_PATCH, dryRun="All") for client in pair], _undisturbed)
    bare = {key: manifest[key] for key in ("apiVersion", "kind")} | {"metadata": {"name": manifest["metadata"]["name"]}}
    _same([client.apply(path, bare, "third", dryRun="All") for client in pair], _undisturbed)
