"""Helm charts in kustomizations: off by default, without network where they are on, and the same as kustomize alone."""

import io
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source import RepositoryCache
from reconciler.source.kustomize.render import render_kustomize
from reconciler.source.observations import Observations, ObservedDownloads
from reconciler.source.rendering import RenderRequest
from reconciler.source.settings import SourceSettings
from reconciler.source.target import Capabilities
from tests.reconciler.source.support import application, tree_at
from tests.repositories import GitRepository
from tests.tools.peers.programs import Peers

CHART = {
    "Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\n",
    "values.yaml": "replicas: 1\nname: default\n",
    "templates/a.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\ndata:\n"
        "  values: {{ .Values | toJson | quote }}\n  kube: {{ .Capabilities.KubeVersion.Version | quote }}\n"
        '  monitoring: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" | quote }}\n'
    ),
}
LOCAL = {f"app/charts/shop/{name}": text for name, text in CHART.items()}
HELM_CHARTS = "helmCharts: [{name: shop, releaseName: mine, valuesInline: {name: inline}, valuesFile: own.yaml}]\n"


class Charts:
    """Downloads that give one chart, and note what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        assert not pass_credentials
        self.asked.append((repo_url, chart, version))
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in CHART.items():
                entry = tarfile.TarInfo(f"{chart}/{name}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        return packed.getvalue()

    def value_file(self, url: str) -> bytes:
        raise AssertionError("no value files here")


@pytest.fixture
def charts() -> Charts:
    return Charts()


@pytest.fixture
def render(
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    repositories: RepositoryCache,
    charts: Charts,
    peers: Peers,
) -> Callable[..., tuple[list[Any], RenderRequest, GitRepository]]:
    def render(files: Mapping[str, str], options: str | None = None, **kustomize: Any) -> Any:
        origin = git_repository(files)
        source = application({"repoURL": origin.url, "path": "app", "kustomize": kustomize}).spec.source
        assert source is not None
        repository = repositories.open(origin.url, allow_local=True)
        text = f"--enable-helm --helm-command {peers.path('helm')}" if options is None else options
        observations = Observations()
        request = RenderRequest(
            source=source,
            tree=tree_at(repository, repository.resolve("")),
            path="app",
            where="spec.source",
            application="shop",
            capabilities=Capabilities("v1.37.2+k3s1", ("v1", "monitoring.coreos.com/v1")),
            settings=SourceSettings(kustomize_options={"": text}),
            observations=observations,
            downloads=ObservedDownloads(charts, observations),
        )
        return [obj for obj, _ in render_kustomize(request).objects], request, origin

    return render


def test_a_chart_of_the_repository_as_kustomize_inflates_it(render: Any, peers: Peers) -> None:
    files = LOCAL | {
        "app/kustomization.yaml": f"{HELM_CHARTS}namePrefix: x-\n",
        "app/own.yaml": "replicas: 5\nname: file\n",
    }
    objects, request, origin = render(files)
    command = [
        *(str(peers.path("kustomize")), "build", "--enable-helm", "--helm-command", str(peers.path("helm"))),
        *("--helm-kube-version", "v1.37.2k3s1", "--helm-api-versions", "monitoring.coreos.com/v1", "."),
    ]
    expected = subprocess.run(command, cwd=origin.path / "app", check=True, capture_output=True, text=True).stdout
    assert objects == load_documents(expected, file="expected")
    assert objects[0]["metadata"]["name"] == "x-mine"
    assert '"name":"inline"' in objects[0]["data"]["values"]
    assert objects[0]["data"]["monitoring"] == "true"
    assert request.observations.capabilities


def test_the_application_names_the_versions(render: Any) -> None:
    files = LOCAL | {"app/kustomization.yaml": "helmCharts: [{name: shop}]\n"}
    objects, _, _ = render(files, kubeVersion="1.30.0", apiVersions=["other/v1"])
    assert (objects[0]["data"]["kube"], objects[0]["data"]["monitoring"]) == ("v1.30.0", "false")


@pytest.mark.parametrize(
    "text",
    [
        "helmCharts: [{name: shop, repo: 'https://charts.example', version: 1.2.3}]\n",
        "helmGlobals: {chartHome: ./elsewhere}\nhelmCharts: [{name: shop, repo: 'https://charts.example', version: 1.2.3}]\n",
        "helmChartInflationGenerator: [{chartName: shop, chartRepoUrl: 'https://charts.example', chartVersion: 1.2.3}]\n",
        "generators: [chart.yaml]\n",
        "generators: [../configs]\n",
    ],
    ids=["field", "another home", "old field", "generator", "folder of generators"],
)
def test_a_chart_of_a_repository_is_fetched_by_us(text: str, render: Any, charts: Charts) -> None:
    generator = (
        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: shop\n"
        "repo: https://charts.example\nversion: 1.2.3\n"
    )
    files = {
        "app/kustomization.yaml": text,
        "app/chart.yaml": generator,
        "configs/kustomization.yaml": "resources: [chart.yaml]\n",
        "configs/chart.yaml": generator,
    }
    objects, request, _ = render(files)
    assert [obj["kind"] for obj in objects] == ["ConfigMap"]
    assert charts.asked == [("https://charts.example", "shop", "1.2.3")]
    assert list(request.observations.downloads) == [
        ("archive", "https://charts.example", "shop", "1.2.3", "default", "")
    ]


def test_a_chart_beside_the_kustomization_needs_no_repository(render: Any, charts: Charts) -> None:
    files = {f"app/charts/shop-1.2.3/shop/{name}": text for name, text in CHART.items()}
    render(
        files | {"app/kustomization.yaml": "helmCharts: [{name: shop, repo: 'https://x.example', version: 1.2.3}]\n"}
    )
    assert charts.asked == []


def test_without_charts_nothing_is_asked_of_the_cluster(render: Any) -> None:
    _, request, _ = render({"app/kustomization.yaml": "configMapGenerator: [{name: a}]\n"})
    assert not request.observations.capabilities


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "helmCharts: [{name: gone}]\n",
            r"helmCharts\[0\]: there is no chart 'app/charts/gone' in .*, and no repo to fetch",
        ),
        ("helmCharts: [{name: ../shop}]\n", "is no name of a chart"),
        ("helmCharts: [{name: shop, version: ../.., repo: 'https://x'}]\n", "is no name of a chart"),
        ("helmCharts: [{name: shop, releaseName: --post-renderer=/bin/sh}]\n", "would be read as an option of Helm"),
        ("helmCharts: [{name: shop, namespace: -x}]\n", "would be read as an option of Helm"),
        ("helmCharts: [{name: shop, valuesFile: 'evil://x'}]\n", "valuesFile: 'evil://x' is remote, which is refused"),
        ("helmCharts: [{name: shop, additionalValuesFiles: ['evil://x']}]\n", "is remote, which is refused"),
        ("helmCharts: [{name: shop, valuesFile: ../../x}]\n", "leaves the repository"),
        ("helmCharts: [{name: shop, valuesFile: none.yaml}]\n", "'none.yaml' is not in"),
        ("helmGlobals: {chartHome: ../..}\nhelmCharts: [{name: shop}]\n", "leaves the repository"),
        (
            "helmGlobals: {configHome: charts/shop}\nhelmCharts: [{name: shop}]\n",
            r"helmGlobals\.configHome: how Helm is run",
        ),
        ("helmChartInflationGenerator: [{chartName: shop, helmBin: ./x}]\n", "helmBin: how Helm is run"),
        ("generators: [config.yaml]\n", "configHome: how Helm is run"),
        ("generators: [../folder]\n", "patches: a folder of generators or transformers may hold resources only"),
    ],
)
def test_charts_that_are_refused(text: str, message: str, render: Any) -> None:
    kind = "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: shop\n"
    files = LOCAL | {
        "app/kustomization.yaml": text,
        "app/config.yaml": f"{kind}ConfigHome: charts/shop\n",
        "folder/kustomization.yaml": "resources: [config.yaml]\npatches: [{patch: 'x: y'}]\n",
        "folder/config.yaml": kind,
    }
    with pytest.raises(GenerationError, match=message):
        render(files)


def test_a_failing_template_is_one_line(render: Any) -> None:
    files = LOCAL | {
        "app/kustomization.yaml": "helmCharts: [{name: shop}]\n",
        "app/charts/shop/templates/bad.yaml": '{{ fail "no such luck" }}',
    }
    with pytest.raises(GenerationError, match=r"^kustomize build of app: .*no such luck") as caught:
        render(files)
    assert "\n" not in str(caught.value)
    assert "/tmp" not in str(caught.value)


def test_helm_finds_no_plugins_and_no_settings_of_the_user(
    render: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = tmp_path / "helm"
    wrapper.write_text("#!/bin/sh\n/usr/bin/env >&2\nexit 1\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("HELM_PLUGINS", "/canary")
    files = LOCAL | {"app/kustomization.yaml": "helmCharts: [{name: shop}]\n"}
    with pytest.raises(GenerationError) as caught:
        render(files, f"--enable-helm --helm-command {wrapper}")
    assert "/canary" not in str(caught.value)
    assert str(Path.home()) not in str(caught.value).replace(str(tmp_path), "")
