"""Resource actions: what discovery says, and what an action would create or patch."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from reconciler.errors import SpecError, UsageError
from reconciler.health import (
    ActionOperation,
    ActionParameter,
    ActionResult,
    ResourceAction,
    discover_actions,
    load_customizations,
    parse_customizations,
    parse_files,
    run_action,
)
from reconciler.scripts import LuaScripts, ScriptError

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {}},
    "spec": {
        "replicas": 2,
        "template": {"spec": {"securityContext": {}, "containers": [{"name": "a", "env": [], "resources": {}}]}},
    },
}
KEY = "resource.customizations.actions.apps_Deployment"


@pytest.fixture(scope="module")
def runner() -> Iterator[LuaScripts]:
    scripts = LuaScripts(size=1)
    yield scripts
    scripts.close()


def settings(discovery: str = "return {}", *, merge: bool = False, **actions: str) -> Mapping[str, str]:
    def block(name: str, text: str, indent: str) -> str:
        return f"{indent}{name}: |\n" + "".join(f"{indent}  {line}\n" for line in text.splitlines())

    definitions = "".join(f"- name: {name}\n{block('action.lua', text, '  ')}" for name, text in actions.items())
    merged = "mergeBuiltinActions: true\n" if merge else ""
    return {KEY: f"{merged}{block('discovery.lua', discovery, '')}definitions:\n{definitions}"}


def test_actions_that_discovery_finds(runner: LuaScripts) -> None:
    discovery = """
actions = {}
actions["stop"] = {["disabled"] = obj.spec.replicas == 0, ["iconClass"] = "fa fa-stop"}
actions["plain"] = {}
actions["listed"] = {true}
actions["scale"] = {displayName = "Scale", params = {{name = "replicas", default = tostring(obj.spec.replicas)}}}
return actions
"""
    found = discover_actions(WEB, customizations=parse_customizations(settings(discovery)), runner=runner)
    assert found == (
        ResourceAction("listed"),
        ResourceAction("plain"),
        ResourceAction("scale", display_name="Scale", parameters=(ActionParameter("replicas", default="2"),)),
        ResourceAction("stop", icon_class="fa fa-stop"),
    )


def test_a_kind_without_actions_has_none(runner: LuaScripts) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    assert discover_actions(service, customizations=load_customizations(), runner=runner) == ()
    assert discover_actions(WEB, customizations=parse_customizations(settings()), runner=runner) == ()


def test_settings_replace_the_built_in_actions_unless_they_are_merged(runner: LuaScripts) -> None:
    built_in = parse_files(
        {
            "apps/Deployment/actions/discovery.lua": "return {restart = {}, stop = {disabled = true}}",
            "apps/Deployment/actions/restart/action.lua": "obj.spec.restarted = true return obj",
            "apps/Deployment/actions/stop/action.lua": "error('not this one')",
        },
        origin="built-in",
    )
    own = "return {stop = {}}"
    alone = parse_customizations(settings(own, stop="obj.spec.replicas = 0 return obj"), built_in)
    assert [action.name for action in discover_actions(WEB, customizations=alone, runner=runner)] == ["stop"]
    with pytest.raises(UsageError, match=r"Deployment.apps shop/web has no action 'restart'; it has: stop"):
        run_action(WEB, "restart", customizations=alone, runner=runner)
    merged = parse_customizations(settings(own, merge=True, stop="obj.spec.replicas = 0 return obj"), built_in)
    assert discover_actions(WEB, customizations=merged, runner=runner) == (
        ResourceAction("restart"),
        ResourceAction("stop"),
    )
    (result,) = run_action(WEB, "stop", customizations=merged, runner=runner)
    assert result.manifest["spec"]["replicas"] == 0
    (result,) = run_action(WEB, "restart", customizations=merged, runner=runner)
    assert result.manifest["spec"]["restarted"] is True


def test_a_patched_object_keeps_its_empty_mappings(runner: LuaScripts) -> None:
    copying = """
