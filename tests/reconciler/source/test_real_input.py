"""The public repositories' applications, rendered from a real Git repository."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.model import parse_application
from reconciler.source import RepositoryCache, SourceType, Target, generate_manifests
from reconciler.source.kustomize.tool import kustomize_command
from tests.reconciler.source.support import CAPABILITIES, application
from tests.repositories import GitRepository

pytestmark = pytest.mark.realinput

Render = Callable[..., Target]


@pytest.fixture(scope="module")
def render(real_input: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Render]:
    """Render a path of one of the public repositories."""
    folder = tmp_path_factory.mktemp("real")
    origins = {
        name: GitRepository.create(folder / name, real_input / name)
        for name in ("argocd-example-apps", "microservices-demo")
    }
    with RepositoryCache(folder / "mirrors") as repositories:

        def render(repository: str, path: str, **options: Any) -> Target:
            app = application({"repoURL": origins[repository].url, "path": path, **options}, name="example")
            return generate_manifests(app, repositories=repositories, capabilities=CAPABILITIES)

        yield render


@pytest.mark.parametrize(
    ("path", "source_type", "kinds"),
    [
        ("guestbook", SourceType.DIRECTORY, {"Deployment": 1, "Service": 1}),
        ("kustomize-guestbook", SourceType.KUSTOMIZE, {"Deployment": 1, "Service": 1}),
        ("helm-guestbook", SourceType.HELM, {"Deployment": 1, "Service": 1}),
        ("sync-waves", SourceType.DIRECTORY, {"Job": 3, "ReplicaSet": 2, "Service": 2}),
        ("pre-post-sync", SourceType.KUSTOMIZE, {"Deployment": 1, "Service": 1, "Job": 2}),
        ("apps", SourceType.HELM, {"Application": 14}),
        ("blue-green", SourceType.HELM, {"Rollout": 1, "Service": 2}),
        ("helm-hooks", SourceType.DIRECTORY, {"Job": 3, "ReplicaSet": 1, "Service": 1}),
        ("sock-shop", SourceType.KUSTOMIZE, {"Deployment": 14, "Service": 14, "Ingress": 1}),
    ],
)
def test_argocd_example_apps(render: Render, path: str, source_type: SourceType, kinds: dict[str, int]) -> None:
    target = render("argocd-example-apps", path)
    assert target.sources[0].source_type is source_type
    assert Counter(sourced.manifest["kind"] for sourced in target.manifests) == kinds
    assert target.warnings == ()


def test_the_children_of_the_app_of_apps_are_applications(render: Render) -> None:
    target = render("argocd-example-apps", "apps")
    children = [parse_application(sourced.manifest) for sourced in target.manifests]
    assert "example.guestbook" in [child.metadata.name for child in children]


def test_values_of_another_environment(render: Render) -> None:
    target = render("argocd-example-apps", "helm-guestbook", helm={"valueFiles": ["values-production.yaml"]})
    service = next(sourced.manifest for sourced in target.manifests if sourced.manifest["kind"] == "Service")
    assert service["spec"]["type"] == "LoadBalancer"


def test_a_chart_whose_dependency_is_elsewhere(render: Render) -> None:
    with pytest.raises(GenerationError, match=r"not in charts/: wordpress 9\.0\.3; run `helm dependency build`"):
        render("argocd-example-apps", "helm-dependency")


@pytest.mark.parametrize(
    ("path", "source_type", "count"),
    [
        ("kubernetes-manifests", SourceType.KUSTOMIZE, 33),
        ("kustomize", SourceType.KUSTOMIZE, 35),
        ("kustomize/components/network-policies", SourceType.KUSTOMIZE, 13),
        ("helm-chart", SourceType.HELM, 36),
    ],
)
def test_microservices_demo(render: Render, path: str, source_type: SourceType, count: int) -> None:
    target = render("microservices-demo", path)
    assert (target.sources[0].source_type, len(target.manifests)) == (source_type, count)


@pytest.mark.parametrize(
    ("repository", "path"),
    [
        ("argocd-example-apps", "kustomize-guestbook"),
        ("argocd-example-apps", "pre-post-sync"),
        ("argocd-example-apps", "sock-shop"),
        ("microservices-demo", "kubernetes-manifests"),
        ("microservices-demo", "kustomize"),
    ],
)
def test_the_same_as_kustomize_makes_of_the_folder(
    render: Render, real_input: Path, repository: str, path: str
) -> None:
    command = [*kustomize_command(), str(real_input / repository / path)]
    expected = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    found = [sourced.manifest for sourced in render(repository, path).manifests]
    assert found == load_documents(expected, file="expected")


def test_every_component_of_microservices_demo_can_be_added(render: Render, real_input: Path) -> None:
    components = sorted(path.name for path in (real_input / "microservices-demo/kustomize/components").iterdir())
    assert len(components) > 10
    for name in components:
        options = {"kustomize": {"components": [f"components/{name}"]}}
        try:
            assert len(render("microservices-demo", "kustomize", **options).manifests) > 20
        except GenerationError as error:
            # Some patch what another component brings, and say so.
            assert str(error).startswith("kustomize build of kustomize: "), name  # noqa: PT017
