"""That work has to end, told from another thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopping:
    """A word that is said once: all who work on the same thing hear it, also those who begin only then.

    Attributes
    ----------
    message
        Why the work has to end; empty until then.
    """

    def __init__(self) -> None:
        self.message = ""
        self._told = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Callable[[str], None]] = []

    @property
    def told(self) -> bool:
        return self._told.is_set()

    def tell(self, message: str) -> None:
        """End the work; the first message counts. Listeners are called in this thread."""
        with self._lock:
            if self._told.is_set():
                return
            self.message = message
            self._told.set()
            listeners = list(self._listeners)
        for listener in listeners:
            listener(message)

    def wait(self, seconds: float) -> bool:
        """Wait until the work has to end, at most so long; whether it has to."""
        return self._told.wait(seconds)

    @contextmanager
    def reaches(self, listener: Callable[[str], None]) -> Iterator[None]:
        """Within the block ``listener`` is called with the message, at once where it has been told already."""
        with self._lock:
            told = self._told.is_set()
            self._listeners.append(listener)
        try:
            if told:
                listener(self.message)
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)
