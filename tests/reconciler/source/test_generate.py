from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import reconciler.source
from reconciler.errors import GenerationError, RepositoryError, UsageError
from reconciler.source import RepositoryCache, SourceType, generate_manifests
from tests.reconciler.source.support import CHART, application, config_map
from tests.repositories import GitRepository

MakeRepository = Callable[[Path | Mapping[str, str | bytes]], GitRepository]

KUSTOMIZATION = {"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": config_map("a")}


def test_public_names() -> None:
    assert reconciler.source.__all__ == [
        "Capabilities",
        "Generator",
        "RenderCache",
        "RenderedSource",
        "Repository",
        "RepositoryCache",
        "RevisionMetadata",
        "SourceType",
        "SourcedManifest",
        "Sources",
        "Target",
        "generate_manifests",
        "revisions_of",
    ]


ONE, TWO = "https://example.com/one", "https://example.com/two"
SEVERAL = (
    {"repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.*"},
    {"repoURL": ONE, "ref": "values", "targetRevision": "main"},
    {"repoURL": TWO, "path": "b"},
    {"repoURL": ONE, "path": "a", "targetRevision": "main"},
)


@pytest.mark.parametrize(
    ("sources", "text", "expected"),
    [
        (({"repoURL": ONE, "path": "a", "targetRevision": "main"},), "x", ["x"]),
        (({"repoURL": ONE, "path": "a"},), "odd,name", ["odd,name"]),
        (SEVERAL[:1], "1.2.0", ["1.2.0"]),
        (SEVERAL, "x", ["1.*", "x", "", "x"]),
        (SEVERAL, "2.0.0, x,,y", ["2.0.0", "x", "", "y"]),
    ],
)
def test_a_revision_in_the_place_of_the_targets(
    sources: tuple[dict[str, str], ...], text: str, expected: list[str]
) -> None:
    assert reconciler.source.revisions_of(application(*sources), text) == expected


def test_a_list_of_revisions_has_one_for_each_source() -> None:
    with pytest.raises(UsageError, match=r"^web has 4 sources; 'a,b' names 2 revisions$"):
        reconciler.source.revisions_of(application(*SEVERAL), "a,b")


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        ({"app/a.yaml": config_map("a")}, {}, SourceType.DIRECTORY),
        (KUSTOMIZATION, {}, SourceType.KUSTOMIZE),
        ({"app/kustomization.yml": "resources: [a.yaml]\n", "app/a.yaml": config_map("a")}, {}, SourceType.KUSTOMIZE),
        ({"app/Kustomization": "resources: [a.yaml]\n", "app/a.yaml": config_map("a")}, {}, SourceType.KUSTOMIZE),
        ({key.replace("chart/", "app/"): text for key, text in CHART.items()}, {}, SourceType.HELM),
        ({"app/Chart.yaml": "name: x\n"} | KUSTOMIZATION, {}, SourceType.KUSTOMIZE),
        ({"app/deeper/Chart.yaml": "name: x\n", "app/a.yaml": config_map("a")}, {}, SourceType.DIRECTORY),
        (
            {"app/Chart.yaml": "name: x\n", "app/a.yaml": config_map("a")},
            {"directory": {"recurse": False}},
            SourceType.DIRECTORY,
        ),
        (KUSTOMIZATION, {"kustomize": {"namePrefix": "x-"}}, SourceType.KUSTOMIZE),
    ],
)
def test_detection_of_the_tool(
    git_repository: MakeRepository,
    repositories: RepositoryCache,
    files: dict[str, str],
    options: dict[str, object],
    expected: SourceType,
) -> None:
    origin = git_repository(files)
    target = generate_manifests(
        application({"repoURL": origin.url, "path": "app", **options}), repositories=repositories
    )
    assert target.sources[0].source_type is expected


def test_several_sources_where_the_last_one_wins(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    origin = git_repository(
        {
            "one/a.yaml": config_map("a", from_="one"),
            "one/b.yaml": config_map("b"),
            "two/a.yaml": config_map("a", from_="two").replace("{name: a}", "{name: a, namespace: demo}"),
        }
    )
    sources = [{"repoURL": origin.url, "path": path} for path in ("one", "two")]
    target = generate_manifests(application(*sources), repositories=repositories)
    assert [(sourced.origin, sourced.source_index) for sourced in target.manifests] == [
        ("one/b.yaml", 0),
        ("two/a.yaml", 1),
    ]
    assert target.warnings == ("Resource /ConfigMap/demo/a appeared 2 times among application resources.",)
    assert target.revisions == (origin.head, origin.head)


def test_errors_of_several_sources_name_the_one(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    origin = git_repository({"one/a.yaml": config_map("a")})
    sources = [{"repoURL": origin.url, "path": "one"}, {"repoURL": origin.url, "chart": "nginx"}]
    with pytest.raises(GenerationError, match=r"^spec\.sources\[1\]\.chart: "):
        generate_manifests(application(*sources), repositories=repositories)


def test_revisions_in_the_place_of_target_revision(
    git_repository: MakeRepository, repositories: RepositoryCache
) -> None:
    origin = git_repository({"app/a.yaml": config_map("a")})
    first = origin.head
    origin.commit({"app/b.yaml": config_map("b")})
    app = application({"repoURL": origin.url, "path": "app", "targetRevision": "main"})
    assert len(generate_manifests(app, repositories=repositories).manifests) == 2
    target = generate_manifests(app, repositories=repositories, revisions=[first])
    assert (len(target.manifests), target.revisions) == (1, (first,))
    with pytest.raises(GenerationError, match="has 1 sources, but 2 revisions were given"):
        generate_manifests(app, repositories=repositories, revisions=[first, first])


def test_the_digest_is_that_of_the_manifests(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    def digest(files: dict[str, str]) -> str:
        app = application({"repoURL": git_repository(files).url, "path": "app"})
        return generate_manifests(app, repositories=repositories).digest

    one = digest({"app/a.yaml": config_map("a", x="1", y="2")})
    assert one == digest({"app/other.yaml": "# a comment\n" + config_map("a", y="2", x="1")})
    assert one != digest({"app/a.yaml": config_map("a", x="1", y="3")})
    assert len(one) == 64


def test_generated_names_do_not_collide(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\n"
    origin = git_repository({"app/a.yaml": job, "app/b.yaml": job})
    target = generate_manifests(application({"repoURL": origin.url, "path": "app"}), repositories=repositories)
    assert len(target.manifests) == 2


def test_local_repositories_may_be_refused(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    origin = git_repository({"app/a.yaml": config_map("a")})
    app = application({"repoURL": origin.url, "path": "app"})
    with pytest.raises(RepositoryError, match="is a local repository, which is not allowed here"):
        generate_manifests(app, repositories=repositories, allow_local=False)


def test_inputs_are_not_changed_and_results_repeat(
    git_repository: MakeRepository, repositories: RepositoryCache
) -> None:
    origin = git_repository(CHART)
    app = application({"repoURL": origin.url, "path": "chart", "helm": {"valuesObject": {"a": {"b": 1}}}})
    before = app.model_dump_json()
    first = generate_manifests(app, repositories=repositories)
    again = generate_manifests(app, repositories=repositories, fetch=False)
    assert first.manifests == again.manifests
    assert first.digest == again.digest
    assert app.model_dump_json() == before
