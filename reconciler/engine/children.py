"""A child Application in its parent's sync, where its sync window is closed: left as it is, its health waited for all the same.

In Argo CD the child's own controller would sync it, and does not; the wave of its parent waits for the child's health.
Source: autoSync in controller/appcontroller.go of Argo CD 3.6, and docs/operator-manual/health.md (Argocd App).
"""

from typing import TYPE_CHECKING

from reconciler.engine.stopping import Stopping
from reconciler.engine.waiting import is_at_rest
from reconciler.errors import ReconcilerError, SyncError
from reconciler.model import Application
from reconciler.terms import HealthStatus

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler


def left_unsynced(application: Application, closed: str, health: HealthStatus = HealthStatus.HEALTHY) -> str:
    """What became of it: ``closed`` is why its window does not let it sync."""
    shown = "" if health is HealthStatus.HEALTHY else f"{health} and "
    return f"{application.name} is {shown}left unsynced: {closed}"


def wait_unsynced(
    engine: "Reconciler", application: Application, closed: str, *, timeout_s: float | None, stopping: Stopping
) -> None:
    """Wait until nothing of the Application is on its way, and write its status.

    Raises
    ------
    SyncError
        When it is not healthy as it is, or that is not known; with the window.
    """
    try:
        comparison = engine.wait(application, timeout_s=timeout_s, until=is_at_rest, stopping=stopping)
        engine.write_status(application, comparison=comparison)
    except ReconcilerError as error:
        raise SyncError(f"{error}; {left_unsynced(application, closed)}") from error
    if comparison.health.status is not HealthStatus.HEALTHY:
        raise SyncError(left_unsynced(application, closed, comparison.health.status))
