import json
from typing import Any

import pytest

from reconciler.errors import GenerationError, SpecError
from reconciler.source.plugin.render import render_plugin
from reconciler.source.plugin.run import PluginRun
from reconciler.source.target import SourceType
from tests.reconciler.source.plugin.conftest import VARIABLES, Ask, Load

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def shell(script: str, **more: Any) -> dict[str, Any]:
    """A plugin that generates with a shell script."""
    return {"generate": {"command": ["sh", "-c"], "args": [script]}, **more}


def environment(load: Load, ask: Ask, plugin: dict[str, Any], **spec: Any) -> dict[str, str]:
    """What a plugin finds in its environment."""
    script = (
        "import json, os; print(json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'a'},"
        "'data': dict(os.environ)}))"
    )
    plugins = load(dump={"generate": {"command": ["python3", "-I", "-c", script]}, **spec})
    data = render_plugin(ask(plugins, plugin={"name": "dump"} | plugin)).objects[0][0]["data"]
    assert isinstance(data, dict)
    return data


def test_init_and_generate_run_in_the_application_of_a_private_copy(load: Load, ask: Ask) -> None:
    script = 'cat made; printf "%s\\n" "---"; cat ../shared/b.yaml; pwd >&2'
    plugins = load(cat=shell(script, init={"command": ["sh", "-c", "echo noise; cat a.yaml > made"]}))
    files = {"app/a.yaml": CONFIG_MAP, "shared/b.yaml": CONFIG_MAP.replace("a}", "b}")}
    rendering = render_plugin(ask(plugins, files, plugin={"name": "cat"}))
    assert rendering.source_type is SourceType.PLUGIN
    assert [obj["metadata"]["name"] for obj, _ in rendering.objects] == ["a", "b"]


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        ('{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}', ["a"]),
        ("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}", ["b"]),
        ("", []),
        ("# nothing\n---\n", []),
    ],
)
def test_what_counts_as_manifests(printed: str, names: list[str], load: Load, ask: Ask) -> None:
    plugins = load(echo={"generate": {"command": ["printf", "%s", printed]}})
    rendering = render_plugin(ask(plugins, plugin={"name": "echo"}))
    assert [obj["metadata"]["name"] for obj, _ in rendering.objects] == names


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("Downloading charts ...\n" + CONFIG_MAP, "holds what is no manifest, such as 'Downloading charts ...'"),
        (CONFIG_MAP + "---\nDone with hunter2hunter2\n", r"such as 'Done with \+\+\+\+\+\+\+\+'"),
        ("Done " + "x" * 500, "such as 'Done x{75}…'"),
        ("a: [", "stdout holds what is no manifest; print manifests only, and messages to stderr"),
        ("- 1\n", "holds what is no manifest"),
    ],
)
def test_prose_on_stdout(printed: str, message: str, load: Load, ask: Ask) -> None:
    plugins = load(echo={"generate": {"command": ["printf", "%s", printed]}})
    request = ask(plugins, plugin={"name": "echo", "env": [{"name": "TOKEN", "value": "hunter2hunter2"}]})
    with pytest.raises(GenerationError, match=message) as caught:
        render_plugin(request)
    assert str(caught.value).startswith("spec.source: plugin echo: generate (printed): ")
    assert "hunter2" not in str(caught.value)


def test_a_mapping_that_is_no_object(load: Load, ask: Ask) -> None:
    plugins = load(echo={"generate": {"command": ["echo", "level: info"]}})
    with pytest.raises(SpecError, match=r"plugin echo: generate \(printed\): .*kind"):
        render_plugin(ask(plugins, plugin={"name": "echo"}))


