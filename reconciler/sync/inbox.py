"""What happens to an operation, in the order in which it is told, and what happens by itself when a time has come."""

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable

from reconciler.sync.events import Event

Due = Callable[[], Event | None]


class Inbox:
    """Events from any thread for one that takes them. Times are monotonic seconds."""

    def __init__(self) -> None:
        # None wakes the taker: an alarm was set.
        self._events = queue.SimpleQueue[Event | None]()
        self._lock = threading.Lock()
        self._alarms: list[tuple[float, int, Due]] = []
        self._numbers = itertools.count()

    def put(self, event: Event) -> None:
        self._events.put(event)

    def call_after(self, seconds: float, due: Due) -> None:
        """Ask ``due`` in the taking thread after some time; the event that it gives is taken, None is nothing."""
        with self._lock:
            heapq.heappush(self._alarms, (time.monotonic() + seconds, next(self._numbers), due))
        self._events.put(None)

    def take(self, deadline: float | None) -> Event | None:
        """The next event; None when ``deadline`` has passed without one."""
        while True:
            due = self._due()
            if due is not None:
                event = due()
                if event is not None:
                    return event
                continue
            with self._lock:
                times = [entry[0] for entry in self._alarms[:1]]
            if deadline is not None:
                times.append(deadline)
            try:
                found = self._events.get(timeout=max(0.0, min(times) - time.monotonic()) if times else None)
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    return None
                continue
            if found is not None:
                return found

    def _due(self) -> Due | None:
        with self._lock:
            if self._alarms and self._alarms[0][0] <= time.monotonic():
                return heapq.heappop(self._alarms)[2]
        return None
