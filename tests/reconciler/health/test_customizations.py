"""Which script judges an object, and what becomes of its answer."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.diff.records import Health
from reconciler.errors import SpecError, UsageError
from reconciler.health import (
    ActionScripts,
    Customization,
    Customizations,
    Layer,
    Script,
    assess_health,
    assess_readiness,
    bundled_layer,
    hook_phase,
    load_customizations,
    parse_customizations,
    parse_files,
)
from reconciler.manifest.objects import GroupVersionKind
from reconciler.scripts import ScriptError
from reconciler.terms import HealthStatus

HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN = HealthStatus
WIDGET = {"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "w"}}
KIND = GroupVersionKind.of(WIDGET)


class Answers:
    """A runner whose scripts are the names of their answers."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.calls: list[tuple[str, bool]] = []

    def run(
        self,
        script: str,
        obj: Mapping[str, Any],
        *,
        what: str,
        open_libraries: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        self.calls.append((what, open_libraries))
        answer = self._answers[script]
        if isinstance(answer, Exception):
            raise answer
        return answer


def script_of(data: Mapping[str, str], *layers: Layer, kind: GroupVersionKind = KIND) -> Script | None:
    return parse_customizations(data, *layers).health_script(kind)


BLOCK = """
shop.example/Widget:
  health.lua: from the block
  health.lua.useOpenLibs: true
"""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param(
            {"resource.customizations.health.shop.example_Widget": "text"},
            Script("text", "argocd-cm resource.customizations.health.shop.example_Widget"),
            id="key",
        ),
        pytest.param(
            {
                "resource.customizations.health.shop.example_Widget": "text",
                "resource.customizations.useOpenLibs.shop.example_Widget": "true",
            },
            Script("text", "argocd-cm resource.customizations.health.shop.example_Widget", open_libraries=True),
            id="key with open libraries",
        ),
        pytest.param(
            {"resource.customizations": BLOCK},
            Script("from the block", "argocd-cm resource.customizations shop.example/Widget", open_libraries=True),
            id="block",
        ),
        pytest.param(
            {"resource.customizations": "'*.example/*': {health.lua: wide}\nshop.*/Widget: {health.lua: narrow}"},
            Script("narrow", "argocd-cm resource.customizations shop.*/Widget"),
            id="longest pattern",
        ),
        pytest.param(
            {"resource.customizations": "'*/*': {health.lua: wide}", "resource.customizations.health._Widget": "core"},
            Script("wide", "argocd-cm resource.customizations */*"),
            id="everything",
        ),
        pytest.param(
            {"resource.customizations.health.{shop,store}.example_*": "text"},
            Script("text", "argocd-cm resource.customizations.health.{shop,store}.example_*"),
            id="choice",
        ),
        pytest.param(
            {"resource.customizations": "'*.other/*': {health.lua: text}"}, None, id="pattern of another group"
        ),
        pytest.param({"resource.customizations": "shop.example/Widget: {actions: ''}"}, None, id="no health there"),
    ],
)
def test_the_script_of_a_kind_in_argocd_cm(data: dict[str, str], expected: Script | None) -> None:
    assert script_of(data) == expected


def test_a_key_wins_over_the_block() -> None:
    found = script_of({"resource.customizations": BLOCK, "resource.customizations.health.shop.example_Widget": "key"})
    assert found is not None
    assert found.text == "key"


def test_core_kinds_have_no_group() -> None:
    found = script_of(
        {"resource.customizations.health.ConfigMap": "text"}, kind=GroupVersionKind("", "v1", "ConfigMap")
    )
    assert found is not None
    assert script_of({"resource.customizations.health.ConfigMap": "text"}) is None


