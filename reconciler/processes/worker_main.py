"""The main loop of a worker process: ``python -I worker_main.py PROGRAM SETTINGS``.

Started by path rather than as a module, so that a worker loads its program and the standard library and nothing else of
ours. A message is a length of four bytes, big endian, and that much JSON.

A program has a function ``handle(request) -> answer``, or ``handle_asking(request, ask) -> answer`` when it needs something
of its parent on the way: ``ask(question) -> answer`` sends ``{"question": ...}`` and waits. The end of a request is
``{"answer": ...}`` or ``{"error": ...}``; so is the parent's reply to a question, and an error there ends the request.
"""

import importlib.util
import json
import os
import shutil
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

Ask = Callable[[dict[str, Any]], Any]
Handler = Callable[[dict[str, Any], Ask], dict[str, Any]]


class RefusedError(Exception):
    """The parent answered a question with an error, which it keeps and raises itself."""


class ParentGoneError(BaseException):
    """Nobody is there to answer; not for a program to catch."""


def main(program: str, settings: dict[str, Any]) -> None:
    """Answer requests from stdin until it ends; the answers go to what was stdout."""
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not end up between the answers.
    os.dup2(2, 1)
    sys.path[:] = settings["path"]
    limits = _limit(settings["memory_bytes"], settings["file_bytes"])
    handle = _load(program)
    requests = sys.stdin.buffer

    def ask(question: dict[str, Any]) -> Any:
        write_message(answers, {"question": question})
        reply = read_message(requests)
        if reply is None:
            raise ParentGoneError
        if "error" in reply:
            raise RefusedError(reply["error"])
        return reply["answer"]

    while (request := read_message(requests)) is not None:
        if limits:
            _limit_cpu(settings["cpu_s"])
        try:
            answer: dict[str, Any] = {"answer": handle(request, ask)}
        except (MemoryError, ParentGoneError):
            return
        except Exception as error:  # noqa: BLE001 - the parent turns every failure into an error of ours
            answer = {"error": str(error) or type(error).__name__}
        write_message(answers, answer)


def read_message(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack(">I", head)
    body = stream.read(size)
    return json.loads(body) if len(body) == size else None


def write_message(stream: BinaryIO, message: dict[str, Any]) -> None:
    """Write one message."""
    stream.write(encode_message(message))
    stream.flush()


def encode_message(message: dict[str, Any]) -> bytes:
    """A message as it goes over the pipe."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return struct.pack(">I", len(body)) + body


def _load(program: str) -> Handler:
    spec = importlib.util.spec_from_file_location("worker_program", program)
    if spec is None or spec.loader is None:
        raise ImportError(program)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if hasattr(module, "handle_asking"):
        asking: Handler = module.handle_asking
        return asking
    plain: Callable[[dict[str, Any]], dict[str, Any]] = module.handle
    return lambda request, _: plain(request)


def _limit(memory_bytes: int, file_bytes: int) -> bool:
    try:
        import resource  # there is none on Windows
    except ImportError:
        return False
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    return True


def _limit_cpu(seconds: int) -> None:
    """Each request may use ``seconds`` of processor time, also when nobody is left to end this process."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds, hard))


if __name__ == "__main__":
    try:
        main(sys.argv[1], json.loads(sys.argv[2]))
    finally:
        # The parent may be gone without having closed its pool.
        shutil.rmtree(os.environ["HOME"], ignore_errors=True)
