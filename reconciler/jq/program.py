"""Runs in a worker process: what ``del(<expression>)`` removes from objects. Knows nothing of the project.

Source: util/argo/normalizers/diff_normalizer.go of Argo CD 3.6: the expression is wrapped in ``del()``, and the result must
be exactly one object.
"""

import json
import signal
from functools import lru_cache
from itertools import islice
from typing import Any

import jq

# Both ways to the process's environment come back empty.
_PREFIX = "{} as $ENV | def env: $ENV; "
_MAX_EXPRESSION_BYTES = 2**16


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Answer ``{"outcomes": [{"paths": [[[step]]]} or {"error": text}]}``, one outcome an expression."""
    texts = [json.dumps(each) for each in request["objects"]]
    return {
        "outcomes": [
            _outcome(expression, request["objects"], texts, request["cpu_s"], shown=request["shown"])
            for expression in request["expressions"]
        ]
    }


def _outcome(expression: str, objects: list[Any], texts: list[str], cpu_s: float, *, shown: bool) -> dict[str, Any]:
    if len(expression.encode("utf-8", "surrogatepass")) > _MAX_EXPRESSION_BYTES:
        return {"error": f"is longer than {_MAX_EXPRESSION_BYTES // 1024} KiB"}
    _limit_cpu(cpu_s)
    try:
        deletion, paths = _compiled(expression)
    except (ValueError, RecursionError) as error:
        return {"error": f"is not valid: {_first_line(error)}"}
    finally:
        _limit_cpu(0)
    try:
        _limit_cpu(cpu_s)
        return {"paths": [_deleted(deletion, paths, value, text) for value, text in zip(objects, texts, strict=True)]}
    except _RefusedError as error:
        return {"error": str(error)}
    except (ValueError, RecursionError, StopIteration) as error:
        # jq's own message may repeat a value of the object.
        return {"error": f"fails: {_first_line(error)}" if shown else "fails on this object"}
    finally:
        _limit_cpu(0)


class _RefusedError(Exception):
    """The expression does something else than select fields."""


@lru_cache(maxsize=256)
def _compiled(expression: str) -> tuple[Any, Any]:
    return jq.compile(f"{_PREFIX}del({expression})"), jq.compile(f"{_PREFIX}[path({expression})]")


def _deleted(deletion: Any, paths: Any, value: Any, text: str) -> list[list[str | int]]:
    results = list(islice(iter(deletion.input_text(text)), 2))
    if len(results) != 1:
        raise _RefusedError("yields no value" if not results else "yields more than one value")
    if not isinstance(results[0], dict):
        raise _RefusedError("does not yield an object")
    selected = next(iter(paths.input_text(text)), None)
    if not isinstance(selected, list) or not all(isinstance(path, list) for path in selected):
        raise _RefusedError("is not a path expression")
    found = {tuple(steps) for path in selected for steps in _present(value, path)}
    if () in found:
        raise _RefusedError("selects the whole object")
    return [list(steps) for steps in sorted(found, key=lambda steps: [(isinstance(step, str), step) for step in steps])]


def _present(value: Any, path: list[Any]) -> list[list[str | int]]:
    """The places that a path of jq names and that are there: negative indexes and slices resolved."""
    places: list[tuple[list[str | int], Any]] = [([], value)]
    for step in path:
        places = [([*steps, found], inner[found]) for steps, inner in places for found in _members(inner, step)]
    return [steps for steps, _ in places]


def _members(value: Any, step: Any) -> list[str | int]:
    if isinstance(value, dict):
        return [step] if isinstance(step, str) and step in value else []
    if not isinstance(value, list):
        return []
    if isinstance(step, dict):
        return list(range(*slice(step.get("start"), step.get("end")).indices(len(value))))
    if isinstance(step, bool) or not isinstance(step, int | float):
        return []
    index = int(step) if step >= 0 else int(step) + len(value)
    return [index] if 0 <= index < len(value) else []


def _first_line(error: BaseException) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    # Lines and columns count our own wrapping too.
    return text.removeprefix("jq: error: ").partition(" at <top-level>")[0][:200]


def _limit_cpu(seconds: float) -> None:
    """End this process when it has used so much processor time; 0 lifts the limit.

    jq holds Python's lock, so nothing inside Python could stop it; the signal's default action ends the process.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)
