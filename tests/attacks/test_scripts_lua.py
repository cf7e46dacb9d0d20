"""Hostile Lua of health checks and actions: it ends, it sees nothing, and it makes the object Unknown (threats 23)."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from reconciler.diff.records import Health
from reconciler.health import Customization, Customizations, Layer, Script, assess_health
from reconciler.scripts import LuaScripts, ScriptError
from reconciler.terms import HealthStatus

WIDGET: dict[str, Any] = {"apiVersion": "shop.example/v1", "kind": "Widget", "metadata": {"name": "w"}}


@pytest.fixture(scope="module")
def scripts() -> Iterator[LuaScripts]:
    """One worker, so that each attack is followed by a request to the same one, or to its replacement."""
    made = LuaScripts(size=1)
    yield made
    made.close()


def health(script: str, runner: LuaScripts) -> Health | None:
    layer = Layer({"shop.example/Widget": Customization(health=Script(script, "widget.lua", open_libraries=True))})
    return assess_health(WIDGET, customizations=Customizations((layer,)), runner=runner)


LOOPS = "used more than 1 s of processor time and was ended; does it loop?"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        pytest.param("while true do end", f"widget.lua {LOOPS}", id="loop"),
        pytest.param(
            "while true do pcall(function() while true do end end) end", f"widget.lua {LOOPS}", id="loop in pcall"
        ),
        pytest.param(
            "local c = coroutine.wrap(function() while true do end end) c()",
            f"widget.lua {LOOPS}",
            id="loop in coroutine",
        ),
        pytest.param(
            "return string.find(string.rep('a', 40), string.rep('a?', 40) .. string.rep('a', 40) .. 'b')",
            f"widget.lua {LOOPS}",
            id="pattern",
        ),
        pytest.param("table.sort({1, 2, 3, 4, 5}, function() while true do end end)", f"widget.lua {LOOPS}", id="sort"),
        pytest.param("local x = 'a' while true do x = x .. x end", "widget.lua: not enough memory", id="text"),
        pytest.param("local t = {} for i = 1, 1e9 do t[i] = {i} end", "widget.lua: not enough memory", id="tables"),
        pytest.param("return ('x'):rep(1e9)", "widget.lua: not enough memory", id="rep"),
        pytest.param("return ('x'):rep(30e6)", None, id="large answer"),
        pytest.param("local function f() return 1 + f() end return f()", None, id="recursion"),
        pytest.param(
            f"return {'(' * 300}1{')' * 300}",
            "widget.lua: line 1: too many C levels (limit is 200) in main function near '('",
            id="syntax levels",
        ),
        pytest.param(r"error(('x\n'):rep(1e6))", None, id="long failure"),
        pytest.param("return " + "{" * 250 + "}" * 250, None, id="nested tables"),
    ],
)
def test_it_ends_and_the_next_one_works(scripts: LuaScripts, script: str, message: str | None) -> None:
    found = health(script, scripts)
    assert found is not None
    assert found.status is HealthStatus.UNKNOWN
    assert found.message.startswith("widget.lua")
    assert len(found.message) < 1000
    assert "\n" not in found.message
    assert message is None or found.message == message
    assert health("return { status = 'Healthy' }", scripts) == Health(HealthStatus.HEALTHY)


@pytest.mark.parametrize(
    "name",
    [
        "io",
        "debug",
        "package",
        "python",
        "load",
        "loadstring",
        "loadfile",
        "dofile",
        "module",
        "getfenv",
        "setfenv",
        "newproxy",
        "rawlen",
        "string.dump",
        "os.execute",
        "os.getenv",
        "os.exit",
        "os.remove",
        "os.rename",
        "os.tmpname",
        "os.setlocale",
    ],
)
def test_what_is_not_there(scripts: LuaScripts, name: str) -> None:
    assert scripts.run(f"return {name} == nil", {}, what="test", open_libraries=True) is True


NAMES = """
local seen, found = {}, {}
local function walk(value, path)
  if seen[value] then return end
  seen[value] = true
  if type(value) == "userdata" then found[#found + 1] = path end
  if type(value) == "table" then
    for key, item in pairs(value) do walk(item, path .. "." .. tostring(key)) end
  end
  local meta = getmetatable(value)
  if type(meta) == "table" then walk(meta, path .. ".meta") end
end
walk(_G, "_G")
return found
"""


def test_nothing_of_python_can_be_reached(scripts: LuaScripts) -> None:
    assert scripts.run(NAMES, {"a": {"b": [1, {}]}}, what="test", open_libraries=True) == []


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("return require('io')", "module 'io' is not allowed"),
        ("return require('ffi')", "module 'ffi' is not allowed"),
        ("setmetatable({}, {__gc = function() while true do end end})", "setmetatable: __gc is not allowed"),
        ("getmetatable('').__index = nil", "line 1: attempt to index a boolean value"),
        ("setmetatable('', {})", "bad argument #1 to 'setmetatable' (table expected, got string)"),
    ],
)
def test_what_is_refused(scripts: LuaScripts, script: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        scripts.run(script, {}, what="test", open_libraries=True)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "poison",
    [
        "string.format = function() return 'poisoned' end",
        "table.insert = nil; table.concat = nil",
        "leaked = 'poisoned'; _G.leaked = 'poisoned'",
        "_G.tostring = nil; pairs = nil; next = nil; rawset(_G, 'ipairs', nil)",
        "for key in pairs(string) do string[key] = nil end",
        "obj.metadata = nil; obj = nil",
        "math.randomseed(1); os.time = function() return 0 end",
        "... = 1",
        "local env = ... ; env.obj = 'poisoned'; for k in pairs(env) do env[k] = nil end",
        "_ENV = {}",
    ],
)
def test_one_call_does_not_change_the_next(scripts: LuaScripts, poison: str) -> None:
    check = """
local parts = {}
table.insert(parts, string.format("%s", tostring(leaked)))
for _, name in ipairs({"a"}) do table.insert(parts, name) end
return table.concat(parts, " ") .. (" x"):rep(2) .. tostring(os.time() > 0) .. obj.metadata.name
"""
    with suppress(ScriptError):
        scripts.run(poison, WIDGET, what="test")
    assert scripts.run(check, WIDGET, what="test") == "nil a x xtruew"


def test_bytecode_is_not_run(scripts: LuaScripts) -> None:
    with pytest.raises(ScriptError, match="line 1: unexpected symbol"):
        scripts.run("\x1bLua\x52", {}, what="test")


@pytest.mark.parametrize(
    "script", ["end return 1", ") return 1 --", "]] return 1", "::top:: local _ENV = {} return obj"]
)
def test_the_text_cannot_leave_its_place(scripts: LuaScripts, script: str) -> None:
    """The compiled text is more than the script; what follows from that must not matter."""
    found: Any = None
    with suppress(ScriptError):
        found = scripts.run(script, {"secret": 1}, what="test")
    assert found is None


def test_a_deep_object_is_refused_or_judged(scripts: LuaScripts) -> None:
    found: dict[int, Health | None] = {}
    for depth in (50, 400, 900, 5000, 100_000):
        deep: Any = {}
        for _ in range(depth):
            deep = {"a": deep}
        layer = Layer(
            {"shop.example/Widget": Customization(health=Script("return { status = 'Healthy' }", "widget.lua"))}
        )
        found[depth] = assess_health({**WIDGET, "a": deep}, customizations=Customizations((layer,)), runner=scripts)
    refused = Health(HealthStatus.UNKNOWN, "widget.lua: the object is no JSON document, or nested too deeply")
    assert found[50] == found[400] == Health(HealthStatus.HEALTHY)
    assert found[5000] == found[100_000] == refused
    assert scripts.run("return 1", {}, what="test") == 1


def test_a_large_object_is_judged(scripts: LuaScripts) -> None:
    large = {**WIDGET, "data": {f"key-{number}": "x" * 1000 for number in range(1500)}}
    assert scripts.run("return #obj.data['key-7']", large, what="test") == 1000
    many = {**WIDGET, "items": [{"n": number, "labels": {}} for number in range(40_000)]}
    assert scripts.run("return #obj.items", many, what="test") == 40_000


def test_a_script_cannot_reach_the_files_of_its_worker(scripts: LuaScripts, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("canary-8c11")
    for script in (
        f"return dofile('{canary}')",
        f"return require('{canary}')",
        f"return io.open('{canary}'):read('*a')",
    ):
        with pytest.raises(ScriptError) as caught:
            scripts.run(script, {}, what="test", open_libraries=True)
        assert "canary-8c11" not in str(caught.value)
