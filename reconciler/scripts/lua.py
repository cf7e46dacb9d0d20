"""Runs Lua scripts in warm worker processes."""

import json
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconciler.errors import GenerationError
from reconciler.processes.worker import Question, WorkerLimits, WorkerPool
from reconciler.scripts.errors import ScriptError

PROGRAM = Path(__file__).with_name("program.py")
MAX_SCRIPT_BYTES = 10**6
LIMITS = WorkerLimits(
    # A script has 1 s of processor time; this is for a machine that gives its worker none.
    timeout_s=15.0,
    cpu_s=10,
    memory_bytes=640 * 2**20,
    answer_bytes=8 * 2**20,
    requests=50_000,
)


class LuaScripts:
    """Runs scripts of health checks and resource actions; one worker answers some thousands a second."""

    def __init__(self, workers: WorkerPool | None = None, *, size: int = 2) -> None:
        self._workers = workers or WorkerPool(PROGRAM, limits=LIMITS, size=size)

    def run(
        self,
        script: str,
        obj: Mapping[str, Any],
        *,
        what: str,
        open_libraries: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """What ``script`` returns, as JSON values, with the global ``obj`` set to the object.

        Parameters
        ----------
        what
            Names the script in messages.
        open_libraries
            Adds coroutines and bit operations. Files, processes and the loading of code are in no case there.
        parameters
            The global ``actionParams`` of an action.

        Raises
        ------
        ScriptError
            When the script does not compile, raises, needs more than 1 s or 96 MiB, or returns what is no JSON.
        """
        if len(script) > MAX_SCRIPT_BYTES:
            raise ScriptError(f"{what}: the script has more than {MAX_SCRIPT_BYTES // 10**6} MB")
        request = {
            "digest": sha256(script.encode("utf-8", "surrogatepass")).hexdigest(),
            "object": _json(obj, what),
            "parameters": dict(parameters or {}),
            "open_libraries": open_libraries,
        }
        exceeded: list[float] = []

        def answer(question: Question) -> Any:
            if "script" in question:
                return script
            exceeded.append(question["exceeded"])
            return None

        try:
            made = self._workers.call(request, what=what, on_question=answer)
        except GenerationError as error:
            if exceeded:
                message = f"{what} used more than {exceeded[0]:g} s of processor time and was ended; does it loop?"
                raise ScriptError(message) from None
            raise ScriptError(str(error)) from error
        return json.loads(made["json"])

    def close(self) -> None:
        """End the idle workers."""
        self._workers.close()


@cache
def default_scripts() -> LuaScripts:
    """The workers of this process; nothing is started before the first script."""
    return LuaScripts()


def _json(obj: Mapping[str, Any], what: str) -> str:
    try:
        return json.dumps(obj, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, TypeError, ValueError):
        raise ScriptError(f"{what}: the object is no JSON document, or nested too deeply") from None
