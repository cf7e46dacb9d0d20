import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryError
from reconciler.source import Repository, RepositoryCache
from reconciler.source.credentials import CredentialStore
from reconciler.source.git.lfs import Pointer, parse_pointer
from tests.git_servers import Authority, HttpsServer, https_git, read_body, respond
from tests.repositories import GitRepository

CONTENT = b"large: content\n" * 1000
OID = hashlib.sha256(CONTENT).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize {len(CONTENT)}\n".encode()
needs_git_lfs = pytest.mark.skipif(shutil.which("git-lfs") is None, reason="needs git-lfs")


def blob(repository: Repository, path: str = "a.yaml") -> str:
    return repository.entries(repository.tree_of(repository.resolve("main")))[path][1]


def read(cache: RepositoryCache, url: str, **options: Any) -> bytes:
    repository = cache.open(url, allow_local=True)
    return repository.read(blob(repository), **options)


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str | bytes]], GitRepository]) -> GitRepository:
    """A repository whose a.yaml is a pointer; the content is where git-lfs keeps it."""
    origin = git_repository({"a.yaml": POINTER, "b.yaml": "b: 1\n"})
    kept = origin.path / ".git" / "lfs" / "objects" / OID[:2] / OID[2:4] / OID
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    return origin


@needs_git_lfs
def test_a_file_of_a_local_repository(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors", lfs=True, user_settings=False) as cache:
        repository = cache.open(origin.url, allow_local=True)
        assert repository.sizes([blob(repository, name) for name in ("a.yaml", "b.yaml")]) == [len(CONTENT), 5]
        assert repository.read(blob(repository)) == CONTENT
        assert repository.read(blob(repository, "b.yaml")) == b"b: 1\n"
        shutil.rmtree(origin.path / ".git" / "lfs")
        assert repository.read(blob(repository)) == CONTENT, "the mirror has it now"


def test_without_lfs_a_pointer_is_a_file(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(origin.url, allow_local=True)
        assert repository.sizes([blob(repository)]) == [len(POINTER)]
        assert repository.read(blob(repository)) == POINTER


def test_a_file_that_is_too_large(origin: GitRepository, tmp_path: Path) -> None:
    with (
        RepositoryCache(tmp_path / "mirrors", lfs=True) as cache,
        pytest.raises(GenerationError, match=r"a Git LFS file of 15000 bytes in .* is over the limit of 1000 bytes"),
    ):
        read(cache, origin.url, limit=1000)


def test_without_git_lfs(origin: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(str(shutil.which("git")))
    with RepositoryCache(tmp_path / "mirrors", lfs=True) as cache:
        cache.open(origin.url, allow_local=True)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        with pytest.raises(
            RepositoryError, match=r"keeps files in Git LFS, and git-lfs is not installed or not on PATH"
        ):
            read(cache, origin.url)


@needs_git_lfs
def test_a_file_that_is_not_there(origin: GitRepository, tmp_path: Path) -> None:
    shutil.rmtree(origin.path / ".git" / "lfs")
    with (
        RepositoryCache(tmp_path / "mirrors", lfs=True, user_settings=False) as cache,
        pytest.raises(RepositoryError, match=rf"a Git LFS file of .* \(sha256:{OID[:12]}\) cannot be had: "),
    ):
        read(cache, origin.url)


class LfsServer:
    """The batch API of Git LFS on top of a Git server."""

    def __init__(self, server: HttpsServer, login: str) -> None:
        self.server = server
        self.content = CONTENT
        self.login = login
        self.elsewhere = ""
        self.downloads: list[str] = []
        server.answer = self.answer

    def answer(self, handler: Any) -> bool:
        if handler.path.startswith("/objects/"):
            self.downloads.append(handler.headers.get("Authorization", ""))
            respond(handler, 200, self.content, {})
        elif handler.path == "/shop.git/info/lfs/objects/batch":
            if not handler.headers.get("Authorization"):
                respond(handler, 401, b"", {"WWW-Authenticate": 'Basic realm="lfs"'})
                return True
            asked = json.loads(read_body(handler))["objects"][0]
            link = {"href": f"{self.elsewhere or self.server.url}/objects/{asked['oid']}"}
            found = {"transfer": "basic", "objects": [asked | {"actions": {"download": link}}]}
            respond(handler, 200, json.dumps(found).encode(), {"Content-Type": "application/vnd.git-lfs+json"})
        else:
            return False
        return True


@needs_git_lfs
class TestServer:
    @pytest.fixture
    def server(self, origin: GitRepository, tmp_path: Path) -> Iterator[LfsServer]:
        (origin.path / ".lfsconfig").write_text("[lfs]\n\turl = https://127.0.0.1:1/elsewhere\n")
        origin.git("add", ".lfsconfig")
        origin.git("commit", "--quiet", "--message=x")
        origin.git("clone", "--quiet", "--bare", str(origin.path), str(tmp_path / "served" / "shop.git"))
        with https_git(tmp_path / "served", Authority(tmp_path / "authority"), login="ada:canary") as server:
            yield LfsServer(server, "ada:canary")

    @pytest.fixture
    def cache(self, server: LfsServer, tmp_path: Path) -> Iterator[RepositoryCache]:
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repository"}}}
        url = f"{server.server.url}/shop.git"
        data = {"url": url, "username": "ada", "password": "canary", "enableLfs": "true"}
        store = CredentialStore([secret | {"stringData": data}], tls_certificates=server.server.hosts)
        with RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False) as cache:
            yield cache

    def test_a_file(self, server: LfsServer, cache: RepositoryCache) -> None:
        assert read(cache, f"{server.server.url}/shop.git") == CONTENT
        assert read(cache, f"{server.server.url}/shop.git") == CONTENT
        assert len(server.downloads) == 1

    def test_other_content(self, server: LfsServer, cache: RepositoryCache) -> None:
        server.content = CONTENT.replace(b"large", b"LARGE")
        with pytest.raises(RepositoryError, match=rf"Git LFS (file|server) .*{OID[:12]}|gives other content") as caught:
            read(cache, f"{server.server.url}/shop.git")
        assert "canary" not in str(caught.value)

    def test_another_host_gets_no_login(self, server: LfsServer, cache: RepositoryCache, tmp_path: Path) -> None:
        with https_git(tmp_path / "served", server.server.authority) as other:
            other.answer = server.answer
            server.elsewhere = other.url.replace("127.0.0.1", "localhost")
            assert read(cache, f"{server.server.url}/shop.git") == CONTENT
            assert server.downloads == [""]
            assert other.paths == [f"/objects/{OID}"]
            assert other.authorizations == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (POINTER, Pointer(OID, len(CONTENT))),
        (POINTER.rstrip(b"\n"), Pointer(OID, len(CONTENT))),
        (POINTER.replace(b"oid", b"ext-0-x sha256:00\noid"), Pointer(OID, len(CONTENT))),
        (POINTER + b"more\n", None),
        (POINTER.replace(b"sha256", b"md5"), None),
        (POINTER.replace(OID.encode(), b"../../etc"), None),
        (POINTER.replace(b"size 1", b"size -1"), None),
        (b"a: 1\n", None),
        (b"", None),
        (POINTER + b" " * 2000, None),
    ],
)
def test_what_a_pointer_is(data: bytes, expected: Pointer | None) -> None:
    assert parse_pointer(data) == expected
