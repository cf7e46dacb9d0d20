"""Scripts in worker processes: values in, values out, and the Lua that Argo CD's scripts are written in."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import SpecError, UsageError
from reconciler.scripts import LuaScripts, ScriptError, read_tree


@pytest.fixture(scope="module")
def scripts() -> Iterator[LuaScripts]:
    made = LuaScripts(size=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "return obj",
            {"name": "ü€😀", "list": [1, {}, "x"], "empty": {}, "none": [], "big": 10**15, "half": 0.5, "on": False},
        ),
        ("return obj.name", "ü€😀"),
        ("return #obj.name", 9),
        ("return string.sub(obj.name, 1, 1)", "\ufffd"),
        ("return obj.gone == nil", True),
        ("return #obj.list", 3),
        ("return tostring(obj.big)", "1000000000000000"),
        ("return 'n' .. obj.list[1]", "n1"),
        ("return 10 / 4", 2.5),
        ("return {}", []),
        ("return {a = {}}", {"a": []}),
        ("return 'quote\" back\\\\ line\\n nul\\0 del\\127'", 'quote" back\\ line\n nul\0 del\x7f'),
        ("return nil", None),
        ("", None),
        ("health = {}\nhealth.status = 'Healthy'\nreturn health", {"status": "Healthy"}),
        ("for i = 1, 3 do if i < 3 then goto continue end do return i end ::continue:: end", 3),
        ("return table.getn({1, 2}) + select('#', unpack({1, 2, 3})) + math.mod(5, 3)", 7),
        ("local gaps = {} gaps[3] = 'x' return table.getn(gaps)", 3),
        ("return ('a-b'):gsub('%-', '+')", "a+b"),
        ("return select(3, string.find('key=value', '(%w+)=(%w+)'))", "key"),
        ("local os = require('os') return os.date('!%Y-%m-%d', 0)", "1970-01-01"),
        ("return os.time({year = '1970', month = '01', day = '02', hour = 0})", 86400),
        ("return os.difftime(3, 1)", 2),
        ("print('unseen') return _G.obj == obj", True),
        ("local ok, why = pcall(error, 'x') return why", "x"),
        ("return type(coroutine)", "nil"),
        ("return {1, 2, {3}}", [1, 2, [3]]),
        ("return 1e300", 1e300),
        ("return 2^53", 2**53),
    ],
)
def test_values(scripts: LuaScripts, script: str, expected: Any) -> None:
    obj = {
        "name": "ü€😀",
        "list": [1, None, {}, "x"],
        "empty": {},
        "none": [],
        "big": 10**15,
        "half": 0.5,
        "on": False,
        "gone": None,
    }
    assert scripts.run(script, obj, what="test") == expected


def test_open_libraries(scripts: LuaScripts) -> None:
    script = "return coroutine.wrap(function() coroutine.yield(bit32.band(6, 3)) end)()"
    assert scripts.run(script, {}, what="test", open_libraries=True) == 2
    with pytest.raises(ScriptError, match=r"test: line 1: attempt to index global 'coroutine' \(a nil value\)"):
        scripts.run(script, {}, what="test")


def test_parameters_are_text(scripts: LuaScripts) -> None:
    assert scripts.run("return actionParams.n .. 'x'", {}, what="test", parameters={"n": "3"}) == "3x"
    assert scripts.run("return next(actionParams) == nil", {}, what="test") is True


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("x = = 1", "test: line 1: unexpected symbol near '='"),
        ("\n\nerror('no')", "test: line 3: no"),
        ("error('no', 0)", "test: no"),
        ("error({})", "test: raised a table"),
        ("error()", "test: raised a nil"),
        ("return obj.a.b", "test: line 1: attempt to index field 'a' (a nil value)"),
        ("return {1, nil, 3}", "test: returned a list with a gap"),
        ("return {1, a = 2}", "test: returned a table with both positions and names"),
        ("return {[1.5] = 1}", "test: returned a list with a gap"),
        ("return {[true] = 1}", "test: returned a table with both positions and names"),
        ("return {print}", "test: returned a function in its result"),
        ("return 0/0", "test: returned a number that JSON has not"),
        ("return 1/0", "test: returned a number that JSON has not"),
        ("local a = {} a.a = a return a", "test: returned tables nested in each other more than 100 deep"),
        ("local a = {} for i = 1, 40 do a = {a, a} end return a", "test: returned more than 200000 values"),
    ],
)
def test_scripts_that_go_wrong(scripts: LuaScripts, script: str, message: str) -> None:
    with pytest.raises(ScriptError) as caught:
        scripts.run(script, {}, what="test")
    assert str(caught.value) == message


def test_the_same_script_is_sent_and_compiled_once(scripts: LuaScripts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    call = scripts._workers.call

    def counting(request: Any, *, what: str, on_question: Any) -> Any:
        return call(request, what=what, on_question=lambda question: asked.append(what) or on_question(question))

    monkeypatch.setattr(scripts._workers, "call", counting)
    for number in range(3):
        assert scripts.run("return obj.n + 1 -- once", {"n": number}, what="test") == number + 1
    assert asked == ["test"]


def test_the_time_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    scripts = LuaScripts(size=1)
    try:
        assert scripts.run("return os.time({year = 1970, month = 1, day = 1, hour = 0})", {}, what="test") == 0
    finally:
        scripts.close()


def test_a_thousand_calls_take_a_moment(scripts: LuaScripts) -> None:
    """Some thousands a second on an idle machine; this only notices a process or a compilation a call."""
    start = time.process_time()
    for number in range(1000):
        scripts.run("return { status = 'Healthy', message = obj.m }", {"m": str(number)}, what="test")
    assert time.process_time() - start < 5


def test_an_object_that_is_no_json(scripts: LuaScripts) -> None:
    with pytest.raises(ScriptError, match="test: the object is no JSON document, or nested too deeply"):
        scripts.run("return 1", {"at": object()}, what="test")


def test_a_script_of_some_megabytes(scripts: LuaScripts) -> None:
    with pytest.raises(ScriptError, match="test: the script has more than 1 MB"):
        scripts.run("-" * 1_000_001, {}, what="test")


class TestReadTree:
    def test_scripts_by_path(self, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "health.lua").write_text("\ufeffreturn 1")
        (tmp_path / "a.lua").write_text("ä")
        (tmp_path / "notes.yaml").write_text("x: 1")
        assert read_tree(tmp_path) == {"a.lua": "ä", "b/health.lua": "return 1"}
        assert list(read_tree(tmp_path, suffixes=(".yaml",))) == ["notes.yaml"]

    def test_what_is_no_directory(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"not a directory; expected one laid out as <group>/<Kind>/health.lua"):
            read_tree(tmp_path / "none")

    def test_a_link_that_leads_out(self, tmp_path: Path) -> None:
        (tmp_path / "secret.lua").write_text("secret")
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "health.lua").symlink_to(tmp_path / "secret.lua")
        with pytest.raises(SpecError, match=r"health.lua: a link that leads out of the directory"):
            read_tree(tmp_path / "tree")

    def test_what_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "health.lua").write_bytes(b"\xff\xfe")
        with pytest.raises(SpecError, match=r"health.lua: not UTF-8 text; save the file as UTF-8"):
            read_tree(tmp_path)

    def test_a_large_file(self, tmp_path: Path) -> None:
        (tmp_path / "health.lua").write_bytes(b"-" * 2_000_001)
        with pytest.raises(SpecError, match=r"health.lua: more than 2 MB"):
            read_tree(tmp_path)
