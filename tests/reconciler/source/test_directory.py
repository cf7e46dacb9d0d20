from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, ReconcilerError, RevisionError
from reconciler.model.source import ApplicationSource
from reconciler.source import RepositoryCache, SourceType, Target, generate_manifests
from reconciler.source.directory import render_directory
from reconciler.source.rendering import RenderRequest
from reconciler.source.settings import SourceSettings
from tests.reconciler.source.support import application, config_map, tree_at
from tests.repositories import GitRepository

Files = Mapping[str, str | bytes]
Render = Callable[..., Target]


@pytest.fixture
def render(git_repository: Callable[[Path | Files], GitRepository], repositories: RepositoryCache) -> Render:
    """Render ``path`` of a repository of the given files."""

    def render(files: Files, path: str = "app", **source: Any) -> Target:
        origin = git_repository(files)
        return generate_manifests(
            application({"repoURL": origin.url, "path": path, **source}), repositories=repositories
        )

    return render


def names(target: Target) -> list[tuple[str, str]]:
    return [(sourced.manifest["metadata"]["name"], sourced.origin) for sourced in target.manifests]


def test_files_of_a_folder_sorted_and_with_their_origin(render: Render) -> None:
    target = render(
        {
            "app/b.yml": config_map("b1") + "---\n---\n" + config_map("b2"),
            "app/a.yaml": config_map("a"),
            "app/c.json": '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}',
            "app/readme.md": "# no manifest",
            "app/deeper/d.yaml": config_map("d"),
            "other/e.yaml": config_map("e"),
        }
    )
    assert names(target) == [("a", "app/a.yaml"), ("b1", "app/b.yml"), ("b2", "app/b.yml"), ("c", "app/c.json")]
    (source,) = target.sources
    assert source.source_type is SourceType.DIRECTORY
    assert [path for path, _ in source.files] == ["app/a.yaml", "app/b.yml", "app/c.json"]
    assert all(len(blob) == 40 for _, blob in source.files)


def test_recursion_and_globs(render: Render) -> None:
    files = {
        f"app/{name}": config_map(name.replace("/", "-")) for name in ("a.yaml", "x/b.yaml", "x/y/c.yaml", "z/d.yaml")
    }
    everything = render(files, directory={"recurse": True})
    assert [origin for _, origin in names(everything)] == sorted(files)
    included = render(files, directory={"recurse": True, "include": "{a.yaml,x/*}", "exclude": "*/c.yaml"})
    assert [origin for _, origin in names(included)] == ["app/a.yaml", "app/x/b.yaml"]


def test_the_root_of_a_repository(render: Render) -> None:
    assert names(render({"a.yaml": config_map("a")}, path=".")) == [("a", "a.yaml")]


def test_lists_are_flattened_and_null_lists_ignored(render: Render) -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: one}}\n"
        "- {apiVersion: v1, kind: ConfigMapList, items: [{apiVersion: v1, kind: ConfigMap, metadata: {name: two}}]}\n"
        "---\napiVersion: v1\nkind: List\nitems: null\n"
    )
    assert [name for name, _ in names(render({"app/list.yaml": text}))] == ["one", "two"]


def test_what_is_left_out(render: Render) -> None:
    target = render(
        {
            "app/a.yaml": config_map("a"),
            "app/skipped.yaml": "# +argocd:skip-file-rendering\n{{ not yaml",
            "app/values.yaml": "replicas: 1\n",
            "app/empty.yaml": "",
            "app/comment.yaml": "# nothing\n---\n",
        }
    )
    assert names(target) == [("a", "app/a.yaml")]


def test_what_argo_cd_passes_over_or_reads(render: Render) -> None:
    target = render(
        {
            "app/.hidden.yaml": config_map("hidden"),
            "app/prose.yaml": "This is: no: YAML\n",
            "app/windows.yaml": config_map("windows").encode("utf-16"),
            "app/a.yaml.bak": "kind: [",
        }
    )
    assert names(target) == [("hidden", "app/.hidden.yaml"), ("windows", "app/windows.yaml")]


def test_every_file_counts_without_the_extension_filter(render: Render) -> None:
    files = {"app/a.manifest": config_map("a"), "app/b.yaml": config_map("b")}
    assert [name for name, _ in names(render(files))] == ["b"]
    assert [name for name, _ in names(render(files, directory={"disableExtensionFilter": True}))] == ["a", "b"]