def test_settings_come_before_a_directory_and_exact_before_patterns() -> None:
    directory = parse_files({"shop.example/Widget/health.lua": "d", "_.example/_/health.lua": "w"}, origin="dir")
    found = script_of({}, directory)
    assert found == Script("d", "dir/shop.example/Widget/health.lua", open_libraries=True)
    assert script_of({}, directory, kind=GroupVersionKind("x.example", "v1", "Any")) == Script(
        "w", "dir/_.example/_/health.lua", open_libraries=True
    )
    assert script_of({"resource.customizations": "'*/*': {health.lua: settings}"}, directory).text == "settings"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"resource.customizations.health.": "x"},
            "argocd-cm: data[resource.customizations.health.]: expected resource.customizations.health.<group>_<Kind>",
        ),
        (
            {"resource.customizations.health.a_b_c": "x"},
            "argocd-cm: data[resource.customizations.health.a_b_c]: expected resource.customizations.health.<group>_<Kind>",
        ),
        (
            {"resource.customizations": "- a"},
            "argocd-cm: data[resource.customizations]: expected a mapping by <group>/<Kind>",
        ),
        (
            {"resource.customizations": "a/B: {health.lua: [1]}"},
            "argocd-cm: a/B.health.lua: must be text",
        ),
        (
            {"resource.customizations": "a/B: {health.lua: x, health.lua.useOpenLibs: perhaps}"},
            "argocd-cm: a/B.health.lua.useOpenLibs: 'perhaps' is neither true nor false",
        ),
        (
            {"resource.customizations.actions.a_B": "definitions: [{name: x}]"},
            "argocd-cm: a/B.actions.definitions[0]: expected name and action.lua",
        ),
        (
            {"resource.customizations.actions.a_B": "[1]"},
            "argocd-cm: a/B.actions: expected a mapping with discovery.lua and definitions",
        ),
        ({"health.kstatus.enabled": "off"}, "argocd-cm: data[health.kstatus.enabled]: 'off' is neither true nor false"),
    ],
)
def test_settings_that_cannot_be_read(data: dict[str, str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_customizations(data)
    assert str(caught.value) == message


def test_a_broken_block_says_where() -> None:
    with pytest.raises(
        SpecError, match=r"argocd-cm: data\[resource.customizations\]: argocd-cm resource.customizations:1"
    ):
        parse_customizations({"resource.customizations": "a: ["})


def test_conventions_are_on_unless_switched_off() -> None:
    assert parse_customizations({}).kstatus
    assert not parse_customizations({"health.kstatus.enabled": "false"}).kstatus


LAYERS = Layer({"shop.example/Widget": Customization(health=Script("answer", "test"))})
SCRIPTED = Customizations((LAYERS,))
EXPECTED = "expected one of Healthy, Suspended, Progressing, Missing, Degraded, Unknown"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"status": "Healthy"}, Health(HEALTHY)),
        ({"status": "Degraded", "message": "broken"}, Health(DEGRADED, "broken")),
        ({"status": "Degraded", "message": "x" * 5000}, Health(DEGRADED, "x" * 4000)),
        (None, None),
        ([], Health(UNKNOWN, "test: expected a table with status and message, not an empty table")),
        ([1], Health(UNKNOWN, "test: expected a table with status and message, not a list")),
        ("Healthy", Health(UNKNOWN, "test: expected a table with status and message, not a string")),
        (True, Health(UNKNOWN, "test: expected a table with status and message, not a boolean")),
        ({}, Health(UNKNOWN, f"test: status is a nil, {EXPECTED}")),
        ({"status": "Fine"}, Health(UNKNOWN, f"test: status is 'Fine', {EXPECTED}")),
        ({"status": {"a": 1}}, Health(UNKNOWN, f"test: status is a table, {EXPECTED}")),
        ({"status": "Healthy", "message": 3}, Health(UNKNOWN, "test: message must be a string, not a number")),
        (ScriptError("test: line 1: no"), Health(UNKNOWN, "test: line 1: no")),
    ],
)
def test_what_becomes_of_an_answer(answer: Any, expected: Health | None) -> None:
    assert assess_health(WIDGET, customizations=SCRIPTED, runner=Answers(answer=answer)) == expected


