"""Asks a worker process whether regular expressions match; one that does not end ends its worker and nothing else.

Argo CD's documentation excludes a namespace by ``/^((?!not-allowed).)*$/``, which no engine that takes linear time can read.
"""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.errors import GenerationError
from reconciler.processes.worker import WorkerLimits, WorkerPool

LIMIT_S: Final = 1.0
"""Seconds of processor time an expression and its text."""
LIMITS: Final = WorkerLimits(timeout_s=20.0, cpu_s=60, memory_bytes=2**29, answer_bytes=2**20, requests=5000)
PATTERN_WORKERS: Final = WorkerPool(Path(__file__).with_name("program.py"), limits=LIMITS, size=1)
_ENDED_BY_TIMER: Final = f"(status -{int(getattr(signal, 'SIGPROF', 0))})"


@dataclass(frozen=True, slots=True)
class PatternAnswer:
    """Whether an expression is found in a text; ``problem`` says why it cannot be told, and then it is not."""

    found: bool
    problem: str = ""


class PatternEvaluator:
    """Searches texts for expressions; one lives as long as one run, and asks nothing twice."""

    def __init__(self, workers: WorkerPool = PATTERN_WORKERS) -> None:
        self._workers = workers
        self._known: dict[tuple[str, str], PatternAnswer] = {}
        self._runaways: dict[str, PatternAnswer] = {}

    def __call__(self, pattern: str, text: str) -> PatternAnswer:
        """Whether the expression is found anywhere in the text, as upstream: it is bound to its ends only by ``^`` and ``$``."""
        known = self._runaways.get(pattern) or self._known.get((pattern, text))
        return known or self._ask(pattern, text)

    def _ask(self, pattern: str, text: str) -> PatternAnswer:
        request = {"pattern": pattern, "text": text, "cpu_s": LIMIT_S}
        try:
            said = self._workers.call(request, what="pattern")
        except GenerationError as error:
            # It is not tried on other texts either.
            answer = self._runaways[pattern] = PatternAnswer(False, _reason(str(error)))
            return answer
        answer = PatternAnswer(bool(said.get("found")), str(said.get("problem", "")))
        self._known[pattern, text] = answer
        return answer


def _reason(text: str) -> str:
    if _ENDED_BY_TIMER in text:
        return f"took more than {LIMIT_S:g} s and was ended"
    return text.removeprefix("pattern: ").removeprefix("pattern ").removesuffix("; nothing was rendered")
