"""Sources as Argo CD's own objects in the cluster configure them, through the command line."""

import base64
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.argo import install_argo
from tests.conformance.client import Client
from tests.git_servers import Authority, HttpsServer, https_git
from tests.reconciler.cli.conftest import Call
from tests.reconciler.source.support import config_map
from tests.repositories import GitRepository

PASSWORD = "canary-4711"
ARGO = "/apis/argoproj.io/v1alpha1"


def encoded(**data: str) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


class Place:
    """A namespace with Argo CD's objects, and a private repository."""

    def __init__(self, client: Client, namespace: str, origin: GitRepository, server: HttpsServer) -> None:
        self.client = client
        self.namespace = namespace
        self.origin = origin
        self.server = server
        self.url = f"{server.url}/shop.git"

    def create(self, plural: str, kind: str, name: str, labels: Mapping[str, str] | None = None, **rest: Any) -> None:
        api = ARGO if kind in ("Application", "AppProject") else "/api/v1"
        version = api.removeprefix("/apis/").removeprefix("/api/")
        metadata = {"name": name, "labels": dict(labels or {})}
        obj = {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}
        self.client.create(f"{api}/namespaces/{self.namespace}/{plural}", obj).expect(201)

    def publish(self) -> None:
        self.origin.git("push", "--quiet", "--force", "origin", "main")


@pytest.fixture
def place(
    client: Client,
    namespace: str,
    cluster_kubeconfig: Path,
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    install_argo(client)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    origin = git_repository({"app/a.yaml": config_map("a")})
    (tmp_path / "served").mkdir()
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(tmp_path / "served" / "shop.git"))
    origin.git("remote", "add", "origin", str(tmp_path / "served" / "shop.git"))
    authority = Authority(tmp_path / "authority")
    with https_git(tmp_path / "served", authority, login=f"robot:{PASSWORD}") as server:
        place = Place(client, namespace, origin, server)
        secret = encoded(url=place.url, username="robot", password=PASSWORD)
        labels = {"argocd.argoproj.io/secret-type": "repository"}
        place.create("secrets", "Secret", "shop", labels, data=secret)
        place.create("configmaps", "ConfigMap", "argocd-tls-certs-cm", data=dict(server.hosts))
        spec = {
            "project": "team",
            "source": {"repoURL": place.url, "path": "app"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
        }
        place.create("applications", "Application", "shop", spec=spec)
        yield place


@pytest.fixture
def run(call: Call, place: Place, cluster_kubeconfig: Path) -> Call:
    def run(*words: str, **options: Any) -> tuple[int, str, str]:
        return call(*words, "--kubeconfig", str(cluster_kubeconfig), "-n", place.namespace, **options)

    return run


def test_a_private_repository(place: Place, run: Call) -> None:
    status, out, err = run("app", "manifests", "shop", "-o", "name")
    assert (status, out, err) == (0, "ConfigMap a\n", "")
    assert place.server.authorizations
    place.client.patch(
        f"/api/v1/namespaces/{place.namespace}/secrets/shop",
        {"data": encoded(password="canary-0815")},
        "application/merge-patch+json",
    ).expect(200)
    status, out, err = run("app", "manifests", "shop")
    assert (status, out) == (2, "")
    assert "refused the credentials" in err
    assert "canary" not in err


def test_a_project_that_asks_for_signatures(place: Place, run: Call, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    policy = {
        "repos": [{"url": "*"}],
        "gpg": {"mode": "none", "keys": []},
        "ssh": {"mode": "head", "keys": [key.with_suffix(".pub").read_text().strip()]},
    }
    integrity = {"git": {"policies": [policy]}}
    everything = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}]}
    place.create("appprojects", "AppProject", "team", spec={**everything, "sourceIntegrity": integrity})
    status, _, err = run("app", "diff", "shop")
    assert status == 2
    assert "unsigned" in err

    place.origin.git("config", "gpg.format", "ssh")
    place.origin.git("config", "user.signingKey", str(key))
    place.origin.git("commit", "--quiet", "--allow-empty", "--gpg-sign", "--message=Signed")
    place.publish()
    status, out, err = run("app", "diff", "shop")
    assert (status, err) == (1, "")
    assert "+ ConfigMap" in out


def test_settings_of_argocd_cm(place: Place, run: Call) -> None:
    place.origin.commit({"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n"})
    place.publish()
    assert run("app", "manifests", "shop", "-o", "name")[1] == "ConfigMap x-a\n"
    place.create("configmaps", "ConfigMap", "argocd-cm", data={"kustomize.enable": "false"})
    assert run("app", "manifests", "shop", "-o", "name")[1] == "ConfigMap a\n"


def test_two_revisions_and_recorded_capabilities(place: Place, run: Call) -> None:
    first = place.origin.head
    place.origin.commit({"app/b.yaml": config_map("b")})
    place.publish()
    status, out, err = run("app", "diff", "shop", "--revision", first, "--revision", "main")
    assert (status, err) == (1, "")
    assert out.startswith("+ ConfigMap b (added)\n")
    status, out, err = run("capabilities")
    assert (status, err) == (0, "")
    assert "- apps/v1/Deployment\n" in out
    assert "kubeVersion: v1." in out
