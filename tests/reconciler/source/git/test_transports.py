"""Credentials of Argo CD's Secrets over real transports."""

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source import RepositoryCache
from reconciler.source.credentials import CredentialStore
from tests.git_servers import (
    SSHD,
    Authority,
    HttpsServer,
    SshServer,
    http_proxy,
    https_git,
    respond,
    socks_proxy,
    ssh_git,
)
from tests.repositories import GitRepository

LOGIN = "ada:pass word:with'all\"$(signs)"
Open = Callable[..., str]


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path) -> GitRepository:
    made = git_repository({"a.yaml": "a: 1\n"})
    (tmp_path / "served").mkdir()
    made.git("clone", "--quiet", "--bare", str(made.path), str(tmp_path / "served" / "shop.git"))
    made.git("remote", "add", "origin", str(tmp_path / "served" / "shop.git"))
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """The head of a repository as a new cache sees it, with one Secret and the ConfigMaps."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def head(url: str, *, hosts: Mapping[str, str] | None = None, known_hosts: str = "", **data: str) -> str:
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repository"}}}
        store = CredentialStore(
            [secret | {"stringData": {"url": url} | data}], tls_certificates=hosts, known_hosts=known_hosts
        )
        assert store.problems == ()
        with RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False) as cache:
            return cache.open(url).resolve("HEAD")

    return head


@pytest.fixture
def server(origin: GitRepository, authority: Authority, tmp_path: Path) -> Iterator[HttpsServer]:
    with https_git(tmp_path / "served", authority, login=LOGIN) as server:
        yield server


def password(login: str = LOGIN) -> dict[str, str]:
    user, _, secret = login.partition(":")
    return {"username": user, "password": secret}


class TestHttps:
    def test_a_password(self, server: HttpsServer, origin: GitRepository, head: Open) -> None:
        assert head(f"{server.url}/shop.git", hosts=server.hosts, **password()) == origin.head
        assert {*server.authorizations} == {f"Basic {base64.b64encode(LOGIN.encode()).decode()}"}

    def test_the_secrets_user_counts_before_that_of_the_url(
        self, server: HttpsServer, origin: GitRepository, head: Open
    ) -> None:
        url = server.url.replace("//", "//eve@")
        assert head(f"{url}/shop.git", hosts=server.hosts, **password()) == origin.head

    def test_a_wrong_password(self, server: HttpsServer, head: Open) -> None:
        with pytest.raises(RepositoryError, match="refused the credentials, or does not exist") as caught:
            head(f"{server.url}/shop.git", hosts=server.hosts, username="ada", password="canary")
        assert "canary" not in str(caught.value)

    def test_no_password(self, server: HttpsServer, head: Open) -> None:
        with pytest.raises(RepositoryError, match="refused the credentials, or does not exist"):
            head(f"{server.url}/shop.git", hosts=server.hosts)

    def test_basic_authorization_unasked(self, server: HttpsServer, origin: GitRepository, head: Open) -> None:
        url = f"{server.url}/shop.git"
        assert head(url, hosts=server.hosts, forceHttpBasicAuth="true", **password()) == origin.head
        assert len(server.authorizations) == len(server.paths), "the first request has it as well"

    def test_a_token(self, origin: GitRepository, authority: Authority, tmp_path: Path, head: Open) -> None:
        with https_git(tmp_path / "served", authority, bearer="t0ken") as server:
            url = f"{server.url}/shop.git"
            assert head(url, hosts=server.hosts, bearerToken="t0ken") == origin.head
            assert {*server.authorizations} == {"Bearer t0ken"}

    def test_a_server_that_nobody_vouches_for(self, server: HttpsServer, origin: GitRepository, head: Open) -> None:
        url = f"{server.url}/shop.git"
        with pytest.raises(RepositoryError, match=r"has a certificate that is not trusted; .* argocd-tls-certs-cm"):
            head(url, **password())
        assert server.authorizations == []
        with pytest.raises(RepositoryError, match="has a certificate that is not trusted"):
            head(url, hosts={"localhost": server.authority.pem}, **password())
        assert head(url, insecure="true", **password()) == origin.head

    def test_a_client_certificate(
        self, origin: GitRepository, authority: Authority, tmp_path: Path, head: Open
    ) -> None:
        certificate, key = authority.issue("ada")
        with https_git(tmp_path / "served", authority, client_certificates=True) as server:
            url = f"{server.url}/shop.git"
            assert head(url, hosts=server.hosts, tlsClientCertData=certificate, tlsClientCertKey=key) == origin.head
            with pytest.raises(RepositoryError):
                head(url, hosts=server.hosts)

    def test_only_what_changed_is_fetched(self, server: HttpsServer, origin: GitRepository, head: Open) -> None:
        url = f"{server.url}/shop.git"
        origin.git("tag", "--annotate", "--message=x", "v1")
        origin.git("push", "--quiet", "origin", "main", "HEAD:refs/heads/topic", "v1")
        head(url, hosts=server.hosts, **password())
        del server.paths[:]
        head(url, hosts=server.hosts, **password())
        assert [path.rpartition("/")[2] for path in server.paths][-1] == "git-upload-pack"
        unchanged = len(server.paths)
        assert unchanged <= 4, "one ls-remote"
        moved = origin.commit({"a.yaml": "a: 2\n"})
        origin.git("push", "--quiet", "origin", "main", ":topic")
        assert head(url, hosts=server.hosts, **password()) == moved
        assert len(server.paths) > 2 * unchanged

    def test_a_redirect_on_the_same_host(self, server: HttpsServer, origin: GitRepository, head: Open) -> None:
        def answer(handler: Any) -> bool:
            if not handler.path.startswith("/old/"):
                return False
            respond(handler, 301, b"", {"Location": handler.path.removeprefix("/old")})
            return True

        server.answer = answer
        assert head(f"{server.url}/old/shop.git", hosts=server.hosts, **password()) == origin.head


class TestProxies:
    @pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
    def test_https_through_a_proxy(self, server: HttpsServer, origin: GitRepository, head: Open, kind: str) -> None:
        with (http_proxy if kind == "http" else socks_proxy)() as proxy:
            url = f"{server.url}/shop.git"
            text = f"{kind}://us%40er:pa%3Ass@127.0.0.1:{proxy.port}"
            assert head(url, hosts=server.hosts, proxy=text, **password()) == origin.head
            assert {*proxy.targets} == {f"127.0.0.1:{server.port}"}
            assert {*proxy.logins} == {"us@er:pa:ss"}
            del proxy.targets[:]
            excepted = f"{url.removesuffix('.git')}/"
            assert head(excepted, hosts=server.hosts, proxy=text, noProxy="10.0.0.0/8,127.0.0.1", **password())
            assert proxy.targets == []

    def test_a_proxy_that_is_not_there(self, server: HttpsServer, head: Open) -> None:
        with pytest.raises(RepositoryUnreachableError, match="cannot be reached; check the address and the network"):
            head(f"{server.url}/shop.git", hosts=server.hosts, proxy="http://127.0.0.1:1", **password())
        assert server.paths == []


@pytest.mark.skipif(SSHD is None, reason="needs sshd (openssh-server)")
class TestSsh:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[SshServer]:
        with ssh_git(tmp_path / "ssh") as server:
            yield server

    def test_a_key(self, server: SshServer, origin: GitRepository, head: Open) -> None:
        url = server.url(origin.path)
        assert head(url, known_hosts=server.known_hosts, sshPrivateKey=server.private_key) == origin.head
        moved = origin.commit({"a.yaml": "a: 2\n"})
        assert head(url, known_hosts=server.known_hosts, sshPrivateKey=server.private_key) == moved

    def test_a_host_that_is_not_known(self, server: SshServer, origin: GitRepository, head: Open) -> None:
        url = server.url(origin.path)
        for known in ("", "127.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKx0\n"):
            with pytest.raises(RepositoryError, match=r"has a host key that is not known; add it to known_hosts"):
                head(url, known_hosts=known, sshPrivateKey=server.private_key)
        assert head(url, insecure="true", sshPrivateKey=server.private_key) == origin.head

    def test_a_key_that_is_not_authorized(
        self, server: SshServer, origin: GitRepository, head: Open, tmp_path: Path
    ) -> None:
        other = (tmp_path / "ssh" / "host").read_text()
        for data in ({"sshPrivateKey": other}, {}):
            with pytest.raises(RepositoryError, match="refused the credentials, or does not exist"):
                head(server.url(origin.path), known_hosts=server.known_hosts, **data)

    @pytest.mark.parametrize("kind", ["http", "socks5"])
    def test_a_proxy(self, server: SshServer, origin: GitRepository, head: Open, kind: str) -> None:
        with (http_proxy if kind == "http" else socks_proxy)() as proxy:
            key = {"sshPrivateKey": server.private_key, "proxy": f"{kind}://us%40er:pa%3Ass@127.0.0.1:{proxy.port}"}
            url = server.url(origin.path)
            assert head(url, known_hosts=server.known_hosts, **key) == origin.head
            assert {*proxy.targets} == {f"127.0.0.1:{server.port}"}
            assert {*proxy.logins} == {"us@er:pa:ss"}
            del proxy.targets[:]
            origin.commit({"a.yaml": "a: 2\n"})
            assert head(url, known_hosts=server.known_hosts, noProxy="127.0.0.1", **key) == origin.head
            assert proxy.targets == []

    def test_proxies_that_cannot_serve(self, server: SshServer, origin: GitRepository, head: Open) -> None:
        key = {"sshPrivateKey": server.private_key, "known_hosts": server.known_hosts}
        with pytest.raises(RepositoryError, match="an https proxy cannot carry SSH; set proxy to socks5://host:port"):
            head(server.url(origin.path), proxy="https://127.0.0.1:1", **key)
        with pytest.raises(RepositoryUnreachableError, match="cannot be reached; check the address and the network"):
            head(server.url(origin.path), proxy="socks5://127.0.0.1:1", **key)
