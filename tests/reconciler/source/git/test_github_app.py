import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source import RepositoryCache
from reconciler.source.credentials import CredentialStore
from tests.git_servers import Authority, HttpsServer, http_proxy, https_git, respond, socks_proxy
from tests.repositories import GitRepository


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


class GitHub:
    """The two calls of GitHub's API, in front of a Git server that takes the tokens."""

    def __init__(self, server: HttpsServer, key: rsa.RSAPrivateKey) -> None:
        self.server, self.key = server, key
        self.calls: list[str] = []
        self.claims: dict[str, Any] = {}
        self.valid_for = timedelta(hours=1)
        self.status, self.token = 201, "ghs_canary"
        server.answer = self.answer

    def answer(self, handler: Any) -> bool:
        if not handler.path.startswith("/api/v3/"):
            return False
        self.calls.append(f"{handler.command} {handler.path.removeprefix('/api/v3')}")
        head, claims, signature = handler.headers["Authorization"].removeprefix("Bearer ").split(".")
        decoded = base64.urlsafe_b64decode(signature + "==")
        self.key.public_key().verify(decoded, f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
        self.claims = json.loads(base64.urlsafe_b64decode(claims + "=="))
        if handler.path.endswith("/installation"):
            answer: dict[str, Any] = {"id": 77}
        else:
            answer = {
                "token": self.token,
                "expires_at": (datetime.now(UTC) + self.valid_for).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        respond(handler, self.status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        return True


@pytest.fixture
def github(tmp_path: Path, key: rsa.RSAPrivateKey) -> Iterator[GitHub]:
    origin = GitRepository.create(tmp_path / "origin", {"a.yaml": "a: 1\n"})
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(tmp_path / "served" / "org" / "shop.git"))
    with https_git(tmp_path / "served", Authority(tmp_path / "authority"), login="x-access-token:ghs_canary") as server:
        yield GitHub(server, key)


@pytest.fixture
def open_head(github: GitHub, tmp_path: Path) -> Any:
    pem = github.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    def open_head(**data: str) -> str:
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}}}
        given = {
            "url": github.server.url,
            # Tokens are kept by their App's id among others, and tests share a process.
            "githubAppID": str(github.server.port),
            "githubAppInstallationID": "12",
            "githubAppPrivateKey": pem,
            "githubAppEnterpriseBaseUrl": f"{github.server.url}/api/v3/",
        } | data
        store = CredentialStore([secret | {"stringData": given}], tls_certificates=github.server.hosts)
        assert store.problems == ()
        with RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False) as cache:
            return cache.open(f"{github.server.url}/org/shop.git").resolve("main")

    return open_head


def test_a_token_serves_until_shortly_before_its_end(github: GitHub, open_head: Any) -> None:
    before = datetime.now(UTC).timestamp()
    head = open_head()
    assert open_head() == head
    assert github.calls == ["POST /app/installations/12/access_tokens"]
    assert github.claims["iss"] == str(github.server.port)
    assert github.claims["iat"] < before < github.claims["exp"] <= before + 600
    github.valid_for = timedelta(minutes=4)
    open_head(githubAppInstallationID="13")
    open_head(githubAppInstallationID="13")
    assert github.calls.count("POST /app/installations/13/access_tokens") == 2


def test_an_installation_is_found_by_the_repository(github: GitHub, open_head: Any) -> None:
    assert open_head(githubAppInstallationID="0")
    assert github.calls == ["GET /repos/org/shop/installation", "POST /app/installations/77/access_tokens"]


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_through_a_proxy(github: GitHub, open_head: Any, kind: str) -> None:
    with (http_proxy if kind == "http" else socks_proxy)() as proxy:
        assert open_head(proxy=f"{kind}://user:pass@127.0.0.1:{proxy.port}")
        assert {*proxy.targets} == {f"127.0.0.1:{github.server.port}"}
        assert len(github.calls) == 1


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, RepositoryError, r"GitHub's API refused the App \(401\); check githubAppID, githubAppInstallationID and"),
        (404, RepositoryError, r"GitHub's API refused the App \(404\)"),
        (302, RepositoryUnreachableError, r"answered 302; try again"),
        (503, RepositoryUnreachableError, r"answered 503; try again"),
    ],
)
def test_a_refusal(github: GitHub, open_head: Any, status: int, error: type[RepositoryError], message: str) -> None:
    github.status = status
    with pytest.raises(error, match=message) as caught:
        open_head()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("token", ["", "a\nb", 7, None, "x" * 5000])
def test_an_answer_that_is_no_token(github: GitHub, open_head: Any, token: Any) -> None:
    github.token = token
    with pytest.raises(RepositoryError, match="does not answer as GitHub's API; check githubAppEnterpriseBaseUrl"):
        open_head()


def test_no_answer(github: GitHub, open_head: Any) -> None:
    with pytest.raises(
        RepositoryUnreachableError, match=r"GitHub's API at https://127\.0\.0\.1:1 cannot be reached for a token"
    ):
        open_head(githubAppEnterpriseBaseUrl="https://127.0.0.1:1")


def test_a_key_that_is_none(open_head: Any) -> None:
    other = (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )
    for pem in (other, "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----\n"):
        with pytest.raises(RepositoryError, match="githubAppPrivateKey is not an RSA private key") as caught:
            open_head(githubAppPrivateKey=pem)
        assert "canary" not in str(caught.value)