@pytest.mark.parametrize("stage", ["init", "generate"])
def test_a_failure_shows_the_end_of_stderr_masked(stage: str, load: Load, ask: Ask) -> None:
    script = (
        'echo "$ARGOCD_ENV_TOKEN $PARAM_KEY $PARAM_LIST_0 https://bot:pw@example.com/x" >&2;'
        ' printf "%s" "$ARGOCD_ENV_TOKEN" | base64 >&2; exit 3'
    )
    bad = {"command": ["sh", "-c", script]}
    plugins = load(fail={"generate": {"command": ["true"]}} | {stage: bad})
    parameters = [{"name": "key", "string": "sesame-open"}, {"name": "list", "array": ["first-secret"]}]
    env = [{"name": "TOKEN", "value": "hunter2-$ARGOCD_APP_NAME"}]
    with pytest.raises(GenerationError) as caught:
        render_plugin(ask(plugins, plugin={"name": "fail", "env": env, "parameters": parameters}))
    assert str(caught.value) == (
        f"spec.source: plugin fail: {stage} of app ended with status 3: "
        "++++++++ ++++++++ ++++++++ https://++++++++@example.com/x ++++++++"
    )


def test_a_long_stderr_is_cut_to_its_end(load: Load, ask: Ask) -> None:
    plugins = load(fail=shell("seq 1 2000 >&2; exit 1"))
    with pytest.raises(GenerationError) as caught:
        render_plugin(ask(plugins, plugin={"name": "fail"}))
    said = str(caught.value).partition("status 1: ")[2]
    assert said.startswith("…")
    assert said.endswith("1999 2000")
    assert len(said) == 501


def test_a_program_that_is_not_there(load: Load, ask: Ask) -> None:
    plugins = load(none={"generate": {"command": ["no-such-program"]}})
    with pytest.raises(GenerationError, match="status 127: no-such-program cannot be started: No such file"):
        render_plugin(ask(plugins, plugin={"name": "none"}))


def test_the_environment(load: Load, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "secret-7f3a")
    env = [
        {"name": "REV", "value": "test-$ARGOCD_APP_NAME-$CANARY-$$x"},
        {"name": "EMPTY", "value": ""},
        {"name": "TWICE", "value": "1"},
        {"name": "TWICE", "value": "2"},
    ]
    found = environment(load, ask, {"env": env})
    assert {name: found.pop(name) for name in VARIABLES} == VARIABLES
    assert found.pop("HOME") == found.pop("TMPDIR")
    found.pop("LC_CTYPE", None)
    assert found == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "ARGOCD_ENV_REV": "test-shop--$x",
        "ARGOCD_ENV_TWICE": "2",
        "ARGOCD_APP_PARAMETERS": "null",
    }


def test_parameters(load: Load, ask: Ask) -> None:
    parameters = [
        {"name": "values-files", "array": ["values-dev.yaml", "b"]},
        {"name": "helm-parameters", "map": {"image.tag": "v1.2.3", "a": "<é>"}},
        {"name": "plain", "string": "text"},
        {"name": "none"},
        {"name": "empty", "array": [], "map": {}, "string": ""},
    ]
    found = environment(load, ask, {"parameters": parameters})
    assert {name: value for name, value in found.items() if name.startswith("PARAM_")} == {
        "PARAM_VALUES_FILES_0": "values-dev.yaml",
        "PARAM_VALUES_FILES_1": "b",
        "PARAM_HELM_PARAMETERS_IMAGE_TAG": "v1.2.3",
        "PARAM_HELM_PARAMETERS_A": "<é>",
        "PARAM_PLAIN": "text",
    }
    assert found["ARGOCD_APP_PARAMETERS"] == (
        '[{"array":["values-dev.yaml","b"],"name":"values-files"},'
        '{"map":{"a":"\\u003cé\\u003e","image.tag":"v1.2.3"},"name":"helm-parameters"},'
        '{"name":"plain","string":"text"},{"name":"none"},{"array":[],"map":{},"name":"empty","string":""}]'
    )
    assert json.loads(found["ARGOCD_APP_PARAMETERS"])[1]["map"]["a"] == "<é>"


