"""The program of a Lua worker: runs one script on one object a request. Runs inside `worker_main` only.

A script sees plain Lua tables and the functions that ``sandbox.lua`` allows; its result leaves as JSON text. No Python
object is reachable from it. Text passes as bytes (one Latin-1 character each), so that none is refused or changed.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CPU_S = 1.0
"""Argo CD ends a script after 1 s of wall time (util/lua/lua.go); of processor time, a busy machine ends none wrongly."""
MEMORY_BYTES = 96 * 2**20
MAX_SCRIPTS = 1000
MAX_FAILURE = 500
EXCEEDED = "exceeded"

Ask = Callable[[dict[str, Any]], Any]


class Engine:
    """One Lua state with the scripts compiled so far, by digest."""

    def __init__(self) -> None:
        from lupa.lua52 import LuaRuntime

        def refuse(_subject: Any, _name: Any, _setting: bool) -> Any:
            raise AttributeError("not allowed")

        self._lua = LuaRuntime(
            encoding="latin-1",
            source_encoding="latin-1",
            attribute_filter=refuse,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            max_memory=MEMORY_BYTES,
        )
        sandbox = Path(__file__).with_name("sandbox.lua").read_text(encoding="latin-1")
        self._compile, self._run, self._empty = self._lua.execute(sandbox)
        self._scripts: dict[str, Any] = {}

    def run(self, digest: str, text: Callable[[], str], obj: str, parameters: Any, *, open_libraries: bool) -> str:
        """The JSON text of what the script returns for an object, given as JSON text too.

        Raises
        ------
        ValueError
            When the script does not compile, raises, or returns what is no JSON.
        """
        chunk = self._scripts.get(digest) or self._compiled(digest, text())
        arguments = self._table(obj), self._table(json.dumps(parameters or {}, ensure_ascii=False))
        _start_clock()
        try:
            made = self._run(chunk, *arguments, open_libraries)
        finally:
            _stop_clock()
        if isinstance(made, tuple):
            raise ValueError(_failure(made[1]))
        assert isinstance(made, str)
        return _text(made)

    def _compiled(self, digest: str, text: str) -> Any:
        _start_clock()
        try:
            made = self._compile(_bytes(text))
        finally:
            _stop_clock()
        if isinstance(made, tuple):
            raise ValueError(_failure(made[1]))
        if len(self._scripts) >= MAX_SCRIPTS:
            self._scripts.clear()
        self._scripts[digest] = made
        return made

    def _table(self, text: str) -> Any:
        # Lua has no other numbers than floats, and no null: a null item is left out, as Argo CD's conversion does.
        value = json.loads(_bytes(text), parse_int=float, object_hook=lambda mapping: mapping or self._empty())
        if "null" in text:
            value = _without_nulls(value)
        return self._lua.table_from(value, recursive=True) if isinstance(value, dict) else value


def handle_asking(request: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Run the script ``digest`` on ``object`` and return ``{"json": text}``.

    The text of a script that is not known yet is the question ``{"script": digest}``. A script that uses too much time
    ends the process, after the question ``{"exceeded": seconds}``.
    """
    engine = _STATE.engine = _STATE.engine or Engine()
    _watch(ask)
    try:
        made = engine.run(
            request["digest"],
            lambda: str(ask({"script": request["digest"]})),
            request["object"],
            request["parameters"],
            open_libraries=request["open_libraries"],
        )
    except MemoryError:
        _STATE.engine = None
        raise ValueError(f"needs more than {MEMORY_BYTES // 2**20} MiB of memory") from None
    except RecursionError:
        raise ValueError("the object is nested too deeply") from None
    return {"json": made}


class _State:
    engine: Engine | None = None
    watching = False


_STATE = _State()


def _watch(ask: Ask) -> None:
    """Have a thread that ends the process when the clock has run out.

    Nothing in Lua can: a script catches errors with pcall, and a pattern runs without a hook. The signal is seen through
    its wake-up descriptor, since the main thread is in Lua and runs no Python.
    """
    if _STATE.watching or not hasattr(signal, "setitimer"):
        return
    _STATE.watching = True
    # Times of scripts do not depend on where they run.
    os.environ["TZ"] = "UTC"
    time.tzset()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGPROF, lambda *_: None)
    signal.set_wakeup_fd(write)

    def end() -> None:
        while os.read(read, 1)[0] != signal.SIGPROF:
            pass
        try:
            ask({EXCEEDED: CPU_S})
        finally:
            os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _start_clock() -> None:
    if _STATE.watching:
        signal.setitimer(signal.ITIMER_PROF, CPU_S)


def _stop_clock() -> None:
    if _STATE.watching:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _bytes(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "replace")


def _failure(text: str) -> str:
    """What a script raised, as one line of bounded length."""
    return " ".join(_text(text[: 4 * MAX_FAILURE]).split())[:MAX_FAILURE]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
