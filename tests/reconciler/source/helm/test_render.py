import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.processes.worker import WorkerPool
from reconciler.source import Capabilities, RepositoryCache, SourceType, Target, generate_manifests
from reconciler.source.helm import render as helm
from reconciler.source.helm.render import render_helm
from tests.reconciler.source.helm.charts import chart_yaml, dumping, pack, rendered, request_for
from tests.reconciler.source.support import CAPABILITIES, CHART, application
from tests.repositories import GitRepository

WHAT = r"^spec\.source: Helm chart chart in \S+ at [0-9a-f]{7}: "

Files = Mapping[str, str | bytes]
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


@pytest.fixture
def render(git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache) -> Callable[..., Target]:
    def render(
        files: Files, *, capabilities: Capabilities = CAPABILITIES, path: str = "chart", **options: Any
    ) -> Target:
        source: dict[str, Any] = {"repoURL": git_repository(files).url, "path": path}
        if options:
            source["helm"] = options
        return generate_manifests(application(source), repositories=repositories, capabilities=capabilities)

    return render


def values_of(target: Target) -> Any:
    return json.loads(target.manifests[0].manifest["data"]["values"])


def test_a_chart(render: Callable[..., Target]) -> None:
    target = render(CHART)
    (sourced,) = target.manifests
    assert target.sources[0].source_type is SourceType.HELM
    assert sourced.origin == "chart/templates/settings.yaml"
    assert sourced.manifest["metadata"]["name"] == "web-settings"
    assert sourced.manifest["data"]["release"] == "demo"
    assert values_of(target) == {
        "replicas": 1,
        "image": {"name": "web", "tag": "v1"},
        "list": ["a", "b"],
        "gone": "here",
    }
    assert [path for path, _ in target.sources[0].files] == sorted(CHART)


def test_values_from_weakest_to_strongest(render: Callable[..., Target]) -> None:
    files = CHART | {
        "chart/one.yaml": "image: {tag: one}\none: 1\nreplicas: 2\nindexed: [a, b]\n",
        "shared/web.yaml": "image: {tag: two}\ngone: null\nreplicas: 3\n",
        "chart/files/text.txt": "a,b\n",
    }
    target = render(
        files,
        valueFiles=["one.yaml", "/shared/$ARGOCD_APP_NAME.yaml", "missing.yaml"],
        ignoreMissingValueFiles=True,
        values="replicas: 4\nimage: {tag: ignored}\n",
        valuesObject={"replicas": 5, "extra": {"a": [1]}},
        parameters=[
            {"name": "replicas", "value": "6"},
            {"name": "replicas", "value": "7"},
            {"name": "image.tag", "value": "1.10", "forceString": True},
            {"name": "indexed[1]", "value": "z"},
            {"name": "list[1]", "value": "z"},
            {"name": "braces", "value": "{x,y}"},
            {"name": "comma", "value": "x,y"},
            {"name": "variable", "value": "${ARGOCD_APP_NAME}$$"},
        ],
        fileParameters=[{"name": "text", "path": "files/text.txt"}],
    )
    assert values_of(target) == {
        "replicas": 7,
        "image": {"name": "web", "tag": "1.10"},
        "indexed": ["a", "z"],
        # The chart's own list is another layer, as with helm --set.
        "list": [None, "z"],
        "one": 1,
        "extra": {"a": [1]},
        "braces": ["x", "y"],
        "comma": "x,y",
        "variable": "web$",
        "text": "a,b\n",
    }
    read = [path for path, _ in target.sources[0].files]
    assert read == sorted({*files}), "value files outside the chart count as read"


def test_values_text_counts_where_there_is_no_values_object(render: Callable[..., Target]) -> None:
    assert values_of(render(CHART, values="replicas: 4\n"))["replicas"] == 4
    assert values_of(render(CHART, values="replicas: 4\n", valuesObject={}))["replicas"] == 1


