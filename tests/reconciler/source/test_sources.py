"""What renders need from outside, put together from Argo CD's own objects."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.model import AppProject, parse_project
from reconciler.source import RenderCache, RepositoryCache, Sources
from tests.reconciler.source.support import application, config_map
from tests.repositories import GitRepository


class Reads:
    """Objects that are given when they are asked for, and how often that was."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = list(objects)
        self.count = 0

    def __call__(self) -> list[dict[str, Any]]:
        self.count += 1
        return self.objects


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository]) -> GitRepository:
    return git_repository(
        {"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n", "app/a.yaml": config_map("a")}
    )


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    made: list[Sources] = []

    def make(reads: Reads, project: AppProject | None = None) -> Sources:
        repositories = RepositoryCache(tmp_path / "mirrors")
        cache = RenderCache(tmp_path / "renders")
        made.append(Sources(reads, project=lambda name: project, repositories=repositories, cache=cache))
        return made[-1]

    yield make
    for sources in made:
        sources.close()


def setting(**data: str) -> dict[str, Any]:
    data = {key.replace("_", "."): value for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": data}


def names(sources: Sources, origin: GitRepository) -> list[str]:
    target = sources.generator().generate(application({"repoURL": origin.url, "path": "app"}))
    return [sourced.manifest["metadata"]["name"] for sourced in target.manifests]


def test_the_configuration_is_read_once_a_run(make: Callable[..., Sources], origin: GitRepository) -> None:
    reads = Reads()
    sources = make(reads)
    assert reads.count == 0
    assert names(sources, origin) == names(sources, origin) == ["x-a"]
    assert reads.count == 1
    # Another setting is another render, although nothing changed in Git.
    reads.objects.append(setting(kustomize_enable="false"))
    sources.begin_run()
    assert names(sources, origin) == ["a"]
    assert reads.count == 2


def test_a_new_run_fetches_again(make: Callable[..., Sources], origin: GitRepository) -> None:
    sources = make(Reads())
    assert names(sources, origin) == ["x-a"]
    origin.commit({"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: y-\n"})
    assert names(sources, origin) == ["x-a"]
    sources.begin_run()
    assert names(sources, origin) == ["y-a"]


def test_a_project_that_asks_for_signatures(
    make: Callable[..., Sources], origin: GitRepository, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    policy = {"repos": [{"url": "*"}], "ssh": {"mode": "head", "keys": [key.with_suffix(".pub").read_text().strip()]}}
    project = parse_project(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default"},
            "spec": {"sourceIntegrity": {"git": {"policies": [policy]}}},
        }
    )
    sources = make(Reads(), project)
    entry = application({"repoURL": origin.url, "path": "app"})
    with pytest.raises(GenerationError, match=r"^spec\.source: .*unsigned"):
        sources.generator().generate(entry)

    origin.git("config", "gpg.format", "ssh")
    origin.git("config", "user.signingKey", str(key))
    origin.git("commit", "--quiet", "--allow-empty", "--gpg-sign", "--message=Signed")
    sources.begin_run()
    for _ in range(2):
        target = sources.generator().generate(entry)
        verification = target.sources[0].verification
        assert verification is not None
        assert (verification.revision, verification.mode) == (origin.head, "head")

    # The render is known, yet an unsigned commit is refused.
    origin.commit({"README.md": "x"})
    sources.begin_run()
    with pytest.raises(GenerationError, match="unsigned"):
        sources.generator().generate(entry)
