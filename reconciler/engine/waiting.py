"""Follows an application until it is settled."""

import queue
import time
from collections.abc import Callable

from reconciler.cluster import ApiResource, Follower
from reconciler.diff.records import Comparison
from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.errors import SyncError
from reconciler.manifest.objects import GroupVersionKind
from reconciler.model import Application
from reconciler.terms import HealthStatus, SyncStatus


def wait_until_settled(
    comparer: Comparer,
    application: Application,
    *,
    revision: str | None = None,
    timeout_s: float | None = None,
    on_comparison: Callable[[Comparison], None] = lambda _comparison: None,
) -> Comparison:
    """Follow the application's objects until it is Synced and Healthy, or Degraded, or the time is over.

    Raises
    ------
    SyncError
        When ``timeout_s`` seconds have passed; it names what is not healthy.
    """
    changed = queue.SimpleQueue[None]()
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    with Follower(comparer.connection, lambda _sighting: changed.put(None)) as follower:
        followed = False
        while True:
            reconciliation = comparer.reconcile(application, revision=revision)
            comparison = reconciliation.comparison
            on_comparison(comparison)
            if _is_settled(comparison):
                return comparison
            if not followed:
                follower.follow(_places(comparer, reconciliation))
                followed = True
            try:
                changed.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
                # A burst of events is one reason to look again.
                while not changed.empty():
                    changed.get_nowait()
            except queue.Empty:
                raise SyncError(_overdue(comparison, timeout_s or 0.0)) from None


def _is_settled(comparison: Comparison) -> bool:
    if comparison.health.status is HealthStatus.DEGRADED:
        return True
    return comparison.status is SyncStatus.SYNCED and comparison.health.status is HealthStatus.HEALTHY


def _places(comparer: Comparer, reconciliation: Reconciliation) -> list[tuple[ApiResource, str, str]]:
    found = []
    for key, obj in reconciliation.targets.items():
        resource = comparer.discovery.find(GroupVersionKind.of(obj))
        if resource is not None:
            found.append((resource, key.namespace, key.name))
    return found


def _overdue(comparison: Comparison, timeout_s: float) -> str:
    waiting = [
        str(entry.key)
        for entry in comparison.resources
        if entry.status is not SyncStatus.SYNCED or (entry.health and entry.health.status is not HealthStatus.HEALTHY)
    ]
    return (
        f"{comparison.application} is {comparison.status} and {comparison.health.status} after {timeout_s:g} s; "
        f"waiting for {', '.join(waiting) or 'its resources'}"
    )
