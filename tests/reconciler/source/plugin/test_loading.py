from pathlib import Path

import pytest

from reconciler.errors import GenerationError, SpecError
from reconciler.source.plugin.definition import DEFAULT_PATH, Discovery, Plugin, Plugins
from reconciler.source.plugin.loading import load_plugins

WHOLE = """
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: my-plugin
  annotations: {plugin.gitops-nb/path: /opt/bin, plugin.gitops-nb/environment: TOKEN}
spec:
  version: v1.0
  init: {command: [sh], args: [-c, echo]}
  generate: {command: [sh, -c], args: [cat x]}
  discover: {fileName: ./s*.yaml, find: {glob: "**/Chart.yaml", command: [sh], args: [-c, ls]}}
  parameters:
    static: [{name: a, string: b}]
    dynamic: {command: [echo], args: ["[]"]}
  preserveFileMode: true
  provideGitCreds: false
  lockRepo: false
"""
SMALL = "kind: ConfigManagementPlugin\nmetadata: {name: %s}\nspec: {generate: {command: [cat]}}\n"


def test_a_whole_definition(tmp_path: Path) -> None:
    (tmp_path / "plugin.yaml").write_text(WHOLE)
    assert load_plugins(tmp_path).get("my-plugin-v1.0", field="f") == Plugin(
        name="my-plugin-v1.0",
        init=("sh", "-c", "echo"),
        generate=("sh", "-c", "cat x"),
        discovery=Discovery("./s*.yaml", "**/Chart.yaml", ("sh", "-c", "ls")),
        announcements=({"name": "a", "string": "b"},),
        dynamic=("echo", "[]"),
        preserve_file_mode=True,
        path="/opt/bin",
        environment=("TOKEN",),
    )


def test_where_files_are_found(tmp_path: Path) -> None:
    for name in (
        "b.yaml",
        "a.yml",
        "sub/plugin.yaml",
        "sub/other.yaml",
        "..data/plugin.yaml",
        ".hidden.yaml",
        "note.txt",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(SMALL % name.replace("/", "-").replace("..", "x").lstrip("."))
    plugins = load_plugins(tmp_path)
    assert [plugin.name for plugin in plugins] == ["a.yml", "b.yaml", "sub-plugin.yaml"]
    assert [plugin.path for plugin in plugins] == [DEFAULT_PATH] * 3
    assert len(plugins) == 3
    assert "a.yml" in plugins


def test_every_violation_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "kind: Plugin\nmetadata: {name: ../x, annotations: {plugin.gitops-nb/pat: x, plugin.gitops-nb/path: bin,"
        " plugin.gitops-nb/environment: 'A-B', plugin.gitops-nb/files: all}}\n"
        "spec: {version: 1.0, generate: {args: [x]}, init: {command: sh}, discover: {find: {command: [./find.sh]}},\n"
        "  parameters: {static: [1]}, provideGitCreds: true, preserveFileMode: 'yes', generat: {}}\n"
    )
    (tmp_path / "b.yaml").write_text(SMALL % "b")
    (tmp_path / "c.yaml").write_text(SMALL % "b")
    (tmp_path / "d.yaml").write_text("- 1\n")
    (tmp_path / "e.yaml").write_text("a: [\n")
    with pytest.raises(SpecError) as caught:
        load_plugins(tmp_path)
    assert [violation.path for violation in caught.value.violations] == [
        "a.yaml: kind",
        "a.yaml: metadata.annotations[plugin.gitops-nb/environment]",
        "a.yaml: metadata.annotations[plugin.gitops-nb/files]",
        "a.yaml: metadata.annotations[plugin.gitops-nb/pat]",
        "a.yaml: metadata.annotations[plugin.gitops-nb/path]",
        "a.yaml: metadata.name",
        "a.yaml: spec.discover.find.command",
        "a.yaml: spec.generat",
        "a.yaml: spec.generate.command",
        "a.yaml: spec.init.command",
        "a.yaml: spec.parameters.static",
        "a.yaml: spec.preserveFileMode",
        "a.yaml: spec.provideGitCreds",
        "a.yaml: spec.version",
        "c.yaml: metadata.name",
        "d.yaml",
        "e.yaml",
    ]
    assert "plugins are never given Git credentials; set it to false" in str(caught.value)
    assert "./find.sh' would be a program of the repository" in str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"the plugin folder '.*/none' is not there"):
        load_plugins(tmp_path / "none")


def test_a_name_that_is_not_there() -> None:
    plugins = Plugins({"b-1": Plugin("b-1", ("x",)), "a": Plugin("a", ("x",))})
    with pytest.raises(
        GenerationError, match=r"^spec\.source\.plugin\.name: there is no plugin 'b'; there are: a, b-1 "
    ):
        plugins.get("b", field="spec.source.plugin.name")
    with pytest.raises(GenerationError, match="no plugins are set up"):
        Plugins({}).get("b", field="f")
    assert Plugins({}).digest != plugins.digest
