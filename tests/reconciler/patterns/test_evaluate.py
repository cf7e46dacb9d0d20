"""Which texts a regular expression is found in, and that no expression harms anyone."""

import time
from pathlib import Path

import pytest

from reconciler.patterns import evaluate
from reconciler.patterns.evaluate import PatternAnswer, PatternEvaluator
from reconciler.processes.worker import WorkerPool


@pytest.fixture(scope="module")
def evaluator() -> PatternEvaluator:
    return PatternEvaluator()


@pytest.mark.parametrize(
    ("pattern", "found", "others"),
    [
        ("^team-[0-9]+$", ["team-1"], ["team-a", "my-team-1"]),
        # Upstream searches: without ^ and $ a part of the name will do.
        ("team-.", ["team-a", "my-team-a"], ["team"]),
        # The example of docs/operator-manual/app-any-namespace.md.
        ("^((?!not-allowed).)*$", ["other", "allowed"], ["not-allowed", "x-not-allowed-y"]),
        ("(?i)^TEAM$", ["team"], ["teams"]),
        (r"^(a+)-\1$", ["aa-aa"], ["aa-a"]),
        (r"^[]^-a]+[\][]$", ["a[", "^]"], ["B["]),
        (r"^x{0,2}\{,3}$", ["{,3}", "x{,3}"], ["x"]),
    ],
)
def test_an_expression_is_found(evaluator: PatternEvaluator, pattern: str, found: list[str], others: list[str]) -> None:
    assert [evaluator(pattern, text) for text in found] == [PatternAnswer(True)] * len(found)
    assert [evaluator(pattern, text) for text in others] == [PatternAnswer(False)] * len(others)


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("(", "cannot be read: missing ), unterminated subpattern at position 0"),
        ("a{2", ""),
        (r"\p{L}", r"cannot be read: bad escape \p at position 0"),
        ("a(?i)b", "cannot be read: global flags not at the start of the expression at position 1"),
        ("[[a]]*", "cannot be read: Possible nested set at position 1"),
        ("^[a-z-[aeiou]]*$", "has a class that is taken from another (-[), which is not supported"),
        (r"[\]-[]]*", "has a class that is taken from another (-[), which is not supported"),
        ("^x{,3}$", "has a repetition without a lower bound; write {0,"),
        ("a" * 5000, "is longer than 4096 characters"),
        ("(" * 4000 + ")" * 4000, "is longer than 4096 characters"),
        ("(" * 2000 + ")" * 2000, "cannot be read: maximum recursion depth exceeded"),
    ],
)
def test_what_cannot_be_read_is_found_nowhere(evaluator: PatternEvaluator, pattern: str, problem: str) -> None:
    answer = evaluator(pattern, "e")
    assert not answer.found
    assert answer.problem.startswith(problem)
    assert bool(answer.problem) is bool(problem)


def test_one_that_does_not_end_is_ended_and_not_tried_again() -> None:
    workers = WorkerPool(Path(evaluate.__file__).with_name("program.py"), limits=evaluate.LIMITS, size=1)
    evaluator = PatternEvaluator(workers)
    try:
        began = time.process_time()
        ended = PatternAnswer(False, "took more than 1 s and was ended")
        assert evaluator("^(a+)+$", "a" * 60 + "!") == ended
        assert evaluator("^(a+)+$", "a") == ended, "it is not tried on other texts"
        assert evaluator("^a", "abc") == PatternAnswer(True), "others go on"
        assert time.process_time() - began < 1, "nothing is evaluated in the run's own process"
    finally:
        workers.close()


def test_nothing_is_asked_twice_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    class Counting(WorkerPool):
        def call(self, request: object, **_how: object) -> dict[str, object]:
            calls.append(request)
            return {"found": True}

    evaluator = PatternEvaluator(Counting(Path("none.py")))
    assert [evaluator("a", text).found for text in ("a", "a", "ab")] == [True] * 3
    assert len(calls) == 2
