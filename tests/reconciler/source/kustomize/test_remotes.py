from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.kustomize.remotes import RemoteBase, RemoteFile, parse_remote, require_allowed
from reconciler.source.kustomize.render import render_kustomize
from reconciler.source.observations import Observations, ObservedDownloads
from reconciler.source.rendering import RenderRequest
from reconciler.source.settings import SourceSettings
from tests.reconciler.source.support import application, config_map, tree_at
from tests.repositories import GitRepository


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.com/org/repo//base?ref=v1", RemoteBase("https://github.com/org/repo", "base", "v1")),
        ("https://github.com/org/repo/a/b?ref=v1&timeout=120", RemoteBase("https://github.com/org/repo", "a/b", "v1")),
        ("https://github.com/org/repo", RemoteBase("https://github.com/org/repo", "", "")),
        ("github.com/org/repo/a?version=1.2", RemoteBase("https://github.com/org/repo", "a", "1.2")),
        ("github.com:org/repo", RemoteBase("https://github.com/org/repo", "", "")),
        ("git@github.com:org/repo/a", RemoteBase("git@github.com:org/repo", "a", "")),
        ("git@example.com:org/repo.git//a", RemoteBase("git@example.com:org/repo.git", "a", "")),
        (
            "ssh://git@example.com:22/org/repo.git/a?ref=b&submodules=false",
            RemoteBase("ssh://git@example.com:22/org/repo.git", "a", "b"),
        ),
        ("git::https://example.com/org/repo.git//a", RemoteBase("https://example.com/org/repo.git", "a", "")),
        ("https://example.com/org/repo.git/a", RemoteBase("https://example.com/org/repo.git", "a", "")),
        ("https://gitlab.com/org/group/repo", RemoteBase("https://gitlab.com/org/group/repo", "", "")),
        (
            "https://dev.azure.com/org/project/_git/repo/a/b",
            RemoteBase("https://dev.azure.com/org/project/_git/repo", "a/b", ""),
        ),
        ("file:///srv/repo//a", RemoteBase("file:///srv/repo", "a", "")),
        ("https://example.com/x/crds.yaml", RemoteFile("https://example.com/x/crds.yaml", "crds.yaml")),
        ("http://example.com/a.json?token=1", RemoteFile("http://example.com/a.json?token=1", "a.json")),
        ("https://example.com/org/repo//a.yaml", RemoteBase("https://example.com/org/repo", "a.yaml", "")),
    ],
)
def test_addresses(text: str, expected: RemoteBase | RemoteFile) -> None:
    assert parse_remote(text, field="f", only_file=False) == expected


def test_a_field_for_files_takes_no_folder() -> None:
    assert parse_remote("https://example.com/latest", field="f", only_file=True) == RemoteFile(
        "https://example.com/latest", "latest"
    )
    with pytest.raises(GenerationError, match="is no file on a web server"):
        parse_remote("git@github.com:org/repo", field="f", only_file=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gh:org/repo", "is no address"),
        ("ext::sh -c id", "is no address"),
        ("s3::https://bucket/x", "is no address"),
        ("https://example.com", "is no address"),
        ("https://user:secret@example.com/org/repo", "holds credentials"),
        ("https://example.com/org/../other/repo", "holds dot segments"),
        ("https://example.com/org/%2e%2e/other", "holds dot segments"),
        ("github.com/org/repo//../x", "holds dot segments"),
    ],
)
def test_addresses_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(GenerationError, match=f"^f: .*{why}") as caught:
        parse_remote(text, field="f", only_file=False)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://github.com/org/repo", True),
        ("https://GitHub.com/org/repo", True),
        ("https://github.com/organisation/repo", False),
        ("https://github.com.evil.example/org/repo", False),
        ("http://github.com/org/repo", False),
        ("git@github.com:org/repo", False),
    ],
)
def test_what_the_operator_allows(url: str, allowed: bool) -> None:
    remote = RemoteBase(url, "", "")
    if allowed:
        require_allowed(remote, url, ("https://other/*", "https://github.com/org/*"), field="f")
        return
    with pytest.raises(GenerationError, match=r"is remote, which is refused; .* allowed with kustomize\.remoteBases"):
        require_allowed(remote, url, ("https://github.com/org/*",), field="f")


@dataclass
class Web:
    """Repositories by their address, files by theirs, and what was asked for."""

    repositories: RepositoryCache
    origins: dict[str, GitRepository] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, url: str, revision: str) -> Tree:
        self.asked.append((url, revision))
        repository = self.repositories.open(self.origins[url].url, allow_local=True)
        return tree_at(repository, repository.resolve(revision))

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        raise AssertionError("no charts here")

    def value_file(self, url: str) -> bytes:
        self.asked.append((url, ""))
        return self.files[url]


