from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, ReconcilerError, RevisionError, SpecError
from reconciler.source import RepositoryCache, SourceType, Target, generate_manifests
from tests.reconciler.source.support import application, config_map
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
        ({"app/a.yaml": "kind: X\n  bad: 1\n"}, SpecError, "app/a.yaml:2: mapping values are not allowed"),
        ({"app/a.json": '{\n"kind": "X"\n'}, SpecError, "app/a.json:2: "),
        ({"app/a.yaml": b"a: \xff\n"}, SpecError, "app/a.yaml:1: not UTF-8 text"),
        (
            {"app/a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
            SpecError,
            "app/a.yaml: kind: must be a non-empty string",
        ),
        (
            {"app/a.yaml": config_map("a") + "---\nmetadata: {name: b}\n"},
            SpecError,
            "app/a.yaml: document 2: apiVersion: must be a non-empty string; kind: must be a non-empty string",
        ),
        ({"app/a.yaml": "- a\n- b\n"}, SpecError, "app/a.yaml: not a Kubernetes object but list"),
        (
            {"app/a.yaml": "apiVersion: v1\nkind: List\nitems: [1]\n"},
            SpecError,
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
            {"app/a.jsonnet": "{}"},
            GenerationError,
            "app/a.jsonnet: jsonnet files cannot be rendered; leave them out with",
        ),
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


def test_a_path_in_a_submodule(git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache) -> None:
    origin = git_repository({"a.yaml": config_map("a")})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head},vendored")
    origin.git("commit", "--quiet", "--message=x")
    source = {"repoURL": origin.url, "path": "vendored/app"}
    with pytest.raises(RevisionError, match="lies in the submodule 'vendored'; submodules are not fetched"):
        generate_manifests(application(source), repositories=repositories)
    target = generate_manifests(
        application(source | {"path": ".", "directory": {"recurse": True}}), repositories=repositories
    )
    assert names(target) == [("a", "a.yaml")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"directory": {"jsonnet": {"libs": ["vendor"]}}}, r"^spec\.source\.directory\.jsonnet: "),
        ({"directory": {"include": "{a"}}, r"^spec\.source\.directory\.include: '\{a' has a \{ that does not close"),
        ({"plugin": {"name": "x"}}, r"^spec\.source\.plugin: "),
        ({"path": "", "ref": "values"}, r"^spec\.source\.ref: "),
        ({"path": "", "chart": "nginx"}, r"^spec\.source\.chart: "),
    ],
)
def test_what_is_not_supported_names_its_field(render: Render, source: dict[str, Any], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        render({"app/a.yaml": config_map("a")}, **({"path": "app"} | source))
