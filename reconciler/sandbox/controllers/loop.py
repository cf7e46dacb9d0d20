"""The controllers' work queue: an object that changed is looked at once, a latency later.

Everything runs in the thread of the store: no locks, and with a virtual scheduler no real time either.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from reconciler.sandbox.status import StatusError
from reconciler.sandbox.store import Event, ObjectName, Store

_LOG: Final = logging.getLogger(__name__)
_RETRIES: Final = 5


class Scheduler(Protocol):
    """What the loop needs of time: run something later, in the same thread."""

    def call_later(self, delay_s: float, action: Callable[[], None], /) -> object: ...


class Controller(Protocol):
    """One controller: which objects an event concerns, and what to do about one of them."""

    def keys(self, event: Event, /) -> Iterable[ObjectName]: ...

    def sync(self, name: ObjectName, /) -> float | None:
        """Bring one object nearer to its spec; seconds after which to look again, or None."""
        ...


class ControllerLoop:
    """Feeds controllers with the store's events.

    Parameters
    ----------
    latency_s:
        Seconds between an event and the look at its object.
    """

    def __init__(self, store: Store, scheduler: Scheduler, *, latency_s: float) -> None:
        self._scheduler = scheduler
        self._controllers: list[Controller] = []
        self._waiting: set[tuple[int, ObjectName]] = set()
        self._failures: dict[tuple[int, ObjectName], int] = {}
        self._stopped = False
        self.latency_s = latency_s
        self._unsubscribe = store.subscribe(self._on_event)

    def add(self, controller: Controller) -> None:
        self._controllers.append(controller)

    def stop(self) -> None:
        """Look at nothing any more; what is scheduled does nothing."""
        if not self._stopped:
            self._stopped = True
            self._unsubscribe()

    def call_later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Run ``action`` after ``delay_s`` seconds unless the loop was stopped."""
        self._scheduler.call_later(delay_s, lambda: None if self._stopped else action())

    def _on_event(self, event: Event) -> None:
        for index, controller in enumerate(self._controllers):
            for name in controller.keys(event):
                self._enqueue((index, name), self.latency_s)

    def _enqueue(self, key: tuple[int, ObjectName], delay_s: float) -> None:
        if key not in self._waiting:
            self._waiting.add(key)
            self.call_later(delay_s, lambda: self._sync(key))

    def _sync(self, key: tuple[int, ObjectName]) -> None:
        self._waiting.discard(key)
        try:
            again_s = self._controllers[key[0]].sync(key[1])
        except StatusError as error:
            # As with the real ones: a conflict or a missing namespace is met again, later and later.
            failures = self._failures.get(key, 0) + 1
            self._failures[key] = failures
            if failures <= _RETRIES:
                self._enqueue(key, max(self.latency_s, 0.005) * 2**failures)
            else:
                _LOG.debug("controller gives up on %s/%s: %s", *key[1], error)
            return
        self._failures.pop(key, None)
        if again_s is not None:
            self.call_later(again_s, lambda: self._enqueue(key, 0.0))
