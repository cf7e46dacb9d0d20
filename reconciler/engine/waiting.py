"""Follows an application until it is settled."""

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from reconciler.cluster import ApiResource, Follower
from reconciler.cluster.live_state import LiveState
from reconciler.diff.records import Comparison
from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.engine.stopping import Stopping
from reconciler.errors import SyncError
from reconciler.manifest.objects import GroupVersionKind
from reconciler.model import Application
from reconciler.terms import HealthStatus, SyncStatus

ON_THE_WAY: Final = frozenset({HealthStatus.PROGRESSING, HealthStatus.UNKNOWN})
"""Healths that may pass by themselves."""
Place = tuple[ApiResource, str, str]
"""A kind, a namespace and a name."""


def wait_until_settled(
    comparer: Comparer,
    application: Application,
    *,
    revision: str | None = None,
    timeout_s: float | None = None,
    on_comparison: Callable[[Comparison], None] = lambda _comparison: None,
    until: Callable[[Comparison], bool] | None = None,
    stopping: Stopping | None = None,
) -> Comparison:
    """Follow the application's objects until it is Synced and Healthy, or Degraded, or the time is over.

    ``until`` asks for something else instead; ``stopping`` ends the wait.

    Raises
    ------
    SyncError
        When ``timeout_s`` seconds have passed, or it has to stop; it names what is not healthy.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    met, stopping = until or is_settled, stopping or Stopping()
    with _changes(comparer) as changes, stopping.reaches(lambda _message: changes.wake()):
        while True:
            changes.begin()
            reconciliation = comparer.reconcile(application, revision=revision)
            comparison = reconciliation.comparison
            on_comparison(comparison)
            if met(comparison):
                return comparison
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            changed = changes.wait(_places(comparer, reconciliation), timeout_s=left)
            if stopping.told:
                raise SyncError(_not_settled(comparison, met, f"when it was ended ({stopping.message})"))
            if not changed:
                raise SyncError(_not_settled(comparison, met, f"after {round(timeout_s or 0.0, 1):g} s"))


class Changes(Protocol):
    """Tells that it is worth looking again."""

    def begin(self) -> None:
        """What happens from here on counts."""

    def wait(self, places: Sequence[Place], *, timeout_s: float | None) -> bool:
        """Wait until something of these objects has changed since `begin`; False when the time is over."""

    def wake(self) -> None:
        """End the wait, from any thread."""


@contextmanager
def _changes(comparer: Comparer) -> Iterator[Changes]:
    if comparer.followed is not None:
        # A watch of another connection might tell of what the held state does not show yet.
        yield _HeldChanges(comparer.followed.state)
        return
    changed = queue.SimpleQueue[None]()
    with Follower(comparer.connection, lambda _sighting: changed.put(None)) as follower:
        yield _WatchedChanges(follower, changed)


class _HeldChanges:
    """Changes of a live state, whatever they are of."""

    def __init__(self, state: LiveState) -> None:
        self._state = state
        self._seen = 0

    def begin(self) -> None:
        self._seen = self._state.revision

    def wait(self, places: Sequence[Place], *, timeout_s: float | None) -> bool:
        return self._state.wait_for_change(self._seen, timeout_s=timeout_s) > self._seen

    def wake(self) -> None:
        self._state.tell(None)


class _WatchedChanges:
    """Changes that watches of its own report; each object is reported once to begin with."""

    def __init__(self, follower: Follower, changed: "queue.SimpleQueue[None]") -> None:
        self._follower = follower
        self._changed = changed
        self._followed = False

    def begin(self) -> None:
        """A report that came already is a reason to look again."""

    def wait(self, places: Sequence[Place], *, timeout_s: float | None) -> bool:
        if not self._followed:
            self._follower.follow(places)
            self._followed = True
        try:
            self._changed.get(timeout=timeout_s)
            # A burst of events is one reason to look again.
            while not self._changed.empty():
                self._changed.get_nowait()
        except queue.Empty:
            return False
        return True

    def wake(self) -> None:
        self._changed.put(None)


def is_settled(comparison: Comparison) -> bool:
    """Whether waiting is over: Synced and Healthy, or Degraded, which does not pass by itself."""
    if comparison.health.status is HealthStatus.DEGRADED:
        return True
    return comparison.status is SyncStatus.SYNCED and comparison.health.status is HealthStatus.HEALTHY


def is_at_rest(comparison: Comparison) -> bool:
    """Whether waiting after a sync is over: nothing is Progressing any more, or something is Degraded.

    What is Suspended or Missing does not become Healthy by itself. The sync status does not count, as for
    ``argocd app sync`` (waitOnApplicationStatus in cmd/argocd/commands/app.go of Argo CD 3.6), which waits for the operation
    alone: what was not to be pruned, or what others change at once, stays OutOfSync.
    """
    return comparison.health.status not in ON_THE_WAY


def _places(comparer: Comparer, reconciliation: Reconciliation) -> list[Place]:
    found = []
    for key, obj in reconciliation.targets.items():
        resource = comparer.discovery.find(GroupVersionKind.of(obj))
        if resource is not None:
            found.append((resource, key.namespace, key.name))
    return found


def _not_settled(comparison: Comparison, met: Callable[[Comparison], bool], when: str) -> str:
    waiting = [
        str(entry.key)
        for entry in comparison.resources
        if (entry.health is not None and entry.health.status is not HealthStatus.HEALTHY)
        or (entry.status is not SyncStatus.SYNCED and met is not is_at_rest)
    ]
    return (
        f"{comparison.application} is {comparison.status} and {comparison.health.status} {when}; "
        f"waiting for {', '.join(waiting) or 'its resources'}"
    )
