"""Whatever is wrong with a source: one line that names source, tool and path, and other Applications go on."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.source import Generator, RepositoryCache
from reconciler.source.plugin.loading import load_plugins
from reconciler.terms import ConditionType
from tests.reconciler.source.support import CHART, application, config_map
from tests.repositories import GitRepository

Files = Mapping[str, str]

PLUGINS = {
    "prose.yaml": "print('Rendering, please wait ...')",
    "failing.yaml": "import sys; sys.stderr.write('token canary-4711 refused'); sys.exit(3)",
}
GOOD = {"good/a.yaml": config_map("good")}


def chart(**more: str) -> dict[str, str]:
    return {key.replace("chart/", "app/"): text for key, text in CHART.items()} | {
        f"app/{name.replace('__', '/')}": text for name, text in more.items()
    }


NEEDY = (
    "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
    "dependencies: [{name: db, version: 1.0.0, repository: 'https://charts.example.com'}]\n"
)

CASES: dict[str, tuple[Files, dict[str, Any], str, str]] = {
    "a chart without its dependency": (chart() | {"app/Chart.yaml": NEEDY}, {}, "Helm", r"not in charts/: db 1\.0\.0"),
    "values against the schema": (
        chart() | {"app/values.schema.json": '{"properties": {"colour": {"type": "integer"}}}', "app/values.yaml": "colour: x\n"},
        {},
        "Helm",
        r"at '/colour': got string, want integer",
    ),
    "a template error": (
        chart() | {"app/templates/x.yaml": "a: b\nc: {{ .Values.a.b.c }}\n"},
        {},
        "Helm",
        r"templates/x\.yaml:2:\d+ .*nil pointer evaluating",
    ),
    "a value file that is not there": (
        chart(),
        {"helm": {"valueFiles": ["prod.yaml"]}},
        "helm",
        r"helm\.valueFiles\[0\]: there is no 'prod\.yaml'",
    ),
    "bases that refer to each other": (
        {"app/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../app]\n"},
        {},
        "Kustomize",
        r"^b/kustomization\.yaml: resources\[0\]: bases refer to each other: 'app' -> 'b' -> 'app'",
    ),
    "a base that is not there": (
        {"app/kustomization.yaml": "resources: [../b]\n"},
        {},
        "Kustomize",
        r"^app/kustomization\.yaml: resources\[0\]: '\.\./b' is not in",
    ),
    "jsonnet that fails": (
        {"app/x.jsonnet": "local f(x) = error 'boom ' + x;\n{a: f('y')}\n"},
        {},
        "Directory",
        r"app/x\.jsonnet: boom y \(at app/x\.jsonnet:1:\d+-\d+ function <f> ‹ app/x\.jsonnet:2|boom y \(at app/x\.jsonnet:1",
    ),
    "a plugin that prints prose": (
        {"app/x": ""},
        {"plugin": {"name": "prose"}},
        "Plugin",
        r"plugin prose.*(YAML|manifest|object)",
    ),
    "a plugin that fails": (
        {"app/x": ""},
        {"plugin": {"name": "failing", "env": [{"name": "TOKEN", "value": "canary-4711"}]}},
        "Plugin",
        r"plugin failing.*status 3.*token .* refused",
    ),
    "a manifest of 100 MB": (
        {"app/a.yaml": "a" * 100_000_000},
        {},
        "directory",
        r"have more than 10 MB together; split them, or leave files out with directory\.exclude",
    ),
    "text that is no YAML": ({"app/a.yaml": "kind: [\n"}, {}, "Directory", r"^app/a\.yaml:1: "),
    "an object without a kind": (
        {"app/a.yaml": "apiVersion: v1\nmetadata: {name: a}\n"},
        {},
        "Directory",
        r"^app/a\.yaml: kind: must be a non-empty string",
    ),
}  # fmt: skip


@pytest.fixture
def generator(tmp_path: Path) -> Iterator[Generator]:
    folder = tmp_path / "plugins"
    folder.mkdir()
    for file, script in PLUGINS.items():
        name = file.removesuffix(".yaml")
        command = [sys.executable, "-c", script]
        (folder / file).write_text(
            f"apiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {{name: {name}}}\n"
            f"spec: {{generate: {{command: {command!r}}}}}\n"
        )
    with RepositoryCache(tmp_path / "mirrors") as repositories:
        yield Generator(repositories, plugins=load_plugins(folder))


@pytest.mark.parametrize(("files", "options", "tool", "message"), CASES.values(), ids=CASES)
def test_bad_input_is_one_line_and_others_go_on(
    git_repository: Callable[[Files], GitRepository],
    generator: Generator,
    files: Files,
    options: dict[str, Any],
    tool: str,
    message: str,
) -> None:
    origin = git_repository({**files, **GOOD})
    with pytest.raises(GenerationError, match=message) as caught:
        generator.generate(application({"repoURL": origin.url, "path": "app", **options}))
    text = str(caught.value)
    assert caught.value.condition is ConditionType.COMPARISON
    assert "\n" not in text
    assert len(text) < 2000
    assert "canary" not in text
    for part in ("spec.source", tool, "app", str(origin.path)):
        assert part in text
    good = generator.generate(application({"repoURL": origin.url, "path": "good"}, name="good"))
    assert [sourced.manifest["metadata"]["name"] for sourced in good.manifests] == ["good"]


def test_an_empty_render_is_none(git_repository: Callable[[Files], GitRepository], generator: Generator) -> None:
    """Whether nothing may replace something is decided by ``allowEmpty`` when a sync would prune it all."""
    origin = git_repository({"app/README.md": "nothing"})
    assert generator.generate(application({"repoURL": origin.url, "path": "app"})).manifests == ()
