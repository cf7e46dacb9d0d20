"""Rows 6, 7, 8 and 36 of the catalogue: credentials of one host sent to another (CVE-2020-5260, GHSA-56hp-xqp3-w2jf), shell
text in a proxy (CVE-2026-55797), hostile Git servers (GO-2025-3367, GHSA-jhwx-mhww-rgc3), and credentials where people
or other programs see them (CVE-2025-55190, GHSA-6w87-g839-9wv7, GHSA-c3mw-737p-c7g2)."""

import io
import logging
import os
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import ReconcilerError, RepositoryError, RepositoryUnreachableError
from reconciler.source import RepositoryCache
from reconciler.source.credentials import CredentialStore, RepositoryCredentials, SecretText
from reconciler.source.git.access import granted
from reconciler.source.git.environment import git_environment, whole_environment
from reconciler.source.git.urls import parse_repository_url
from tests.git_servers import SSHD, Authority, HttpsServer, http_proxy, https_git, read_body, respond, ssh_git
from tests.repositories import GitRepository

CANARY = "c4n4ry"
LOGINS = [
    {"username": "ada", "password": CANARY},
    {"username": "ada", "password": CANARY, "forceHttpBasicAuth": "true"},
    {"bearerToken": CANARY},
]


@pytest.fixture
def served(git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path) -> Path:
    origin = git_repository({"a.yaml": "a: 1\n"})
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(tmp_path / "served" / "org" / "shop.git"))
    return tmp_path / "served"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def server(served: Path, authority: Authority) -> Iterator[HttpsServer]:
    with https_git(served, authority, login=f"ada:{CANARY}", bearer=CANARY) as server:
        yield server


@pytest.fixture
def open_repository(tmp_path: Path, authority: Authority) -> Callable[..., str]:
    def open_repository(secret_url: str, url: str, options: Mapping[str, Any] | None = None, **data: str) -> str:
        limits = dict(options or {})
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}}}
        store = CredentialStore(
            [secret | {"stringData": {"url": secret_url} | data}],
            tls_certificates={"127.0.0.1": authority.pem, "localhost": authority.pem},
            known_hosts=limits.pop("known_hosts", ""),
        )
        with RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False, **limits) as cache:
            return cache.open(url).resolve("main")

    return open_repository


class TestOtherHosts:
    @pytest.mark.parametrize("login", LOGINS)
    def test_a_redirect_takes_no_credentials_along(
        self, login: dict[str, str], served: Path, server: HttpsServer, open_repository: Callable[..., str]
    ) -> None:
        with https_git(served, server.authority, login="x:y") as other:

            def redirect(handler: Any) -> bool:
                respond(handler, 302, b"", {"Location": f"{where}{handler.path}"})
                return True

            server.answer = redirect
            for target in (other.url, other.url.replace("127.0.0.1", "localhost")):
                where = target
                with pytest.raises(RepositoryError) as caught:
                    open_repository(server.url, f"{server.url}/org/shop.git", **login)
                assert CANARY not in str(caught.value)
            assert other.paths, "the redirect was followed"
            assert other.authorizations == []

    @pytest.mark.parametrize("login", LOGINS)
    @pytest.mark.parametrize(
        "secret_url",
        [
            "https://127.0.0.1:1/org",
            "https://127.0.0.1/org",
            "https://127.0.0.1.example.com:{port}/org",
            "https://localhost:{port}/org",
            "https://127.0.0.1:{port}/o",
            "https://127.0.0.1:{port}/org/sho",
            "https://127.0.0.1:{port}/org/shop/deeper",
            "http://127.0.0.1:{port}/org",
            "ssh://git@127.0.0.1:{port}/org",
        ],
    )
    def test_an_address_that_only_looks_alike(
        self, login: dict[str, str], secret_url: str, server: HttpsServer, open_repository: Callable[..., str]
    ) -> None:
        url = f"{server.url}/org/shop.git"
        with pytest.raises(RepositoryError):
            open_repository(secret_url.format(port=server.port), url, **login)
        assert server.authorizations == []

    def test_the_helper_answers_one_server_only(self, tmp_path: Path) -> None:
        url = parse_repository_url("https://Git.example.com:8443/org/shop")
        credentials = RepositoryCredentials(str(url), username=SecretText("ada"), password=SecretText(CANARY))

        def answer(**asked: str) -> str:
            given = "".join(f"{key}={value}\n" for key, value in asked.items()) + "\n"
            variables = git_environment(
                tmp_path, url, user_settings=False, settings=access.settings, variables=access.variables
            )
            done = subprocess.run(
                ["git", "credential", "fill"],
                input=given,
                env=whole_environment(variables, user_settings=False),
                capture_output=True,
                text=True,
            )
            return done.stdout

        with granted(url, credentials, CredentialStore(), user_settings=True) as access:
            assert not access.user_settings
            helper = next(value for key, value in access.settings.items() if key.endswith(".helper"))
            for host in ("Git.example.com:8443", "git.example.com:8443"):
                assert CANARY in answer(protocol="https", host=host)
            script = helper.removeprefix("!sh ").strip("'")
            for protocol, host in (
                ("https", "git.example.com"),
                ("https", "git.example.com:443"),
                ("https", "git.example.com:84430"),
                ("https", "xgit.example.com:8443"),
                ("https", "evil.example.org"),
                ("http", "git.example.com:8443"),
                ("https", "*"),
                ("https", ""),
            ):
                assert CANARY not in answer(protocol=protocol, host=host)
                # Asked past Git's own choice, the script decides the same.
                done = subprocess.run(
                    ["sh", script, "get"],
                    input=f"protocol={protocol}\nhost={host}\nhost={host}\n\nhost=git.example.com:8443\n",
                    capture_output=True,
                    text=True,
                )
                assert CANARY not in done.stdout


