"""``app retarget``, with a Git server and GitHub's API on one port of loopback."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest.yaml import load_document
from reconciler.sandbox import Sandbox
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.git_servers import Authority, HttpsServer, https_git, read_body, respond
from tests.reconciler.cli.conftest import Call
from tests.reconciler.engine.families import APPLICATIONS, application_text, config_text
from tests.repositories import GitRepository


class Shop:
    """The repository org/shop behind HTTPS, and the pull requests that were asked for."""

    def __init__(self, origin: GitRepository, served: Path, server: HttpsServer) -> None:
        self.origin = origin
        self.served = served
        self.url = f"{server.url}/org/shop.git"
        self.asked: list[Any] = []
        self.status = 201
        self.api = f"{server.url}/api/v3"
        server.answer = self._answer

    def write(self, files: dict[str, str]) -> None:
        self.origin.commit(files)
        self.origin.git("push", "--quiet", str(self.served), "main")

    def git(self, *words: str) -> str:
        return self.origin.git("-C", str(self.served), *words)

    def _answer(self, handler: BaseHTTPRequestHandler) -> bool:
        if not handler.path.startswith("/api/v3/"):
            return False
        answer: dict[str, Any] = {"url": f"{self.api}/repos/org/shop", "default_branch": "main"}
        status = 200
        if handler.command == "POST":
            self.asked.append((handler.path, handler.headers["Authorization"], json.loads(read_body(handler))))
            status = self.status
            answer = {"number": 7, "html_url": "https://github.com/org/shop/pull/7", "message": "Bad credentials"}
        respond(handler, status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        return True


@pytest.fixture
def shop(
    sandbox: Sandbox, git_repository: Callable[..., GitRepository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shop]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Ada Example\n\temail = ada@example.com\n")
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    origin = git_repository({"web/config.yaml": config_text("web", "one")})
    served = tmp_path / "served" / "org" / "shop.git"
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(served))
    origin.git("-C", str(served), "config", "http.receivepack", "true")
    with https_git(tmp_path / "served", Authority(tmp_path / "ca"), login="x:canary") as server:
        made = Shop(origin, served, server)
        made.write({"apps/web.yaml": application_text("web", made.url, "web")})
        with closing(Client(sandbox.kubeconfig)) as client:
            install_argo(client)
            create(client, made, server)
        yield made


def create(client: Client, shop: Shop, server: HttpsServer) -> None:
    namespace = "/api/v1/namespaces/argocd"
    label = {"argocd.argoproj.io/secret-type": "repository"}
    secret = {"metadata": {"name": "shop", "labels": label}}
    data = {"url": shop.url, "username": "x", "password": "canary"}
    client.create(f"{namespace}/secrets", secret | {"stringData": data}).expect(201)
    certificates = {"metadata": {"name": "argocd-tls-certs-cm"}, "data": {"127.0.0.1": server.authority.pem}}
    client.create(f"{namespace}/configmaps", certificates).expect(201)
    root = application_text("root", shop.url, "apps")
    client.create(APPLICATIONS, load_document(root, file="a.yaml")).expect(201)
    web = application_text("web", shop.url, "web").replace(
        "  namespace: argocd\n",
        "  namespace: argocd\n  annotations: {argocd.argoproj.io/tracking-id: "
        '"root:argoproj.io/Application:argocd/web"}\n',
    )
    client.create(APPLICATIONS, load_document(web, file="a.yaml")).expect(201)


@pytest.fixture
def retarget(call: Call, sandbox: Sandbox) -> Callable[..., tuple[int, str, str]]:
    def retarget(*words: str) -> tuple[int, str, str]:
        return call("app", "retarget", *words, "--kubeconfig", str(sandbox.kubeconfig))

    return retarget


Retarget = Callable[..., tuple[int, str, str]]


def test_a_branch_and_a_pull_request(shop: Shop, retarget: Retarget) -> None:
    status, out, err = retarget("web", "--revision", "feature/x", "--pull-request")
    assert status == 0, err
    assert out == (
        "--- a/apps/web.yaml\n+++ b/apps/web.yaml\n@@ -10,6 +10,6 @@\n   source:\n"
        f"     repoURL: {shop.url}\n     path: web\n"
        "-    targetRevision: main   # what is deployed\n+    targetRevision: feature/x   # what is deployed\n"
        '   destination: {server: "https://kubernetes.default.svc", namespace: default}\n   syncPolicy: {}\n'
    )
    assert "branch retarget/web/feature-x is pushed with commit" in err
    assert "preview: gitops-nb app diff root --revision retarget/web/feature-x\n" in err
    assert err.endswith("pull request: https://github.com/org/shop/pull/7\n")
    ((path, authorization, asked),) = shop.asked
    assert (path, authorization) == ("/api/v3/repos/org/shop/pulls", "token canary")
    assert (asked["title"], asked["head"], asked["base"]) == (
        "Retarget web to feature/x",
        "retarget/web/feature-x",
        "main",
    )
    assert "spec.source.targetRevision: main → feature/x" in asked["body"]
    assert shop.git("show", "-s", "--format=%an <%ae>", "retarget/web/feature-x") == "Ada Example <ada@example.com>"
    assert "canary" not in out + err


def test_as_json(shop: Shop, retarget: Retarget) -> None:
    status, out, err = retarget("web", "--revision", "v2", "--branch", "b", "--parent", "root", "-o", "json")
    assert status == 0, err
    answer = json.loads(out)
    assert answer["commit"] == shop.git("rev-parse", "b")
    assert answer["changes"] == [{"path": "spec.source.targetRevision", "before": "main", "after": "v2"}]
    assert (answer["branch"], answer["pull_request"], answer["path"]) == ("b", "", "apps/web.yaml")
    assert shop.asked == []


def test_nothing_is_pushed_in_a_dry_run(shop: Shop, retarget: Retarget) -> None:
    status, out, err = retarget("web", "--revision", "v2", "--pull-request", "--dry-run")
    assert (status, err) == (0, "nothing is pushed (--dry-run)\n")
    assert "+    targetRevision: v2" in out
    assert shop.git("branch", "--format=%(refname:short)") == "main"
    assert shop.asked == []


def test_a_pull_request_that_fails_tells_of_the_branch(shop: Shop, retarget: Retarget) -> None:
    shop.status = 401
    status, out, err = retarget("web", "--revision", "v2", "--pull-request")
    assert (status, out) == (2, "")
    assert err.startswith(
        "error: branch retarget/web/v2 is pushed, but its pull request is not open: org/shop at 127.0.0.1"
    )
    assert "GitHub refused the token" in err
    assert shop.git("rev-parse", "retarget/web/v2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none", "--revision", "v2"), "there is no Application none in namespace argocd"),
        (("root", "--revision", "v2"), "nothing says which Application made root"),
        (("web", "--revision", "v2", "--parent", "web"), "web has no child Application web; it has no Applications"),
        (("web", "--revision", "v2", "--parent", "root", "-f", "x.yaml"), "both name the parent"),
        (("web", "--revision", "v2", "--author", "Ada"), "author 'Ada' is not of the form"),
        (("web", "--revision", "v2", "--branch", "--force"), "branch '--force' is not a name that Git allows"),
        (("web", "--revision", "v2", "--pull-request", "--github-api", "http://x"), "expected https://HOST/api/v3"),
        (("web",), "revision"),
    ],
)
def test_bad_use(shop: Shop, retarget: Retarget, words: tuple[str, ...], message: str) -> None:
    status, out, err = retarget(*words)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert shop.git("branch", "--format=%(refname:short)") == "main"
