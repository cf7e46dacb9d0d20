"""Warm worker processes for what a repository brings along, each with limits of time, memory and output.

A worker that exceeds a limit or dies is killed and replaced; the caller gets a `GenerationError`.
"""

import atexit
import json
import os
import selectors
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from reconciler.errors import GenerationError, ReconcilerError
from reconciler.processes import worker_main
from reconciler.processes.process import kill_group

# As Python, Go and Rust write it.
_MEMORY_SIGNS = ("MemoryError", "out of memory", "cannot allocate memory", "memory allocation of")

Question = dict[str, Any]
OnQuestion = Callable[[Question], Any]


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """``timeout_s`` seconds of wall time a request, its questions included.

    A worker is replaced after ``requests`` requests. ``answer_bytes`` counts all that a request makes a worker say.
    ``memory_bytes`` is address space; Python with Helm's library reserves 1.5 GiB of it at rest.
    """

    timeout_s: float = 60.0
    cpu_s: int = 90
    memory_bytes: int = 4 * 2**30
    answer_bytes: int = 64 * 2**20
    requests: int = 500


class WorkerPool:
    """Workers that run ``program``, a Python file with a function ``handle(request) -> answer`` on JSON objects.

    `worker_main` says what a program that asks questions looks like.

    Up to ``size`` work at a time; further callers wait. Nothing is started before the first call.
    """

    def __init__(self, program: Path, *, limits: WorkerLimits | None = None, size: int = 2) -> None:
        self._program = program
        self._limits = limits or WorkerLimits()
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()
        self._owner = 0

    def call(self, request: Mapping[str, Any], *, what: str, on_question: OnQuestion | None = None) -> dict[str, Any]:
        """Send a request to a free worker and wait for its answer.

        Parameters
        ----------
        what
            Names the work in messages.
        on_question
            Answers, with plain JSON, what the worker asks on the way.

        Raises
        ------
        GenerationError
            When the program raises, or exceeds a limit.
        ReconcilerError
            The first one that ``on_question`` raised.
        """
        answers = _Answers(on_question)
        with self._slots:
            worker = self._take()
            try:
                reply = worker.exchange(request, what, answers)
            except BaseException:
                worker.kill()
                raise
            self._give_back(worker)
        if answers.error is not None:
            raise answers.error
        if "error" in reply:
            raise GenerationError(f"{what}: {reply['error']}")
        answer = reply["answer"]
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """End the idle workers."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self) -> "_Worker":
        with self._lock:
            if self._owner != os.getpid():
                # After a fork the workers are the parent's; using its pipes would mix answers up.
                self._idle.clear()
                self._owner = os.getpid()
                atexit.register(self.close)
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive():
                    return worker
                worker.kill()
        return _Worker(self._program, self._limits)

    def _give_back(self, worker: "_Worker") -> None:
        if worker.served >= self._limits.requests:
            worker.kill()
            return
        with self._lock:
            self._idle.append(worker)


class _Answers:
    """Answers a worker's questions; keeps the first error of ours, which ends the request."""

    def __init__(self, on_question: OnQuestion | None) -> None:
        self._on_question = on_question
        self.error: ReconcilerError | None = None

    def reply(self, question: Question) -> dict[str, Any]:
        if self._on_question is None:
            return {"error": "nobody answers questions of this worker"}
        if self.error is None:
            try:
                return {"answer": self._on_question(question)}
            except ReconcilerError as error:
                self.error = error
        return {"error": str(self.error)}


class _Worker:
    def __init__(self, program: Path, limits: WorkerLimits) -> None:
        self.served = 0
        self._limits = limits
        self._home = tempfile.mkdtemp(prefix="gitops-nb-worker-")
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        settings = {
            "path": [entry for entry in sys.path if entry],
            "memory_bytes": limits.memory_bytes,
            "file_bytes": 2**20,
            "cpu_s": limits.cpu_s,
        }
        environment = {
            "HOME": self._home,
            "TMPDIR": self._home,
            "PATH": self._home,
            "KUBECONFIG": str(Path(self._home) / "none"),
            "LANG": "C.UTF-8",
            # Nothing listens there: a worker has no business on the network.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "GOMEMLIMIT": str(limits.memory_bytes * 3 // 4),
            "GOTRACEBACK": "none",
            # Short-lived garbage of small charts; GOMEMLIMIT bounds it.
            "GOGC": "400",
            # Each arena reserves 64 MiB of the address space.
            "MALLOC_ARENA_MAX": "2",
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
            [sys.executable, "-I", str(worker_main.__file__), str(program), json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=self._home,
            env=environment,
            start_new_session=True,
        )
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """End the worker with all it started, and remove its folder."""
        kill_group(self._process.pid)
        with suppress(OSError):
            self._process.communicate()
        self._stderr.close()
        shutil.rmtree(self._home, ignore_errors=True)

    def exchange(self, request: Mapping[str, Any], what: str, answers: _Answers) -> dict[str, Any]:
        """Send one request, answer the questions that come back, and return the reply that ends it."""
        deadline = time.monotonic() + self._limits.timeout_s
        allowed = self._limits.answer_bytes
        message = dict(request)
        while True:
            body = self._send_and_receive(worker_main.encode_message(message), what, deadline, allowed)
            reply = json.loads(body)
            assert isinstance(reply, dict)
            if "question" not in reply:
                self.served += 1
                return reply
            allowed -= len(body)
            message = answers.reply(reply["question"])

    def _send_and_receive(self, message: bytes, what: str, deadline: float, allowed: int) -> bytes:
        """Send one message and read one of at most ``allowed`` bytes, both under the deadline."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        unsent = memoryview(message)
        received = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdin, selectors.EVENT_WRITE)
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while (size := self._size(received, what, allowed)) is None or len(received) < size + 4:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready or time.monotonic() > deadline:
                    raise GenerationError(f"{what} took more than {self._limits.timeout_s:g} s and was ended")
                for key, _ in ready:
                    if key.fileobj is self._process.stdout:
                        chunk = os.read(key.fd, 2**16)
                        if not chunk:
                            raise GenerationError(f"{what}: {self._cause_of_death()}")
                        received += chunk
                    else:
                        # A worker that has died is noticed at its answer.
                        with suppress(BrokenPipeError):
                            unsent = unsent[os.write(key.fd, unsent[: 2**16]) :]
                        if not unsent or self._process.poll() is not None:
                            selector.unregister(key.fileobj)
        return bytes(received[4 : size + 4])

    def _size(self, received: bytearray, what: str, allowed: int) -> int | None:
        if len(received) < 4:
            return None
        size = int(struct.unpack(">I", received[:4])[0])
        if size > allowed:
            raise GenerationError(f"{what} made more than {self._limits.answer_bytes // 2**20} MiB and was ended")
        return size

    def _cause_of_death(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._stderr.seek(0)
        text = self._stderr.read(2**16).decode("utf-8", "replace")
        if self._process.returncode == 0 or any(sign in text for sign in _MEMORY_SIGNS):
            return (
                f"its worker process needed more than {self._limits.memory_bytes // 2**20} MiB of memory and was ended"
            )
        if "stack overflow" in text or "stack exceeds" in text:
            return "its worker process ran out of stack and was ended; something in it is nested too deeply"
        return f"its worker process died (status {self._process.returncode}); nothing was rendered"