def test_a_script_is_not_asked_about_what_is_being_deleted() -> None:
    runner = Answers()
    deleted = {**WIDGET, "metadata": {"name": "w", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    assert assess_health(deleted, customizations=SCRIPTED, runner=runner) == Health(PROGRESSING, "Pending deletion")
    assert runner.calls == []


def test_a_script_comes_before_a_rule_of_the_kind() -> None:
    layer = Layer({"apps/Deployment": Customization(health=Script("answer", "test", open_libraries=True))})
    runner = Answers(answer={"status": "Suspended"})
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
    assert assess_health(deployment, customizations=Customizations((layer,)), runner=runner) == Health(SUSPENDED)
    assert runner.calls == [("test", True)]


def test_nil_leaves_an_object_to_the_rule_of_its_kind() -> None:
    layer = Layer({"v1/Service": Customization(), "*": Customization(health=Script("answer", "test"))})
    customizations = Customizations((layer,))
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}
    assert assess_health(service, customizations=customizations, runner=Answers(answer=None)) == Health(HEALTHY)
    observed = {**WIDGET, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert assess_health(observed) == Health(HEALTHY)
    assert assess_health(observed, customizations=customizations, runner=Answers(answer=None)) is None


def test_hooks_and_waves_use_scripts_too() -> None:
    runner = Answers(answer={"status": "Degraded", "message": "no"})
    assert hook_phase(WIDGET, customizations=SCRIPTED, runner=runner) == ("Failed", "no")
    assert assess_readiness(WIDGET, customizations=SCRIPTED, runner=runner) == Health(DEGRADED, "no")


def test_a_directory_comes_before_our_own(tmp_path: Path) -> None:
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "c"}}
    waiting = Health(PROGRESSING, "Waiting for the certificate to be issued")
    assert assess_health(certificate, customizations=load_customizations()) == waiting
    folder = tmp_path / "cert-manager.io" / "Certificate"
    folder.mkdir(parents=True)
    (folder / "health.lua").write_text("return { status = 'Suspended', message = obj.metadata.name }")
    assert assess_health(certificate, customizations=str(tmp_path)) == Health(SUSPENDED, "c")
    assert assess_health(certificate, customizations=tmp_path) == Health(SUSPENDED, "c")
    issuer = {**certificate, "kind": "Issuer"}
    assert assess_health(issuer, customizations=tmp_path) == Health(PROGRESSING, "Waiting for the issuer to be set up")


def test_without_customizations_no_script_is_run() -> None:
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"name": "c"}}
    assert assess_health(certificate, runner=Answers()) is None


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"nowhere: not a directory; expected one laid out as <group>/<Kind>/health.lua"
    ):
        assess_health(WIDGET, customizations=tmp_path / "nowhere")


def test_our_own_cover_the_kinds_in_common_use() -> None:
    assert sum(entry.health is not None for entry in bundled_layer().entries.values()) >= 60


def test_actions_of_a_directory() -> None:
    files = {"apps/Deployment/actions/discovery.lua": "d", "apps/Deployment/actions/restart/action.lua": "r"}
    entry = parse_files(files, origin="dir").entries["apps/Deployment"]
    assert entry.health is None
    assert entry.actions == ActionScripts(
        Script("d", "dir/apps/Deployment/actions/discovery.lua", open_libraries=True),
        {"restart": Script("r", "dir/apps/Deployment/actions/restart/action.lua", open_libraries=True)},
    )


def test_other_files_of_a_directory_are_nothing() -> None:
    files = {"health.lua": "x", "a/b/c/health.lua": "x", "a/b/helper.lua": "x", "a/b/actions/x.lua": "x"}
    assert parse_files(files, origin="dir") == Layer({})


def test_the_patterns_of_a_layer_are_found_once() -> None:
    class Counted(dict[str, Customization]):
        iterated = 0

        def __iter__(self) -> Iterator[str]:
            self.iterated += 1
            return super().__iter__()

    entries = Counted({"*/Widget": Customization(health=Script("wide", "test")), "v1/Service": Customization()})
    layer = Layer(entries)
    assert [entry.health.text for entry in layer.find(KIND) if entry.health] == ["wide"]
    assert list(layer.find(GroupVersionKind("", "v1", "Pod"))) == []
    assert entries.iterated == 1
