"""Signals that come while an operation is at work: the first one ends it in order, a second one at once.

Python lets a handler run between any two instructions of the main thread. An exception out of it could come between a write
and the note that it was made, so the first signal raises nothing.
"""

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_interrupts(end: Callable[[], None]) -> Iterator[None]:
    """Within the block call ``end``, in another thread, for the first signal that would interrupt this one.

    Signals that the process ignores or that would kill it stay so, and in another than the main thread nothing changes: no
    signal interrupts those.
    """
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    if threading.current_thread() is not threading.main_thread() or not any(map(callable, former.values())):
        yield
        return
    # The one thing that a handler may do wherever it interrupts: a lock could be its own thread's.
    came = queue.SimpleQueue[bool]()
    first = True

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        if first:
            first = False
            came.put(True)
            return
        handler = former[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def wait() -> None:
        if came.get():
            end()

    waiter = threading.Thread(target=wait, name="interrupts of an operation", daemon=True)
    waiter.start()
    taken = [number for number, handler in former.items() if callable(handler)]
    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, former[number])
        came.put(False)
        waiter.join()