def test_links_to_files_are_followed(
    git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache
) -> None:
    origin = git_repository(
        {"app/a.yaml": config_map("a"), "shared/b.yaml": config_map("b"), "shared/deep/c.yaml": config_map("c")}
    )
    for link, to in (("b.yaml", "../shared/b.yaml"), ("gone.yaml", "nothing.yaml"), ("deep", "../shared/deep")):
        (origin.path / "app" / link).symlink_to(to)
    (origin.path / "linked").symlink_to("app")
    origin.commit({})
    options = {"directory": {"recurse": True}}
    for path in ("app", "linked"):
        target = generate_manifests(
            application({"repoURL": origin.url, "path": path, **options}), repositories=repositories
        )
        assert names(target) == [("a", f"{path}/a.yaml"), ("b", f"{path}/b.yaml")]


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({"app/a.yaml": "kind: X\n  bad: 1\n"}, GenerationError, "app/a.yaml:2: mapping values are not allowed"),
        ({"app/a.json": '{\n"kind": "X"\n'}, GenerationError, "app/a.json:2: "),
        ({"app/a.yaml": b"kind: \xff\n"}, GenerationError, "app/a.yaml:1: not UTF-8 text"),
        (
            {"app/a.json": '{"kind": "A"}\n{"kind": "B"}'},
            GenerationError,
            "app/a.json: holds 2 documents; a JSON file holds one, which may be a List",
        ),
        ({"app/a.json": "not json"}, GenerationError, "app/a.json"),
        (
            {"app/a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
            GenerationError,
            "app/a.yaml: kind: must be a non-empty string",
        ),
        (
            {"app/a.yaml": config_map("a") + "---\nmetadata: {name: b}\n"},
            GenerationError,
            "app/a.yaml: document 2: apiVersion: must be a non-empty string; kind: must be a non-empty string",
        ),
        ({"app/a.yaml": "- a\n- b\n"}, GenerationError, "app/a.yaml: not a Kubernetes object but list"),
        (
            {"app/a.yaml": "apiVersion: v1\nkind: List\nitems: [1]\n"},
            GenerationError,
            "app/a.yaml, items[0]: not a Kubernetes object but int",
        ),
        (
            {"app/a.yaml": config_map("x"), "app/b.yaml": config_map("x")},
            GenerationError,
            "ConfigMap x is in app/a.yaml and app/b.yaml; keep one",
        ),
        (
            {"app/a.yaml": config_map("x") + "---\n" + config_map("x")},
            GenerationError,
            "ConfigMap x is twice in app/a.yaml; keep one",
        ),
        (
            {
                "app/a.yaml": config_map("x"),
                "app/b.yaml": config_map("x").replace("{name: x}", "{name: x, namespace: demo}"),
            },
            GenerationError,
            "ConfigMap demo/x is in app/a.yaml and app/b.yaml; keep one",
        ),
        (
            {"app/a.jsonnet": "[{ apiVersion: 'v1', kind: 'X', metadata: { name: 'x' } }, { a: 1 }]"},
            GenerationError,
            "app/a.jsonnet (evaluated), [1]: apiVersion: must be a non-empty string; kind: must be a non-empty string",
        ),
        ({"app/a.jsonnet": "{}"}, GenerationError, "app/a.jsonnet (evaluated): apiVersion: must be a non-empty string"),
        (
            {"app/a.jsonnet": "[[{}]]"},
            GenerationError,
            "app/a.jsonnet (evaluated), [0]: not a Kubernetes object but list",
        ),
        ({"app/a.jsonnet": "'text'"}, GenerationError, "app/a.jsonnet (evaluated): not a Kubernetes object but str"),
        ({"app/a.jsonnet": "{ a: error 'no' }"}, GenerationError, "jsonnet app/a.jsonnet: no (at app/a.jsonnet:1:6-16"),
        ({"app/a.jsonnet": b"\xff"}, GenerationError, "app/a.jsonnet: not UTF-8 text; save the file as UTF-8"),
        (
            {"application/a.yaml": ""},
            RevisionError,
            "spec.source.path: there is no 'app' in ",
        ),
        ({"app": "a file"}, RevisionError, "spec.source.path: 'app' in "),
    ],
)
def test_bad_input_gets_one_line(render: Render, files: Files, error: type[ReconcilerError], message: str) -> None:
    with pytest.raises(error) as caught:
        render(files)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_near_folder_is_suggested(render: Render) -> None:
    with pytest.raises(
        RevisionError, match=r"there is no 'apps/guestbok' in .* at [0-9a-f]{7}; did you mean apps/guestbook\?"
    ):
        render({"apps/guestbook/a.yaml": config_map("a"), "apps/other/a.yaml": config_map("a")}, path="apps/guestbok")