local function copied(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, item in pairs(value) do made[key] = copied(item) end
  return made
end
local made = copied(obj)
made.spec.replicas = 7
return made
"""
    customizations = parse_customizations(settings(scale=copying, same="return obj"))
    (result,) = run_action(WEB, "same", customizations=customizations, runner=runner)
    assert result == ActionResult(ActionOperation.PATCH, WEB)
    (result,) = run_action(WEB, "scale", customizations=customizations, runner=runner)
    assert result.manifest == {**WEB, "spec": {**WEB["spec"], "replicas": 7}}


def test_a_patched_object_keeps_what_lua_cannot_hold(runner: LuaScripts) -> None:
    template = {"metadata": {"creationTimestamp": None}, "spec": {"containers": [{"name": "a", "value": None}]}}
    spec = {"replicas": 2, "limit": 2**63 - 1, "share": 0.1, "paused": False, "template": template}
    before = {**WEB, "spec": spec}
    customizations = parse_customizations(settings(scale="obj.spec.replicas = 7 obj.spec.paused = nil return obj"))
    (result,) = run_action(before, "scale", customizations=customizations, runner=runner)
    after = result.manifest["spec"]
    assert after == {"replicas": 7, "limit": 2**63 - 1, "share": 0.1, "template": template}
    assert type(after["limit"]) is int


def test_several_objects_and_parameters(runner: LuaScripts) -> None:
    script = """
local job = {apiVersion = "batch/v1", kind = "Job", metadata = {name = obj.metadata.name .. actionParams.suffix},
  spec = obj.spec}
obj.spec = {replicas = tonumber(actionParams.replicas)}
return {{operation = "create", resource = job}, {operation = "patch", resource = obj}}
"""
    created, patched = run_action(
        WEB,
        "both",
        customizations=parse_customizations(settings(both=script)),
        runner=runner,
        parameters={"suffix": "-1", "replicas": "3"},
    )
    assert (created.operation, created.manifest["metadata"]["name"]) == ("create", "web-1")
    assert created.manifest["spec"]["template"]["spec"]["securityContext"] == {}
    assert (patched.operation, patched.manifest["spec"]) == ("patch", {"replicas": 3})


ORIGIN = f"argocd-cm {KEY} bad"


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        ("return nil", SpecError, f"{ORIGIN}: expected a Kubernetes object to patch"),
        ("return 'x'", SpecError, f"{ORIGIN}: expected a Kubernetes object to patch"),
        ("return {1}", SpecError, f"{ORIGIN}: operation must be create or patch"),
        ("return {{operation = 'delete', resource = obj}}", SpecError, f"{ORIGIN}: operation must be create or patch"),
        (
            "return {{operation = 'create', resource = 'x'}}",
            SpecError,
            f"{ORIGIN}: expected a Kubernetes object to create",
        ),
        (
            "obj.metadata.name = 'other' return obj",
            SpecError,
            (
                f"{ORIGIN}: an action may patch only the object it is run on; this patches "
                "Deployment.apps shop/other, not Deployment.apps shop/web"
            ),
        ),
        ("error('replicas?', 0)", ScriptError, f"{ORIGIN}: replicas?"),
        ("return obj.status.phase", ScriptError, f"{ORIGIN}: line 1: attempt to index field 'status' (a nil value)"),
    ],
)
def test_actions_that_go_wrong(runner: LuaScripts, script: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        run_action(WEB, "bad", customizations=parse_customizations(settings(bad=script)), runner=runner)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("discovery", "message"),
    [
        ("return {1}", "expected a table of actions by name"),
        ("return 'x'", "expected a table of actions by name"),
        ("return {stop = 1}", "action 'stop' must be a table"),
        ("return {stop = {params = {1}}}", "params of action 'stop' must be a list of tables"),
    ],
)
def test_discovery_that_goes_wrong(runner: LuaScripts, discovery: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        discover_actions(WEB, customizations=parse_customizations(settings(discovery)), runner=runner)
    assert str(caught.value) == f"argocd-cm {KEY} discovery.lua: {message}"