def test_variables_that_the_operator_passes_on(load: Load, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "s.very-secret")
    monkeypatch.delenv("VAULT_ADDR", raising=False)
    annotations = {
        "plugin.gitops-nb/path": "/opt/x:/usr/bin:/bin",
        "plugin.gitops-nb/environment": "VAULT_TOKEN, VAULT_ADDR",
    }
    script = 'echo "$VAULT_TOKEN $PATH" >&2; exit 1'
    plugins = load(vault={"metadata": {"name": "vault", "annotations": annotations}, "spec": shell(script)})
    with pytest.raises(GenerationError, match=r"status 1: \+\+\+\+\+\+\+\+ /opt/x:/usr/bin:/bin$"):
        render_plugin(ask(plugins, plugin={"name": "vault"}))
    before = plugins.digest
    monkeypatch.setenv("VAULT_TOKEN", "s.another-secret")
    assert load().digest != before, "what is passed on belongs to a render's key"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ([{"name": "A=B", "value": "x"}], r"env\[0\]\.name: 'A=B' is not the name of a variable"),
        ([{"name": "", "value": "x"}], r"env\[0\]\.name: '' is not the name of a variable"),
        ([{"name": "A", "value": "x\0y"}], "the value of ARGOCD_ENV_A holds a NUL character"),
    ],
)
def test_variables_that_cannot_be(env: list[Any], message: str, load: Load, ask: Ask) -> None:
    plugins = load(true={"generate": {"command": ["true"]}})
    with pytest.raises(GenerationError, match=message):
        render_plugin(ask(plugins, plugin={"name": "true", "env": env}))


def test_what_is_read_and_what_is_a_programs_mode(load: Load, ask: Ask, git_repository: Any) -> None:
    script = "ls -R .. >&2; test -x run.sh && echo executable >&2; exit 1"
    annotations = {"plugin.gitops-nb/files": "application"}
    plugins = load(
        all=shell(script), own={"metadata": {"name": "own", "annotations": annotations}, "spec": shell(script)}
    )
    origin = git_repository({"app/run.sh": "#!/bin/sh\n", "other/b.txt": "b"})
    (origin.path / "app/run.sh").chmod(0o755)
    origin.commit({})
    seen = {}
    for name in ("all", "own"):
        request = ask(plugins, origin, plugin={"name": name})
        with pytest.raises(GenerationError) as caught:
            render_plugin(request)
        assert "executable" not in str(caught.value)
        assert request.observations.variables == VARIABLES
        files = {path for kind, path, _ in request.observations.tree("") if kind == "file"}
        seen[name] = (files, "b.txt" in str(caught.value))
    assert seen == {"all": ({"app/run.sh", "other/b.txt"}, True), "own": ({"app/run.sh"}, False)}


def test_the_mode_of_files_is_kept_on_request(load: Load, ask: Ask, git_repository: Any) -> None:
    origin = git_repository(
        {
            "app/sub/run.sh": "#!/bin/sh\n",
            "app/gen": "#!/bin/sh\nls -l sub/run.sh a.txt | cut -c1-10 >&2; exit 1",
            "app/a.txt": "",
        }
    )
    for name in ("app/sub/run.sh", "app/gen"):
        (origin.path / name).chmod(0o755)
    origin.commit({})
    plugins = load(keep={"generate": {"command": ["./gen"]}, "preserveFileMode": True})
    with pytest.raises(GenerationError, match=r"status 1: -rw------- -rwx------$"):
        render_plugin(ask(plugins, origin, plugin={"name": "keep"}))


def test_the_private_copy_is_removed(load: Load, ask: Ask) -> None:
    plugins = load(pwd=shell("true"))
    with PluginRun(ask(plugins, plugin={"name": "pwd"}), next(iter(plugins))) as run:
        folder = run._folder
        assert folder.is_dir()
        assert folder.parents[1].stat().st_mode & 0o777 == 0o700
    assert not folder.exists()