def test_the_size_limit_counts_all_files_together(render: Render) -> None:
    half = config_map("a", text="x" * 6_000_000)
    with pytest.raises(GenerationError, match="have more than 10 MB together; split them"):
        render({"app/a.yaml": half, "app/b.yaml": half})


def test_a_submodule_that_cannot_be_had(
    git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache
) -> None:
    origin = git_repository({"a.yaml": config_map("a")})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head},vendored")
    origin.git("commit", "--quiet", "--message=x")
    source = {"repoURL": origin.url, "path": "vendored/app"}
    with pytest.raises(GenerationError, match=r"'vendored' in .* is a submodule without an entry in \.gitmodules"):
        generate_manifests(application(source), repositories=repositories)


def test_a_pattern_that_is_none_names_its_field(render: Render) -> None:
    with pytest.raises(GenerationError, match=r"^spec\.source\.directory\.include: '\{a' has a \{ that does not close"):
        render({"app/a.yaml": config_map("a")}, directory={"include": "{a"})


JSONNET = {
    "app/site.jsonnet": """
local lib = import 'shared.libsonnet';
local near = import 'near.libsonnet';
function(size, extra) [
  lib.config('one', { app: std.extVar('app'), port: std.toString(std.extVar('port') + 1), size: size, extra: extra.x }),
  null,
  { apiVersion: 'v1', kind: 'List', items: [lib.config('two', { near: near, text: importstr 'text.txt' })] },
]
""",
    "app/near.libsonnet": "'near'",
    "app/text.txt": "text",
    "app/deep/nested.jsonnet": "function(size, extra) import 'from-app.libsonnet'",
    "app/from-app.libsonnet": "null",
    "app/plain.yaml": config_map("plain"),
    "vendor/shared.libsonnet": "error 'the last library is searched first'",
    "vendor/newer/shared.libsonnet": """
{ config(name, data): { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: name }, data: data } }
""",
}
JSONNET_OPTIONS = {
    "libs": ["vendor", "/vendor/newer"],
    "extVars": [
        {"name": "app", "value": "old"},
        {"name": "app", "value": "$ARGOCD_APP_NAME-${ARGOCD_APP_NAMESPACE}-$$"},
        {"name": "port", "value": "8000 + std.length('$ARGOCD_APP_NAME')", "code": True},
    ],
    "tlas": [
        {"name": "size", "value": "$ARGOCD_APP_PROJECT_NAME"},
        {"name": "extra", "value": "{ x: 'x' }", "code": True},
    ],
}


def test_jsonnet_with_variables_arguments_and_libraries(render: Render) -> None:
    target = render(JSONNET, directory={"recurse": True, "jsonnet": JSONNET_OPTIONS})
    assert names(target) == [("plain", "app/plain.yaml"), ("one", "app/site.jsonnet"), ("two", "app/site.jsonnet")]
    data = {sourced.manifest["metadata"]["name"]: sourced.manifest["data"] for sourced in target.manifests}
    assert data["one"] == {"app": "web-demo-$", "port": "8004", "size": "default", "extra": "x"}
    assert data["two"] == {"near": "near", "text": "text"}


def test_a_library_out_of_the_repository(render: Render) -> None:
    with pytest.raises(
        GenerationError, match=r"^spec\.source\.directory\.jsonnet\.libs\[1\]: '\.\./x' leaves the repository"
    ):
        render(JSONNET, directory={"jsonnet": {"libs": ["vendor", "../x"]}})


def test_jsonnet_that_is_switched_off_is_left_out(
    git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache
) -> None:
    origin = git_repository({"app/a.jsonnet": "error 'evaluated'", "app/b.yaml": config_map("b")})
    tree = tree_at(repositories.open(origin.url, allow_local=True), origin.head)
    source = ApplicationSource(repo_url=origin.url, path="app")
    request = RenderRequest(
        source, tree, "app", "spec.source", application="web", settings=SourceSettings(jsonnet_enabled=False)
    )
    assert [origin for _, origin in render_directory(request).objects] == ["app/b.yaml"]


def test_a_manifest_over_the_limit_is_refused_without_reading_it(
    git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = git_repository({"app/a.yaml": "x" * 3_000, "app/b.jsonnet": "{}" + " " * 9_000})
    tree = tree_at(repositories.open(origin.url, allow_local=True), origin.head)
    monkeypatch.setattr(tree, "read", None)
    source = ApplicationSource(repo_url=origin.url, path="app")
    request = RenderRequest(
        source, tree, "app", "spec.source", application="web", settings=SourceSettings(max_directory_bytes=2_000)
    )
    with pytest.raises(
        GenerationError, match=r"^spec\.source: the manifests in 'app' of .* have more than 2000 bytes together; "
    ):
        render_directory(request)
