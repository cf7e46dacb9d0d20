"""Runs in a worker process: whether a regular expression is found in a text. Knows nothing of the project.

Source: util/regex of Argo CD 3.6, which searches with dlclark/regexp2, an engine that backtracks and has .NET's grammar. What
.NET reads in another way than Python is refused, so that nothing is permitted that is not permitted there.
"""

import re
import signal
import warnings
from collections.abc import Iterator
from typing import Any

_MAX_CHARACTERS = 4096


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Answer ``{"found": bool}`` or ``{"problem": text}`` to ``{"pattern": text, "text": text, "cpu_s": seconds}``."""
    pattern = request["pattern"]
    if len(pattern) > _MAX_CHARACTERS:
        return {"problem": f"is longer than {_MAX_CHARACTERS} characters"}
    _limit_cpu(request["cpu_s"])
    try:
        if problem := next(_read_otherwise(pattern), ""):
            return {"problem": problem}
        with warnings.catch_warnings(action="error"):
            return {"found": re.search(pattern, request["text"]) is not None}
    except (re.error, OverflowError, RecursionError, FutureWarning, DeprecationWarning) as error:
        return {"problem": f"cannot be read: {error}"}
    finally:
        _limit_cpu(0)


def _read_otherwise(pattern: str) -> Iterator[str]:
    """Grammar that means one thing in .NET and another in Python."""
    place, in_class, first = 0, False, False
    while place < len(pattern):
        rest = pattern[place:]
        opens = False
        if in_class and rest.startswith("-["):
            yield "has a class that is taken from another (-[), which is not supported"
        elif not in_class and re.match(r"\{,\d+\}", rest):
            yield "has a repetition without a lower bound; write {0,"
        elif rest[0] == "[" and not in_class:
            in_class = opens = True
            place += rest.startswith("[^")
        elif rest[0] == "]" and not first:
            in_class = False
        place += 2 if rest[0] == "\\" else 1
        first = opens


def _limit_cpu(seconds: float) -> None:
    """End this process when it has used so much processor time; 0 lifts the limit.

    A search holds Python's lock, so nothing inside Python could stop it; the signal's default action ends the process.
    """
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)