@pytest.fixture
def web(repositories: RepositoryCache) -> Web:
    return Web(repositories)


@pytest.fixture
def render(
    git_repository: Callable[[Mapping[str, str]], GitRepository], repositories: RepositoryCache, web: Web
) -> Callable[..., list[Any]]:
    def render(files: Mapping[str, str], *allowed: str, **options: Any) -> list[Any]:
        origin = git_repository(files)
        source = application({"repoURL": origin.url, "path": "app", "kustomize": options}).spec.source
        assert source is not None
        repository = repositories.open(origin.url, allow_local=True)
        request = RenderRequest(
            source=source,
            tree=tree_at(repository, repository.resolve("")),
            path="app",
            where="spec.source",
            application="shop",
            settings=SourceSettings(kustomize_remote_bases=allowed or ("https://*", "git@*")),
            downloads=ObservedDownloads(web, Observations()),
            remote=web,
        )
        return [obj for obj, _ in render_kustomize(request).objects]

    return render


BASE = {
    "base/kustomization.yaml": "resources: [a.yaml, ../shared]\nnamePrefix: far-\n",
    "base/a.yaml": config_map("a"),
    "shared/kustomization.yaml": "resources: [b.yaml]\n",
    "shared/b.yaml": config_map("b"),
}


def names(objects: list[Any]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_a_base_of_another_repository(render: Any, web: Web, git_repository: Any) -> None:
    far = git_repository(BASE)
    far.git("tag", "v1")
    far.commit({"base/a.yaml": config_map("later")})
    web.origins["https://github.com/org/repo"] = far
    text = "resources: ['https://github.com/org/repo//base?ref=v1', own.yaml]\nnameSuffix: -x\n"
    objects = render({"app/kustomization.yaml": text, "app/own.yaml": config_map("own")})
    assert names(objects) == ["far-a-x", "far-b-x", "own-x"]
    assert web.asked == [("https://github.com/org/repo", "v1")]


def test_a_remote_base_in_a_remote_base_and_a_component_of_the_application(
    render: Any, web: Web, git_repository: Any
) -> None:
    web.origins["https://github.com/org/one"] = git_repository(
        BASE | {"top/kustomization.yaml": "resources: [../base]\ncomponents: ['git@example.com:org/two.git//part']\n"}
    )
    web.origins["git@example.com:org/two.git"] = git_repository(
        {"part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: two-\n"}
    )
    objects = render({"app/kustomization.yaml": "resources: ['github.com/org/one/top']\n"})
    assert names(objects) == ["two-far-a", "two-far-b"]
    objects = render(
        {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": config_map("a")},
        components=["git@example.com:org/two.git//part"],
    )
    assert names(objects) == ["two-a"]


def test_files_of_web_servers(render: Any, web: Web) -> None:
    web.files = {
        "https://example.com/a.yaml": config_map("far").encode(),
        "https://example.com/patch.yaml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\ndata: {key: patched}\n",
        "https://example.com/app.conf": b"text",
    }
    text = (
        "resources: ['https://example.com/a.yaml']\npatches: [{path: 'https://example.com/patch.yaml'}]\n"
        "configMapGenerator:\n- name: made\n  files: ['https://example.com/app.conf', 'key=https://example.com/app.conf']\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
    )
    far, made = render({"app/kustomization.yaml": text})
    assert far["data"] == {"key": "patched"}
    assert made["data"] == {"app.conf": "text", "key": "text"}


@pytest.mark.parametrize(
    ("far", "message"),
    [
        (
            {"base/kustomization.yaml": "resources: [../../x]\n"},
            r"^base/kustomization\.yaml: resources\[0\]: .* leaves the repository",
        ),
        ({"base/kustomization.yaml": "resources: [none.yaml]\n"}, r"'none\.yaml' is not in"),
        ({"other/kustomization.yaml": ""}, r"^app/kustomization\.yaml: resources\[0\]: there is no 'base' in"),
        (
            {"base/kustomization.yaml": "resources: ['https://evil.example/x//y']\n"},
            "'https://evil.example/x//y' is remote, which is refused",
        ),
        (
            {"base/kustomization.yaml": "resources: ['https://github.com/org/repo//base']\n"},
            "bases refer to each other: 'app' -> 'base' -> 'base'|bases refer to each other: 'base' -> 'base'",
        ),
    ],
    ids=["out of it", "missing file", "missing folder", "not allowed", "cycle"],
)
def test_remote_bases_that_cannot_be(
    far: dict[str, str], message: str, render: Any, web: Web, git_repository: Any
) -> None:
    web.origins["https://github.com/org/repo"] = git_repository(far)
    with pytest.raises(GenerationError, match=message):
        render(
            {"app/kustomization.yaml": "resources: ['https://github.com/org/repo//base']\n"}, "https://github.com/org/*"
        )
