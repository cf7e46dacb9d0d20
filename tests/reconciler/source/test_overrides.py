from collections.abc import Callable, Mapping

import pytest

from reconciler.errors import GenerationError
from reconciler.source import RepositoryCache, SourceType, generate_manifests
from tests.reconciler.source.support import CHART, application, config_map
from tests.repositories import GitRepository

MakeRepository = Callable[[Mapping[str, str]], GitRepository]


def test_the_file_of_the_application_wins(git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    origin = git_repository(
        {
            "app/kustomization.yaml": "resources: [a.yaml]\n",
            "app/a.yaml": config_map("a"),
            "app/.argocd-source.yaml": "kustomize: {namePrefix: all-, nameSuffix: -s}\n",
            "app/.argocd-source-web.yaml": "kustomize: {namePrefix: web-}\n",
            "app/.argocd-source-other.yaml": "kustomize: {namePrefix: other-}\n",
        }
    )
    source = {"repoURL": origin.url, "path": "app", "kustomize": {"commonLabels": {"a": "b"}}}
    target = generate_manifests(application(source), repositories=repositories)
    (only,) = target.manifests
    assert only.manifest["metadata"]["name"] == "web-a-s"
    assert only.manifest["metadata"]["labels"] == {"a": "b"}
    # What the record says is what the Application holds.
    assert target.sources[0].source.kustomize is not None
    assert target.sources[0].source.kustomize.name_prefix == ""


def test_an_application_of_another_namespace_has_it_in_its_files_name(
    git_repository: MakeRepository, repositories: RepositoryCache
) -> None:
    origin = git_repository(
        {"app/a.yaml": config_map("a"), "app/b/c.yaml": config_map("c"), "app/.argocd-source-team_web.yaml": RECURSE}
    )
    entry = application({"repoURL": origin.url, "path": "app"})
    other = entry.model_copy(update={"metadata": entry.metadata.model_copy(update={"namespace": "team"})})
    counts = [len(generate_manifests(one, repositories=repositories).manifests) for one in (entry, other)]
    assert counts == [1, 2]


RECURSE = "directory: {recurse: true}\n"


def test_null_removes_and_the_place_of_the_manifests_stays(
    git_repository: MakeRepository, repositories: RepositoryCache
) -> None:
    files = {key.replace("chart/", "app/"): text for key, text in CHART.items()}
    override = "repoURL: https://example.com/other\npath: elsewhere\ntargetRevision: gone\nhelm: {releaseName: null}\n"
    origin = git_repository(files | {"app/.argocd-source.yaml": override})
    source = {"repoURL": origin.url, "path": "app", "helm": {"releaseName": "given"}}
    target = generate_manifests(application(source), repositories=repositories)
    assert target.sources[0].source_type is SourceType.HELM
    assert "given" not in str(target.manifests)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", r"^app/\.argocd-source\.yaml: expected one mapping with fields of spec\.source"),
        ("a: b\n---\nc: d\n", r"^app/\.argocd-source\.yaml: expected one mapping"),
        ("kustomise: {}\n", r"^app/\.argocd-source\.yaml: ApplicationSource: kustomise: unknown field"),
        ("helm: {valueFiles: 3}\n", r"^app/\.argocd-source\.yaml: .*helm\.valueFiles: must be a list"),
        ("a: [\n", r"^app/\.argocd-source\.yaml"),
    ],
)
def test_a_file_that_does_not_fit(
    git_repository: MakeRepository, repositories: RepositoryCache, text: str, message: str
) -> None:
    origin = git_repository({"app/a.yaml": config_map("a"), "app/.argocd-source.yaml": text})
    with pytest.raises(GenerationError, match=message):
        generate_manifests(application({"repoURL": origin.url, "path": "app"}), repositories=repositories)
