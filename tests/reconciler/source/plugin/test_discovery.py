import logging
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.source.plugin.announcements import Announcement, announce_parameters
from reconciler.source.plugin.discovery import choose_plugin, discover
from tests.reconciler.source.plugin.conftest import Ask, Load

GENERATE = {"command": ["true"]}
FILES = {"app/settings.yaml": "", "app/deep/er/Chart.yaml": "", "app/deep/x.txt": "", "env.yaml": "", "[x]/a.txt": ""}


def finds(**rule: Any) -> dict[str, Any]:
    """A plugin with a discovery rule."""
    return {"generate": GENERATE, "discover": rule}


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ({"fileName": "settings.yaml"}, "app", True),
        ({"fileName": "./s*.yaml"}, "app", True),
        ({"fileName": "deep"}, "app", True),
        ({"fileName": "*/x.txt"}, "app", True),
        ({"fileName": "**/Chart.yaml"}, "app", False),
        ({"fileName": "{settings,x}.yaml"}, "app", False),
        ({"fileName": "s[^x]ttings.yaml"}, "app", True),
        ({"fileName": "s[^e]ttings.yaml"}, "app", False),
        ({"fileName": "../env.yaml"}, "app", True),
        ({"fileName": "a.txt"}, "[x]", True),
        ({"find": {"glob": "**/Chart.yaml"}}, "app", True),
        ({"find": {"glob": "**/settings.yaml"}}, "app", True),
        ({"find": {"glob": "{settings,x}.yaml"}}, "app", True),
        ({"find": {"glob": "*/Chart.yaml"}}, "app", False),
        ({"find": {"glob": "**/env.yaml"}}, "app", False),
        ({"find": {"command": ["sh", "-c", "find . -name Chart.yaml"]}}, "app", True),
        ({"find": {"command": ["sh", "-c", "find . -name env.yaml"]}}, "app", False),
        ({"find": {"command": ["sh", "-c"], "args": ["echo $ARGOCD_APP_NAME"]}}, "app", True),
        ({"fileName": "none", "find": {"glob": "**"}}, "app", False),
        ({}, "app", False),
    ],
)
def test_rules(rule: dict[str, Any], path: str, fits: bool, load: Load, ask: Ask) -> None:
    assert discover(ask(load(a=finds(**rule)), FILES, path=path)) == ("a" if fits else None)


def test_the_first_by_name_is_taken(load: Load, ask: Ask) -> None:
    plugins = load(c=finds(fileName="*"), b=finds(fileName="settings.yaml"), a=finds(fileName="none"))
    assert discover(ask(plugins, FILES)) == "b"
    assert discover(ask(None, FILES)) is None


def test_a_rule_that_fails_is_passed_over(load: Load, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    plugins = load(
        a=finds(find={"command": ["sh", "-c", "echo x; exit 1"]}), b=finds(fileName="../../x"), c=finds(fileName="s*")
    )
    with caplog.at_level(logging.WARNING):
        assert discover(ask(plugins, FILES)) == "c"
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "plugin a is passed over",
        "plugin b is passed over",
    ]


def test_what_was_looked_for_is_noted(load: Load, ask: Ask) -> None:
    request = ask(load(a=finds(fileName="none.yaml"), b=finds(fileName="s*")), FILES)
    assert discover(request) == "b"
    kinds = {(kind, path) for kind, path, _ in request.observations.tree("")}
    assert {("nothing", "app/none.yaml"), ("names", "app")} <= kinds


def test_a_named_plugin_must_want_the_application(load: Load, ask: Ask) -> None:
    plugins = load(
        any={"generate": GENERATE}, charts=finds(fileName="Chart.yaml"), settings=finds(fileName="settings.yaml")
    )
    for name in ("any", "settings"):
        assert choose_plugin(ask(plugins, FILES, plugin={"name": name})).name == name
    with pytest.raises(GenerationError, match=r"plugin\.name: the discovery rule of plugin charts does not fit app in"):
        choose_plugin(ask(plugins, FILES, plugin={"name": "charts"}))
    assert choose_plugin(ask(plugins, FILES, plugin={})).name == "settings"
    with pytest.raises(GenerationError, match=r"^spec\.source\.plugin: no discovery rule of a plugin fits app/deep in"):
        choose_plugin(ask(plugins, FILES, path="app/deep", plugin={}))
    with pytest.raises(GenerationError, match="no plugins are set up for app in"):
        choose_plugin(ask(None, FILES, plugin={}))


def test_announcements(load: Load, ask: Ask) -> None:
    static = [
        {"name": "a", "title": "A", "tooltip": "t", "required": True, "collectionType": "array", "array": ["x"]},
        {"name": "m", "collectionType": "map", "map": {"k": "v"}, "itemType": "number"},
    ]
    dynamic = {"command": ["sh", "-c", 'printf \'[{"name": "%s", "string": "d"}]\' "$(cat settings.yaml)"']}
    plugins = load(a={"generate": GENERATE, "parameters": {"static": static, "dynamic": dynamic}})
    assert announce_parameters(ask(plugins, FILES | {"app/settings.yaml": "dyn"}, plugin={"name": "a"})) == (
        Announcement("dyn", string="d"),
        Announcement("a", title="A", tooltip="t", required=True, collection_type="array", array=("x",)),
        Announcement("m", collection_type="map", map={"k": "v"}, item_type="number"),
    )


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("nothing", "parameters.dynamic printed no JSON on stdout"),
        ("{}", "parameters.dynamic printed no list of announcements"),
        ("[1]", r"parameters\[0\]: not an announcement"),
        ('[{"name": "a", "array": "x"}]', r"parameters\[0\]: array must be a list"),
        ('[{"name": "a", "title": 1}]', r"parameters\[0\]: .* must be texts"),
    ],
)
def test_announcements_that_are_none(printed: str, message: str, load: Load, ask: Ask) -> None:
    plugins = load(a={"generate": GENERATE, "parameters": {"dynamic": {"command": ["echo", printed]}}})
    with pytest.raises(GenerationError, match=message):
        announce_parameters(ask(plugins, FILES, plugin={"name": "a"}))
