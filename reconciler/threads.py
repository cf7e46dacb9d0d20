"""Threads for work that is made of many small pieces which wait for a server.

Threads are kept when their work is done: to make one costs more than most of what is done in it.
"""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from threading import Condition
from typing import Any, Final, ParamSpec, TypeVar

_MOST: Final = 10_000
"""As good as no limit: whose pieces wait for those of others, as a parent's for its children's, must never wait for a thread."""
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _make() -> None:
    global _threads  # noqa: PLW0603 - a process has one of them
    _threads = ThreadPoolExecutor(_MOST, thread_name_prefix="lane")


_threads: ThreadPoolExecutor
_make()
# A process that was forked off has none of the threads of the one before.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make)


class Lane(Executor):
    """At most ``size`` pieces of work at a time, begun in the order in which they were submitted.

    Lanes share their threads, but none waits for another one. Leaving the ``with`` block waits for the end of all pieces.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[tuple[Future[Any], Callable[[], None]]] = deque()
        self._at_work = 0
        self._closed = False
        self._changed = Condition()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """Have it called.

        Raises
        ------
        RuntimeError
            When the lane was shut down.
        """
        future: Future[_T] = Future()

        def piece() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - as any executor: whoever waits for it is told
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._changed:
            if self._closed:
                raise RuntimeError("cannot submit to a lane that was shut down")
            self._waiting.append((future, piece))
            if self._at_work == self._size:
                return future
            self._at_work += 1
        _threads.submit(self._go)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more; what waits yet is still done, or cancelled with ``cancel_futures``."""
        with self._changed:
            self._closed = True
            while cancel_futures and self._waiting:
                self._waiting.popleft()[0].cancel()
            if wait:
                self._changed.wait_for(lambda: not self._at_work)

    def _go(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._at_work -= 1
                    self._changed.notify_all()
                    return
                _future, piece = self._waiting.popleft()
            piece()
            # A thread that waits for more keeps nothing alive.
            del _future, piece
