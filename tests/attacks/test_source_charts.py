"""Row 12 of the catalogue: charts that exhaust or crash (CVE-2025-55199, GO-2025-3602, CVE-2022-36055, CVE-2025-55198)."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, ReconcilerError
from reconciler.model.source import ApplicationSource, HelmOptions
from reconciler.processes.worker import WorkerLimits, WorkerPool
from reconciler.source import RepositoryCache
from reconciler.source.helm import render as helm
from reconciler.source.rendering import Rendering, RenderRequest
from tests.reconciler.source.helm.charts import pack
from tests.reconciler.source.support import CHART, tree_at
from tests.repositories import GitRepository

TIMEOUT_S = 3.0
TEMPLATE = "chart/templates/settings.yaml"
ALIASES = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 9)
)


def nested(depth: int) -> bytes:
    """A packed chart in a packed chart, and so on."""
    data = b""
    for _ in range(depth):
        data = pack({"Chart.yaml": CHART["chart/Chart.yaml"], "charts/x.tgz": data}, folder="x")
    return data


@pytest.fixture
def render(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> Iterator[Callable[..., Rendering]]:
    limits = WorkerLimits(timeout_s=TIMEOUT_S, memory_bytes=3 * 2**30)
    pool = WorkerPool(Path(helm.__file__).with_name("program.py"), limits=limits, size=1)
    with RepositoryCache(tmp_path / "mirrors") as cache:

        def render(files: Mapping[str, str], **options: Any) -> Rendering:
            repository = cache.open(git_repository(files).url, allow_local=True)
            source = ApplicationSource(repo_url=str(repository), path="chart", helm=HelmOptions.model_validate(options))
            tree = tree_at(repository, repository.resolve("HEAD"))
            request = RenderRequest(source, tree, "chart", "spec.source", "web", "demo")
            return helm.render_helm(request, workers=pool)

        yield render
    pool.close()


@pytest.mark.parametrize(
    ("files", "options"),
    [
        pytest.param({"chart/values.schema.json": '{"$ref": "file:///dev/zero"}'}, {}, id="schema reads /dev/zero"),
        pytest.param(
            {"chart/values.schema.json": '{"$ref": "file:///proc/self/fd/0"}'}, {}, id="schema reads our pipe"
        ),
        pytest.param(
            {"chart/values.schema.json": '{"$ref": "http://127.0.0.1:1/x"}'}, {}, id="schema from the network"
        ),
        pytest.param({"chart/values.schema.json": '{"not":' * 50_000 + "{}" + "}" * 50_000}, {}, id="deep schema"),
        pytest.param({TEMPLATE: "{{ range until 2000000000 }}a{{ end }}"}, {}, id="endless list"),
        pytest.param(
            {TEMPLATE: "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"}, {}, id="endless loop"
        ),
        pytest.param({TEMPLATE: '{{ repeat 2000000000 "a" }}'}, {}, id="endless text"),
        pytest.param(
            {TEMPLATE: '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}'}, {}, id="endless template"
        ),
        pytest.param(
            {TEMPLATE: '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}'}, {}, id="endless include"
        ),
        pytest.param({TEMPLATE: 'a: {{ genPrivateKey "rsa" | len }}\n' * 200}, {}, id="many keys"),
        pytest.param({}, {"parameters": [{"name": "a[99999999]", "value": "1"}]}, id="huge index"),
        pytest.param({}, {"parameters": [{"name": "a" + "[0]" * 2000, "value": "1"}]}, id="deep index"),
        pytest.param(
            {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + "maintainers: [null]\n"}, {}, id="null maintainer"
        ),
        pytest.param({"chart/Chart.yaml": CHART["chart/Chart.yaml"] + "dependencies: 7\n"}, {}, id="odd dependencies"),
        pytest.param({"chart/values.yaml": ALIASES}, {}, id="aliases in values"),
        pytest.param({}, {"values": ALIASES}, id="aliases in the Application"),
        pytest.param({"chart/values.yaml": "a: " + "[" * 20_000 + "]" * 20_000}, {}, id="deep values"),
        pytest.param({}, {"values": "a: " + "[" * 20_000 + "]" * 20_000}, id="deep values of the Application"),
        pytest.param({TEMPLATE: "a: " + "[" * 20_000 + "]" * 20_000}, {}, id="deep result"),
        pytest.param({TEMPLATE: "{{ fail .Release.Name }}"}, {}, id="plain failure"),
        pytest.param({}, {"parameters": [{"name": "a" + ".b" * 5000, "value": "1"}]}, id="deep integer"),
        pytest.param({"chart/.helmignore": "*a" * 5000 + "\n" + "[\n"}, {}, id="long ignore rule"),
        pytest.param({f"chart/{'b' * 200}": "", "chart/.helmignore": "*b" * 90 + "c"}, {}, id="slow ignore rule"),
        pytest.param(
            {"chart/.helmignore": "!a\n" + "[" * 900 + "]\n" + "*a*b*c\n" * 200_000}, {}, id="many ignore rules"
        ),
        pytest.param({TEMPLATE: "{{/*" + "range toYaml index " * 50_000 + '"' * 50_000}, {}, id="words of dependence"),
        pytest.param({TEMPLATE: "index " + " " * 500_000 + "values\t" * 200_000}, {}, id="blanks of dependence"),
        pytest.param({"chart/charts/x.tgz": pack({"x": b"0" * 200_000_000})}, {}, id="packed bomb"),
        pytest.param({"chart/charts/x.tgz": pack({"../../x": "a"})}, {}, id="packed path outside"),
        pytest.param({"chart/charts/x.tgz": nested(20)}, {}, id="packed in packed"),
        pytest.param({}, {"valueFiles": ["{a,b}" * 200 + "*"]}, id="exploding pattern"),
        pytest.param({}, {"valueFiles": ["**/" * 50 + "*a" * 100]}, id="slow pattern"),
    ],
)
def test_the_parent_lives_and_the_next_chart_renders(
    files: dict[str, str], options: dict[str, Any], render: Callable[..., Rendering]
) -> None:
    began = time.monotonic()
    error = failure_of(lambda: render(CHART | files, **options))
    if error is not None:
        assert error.exit_status == 2
        assert "\n" not in str(error)
        assert len(str(error)) < 1000
    assert time.monotonic() - began < TIMEOUT_S + 20
    assert len(render(CHART).objects) == 1


def test_a_chart_sees_no_cluster_and_no_names(render: Callable[..., Rendering]) -> None:
    template = (
        CHART[TEMPLATE]
        + '  lookup: {{ lookup "v1" "Secret" "" "" | toJson | quote }}\n  dns: {{ getHostByName "localhost" | quote }}\n'
    )
    data = render(CHART | {TEMPLATE: template}).objects[0][0]["data"]
    assert (data["lookup"], data["dns"]) == ("{}", "")


@pytest.mark.parametrize("function", ["env", "expandenv"])
def test_a_chart_cannot_read_the_environment(function: str, render: Callable[..., Rendering]) -> None:
    with pytest.raises(GenerationError, match=f'function "{function}" not defined'):
        render(CHART | {TEMPLATE: f'{{{{ {function} "HOME" }}}}'})


def test_a_chart_cannot_read_files_outside(render: Callable[..., Rendering]) -> None:
    template = (
        CHART[TEMPLATE]
        + '  file: {{ .Files.Get "/etc/passwd" | quote }}\n  up: {{ .Files.Get "../../etc/passwd" | quote }}\n'
    )
    data = render(CHART | {TEMPLATE: template}).objects[0][0]["data"]
    assert (data["file"], data["up"]) == ("", "")


SECRET = "s3cr3t-7f3a"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"chart/values.schema.json": '{"properties": {"password": {"pattern": "^[0-9]+$"}}}'},
            r"at '/password': the value does not match pattern",
        ),
        (
            {
                "chart/values.schema.json": '{"properties": {"password": {"format": "ipv4"}}, "$schema": "http://json-schema.org/draft-07/schema#"}'
            },
            r"at '/password': the value is not valid ipv4",
        ),
        ({"chart/values.schema.json": '{"properties": {"password": {"type": "integer"}}}'}, "got string, want integer"),
        (
            {"chart/values.schema.json": '{"properties": {"password": {"enum": ["a"]}}}'},
            r"at '/password': value must be",
        ),
        ({TEMPLATE: '{{ tpl (print "{{ " .Values.password " }}") . }}'}, r"shop/templates/settings\.yaml:1:"),
        ({TEMPLATE: '{{ tpl (print "{{ fail 1 }}" .Values.password) . }}'}, r"shop/templates/settings\.yaml:1:"),
        (
            {TEMPLATE: '{{ add1 1 | printf "%s" .Values.password | mustToDate "2006" }}'},
            r"shop/templates/settings\.yaml:1:",
        ),
        ({TEMPLATE: "{{ semver .Values.password }}"}, r"shop/templates/settings\.yaml:1:"),
        (
            {TEMPLATE: "a: {{ .Values.password }}: {{ .Values.password }}: x"},
            r"chart/templates/settings\.yaml \(rendered\):1: ",
        ),
        ({TEMPLATE: "{{ .Values.password }}"}, r"chart/templates/settings\.yaml \(rendered\)"),
        (
            {"chart/Chart.yaml": CHART["chart/Chart.yaml"] + "kubeVersion: x\n"},
            "needs Kubernetes x|improper constraint",
        ),
    ],
)
def test_messages_do_not_repeat_values(files: dict[str, str], message: str, render: Callable[..., Rendering]) -> None:
    for options in (
        {"valuesObject": {"password": SECRET}},
        {"parameters": [{"name": "password", "value": SECRET}], "kubeVersion": "1.30"},
        {"values": f"password: {SECRET}"},
    ):
        error = failure_of(lambda options=options: render(CHART | files, **options))
        if error is not None:
            assert SECRET not in str(error)
            assert re.search(message, str(error)), str(error)


@pytest.mark.parametrize(
    "options",
    [
        {"values": SECRET},
        {"values": f"- {SECRET}"},
        {"values": f"a: [{SECRET}"},
        {"values": f"a: 1\n--- {SECRET}\n"},
        {"values": f"a: !!int {SECRET}"},
        {"parameters": [{"name": "a[-1]", "value": SECRET}]},
        {"parameters": [{"name": "a", "value": f"{{{SECRET}"}]},
        {"parameters": [{"name": "a.[", "value": SECRET, "forceString": True}]},
    ],
)
def test_messages_do_not_repeat_what_cannot_be_read(options: dict[str, Any], render: Callable[..., Rendering]) -> None:
    error = failure_of(lambda: render(CHART, **options))
    assert error is not None
    assert SECRET not in str(error)


def failure_of(call: Callable[[], object]) -> ReconcilerError | None:
    """The error of ours that a call ends with; any other is the test's."""
    try:
        call()
    except ReconcilerError as error:
        return error
    return None