def test_release_name_and_namespace(render: Callable[..., Target]) -> None:
    manifest = render(CHART, releaseName="other", namespace="elsewhere").manifests[0].manifest
    assert manifest["metadata"]["name"] == "other-settings"
    assert manifest["data"]["release"] == "elsewhere"
    with pytest.raises(GenerationError, match=WHAT + r"invalid release name"):
        render(CHART, releaseName="Not_valid")


def test_capabilities(render: Callable[..., Target]) -> None:
    template = (
        OBJECT % "c" + 'data: {version: "{{ .Capabilities.KubeVersion.Version }}", '
        'has: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}", x: "{{ .Capabilities.APIVersions.Has "x/v1" }}"}\n'
    )
    files = {"chart/Chart.yaml": CHART["chart/Chart.yaml"], "chart/templates/c.yaml": template}
    assert render(files).manifests[0].manifest["data"] == {"version": "v1.37.2", "has": "true", "x": "false"}
    data = render(files, kubeVersion="1.30.0", apiVersions=["x/v1"]).manifests[0].manifest["data"]
    assert data == {"version": "v1.30.0", "has": "false", "x": "true"}


def test_custom_resource_definitions_and_tests(render: Callable[..., Target]) -> None:
    test = OBJECT % "check" + '  annotations: {"helm.sh/hook": "test, pre-install"}\n'
    files = CHART | {
        "chart/crds/crd.yaml": (
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: crds.example.com}\n"
        ),
        "chart/templates/test.yaml": test.replace("{name: check}", "\n  name: check"),
    }

    def names(**options: Any) -> list[str]:
        return [sourced.manifest["metadata"]["name"] for sourced in render(files, **options).manifests]

    assert names() == ["crds.example.com", "web-settings", "check"]
    assert names(skipCrds=True, skipTests=True) == ["web-settings"]


def test_the_schema_of_values(render: Callable[..., Target]) -> None:
    files = CHART | {"chart/values.schema.json": '{"properties": {"replicas": {"type": "integer"}}}'}
    with pytest.raises(GenerationError, match=WHAT + r".*replicas.*got string, want integer"):
        render(files, valuesObject={"replicas": "many"})
    assert values_of(render(files, valuesObject={"replicas": "many"}, skipSchemaValidation=True))["replicas"] == "many"


def test_dependencies_in_the_same_repository(render: Callable[..., Target]) -> None:
    files = CHART | {
        "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
        "dependencies: [{name: lib, version: 1.0.0, repository: 'file://../lib', alias: other}]\n",
        "lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\n",
        "lib/templates/a.yaml": OBJECT % "from-lib",
    }
    target = render(files)
    assert {sourced.manifest["metadata"]["name"] for sourced in target.manifests} == {"web-settings", "from-lib"}
    assert [path for path, _ in target.sources[0].files] == sorted(files)