class TestWhereOthersSee:
    @pytest.fixture
    def recorded(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
        """Arguments of every git and ssh, as any user of the machine may list them."""
        log = tmp_path / "argv"
        log.touch()
        (tmp_path / "shim").mkdir()
        for name in ("git", "ssh"):
            if real := shutil.which(name):
                shim = tmp_path / "shim" / name
                shim.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >>{log}\nexec {real} "$@"\n')
                shim.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path / "shim"), prepend=os.pathsep)
        return log.read_text

    @pytest.mark.parametrize("login", LOGINS)
    @pytest.mark.parametrize("refused", [False, True])
    def test_https(
        self,
        login: dict[str, str],
        refused: bool,
        server: HttpsServer,
        open_repository: Callable[..., str],
        recorded: Callable[[], str],
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        caplog.set_level(logging.DEBUG)
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        monkeypatch.setenv("GIT_TRACE_CURL", str(tmp_path / "trace"))
        monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
        with http_proxy() as proxy:
            data = login | {"proxy": f"http://user:{CANARY}@127.0.0.1:{proxy.port}"}
            if refused:
                server.answer = lambda handler: respond(handler, 403, b"", {}) or True
                with pytest.raises(RepositoryError) as caught:
                    open_repository(server.url, f"{server.url}/org/shop.git", **data)
                assert CANARY not in f"{caught.value!r} {caught.getrepr()}"
            else:
                open_repository(server.url, f"{server.url}/org/shop.git", **data)
        assert "git fetch" in recorded() or refused
        assert CANARY not in recorded()
        assert CANARY not in caplog.text
        assert not any(CANARY in text for text in capfd.readouterr())
        trace = (tmp_path / "trace").read_text() if (tmp_path / "trace").exists() else ""
        assert "http" not in trace, "the user's tracing does not reach commands with a Secret's credentials"
        assert list((tmp_path / "temporary").iterdir()) == []
        assert_no_file_holds(CANARY, tmp_path / "mirrors")

    @pytest.mark.skipif(SSHD is None, reason="needs sshd (openssh-server)")
    def test_ssh(
        self,
        served: Path,
        open_repository: Callable[..., str],
        recorded: Callable[[], str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
        with ssh_git(tmp_path / "ssh") as sshd:
            url = sshd.url(served / "org" / "shop.git")
            open_repository(url, url, {"known_hosts": sshd.known_hosts}, sshPrivateKey=sshd.private_key)
        assert "ssh -F " in recorded()
        secret_line = sshd.private_key.splitlines()[2]
        assert secret_line not in recorded()
        assert list((tmp_path / "temporary").iterdir()) == []
        assert_no_file_holds(secret_line, tmp_path / "mirrors")

    def test_files_are_private_and_go_away(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        url = parse_repository_url("https://host/x")
        credentials = RepositoryCredentials(
            "https://host/x",
            password=SecretText(CANARY),
            tls_client_cert="c",
            tls_client_key=SecretText("k"),
        )

        def use() -> None:
            with granted(url, credentials, CredentialStore(), user_settings=False) as access:
                assert CANARY not in repr(access)
                (folder,) = tmp_path.iterdir()
                assert folder.stat().st_mode & 0o777 == 0o700
                assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
                raise InterruptedError

        with pytest.raises(InterruptedError):
            use()
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_run_left_is_removed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from reconciler.source.git import access

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with subprocess.Popen(["true"]) as ended:
            pass
        left = tmp_path / f"gitops-nb-access-{ended.pid}-x"
        ours = tmp_path / f"gitops-nb-access-{os.getpid()}-x"
        left.mkdir()
        ours.mkdir()
        (left / "key").write_text(CANARY)
        access._remove_abandoned.cache_clear()
        with access.private_folder():
            assert not left.exists()
            assert ours.exists(), "another thread may be using it"


def assert_no_file_holds(secret: str, folder: Path) -> None:
    for path in folder.rglob("*"):
        assert not path.is_file() or secret.encode() not in path.read_bytes(), path


class TestShellText:
    """Row 7; that such a Secret is refused is tested with the Secrets themselves."""

    @pytest.mark.parametrize(
        "text", ["host;id", "host$(touch SENTINEL)", "-oProxyCommand=id", "`id`", "a b", "%h", "'"]
    )
    def test_nothing_of_a_proxy_is_in_what_ssh_runs(self, text: str, tmp_path: Path) -> None:
        url = parse_repository_url("ssh://git@host/x")
        # As if the Secret's own check had failed.
        for proxy in (f"socks5://{text}:1080", f"socks5://{text}:{text}@host:1080"):
            credentials = RepositoryCredentials(
                "ssh://git@host/x", proxy=SecretText(proxy), ssh_private_key=SecretText("k")
            )
            with granted(url, credentials, CredentialStore(), user_settings=False) as access:
                command = access.variables["GIT_SSH_COMMAND"]
                configuration = Path(command.removeprefix("ssh -F ").strip("'"))
                written = configuration.read_text()
                folder = str(configuration.parent)
                assert command == f"ssh -F {configuration}"
                (line,) = [line for line in written.splitlines() if line.startswith("ProxyCommand")]
                assert line.endswith(f"/ssh_proxy.py {folder}/proxy.json")
                assert text not in written.replace(folder, "").replace(line, "")


class TestHostileServers:
    @pytest.fixture
    def hostile(self, served: Path, authority: Authority) -> Iterator[HttpsServer]:
        with https_git(served, authority) as server:
            yield server

    def test_a_flood_of_refs(
        self, hostile: HttpsServer, open_repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reconciler.source.git.mirror.MAX_REFS", 1000)
        hostile.answer = lambda handler: respond(handler, 200, advertised(1999), ADVERTISEMENT) or True
        with pytest.raises(RepositoryError, match=r"has 1999 branches and tags; the limit is 1000$"):
            open_repository(hostile.url, f"{hostile.url}/org/shop.git")

    def test_more_refs_than_fit_the_listing(
        self, hostile: HttpsServer, open_repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reconciler.source.git.mirror.LISTING_BYTES", 10**6)
        hostile.answer = lambda handler: respond(handler, 200, advertised(20_000), ADVERTISEMENT) or True
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(RepositoryError, match=r"sent more than 1000000 bytes, which is refused$"):
            open_repository(hostile.url, f"{hostile.url}/org/shop.git")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 2**10

    @pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits the memory of another process")
    def test_endless_refs(
        self, hostile: HttpsServer, open_repository: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("reconciler.source.git.mirror.LISTING_MEMORY_BYTES", 300 * 2**20)
        sent = 0

        def flood(handler: Any) -> bool:
            nonlocal sent
            handler.send_response(200)
            for name, value in ADVERTISEMENT.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(advertised(1)[:-4])
            many = packet(f"{'2' * 40} refs/heads/{'x' * 60_000}\n") * 10
            # It ends when the other side does.
            while sent < 4 * 2**30:
                handler.wfile.write(many)
                sent += len(many)
            return True

        hostile.answer = flood
        with pytest.raises(RepositoryError, match=r"sent more than 314572800 bytes of memory hold, which is refused$"):
            open_repository(hostile.url, f"{hostile.url}/org/shop.git")
        assert sent < 2 * 2**30

    def test_an_endless_pack(self, hostile: HttpsServer, open_repository: Callable[..., str], tmp_path: Path) -> None:
        def stream(handler: Any) -> bool:
            if not handler.path.endswith("/git-upload-pack"):
                return False
            body = read_body(handler)
            if b"command=fetch" not in body:
                handler.rfile = io.BytesIO(body)
                return False
            handler.send_response(200)
            handler.send_header("Content-Type", "application/x-git-upload-pack-result")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.wfile.write(packet("packfile\n"))
            # A pack that announces many objects; the first is a huge blob of incompressible bytes, stored.
            noise = os.urandom(60_000)
            head = b"PACK\0\0\0\2\0\xff\xff\xff" + b"\xb0\x80\x80\x80\x80\x10" + b"\x78\x01"
            handler.wfile.write(band(head))
            stored = b"\x00" + len(noise).to_bytes(2, "little") + (len(noise) ^ 0xFFFF).to_bytes(2, "little") + noise
            for _ in range(20_000):
                handler.wfile.write(band(stored))
            return True

        hostile.answer = stream
        url = f"{hostile.url}/org/shop.git"
        with pytest.raises(RepositoryError, match=r"sent more than 10000000 bytes, which is refused$"):
            open_repository(hostile.url, url, {"fetch_bytes": 10**7}, username="ada", password=CANARY)
        assert list((tmp_path / "mirrors").rglob("tmp_*")) == []

    def test_a_server_that_says_nothing(self, hostile: HttpsServer, open_repository: Callable[..., str]) -> None:
        released = threading.Event()
        hostile.answer = lambda handler: released.wait(30)
        began = time.monotonic()
        with pytest.raises(RepositoryUnreachableError, match=r"did not answer within 0\.5 s$"):
            open_repository(hostile.url, f"{hostile.url}/org/shop.git", {"fetch_timeout_s": 0.5})
        released.set()
        assert time.monotonic() - began < 10

    def test_an_answer_that_is_not_gits(self, hostile: HttpsServer, open_repository: Callable[..., str]) -> None:
        for content in (b"", b"<html>", b"\0" * 1000, packet("ERR \x1b[31m" + "x" * 1000)):
            hostile.answer = lambda handler, content=content: (
                respond(handler, 200, content, {"Content-Type": "application/x-git-upload-pack-advertisement"}) or True
            )
            with pytest.raises(ReconcilerError) as caught:
                open_repository(hostile.url, f"{hostile.url}/org/shop.git")
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 600


ADVERTISEMENT = {"Content-Type": "application/x-git-upload-pack-advertisement"}


def advertised(count: int) -> bytes:
    """What a server answers to ``info/refs``: so many branches."""
    lines = [f"{number:040x} refs/heads/{'x' * 100}{number}\n" for number in range(1, count + 1)]
    lines[0] = lines[0].replace("\n", "\0ofs-delta\n")
    return packet("# service=git-upload-pack\n") + b"0000" + b"".join(map(packet, lines)) + b"0000"


def packet(text: str) -> bytes:
    data = text.encode()
    return f"{len(data) + 4:04x}".encode() + data


def band(data: bytes) -> bytes:
    """Bytes of a pack on the first side band."""
    return f"{len(data) + 5:04x}".encode() + b"\x01" + data
