"""Who of many operations may be at work: so many at a time, those that only wait for something aside."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from reconciler.engine.operation import SyncOperation
from reconciler.errors import SyncError
from reconciler.sync.events import Event
from reconciler.sync.machine import SyncState
from reconciler.sync.runner import Listener
from reconciler.sync.state import Stage

_IDLE: Final = frozenset({Stage.CONFIRM, Stage.WAIT, Stage.PAUSE, Stage.FINISHED})
"""What may last for ever; a finished attempt may be followed by a pause before the next one."""


class Places:
    """Places for operations at work.

    An operation that waits, for health, for a confirmation or for its next attempt, gives its place to another one.
    """

    def __init__(self, size: int) -> None:
        self.size = max(1, size)
        self._changed = threading.Condition()
        self._tickets: set[Ticket] = set()
        self._working = 0
        self._stopped = ""

    def ticket(self) -> "Ticket":
        """For one operation that is about to be handed over."""
        ticket = Ticket(self)
        with self._changed:
            self._tickets.add(ticket)
        return ticket

    @property
    def under_way(self) -> int:
        """Operations that were handed over and have not ended."""
        with self._changed:
            return len(self._tickets)

    @property
    def at_work(self) -> int:
        """Operations that have a place or want one."""
        with self._changed:
            return sum(not ticket.idle for ticket in self._tickets)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that changes as operations end or begin to wait."""
        with self._changed:
            self._changed.wait_for(condition)

    def stop(self, reason: str) -> None:
        """End all operations in order; those that have not begun do not begin."""
        with self._changed:
            self._stopped = reason
            running = [ticket.operation for ticket in self._tickets if ticket.operation is not None]
            self._changed.notify_all()
        for operation in running:
            operation.stop(reason)

    def enter(self, ticket: "Ticket") -> None:
        """Wait for a place; none is needed when all is to end."""
        with self._changed:
            if ticket.has_place:
                return
            ticket.idle = False
            self._changed.wait_for(lambda: self._working < self.size or bool(self._stopped))
            ticket.has_place = True
            self._working += 1

    def leave(self, ticket: "Ticket") -> None:
        with self._changed:
            ticket.idle = True
            if ticket.has_place:
                ticket.has_place = False
                self._working -= 1
            self._changed.notify_all()

    def end(self, ticket: "Ticket") -> None:
        self.leave(ticket)
        with self._changed:
            self._tickets.discard(ticket)
            ticket.done = True
            self._changed.notify_all()

    def begin(self, ticket: "Ticket", operation: SyncOperation, before: "Sequence[Ticket]") -> None:
        """Let an operation begin after others.

        Raises
        ------
        SyncError
            When nothing is to begin any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._stopped) or all(other.done for other in before))
        self.enter(ticket)
        with self._changed:
            if self._stopped:
                raise SyncError(f"not begun: {self._stopped}")
            ticket.operation = operation


class Ticket:
    """One operation's right to a place."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.operation: SyncOperation | None = None
        self.has_place = False
        self.idle = False
        self.done = False

    @contextmanager
    def taken(self, operation: SyncOperation, before: "Sequence[Ticket]") -> Iterator[None]:
        """At work from here on, after others have ended. Errors as `Places.begin`."""
        self._places.begin(self, operation, before)
        try:
            yield
        finally:
            self._places.leave(self)

    def listening(self, on_event: Listener) -> Listener:
        """A listener that gives the place away while the operation waits, and passes everything on."""

        def listen(state: SyncState, event: Event) -> None:
            on_event(state, event)
            if state.stage in _IDLE:
                self._places.leave(self)
            else:
                self._places.enter(self)

        return listen

    def give_back(self) -> None:
        """The operation has ended."""
        self._places.end(self)
