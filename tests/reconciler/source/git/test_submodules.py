from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, RevisionError
from reconciler.source import RepositoryCache
from reconciler.source.credentials import CredentialStore
from reconciler.source.files.tree import Tree
from reconciler.source.git.submodules import resolve_url, submodule_url
from reconciler.source.git.urls import parse_repository_url
from tests.git_servers import Authority, https_git
from tests.repositories import GitRepository

MakeRepository = Callable[[Mapping[str, str | bytes]], GitRepository]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RepositoryCache]:
    with RepositoryCache(tmp_path / "mirrors", submodules=True, user_settings=False) as cache:
        yield cache


def modules(**urls: str) -> str:
    """A ``.gitmodules``."""
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items())


def add(repository: GitRepository, path: str, commit: str, url: str) -> None:
    """Commit a submodule."""
    (repository.path / ".gitmodules").write_text(modules(**{path: url}))
    repository.git("add", ".gitmodules")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    repository.git("commit", "--quiet", "--message=submodule")


def tree(cache: RepositoryCache, url: str, *, allow_local: bool = True) -> Tree:
    repository = cache.open(url, allow_local=allow_local)
    commit = repository.resolve("HEAD")
    return Tree(repository, repository.tree_of(commit), name=str(repository), revision=commit)


def text(tree: Tree, path: str) -> bytes:
    entry = tree.find(path)
    assert entry is not None
    return tree.read(entry)


def test_a_file_in_a_submodule_of_a_submodule(git_repository: MakeRepository, cache: RepositoryCache) -> None:
    inner = git_repository({"base/a.yaml": "a: 1\n"})
    old = inner.head
    inner.commit({"base/a.yaml": "a: 2\n"})
    middle = git_repository({"m.yaml": "m: 1\n"})
    add(middle, "inner", old, f"../{inner.path.name}")
    outer = git_repository({"o.yaml": "o: 1\n"})
    add(outer, "middle", middle.head, f"./../x/../{middle.path.name}")
    found = tree(cache, outer.url)
    assert text(found, "middle/inner/base/a.yaml") == b"a: 1\n", "at the commit that the parent names"
    assert text(found, "middle/m.yaml") == b"m: 1\n"
    assert found.find("middle/inner/none") is None
    root = found.folder("", field="path")
    assert [path for path, _ in found.walk(root, recurse=True)] == [
        ".gitmodules",
        "middle/.gitmodules",
        "middle/inner/base/a.yaml",
        "middle/m.yaml",
        "o.yaml",
    ]


def test_a_submodule_is_fetched_when_something_inside_is_asked_for(
    git_repository: MakeRepository, cache: RepositoryCache, tmp_path: Path
) -> None:
    outer = git_repository({"o.yaml": "o: 1\n"})
    add(outer, "gone", "1" * 40, "../none")
    found = tree(cache, outer.url)
    assert text(found, "o.yaml") == b"o: 1\n"
    assert [entry.name for entry in found.children(found.folder("", field="path"))] == [".gitmodules", "gone", "o.yaml"]
    with pytest.raises(RepositoryError) as caught:
        found.find("gone/a.yaml")
    assert str(caught.value) == (
        f"submodule 'gone' of {outer.path}: {outer.path.parent}/none is not a Git repository: "
        "there is no such folder; check repoURL"
    )


def test_where_submodules_are_not_fetched(git_repository: MakeRepository, tmp_path: Path) -> None:
    outer = git_repository({"o.yaml": "o: 1\n"})
    add(outer, "inner", outer.head, "../0")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        found = tree(cache, outer.url)
        root = found.folder("", field="path")
        assert [path for path, _ in found.walk(root, recurse=True)] == [".gitmodules", "o.yaml"]
        with pytest.raises(RevisionError, match=r"^'o\.yaml' lies in the submodule 'inner' of .*; submodules are not"):
            found.find("inner/o.yaml")


def test_a_commit_that_the_submodule_has_not(git_repository: MakeRepository, cache: RepositoryCache) -> None:
    inner, outer = git_repository({"a.yaml": "a: 1\n"}), git_repository({"o.yaml": "o: 1\n"})
    add(outer, "inner", "1" * 40, f"../{inner.path.name}")
    with pytest.raises(
        RevisionError, match=r"^submodule 'inner' of .*: revision '1{40}' is not in .*; there are: main$"
    ):
        tree(cache, outer.url).find("inner/a.yaml")


def test_a_submodule_that_gitmodules_does_not_name(git_repository: MakeRepository, cache: RepositoryCache) -> None:
    outer = git_repository({"o.yaml": "o: 1\n"})
    add(outer, "inner", outer.head, "../0")
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{outer.head},other")
    outer.git("commit", "--quiet", "--message=x")
    with pytest.raises(RepositoryError, match=r"'other' in .* is a submodule without path and url in \.gitmodules"):
        tree(cache, outer.url).find("other/a.yaml")


def test_submodules_in_submodules_end(git_repository: MakeRepository, cache: RepositoryCache) -> None:
    inner = git_repository({"a.yaml": "a: 1\n"})
    for _ in range(12):
        add(inner, "inner", inner.head, f"../{inner.path.name}")
    found = tree(cache, inner.url)
    assert text(found, "/".join(["inner"] * 9 + ["a.yaml"])) == b"a: 1\n"
    with pytest.raises(RepositoryError, match="lies in more than 10 submodules; put it into fewer"):
        found.find("/".join(["inner"] * 11 + ["a.yaml"]))


