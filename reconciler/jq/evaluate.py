"""jq in warm worker processes: a filter that does not end, or that eats memory, ends its worker and nothing else."""

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reconciler.errors import GenerationError
from reconciler.jq.records import JqOutcome
from reconciler.processes.worker import WorkerLimits, WorkerPool

LIMIT_S: Final = 1.0
"""Seconds of processor time an expression and its objects, as Argo CD's ``timeouts.reconciliation.jq``."""
LIMITS: Final = WorkerLimits(timeout_s=20.0, cpu_s=60, memory_bytes=2**29, answer_bytes=8 * 2**20, requests=5000)
JQ_WORKERS: Final = WorkerPool(Path(__file__).with_name("program.py"), limits=LIMITS)
_RUNAWAYS: Final = 2
"""After so many objects on which an expression exceeded a limit, it is not tried on others."""
_ENDED_BY_TIMER: Final = f"(status -{int(getattr(signal, 'SIGPROF', 0))})"


class JqEvaluator:
    """Says what expressions select; one lives as long as one run, and remembers which expressions did not end."""

    def __init__(self, workers: WorkerPool = JQ_WORKERS) -> None:
        self._workers = workers
        self._runaways: dict[str, list[str]] = {}

    def deleted(
        self, expressions: Sequence[str], objects: Sequence[Mapping[str, Any]], *, shown: bool = True
    ) -> list[JqOutcome]:
        """What ``del(<expression>)`` removes of each object, one outcome an expression; a bad one has its error.

        Parameters
        ----------
        shown
            Whether a message may repeat values of the objects; False for Secrets.
        """
        sound = [each for each in dict.fromkeys(expressions) if len(self._runaways.get(each, ())) < _RUNAWAYS]
        outcomes = self._ask(sound, objects, shown=shown) if sound else {}
        return [outcomes.get(each) or JqOutcome(error=self._runaways[each][-1]) for each in expressions]

    def _ask(
        self, expressions: Sequence[str], objects: Sequence[Mapping[str, Any]], *, shown: bool
    ) -> dict[str, JqOutcome]:
        request = {"expressions": expressions, "objects": objects, "cpu_s": LIMIT_S, "shown": shown}
        try:
            answers = self._workers.call(request, what="jq")["outcomes"]
        except GenerationError as error:
            if len(expressions) > 1:
                # One of them ended the worker; each for itself shows which.
                return {
                    name: found
                    for each in expressions
                    for name, found in self._ask([each], objects, shown=shown).items()
                }
            text = _reason(str(error))
            self._runaways.setdefault(expressions[0], []).append(text)
            return {expressions[0]: JqOutcome(error=text)}
        return {each: _outcome(answer) for each, answer in zip(expressions, answers, strict=True)}


def _outcome(answer: Mapping[str, Any]) -> JqOutcome:
    if "error" in answer:
        return JqOutcome(error=str(answer["error"]))
    return JqOutcome(tuple(tuple(map(tuple, paths)) for paths in answer["paths"]))


def _reason(text: str) -> str:
    if _ENDED_BY_TIMER in text:
        return f"took more than {LIMIT_S:g} s and was ended"
    return text.removeprefix("jq: ").removeprefix("jq ").removesuffix("; nothing was rendered")
