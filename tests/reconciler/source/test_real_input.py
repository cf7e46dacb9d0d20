"""The public repositories' applications, rendered from a real Git repository."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.manifest.objects import ResourceKey
from reconciler.manifest.yaml import load_documents
from reconciler.model import parse_application
from reconciler.source import RepositoryCache, SourceType, Target, generate_manifests
from tests.reconciler.source.support import CAPABILITIES, application, config_map
from tests.repositories import GitRepository
from tests.tools.peers.programs import Peers

pytestmark = pytest.mark.realinput

Render = Callable[..., Target]
REPOSITORIES = ("argocd-example-apps", "microservices-demo")
KUSTOMIZED_HELM = "plugins/kustomized-helm"
KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")


@pytest.fixture(scope="module")
def render(real_input: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Render]:
    """Render a path of one of the public repositories."""
    folder = tmp_path_factory.mktemp("real")
    origins = {name: GitRepository.create(folder / name, real_input / name) for name in REPOSITORIES}
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
    expected = r"^helm-dependency/Chart\.yaml: dependencies\[0\].*wordpress.*'https://charts\.helm\.sh/stable' cannot be fetched"
    with pytest.raises(GenerationError, match=expected):
        render("argocd-example-apps", "helm-dependency")


def test_a_chart_whose_dependency_is_brought(
    real_input: Path, peers: Peers, tmp_path: Path, repositories: RepositoryCache
) -> None:
    """The public chart with a stand-in for the chart that it takes from a server."""
    wordpress = tmp_path / "wordpress"
    (wordpress / "templates").mkdir(parents=True)
    (wordpress / "Chart.yaml").write_text("apiVersion: v2\nname: wordpress\nversion: 9.0.3\n")
    (wordpress / "templates" / "values.yaml").write_text(
        config_map("{{ .Release.Name }}-wordpress").replace("'value'", "{{ .Values | toJson | quote }}")
    )
    charts = tmp_path / "charts"
    subprocess.run([peers.path("helm"), "package", wordpress, "-d", charts], check=True, capture_output=True)
    origin = GitRepository.create(tmp_path / "origin", real_input / "argocd-example-apps")
    for values in ("values.yaml", "values-nomaria.yaml"):
        app = application(
            {"repoURL": origin.url, "path": "helm-dependency", "helm": {"valueFiles": [values]}}, name="example"
        )
        target = generate_manifests(
            app,
            repositories=repositories,
            capabilities=CAPABILITIES,
            charts=OneChart(charts / "wordpress-9.0.3.tgz"),
        )
        chart = _writable_copy(real_input / "argocd-example-apps" / "helm-dependency", tmp_path / values)
        shutil.copytree(charts, chart / "charts")
        expected = _helm_template(peers.path("helm"), chart, {"valueFiles": [values]}, tmp_path / "values.json")
        assert _by_key([sourced.manifest for sourced in target.manifests]) == _by_key(expected)


class OneChart:
    """A server that has one version of one chart."""

    def __init__(self, package: Path) -> None:
        self._package = package

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        assert (repo_url, chart, version) == ("https://charts.helm.sh/stable", "wordpress", "9.0.3")
        return self._package.read_bytes()

    def value_file(self, url: str) -> bytes:
        raise AssertionError(url)


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


def test_every_kustomization_builds_as_kustomize_builds_it(render: Render, real_input: Path, peers: Peers) -> None:
    different, refused = {}, []
    for repository, path in _folders(real_input, *KUSTOMIZATION_NAMES):
        build = subprocess.run([peers.path("kustomize"), "build", real_input / repository / path], capture_output=True)
        try:
            found: object = [sourced.manifest for sourced in render(repository, path, kustomize={}).manifests]
        except GenerationError as error:
            found = str(error)
        if build.returncode:
            # Both say so.
            refused.append(path)
            if path not in str(found):
                different[path] = found
        elif found != load_documents(build.stdout, file="expected"):
            different[path] = found
    assert different == {}
    # A component that patches what others bring cannot be built alone, nor what a plugin completes first.
    assert all("/components/" in path or path == KUSTOMIZED_HELM for path in refused)
    assert len(_folders(real_input, *KUSTOMIZATION_NAMES)) - len(refused) > 12


CHART_VALUES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "helm-guestbook": (
        {"valueFiles": ["values-production.yaml"]},
        {"parameters": [{"name": "replicaCount", "value": "3"}]},
    ),
    "apps": ({"valuesObject": {"spec": {"source": {"targetRevision": "v1"}}}}, {"releaseName": "other"}),
    "helm-chart": (
        {"valuesObject": {"networkPolicies": {"create": True}, "sidecars": {"create": True}}},
        {
            "parameters": [
                {"name": "cartDatabase.type", "value": "spanner"},
                {"name": "images.tag", "value": "1.10", "forceString": True},
            ]
        },
    ),
}
"""Settings of a chart beside its own values, which stand for themselves."""


def test_every_chart_renders_as_helm_renders_it(render: Render, real_input: Path, peers: Peers, tmp_path: Path) -> None:
    compared = 0
    copied = _writable_copy(real_input, tmp_path / "input")
    for repository, path in _folders(real_input, "Chart.yaml"):
        if path == "helm-dependency":  # its dependency is on a server
            continue
        chart = copied / repository / path
        subprocess.run([peers.path("helm"), "dependency", "build", chart], check=True, capture_output=True)
        for options in ({}, *CHART_VALUES.get(path, ())):
            expected = _helm_template(peers.path("helm"), chart, options, tmp_path / f"{compared}.json")
            found = [sourced.manifest for sourced in render(repository, path, helm=options).manifests]
            assert _by_key(found) == _by_key(expected), (path, options)
            compared += 1
    assert compared >= 11


def _folders(real_input: Path, *names: str) -> list[tuple[str, str]]:
    """Repository and folder of every file of one of these names."""
    return sorted(
        (file.relative_to(real_input).parts[0], str(Path(*file.parent.relative_to(real_input).parts[1:])))
        for repository in REPOSITORIES
        for name in names
        for file in (real_input / repository).rglob(name)
    )


def _writable_copy(folder: Path, copy: Path) -> Path:
    """Helm writes charts/ beside Chart.yaml; the folder of public input may be read-only."""
    shutil.copytree(folder, copy, symlinks=True)
    for path in (copy, *copy.rglob("*/")):
        path.chmod(path.stat().st_mode | 0o700)
    return copy


def _helm_template(helm: Path, chart: Path, options: Mapping[str, Any], values: Path) -> list[Any]:
    """What the program makes of a chart, asked as Argo CD asks it (util/helm/cmd.go)."""
    command: list[str | Path] = [helm, "template", options.get("releaseName", "example"), ".", "--namespace", "demo"]
    command += ["--kube-version", CAPABILITIES.kube_version, "--include-crds"]
    for api in CAPABILITIES.api_versions:
        command += ["--api-versions", api]
    for file in options.get("valueFiles", ()):
        command += ["--values", file]
    if "valuesObject" in options:
        values.write_text(json.dumps(options["valuesObject"]))
        command += ["--values", values]
    for parameter in options.get("parameters", ()):
        command += [
            "--set-string" if parameter.get("forceString") else "--set",
            f"{parameter['name']}={parameter['value']}",
        ]
    done = subprocess.run(command, cwd=chart, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return load_documents(done.stdout, file="expected")


def _by_key(manifests: Sequence[Any]) -> dict[str, Any]:
    """The order is each tool's own: Helm sorts by kind, as it would install."""
    found = {str(ResourceKey.of(manifest)): manifest for manifest in manifests}
    assert len(found) == len(manifests)
    return found


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