DEPENDENCY = "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: db, version: 1.0.0, repository: %r}]\n"


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        (
            {"chart/Chart.yaml": DEPENDENCY % "https://charts.example.com"},
            {},
            r"^chart/Chart\.yaml: dependencies\[0\]: not in charts/: db 1\.0\.0; run `helm .*downloads are off here",
        ),
        (
            {"chart/Chart.yaml": DEPENDENCY % "file://../../x"},
            {},
            r"dependencies\[0\]\.repository: '\.\./\.\./x' leaves the repository",
        ),
        (
            {"chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\nkubeVersion: '>=99'\n"},
            {},
            "needs Kubernetes >=99, the cluster is",
        ),
        (
            {"chart/Chart.yaml": "apiVersion: v2\nname: x\nversion: 1.0.0\ntype: library\n"},
            {},
            "a library chart cannot be rendered",
        ),
        ({"chart/Chart.yaml": "a: ["}, {}, WHAT + "cannot load Chart.yaml: .*line 1: did not find expected node"),
        ({"chart/Chart.yaml": "name: x\n"}, {}, WHAT + ".*chart.metadata"),
        ({"chart/templates/a.yaml": "{{ .Values.a.b.c }}"}, {}, WHAT + r".*shop/templates/a\.yaml:1:"),
        ({"chart/templates/a.yaml": '{{ required "name it" .Values.x }}'}, {}, "name it"),
        ({"chart/templates/a.yaml": "{{ nope }}"}, {}, 'function "nope" not defined'),
        ({}, {"values": "a: ["}, WHAT + r"spec\.source\.helm\.values: "),
        (
            {},
            {"valueFiles": ["none.yaml"]},
            r"^spec\.source\.helm\.valueFiles\[0\]: there is no 'none\.yaml' in .*looked for 'chart/none\.yaml'",
        ),
        (
            {},
            {"valueFiles": ["$values/x.yaml"]},
            r"valueFiles\[0\]: '\$values/x\.yaml' is in a source that is not there; .*\(there are: none\)",
        ),
        (
            {},
            {"valueFiles": ["https://h/x.yaml"]},
            "^value file 'https://h/x.yaml' cannot be fetched: downloads are off here",
        ),
        (
            {},
            {"valueFiles": ["env/*.yaml"]},
            r"valueFiles\[0\]: 'env/\*\.yaml' matches no file in ",
        ),
        ({}, {"valueFiles": ["templates"]}, r"valueFiles\[0\]: not a file but a folder: 'templates'"),
        ({}, {"fileParameters": [{"name": "a", "path": "none"}]}, r"fileParameters\[0\]\.path: there is no 'none'"),
        (
            {},
            {"parameters": [{"name": "a[", "value": "b"}]},
            WHAT + r"parameter a\[: the name says no value",
        ),
        (
            {},
            {"kubeVersion": "new"},
            r"^spec\.source\.helm\.kubeVersion: 'new' is not a version; use one such as 1\.37\.2",
        ),
        (
            {"chart/templates/a.yaml": "kind: x\n"},
            {},
            r"^chart/templates/a\.yaml \(rendered\): apiVersion: must be a non-empty string",
        ),
        (
            {"chart/charts/db.tgz": "no archive"},
            {},
            r"^chart/charts/db\.tgz is no chart: expected one folder at its top",
        ),
        (
            {},
            {"values": "a: 1\n--- b: 2\n"},
            WHAT + r"spec\.source\.helm\.values: line 2: text follows the --- of a document",
        ),
        ({}, {"parameters": [{"name": "a[-1]", "value": "b"}]}, WHAT + r"parameter a\[-1\]: "),
    ],
)
def test_bad_charts_get_one_line(
    render: Callable[..., Target], files: dict[str, str], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(GenerationError, match=message) as caught:
        render(CHART | files, **options)
    assert "\n" not in str(caught.value)
    assert "gitops-nb-" not in str(caught.value)


def test_rendered_text_that_is_no_yaml(render: Callable[..., Target]) -> None:
    with pytest.raises(GenerationError, match=r"^chart/templates/a\.yaml \(rendered\):2: "):
        render(CHART | {"chart/templates/a.yaml": "a: {{ 1 }}\n b: 2\n"})


def test_one_object_twice_in_a_chart(render: Callable[..., Target]) -> None:
    files = CHART | {"chart/templates/a.yaml": OBJECT % "x", "chart/templates/b.yaml": OBJECT % "x"}
    with pytest.raises(
        GenerationError, match=r"^ConfigMap x is in chart/templates/a\.yaml and chart/templates/b\.yaml; keep one"
    ):
        render(files)


def test_an_explicit_block_without_a_chart(render: Callable[..., Target]) -> None:
    with pytest.raises(GenerationError, match=r"^spec\.source\.path: 'app' in .* holds no Chart\.yaml"):
        render({"app/a.yaml": "a: b\n"}, path="app", releaseName="x")


def test_a_chart_at_the_root(render: Callable[..., Target]) -> None:
    target = render({name.removeprefix("chart/"): text for name, text in CHART.items()}, path=".")
    assert target.manifests[0].origin == "templates/settings.yaml"
    assert [path for path, _ in target.sources[0].files] == sorted(name.removeprefix("chart/") for name in CHART)


def test_a_chart_that_needs_itself(render: Callable[..., Target]) -> None:
    chart = "apiVersion: v2\nname: %s\nversion: 1.0.0\ndependencies: [{name: %s, version: 1.0.0, repository: 'file://../%s'}]\n"
    files = {"chart/Chart.yaml": chart % ("chart", "lib", "lib"), "lib/Chart.yaml": chart % ("lib", "chart", "chart")}
    assert render(files).manifests == (), "what a sub-chart needs must be in its own charts folder, as for Helm"


@pytest.mark.parametrize(
    ("files", "options", "asks"),
    [
        ({}, {}, False),
        ({"chart/templates/a.yaml": "# {{ .Capabilities.KubeVersion }}"}, {}, True),
        ({"chart/files/a.txt": "{{ .Capabilities }}"}, {}, True),
        ({"chart/templates/a.yaml": '# {{ (index $ "Capa").X }}'}, {}, True),
        ({"chart/templates/a.yaml": '# {{ index . (print "Capa" "bilities") | toJson }}'}, {}, True),
        ({"chart/templates/a.yaml": '# {{ $name := print "Capa" "bilities" }}{{ get $ $name }}'}, {}, True),
        ({"chart/templates/a.yaml": "# {{ toJson $ }}"}, {}, True),
        ({"chart/templates/a.yaml": "{{ range $k, $v := $ }}# {{ $v }}\n{{ end }}"}, {}, True),
        ({"chart/templates/a.yaml": '# {{ toJson .Values }}{{ include "x" $ }}{{ tpl "{{ 1 }}" $ }}'}, {}, False),
        ({"chart/Chart.yaml": CHART["chart/Chart.yaml"] + "kubeVersion: '>=1'\n"}, {}, True),
        ({}, {"valuesObject": {"text": "{{ .Capabilities }}"}}, True),
        ({}, {"parameters": [{"name": "text", "value": "x {{ .Capabilities }}"}]}, True),
        ({"chart/templates/a.yaml": "# {{ .Capabilities }}"}, {"kubeVersion": "1.30", "apiVersions": ["v1"]}, False),
        ({"chart/templates/a.yaml": "# {{ .Capabilities }}"}, {"kubeVersion": "1.30"}, True),
    ],
)
def test_which_charts_depend_on_the_cluster(files: dict[str, str], options: dict[str, Any], asks: bool) -> None:
    request = request_for(CHART | files, **options)
    render_helm(request)
    assert request.observations.capabilities is asks


def test_a_packed_chart_that_depends_on_the_cluster() -> None:
    packed = pack(
        {"Chart.yaml": chart_yaml("db"), "templates/a.yaml": "# {{ .Capabilities.KubeVersion }}"}, folder="db"
    )
    request = request_for(CHART | {"chart/charts/db.tgz": packed})
    render_helm(request)
    assert request.observations.capabilities


def test_applications_of_one_chart_do_not_mix() -> None:
    """A worker keeps the charts it has met."""
    pool = WorkerPool(Path(helm.__file__).with_name("program.py"), size=1)
    files = {"chart/Chart.yaml": chart_yaml(), "chart/values.yaml": "a: {b: 1}\n", "chart/templates/v.yaml": dumping()}
    found = []
    for number, options in enumerate(
        ({}, {"valuesObject": {"a": {"c": 2}}}, {"parameters": [{"name": "a.b", "value": "3"}]}, {})
    ):
        request = replace(request_for(files, **options), application=f"app-{number}")
        ((obj, _),) = helm.render_helm(request, workers=pool).objects
        found.append(json.loads(obj["data"]["json"])["a"])
    pool.close()
    assert found == [{"b": 1}, {"b": 1, "c": 2}, {"b": 3}, {"b": 1}]


def test_hooks_that_are_none_of_helms_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    hook = OBJECT % "old" + "  \n"
    hook = hook.replace("{name: old}", "\n  name: old\n  annotations: {helm.sh/hook: crd-install}")
    assert [obj["metadata"]["name"] for obj in rendered(CHART | {"chart/templates/old.yaml": hook})] == ["web-settings"]
    assert "ConfigMap old in chart/templates/old.yaml is left out, as Helm does" in caplog.text
