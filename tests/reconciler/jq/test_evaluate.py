"""What jq expressions select, and that no expression harms anyone."""

import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.jq import evaluate
from reconciler.jq.evaluate import JqEvaluator
from reconciler.jq.records import JqOutcome
from reconciler.processes.worker import WorkerPool

OBJECT = {
    "a": {"b": 1, "c": [{"n": "x"}, {"n": "y"}, {"n": "z"}]},
    "labels": {"x.io/y": "1"},
    "s": None,
    "number": 12345678901234567890,
}


@pytest.fixture(scope="module")
def evaluator() -> JqEvaluator:
    return JqEvaluator()


def one(evaluator: JqEvaluator, expression: str, obj: Any = OBJECT, *, shown: bool = True) -> JqOutcome:
    (outcome,) = evaluator.deleted([expression], [obj], shown=shown)
    return outcome


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        (".a.b", [("a", "b")]),
        (".s", [("s",)]),
        (".none", []),
        (".none.deeper?", []),
        ('.labels."x.io/y"', [("labels", "x.io/y")]),
        ('.a.c[] | select(.n == "y")', [("a", "c", 1)]),
        (".a.c[].n", [("a", "c", 0, "n"), ("a", "c", 1, "n"), ("a", "c", 2, "n")]),
        (".a.c[-1]", [("a", "c", 2)]),
        (".a.c[1:]", [("a", "c", 1), ("a", "c", 2)]),
        (".a.c[9]", []),
        (".a.b, .s", [("a", "b"), ("s",)]),
        ('def f(x): .[x]; .a | f("b")', [("a", "b")]),
        ("..|.n?", [("a", "c", 0, "n"), ("a", "c", 1, "n"), ("a", "c", 2, "n")]),
        ("empty", []),
        (".a | to_entries[] as $e | .[$e.key]", [("a", "b"), ("a", "c")]),
    ],
)
def test_what_an_expression_selects(evaluator: JqEvaluator, expression: str, paths: list[tuple[Any, ...]]) -> None:
    assert one(evaluator, expression) == JqOutcome((tuple(paths),))


@pytest.mark.parametrize(
    ("expression", "error"),
    [
        (".a |", "is not valid: syntax error, unexpected ')'"),
        ("nosuch", "is not valid: nosuch/0 is not defined"),
        (".", "does not yield an object"),
        (".a) , (.s", "yields more than one value"),
        (".a) | (.b", "does not yield an object"),
        ('.a) | (.["x"] = 1', "fails: Cannot index array with string"),
        ("halt", "yields no value"),
        ("input", "fails: break"),
        ('error("told")', "fails: told"),
        ("1", "fails: Invalid path expression with result 1"),
        ("env", "fails: Invalid path expression with result {}"),
        ("$ENV", "fails: Invalid path expression with result {}"),
        ("$ENV.PATH", 'fails: Invalid path expression near attempt to access element "PATH" of {}'),
        ('"' + "x" * 70_000 + '"', "is longer than 64 KiB"),
        ('import "a" as a; .', "is not valid: syntax error, unexpected import"),
    ],
)
def test_what_an_expression_may_not_be(evaluator: JqEvaluator, expression: str, error: str) -> None:
    assert one(evaluator, expression).error.startswith(error)


def test_each_expression_and_each_object_has_its_own_answer(evaluator: JqEvaluator) -> None:
    assert evaluator.deleted([".a", ".a |", ".b"], [{"a": 1}, {"b": 1}]) == [
        JqOutcome(((("a",),), ())),
        JqOutcome(error="is not valid: syntax error, unexpected ')'"),
        JqOutcome(((), (("b",),))),
    ]


@pytest.mark.parametrize("expression", ["error(.a.c[0].n)", ".a.c[0].n | error", '.a.c | keys | .["x"]', "@json"])
def test_values_of_a_secret_stay_out_of_messages(evaluator: JqEvaluator, expression: str) -> None:
    assert one(evaluator, expression, shown=False).error == "fails on this object"


def test_nothing_of_the_environment_is_there(evaluator: JqEvaluator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_CANARY", "c4n4ry")
    fresh = JqEvaluator(WorkerPool(Path(evaluate.__file__).with_name("program.py"), limits=evaluate.LIMITS, size=1))
    for source in ("env", "$ENV"):
        outcome = one(fresh, f"if {source} == {{}} then .a else .s end")
        assert outcome == JqOutcome(((("a",),),))
        assert "c4n4ry" not in one(fresh, f"error({source} | tostring)").error


RUNAWAYS = {
    "no end": "def f: f; f",
    "a generator without end": "repeat(.a)",
    "memory": "[limit(100000000; repeat(1))] | .[0]",
    "a pattern": 'select("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("(a*)*b(a*)*c(a|a)*$"))',
    "deep recursion": "def f: [f]; f",
}


@pytest.mark.parametrize("expression", RUNAWAYS.values(), ids=RUNAWAYS)
def test_a_runaway_ends_and_others_go_on(expression: str) -> None:
    evaluator = JqEvaluator()
    start = time.monotonic()
    bad, good = evaluator.deleted([expression, ".a.b"], [OBJECT])
    assert good == JqOutcome(((("a", "b"),),))
    if not bad.error.startswith(("took more than 1 s", "its worker process")):
        # The engine saw through it within its limits.
        assert bad == JqOutcome(((),)) or bad.error
    assert time.monotonic() - start < 30


def test_an_expression_that_ran_away_twice_is_not_tried_again() -> None:
    evaluator = JqEvaluator()
    for _ in range(2):
        assert one(evaluator, "def f: f; f").error == "took more than 1 s and was ended"
    start = time.process_time(), time.monotonic()
    assert {outcome.error for outcome in evaluator.deleted(["def f: f; f"] * 50, [OBJECT])} == {
        "took more than 1 s and was ended"
    }
    assert time.monotonic() - start[1] < 1


def test_the_worker_stays_warm(evaluator: JqEvaluator) -> None:
    one(evaluator, ".a")
    start = time.monotonic()
    for _ in range(20):
        one(evaluator, ".a")
    assert time.monotonic() - start < 2


def test_a_large_object(evaluator: JqEvaluator) -> None:
    large = {"data": {f"key{number}": "x" * 1000 for number in range(1500)}}
    assert one(evaluator, ".data.key7", large) == JqOutcome(((("data", "key7"),),))
