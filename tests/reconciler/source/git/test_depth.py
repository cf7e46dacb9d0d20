"""Shallow mirrors, as ``depth`` in a repository's Secret asks for them."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.source import Repository, RepositoryCache
from reconciler.source.credentials import CredentialStore
from tests.git_servers import Authority, HttpsServer, https_git
from tests.repositories import GitRepository


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path) -> GitRepository:
    made = git_repository({"a.yaml": "a: 0\n"})
    for number in range(1, 6):
        made.commit({"a.yaml": f"a: {number}\n"})
    made.git("tag", "v1", "HEAD~4")
    made.git("clone", "--quiet", "--bare", str(made.path), str(tmp_path / "served" / "shop.git"))
    made.git("remote", "add", "origin", str(tmp_path / "served" / "shop.git"))
    return made


@pytest.fixture
def server(origin: GitRepository, tmp_path: Path) -> Iterator[HttpsServer]:
    with https_git(tmp_path / "served", Authority(tmp_path / "authority")) as server:
        yield server


@pytest.fixture
def cache(server: HttpsServer, tmp_path: Path) -> Iterator[Callable[[int], RepositoryCache]]:
    opened: list[RepositoryCache] = []

    def cache(depth: int) -> RepositoryCache:
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repository"}}}
        data = {"url": f"{server.url}/shop.git", "depth": str(depth)}
        store = CredentialStore([secret | {"stringData": data}], tls_certificates=server.hosts)
        opened.append(RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False))
        return opened[-1]

    yield cache
    for made in opened:
        made.close()


def commits(repository: Repository) -> int:
    """How many commits the mirror has, missing ones passed over."""
    path, _ = repository.reading()
    command = ["git", "rev-list", "--all", "--count"]
    return int(subprocess.run(command, cwd=path, capture_output=True, check=True).stdout)


def test_a_mirror_of_the_newest_commits(
    origin: GitRepository, server: HttpsServer, cache: Callable[[int], RepositoryCache]
) -> None:
    url = f"{server.url}/shop.git"
    repository = cache(1).open(url)
    assert repository.is_shallow
    assert commits(repository) == 2, "the branch and the tag"
    assert repository.resolve("main") == origin.head
    assert repository.resolve("v1") == repository.resolve("^1") == origin.git("rev-parse", "v1")
    assert repository.revision_metadata(origin.head).message == "Change"
    old = origin.git("rev-parse", "HEAD~2")
    assert repository.resolve(old) == old, "an older commit is fetched by its id"
    assert commits(repository) == 2
    assert repository.entries(repository.tree_of(old))


def test_it_stays_shallow_as_it_moves(
    origin: GitRepository, server: HttpsServer, cache: Callable[[int], RepositoryCache]
) -> None:
    url = f"{server.url}/shop.git"
    cache(2).open(url)
    for number in range(10, 13):
        origin.commit({"a.yaml": f"a: {number}\n"})
    origin.git("push", "--quiet", "origin", "main")
    repository = cache(2).open(url)
    assert repository.resolve("main") == origin.head
    assert commits(repository) <= 2 + 3
    del server.paths[:]
    cache(2).open(url)
    assert len(server.paths) <= 2


def test_without_depth_the_history_is_fetched(
    origin: GitRepository, server: HttpsServer, cache: Callable[[int], RepositoryCache]
) -> None:
    url = f"{server.url}/shop.git"
    cache(1).open(url)
    repository = cache(0).open(url)
    assert not repository.is_shallow
    assert commits(repository) == 6
    assert not cache(1).open(url).is_shallow, "what is there is not thrown away"


def test_who_reads_the_history_of_a_shallow_mirror_is_told(
    origin: GitRepository, server: HttpsServer, cache: Callable[[int], RepositoryCache]
) -> None:
    path, variables = cache(1).open(f"{server.url}/shop.git").reading()
    done = subprocess.run(["git", "rev-list", origin.head], cwd=path, env=variables, capture_output=True, text=True)
    assert done.returncode != 0
