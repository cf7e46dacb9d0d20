"""Applications of one repository in a namespace of their own, for the command line to work on."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.argo import install_argo
from tests.conformance.client import Client
from tests.reconciler.cli.conftest import Call
from tests.repositories import GitRepository

IN_CLUSTER = "https://kubernetes.default.svc"


def config_map(name: str, value: str, **labels: str) -> str:
    metadata = json.dumps({"name": name, "labels": labels})
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\ndata: {{value: {value!r}}}\n"


@dataclass
class Place:
    """A namespace of Applications, each of a folder of one repository, which go to the same namespace."""

    client: Client
    namespace: str
    origin: GitRepository
    call: Call

    def write(self, **files: str | None) -> None:
        self.origin.commit({f"{name}/all.yaml": text for name, text in files.items()})

    def create(self, name: str, **more: Any) -> None:
        spec = {
            "project": "default",
            "source": {"repoURL": self.origin.url, "path": name},
            "destination": {"server": IN_CLUSTER, "namespace": self.namespace},
        }
        metadata = {"name": name, "labels": {"team": name}, **more.pop("metadata", {})}
        document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
        self.client.create(self.applications(), {**document, "spec": {**spec, **more}}).expect(201)

    def applications(self, name: str = "") -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications{f'/{name}' if name else ''}"

    def application(self, name: str) -> Any:
        return self.client.get(self.applications(name)).expect(200)

    def patch(self, name: str, patch: dict[str, Any]) -> None:
        self.client.patch(self.applications(name), patch).expect(200)

    def value(self, name: str) -> Any:
        """The value of a ConfigMap, None when it is not there."""
        answer = self.client.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")
        return answer.expect(200)["data"]["value"] if answer.status == 200 else None

    def words(self, *words: str) -> tuple[str, ...]:
        return (*words, "--kubeconfig", str(self.client.kubeconfig), "-n", self.namespace)

    def app(self, *words: str) -> tuple[int, str, str]:
        return self.call(*self.words("app", *words))


@pytest.fixture
def place(
    client: Client,
    namespace: str,
    call: Call,
    git_repository: Callable[..., GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    install_argo(client)
    origin = git_repository(
        {"web/all.yaml": config_map("web", "1", tier="front"), "api/all.yaml": config_map("api", "1")}
    )
    made = Place(client, namespace, origin, call)
    made.create("web")
    yield made
    # What a failed test left behind must not hold the namespace.
    for item in client.get(made.applications()).expect(200)["items"]:
        client.patch(made.applications(item["metadata"]["name"]), {"metadata": {"finalizers": None}})