REFUSED = [
    "ext::sh -c touch% SENTINEL",
    "--upload-pack=touch SENTINEL",
    "-u./x",
    "http://host/repo",
    "git://host/repo",
    "https://user:secret@host/repo",
    "file:///srv/other",
    "/srv/other",
    "inner",
    "https://host/../x",
    "ssh://-oProxyCommand=id/x",
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_refused(
    url: str, git_repository: MakeRepository, cache: RepositoryCache, tmp_path: Path
) -> None:
    sentinel = tmp_path / "sentinel"
    outer = git_repository({"o.yaml": "o: 1\n"})
    add(outer, "inner", outer.head, url.replace("SENTINEL", str(sentinel)))
    with pytest.raises(RepositoryError, match=r"^submodule 'inner' of .*: repoURL ") as caught:
        tree(cache, outer.url).find("inner/o.yaml")
    assert "secret" not in str(caught.value)
    assert not sentinel.exists()


def test_submodules_of_a_remote_repository(git_repository: MakeRepository, tmp_path: Path) -> None:
    served = tmp_path / "served"
    inner, outer = git_repository({"a.yaml": "a: 1\n"}), git_repository({"o.yaml": "o: 1\n"})
    lost = inner.commit({"a.yaml": "a: lost\n"})
    add(outer, "inner", lost, "../deeper/inner.git")
    inner.git("clone", "--quiet", "--bare", str(inner.path), str(served / "deeper" / "inner.git"))
    inner.git("push", "--quiet", "--force", str(served / "deeper" / "inner.git"), "HEAD~1:main")
    outer.git("clone", "--quiet", "--bare", str(outer.path), str(served / "outer.git"))
    with https_git(served, Authority(tmp_path / "authority"), login="ada:p") as server:
        template = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repo-creds"}}}
        data = {"url": server.url, "username": "ada", "password": "p"}
        store = CredentialStore([template | {"stringData": data}], tls_certificates=server.hosts)
        with RepositoryCache(tmp_path / "mirrors", credentials=store, submodules=True, user_settings=False) as cache:
            found = tree(cache, f"{server.url}/outer.git", allow_local=False)
            assert not any("inner" in path for path in server.paths)
            assert text(found, "inner/a.yaml") == b"a: lost\n", "no branch has it, the server gives it by its id"
            assert any("/deeper/inner.git" in path for path in server.paths)


@pytest.mark.parametrize(
    ("parent", "url", "expected"),
    [
        ("https://host/org/app.git", "../lib.git", "https://host/org/lib.git"),
        ("https://host/org/app/", "../lib", "https://host/org/lib"),
        ("https://ada@host:8443/org/app", "./lib", "https://ada@host:8443/org/app/lib"),
        ("https://host/org/app", "../../other/lib", "https://host/other/lib"),
        ("ssh://git@host:2222/org/app", "../lib", "ssh://git@host:2222/org/lib"),
        ("git@host:org/app.git", "../lib.git", "git@host:org/lib.git"),
        ("https://host/org/app", "https://other/x", "https://other/x"),
    ],
)
def test_relative_addresses(parent: str, url: str, expected: str) -> None:
    assert resolve_url(parse_repository_url(parent), url, "x") == (expected, False)


def test_an_address_above_the_host_is_refused() -> None:
    with pytest.raises(RepositoryError, match=r"x: the submodule URL '\.\./\.\./\.\./lib' leads above its host"):
        resolve_url(parse_repository_url("https://host/org/app"), "../../../lib", "x")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('[submodule "a"]\npath=a\nurl=u\n', "u"),
        ('# c\n; c\n[core]\n\tx = 1\n[submodule "a b"] # c\n\tPath = a ; c\n\tURL = "u;v#w" # c\n\tignore\n', "u;v#w"),
        ('[submodule "a"]\npath = a\nurl = x\n[submodule "a"]\nurl = y\\\\z\n', "y\\z"),
        ('[submodule "q\\"q"]\r\n\tpath = a/\r\n\turl = u\r\n\tupdate = !touch x\r\n', "u"),
        ('[submodule "one"]\npath = a\nurl = x\n[submodule "two"]\npath = a\nurl = y\n', "y"),
    ],
)
def test_what_gitmodules_says(content: str, expected: str) -> None:
    assert submodule_url(content.encode(), "a", "x") == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[submodule", "line 1 is not a section, a variable or a comment"),
        ('[submodule "a"]\npath = a\nurl = u\\\n', "line 3: a value goes on over the line or holds an unknown escape"),
        (
            '[submodule "a"]\npath = a\nurl = u\\nv\n',
            "line 3: a value goes on over the line or holds an unknown escape",
        ),
        ('[submodule "a"]\npath = a\nurl = "u\n', "line 3: a value holds control characters or an open quote"),
        ('[submodule "a"]\npath = a\nurl = u\x1bv\n', "line 3: a value holds control characters or an open quote"),
        ('[submodule "a"]\npath = b\nurl = u\n', "is a submodule without path and url"),
        ("".join(f'[submodule "{n}"]\n' for n in range(10_001)), "names more than 10000 submodules"),
    ],
)
def test_gitmodules_that_is_refused(content: str, message: str) -> None:
    with pytest.raises(RepositoryError, match=message) as caught:
        submodule_url(content.encode(), "a", "x")
    assert str(caught.value).isprintable()
