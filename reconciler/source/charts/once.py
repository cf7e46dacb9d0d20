"""Work that is done once, however many threads ask for it."""

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from reconciler.errors import GenerationError

T = TypeVar("T")


class Once:
    """Results by key, failures too: a server that did not answer one Application is not asked for the next."""

    def __init__(self) -> None:
        self._slots: dict[Hashable, _Slot] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of ``make``, called by the first who asks for ``key``; others wait.

        Raises
        ------
        GenerationError
            What the first call raised, for everybody.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if slot.error is not None:
                raise slot.error.with_traceback(None)
            if not slot.done:
                try:
                    slot.value = make()
                except GenerationError as error:
                    slot.error = error
                    raise
                slot.done = True
            return cast(T, slot.value)


class _Slot:
    __slots__ = ("done", "error", "lock", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.done = False
        self.value: Any = None
        self.error: GenerationError | None = None
