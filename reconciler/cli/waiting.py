"""``app wait``."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reconciler.cli.comparing import SUMMARY_COLUMNS, summary
from reconciler.cli.options import File, Names, Resources, Selector, Timeout
from reconciler.cli.output import emit_rows, note
from reconciler.cli.selecting import ResourcePattern, choose, chosen_applications
from reconciler.cli.settings import Settings, Workspace
from reconciler.errors import NotFoundError, SyncError, UsageError
from reconciler.terms import HealthStatus, SyncStatus

if TYPE_CHECKING:
    from reconciler.diff.records import Comparison
    from reconciler.manifest.objects import Manifest
    from reconciler.model import Application

REQUESTED: Final = "requested"


@dataclass(frozen=True, slots=True)
class WaitFor:
    """What is waited for; all that is chosen must hold at once. ``healths`` are alternatives.

    Source: checkResourceStatus and getWatchOpts in cmd/argocd/commands/app.go of Argo CD 3.6. Otherwise than there an object
    that has no health is not waited for, and an Application that is Degraded ends the wait whatever it was before.
    """

    sync: bool = True
    healths: frozenset[HealthStatus] = frozenset({HealthStatus.HEALTHY})
    operation: bool = True
    patterns: tuple[ResourcePattern, ...] = ()

    def is_over(self, comparison: "Comparison") -> bool:
        return self.holds(comparison) or self.is_in_vain(comparison)

    def holds(self, comparison: "Comparison") -> bool:
        if not self.patterns:
            return self._holds(comparison.status, comparison.health.status)
        chosen = self._chosen(comparison)
        return bool(chosen) and all(self._holds(*states) for states in chosen)

    def is_in_vain(self, comparison: "Comparison") -> bool:
        """Whether something that should become healthy is Degraded."""
        if not self.healths or HealthStatus.DEGRADED in self.healths:
            return False
        if not self.patterns:
            return comparison.health.status is HealthStatus.DEGRADED
        return any(health is HealthStatus.DEGRADED for _, health in self._chosen(comparison))

    def overdue(self, comparison: "Comparison", timeout_s: float) -> str:
        """What is waited for in vain."""
        state = f"{comparison.application} is {comparison.status} and {comparison.health.status} after {timeout_s:g} s"
        if not (self.patterns or self.sync or HealthStatus.HEALTHY in self.healths):
            # An Application is Degraded or Suspended by any of its objects.
            return state
        chosen = set(choose((entry.key for entry in comparison.resources if not entry.hook), self.patterns))
        waiting = [
            str(entry.key)
            for entry in comparison.resources
            if entry.key in chosen and not self._holds(entry.status, entry.health.status if entry.health else None)
        ]
        if self.patterns and not chosen:
            return f"{state}; it has no such resource"
        return f"{state}; waiting for {', '.join(waiting)}" if waiting else state

    def _holds(self, status: SyncStatus, health: HealthStatus | None) -> bool:
        synced = not self.sync or status is SyncStatus.SYNCED
        return synced and (not self.healths or health is None or health in self.healths)

    def _chosen(self, comparison: "Comparison") -> list[tuple[SyncStatus, HealthStatus | None]]:
        keys = set(choose((entry.key for entry in comparison.resources if not entry.hook), self.patterns))
        return [
            (entry.status, entry.health.status if entry.health else None)
            for entry in comparison.resources
            if entry.key in keys and not entry.hook
        ]


def wait(
    context: typer.Context,
    names: Names = None,
    file: File = None,
    selector: Selector = "",
    sync: Annotated[bool, typer.Option("--sync", help="Until Synced.")] = False,
    health: Annotated[bool, typer.Option("--health", help="Until Healthy.")] = False,
    suspended: Annotated[bool, typer.Option("--suspended", help="Until Suspended.")] = False,
    degraded: Annotated[bool, typer.Option("--degraded", help="Until Degraded.")] = False,
    operation: Annotated[bool, typer.Option("--operation", help="Until no operation is at work on it.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Until it is gone.")] = False,
    resource: Resources = None,
    timeout: Timeout = None,
) -> None:
    """Wait until Applications are Synced and Healthy and at rest, or as the options say; several healths are alternatives.

    Exit status 1 when one is Degraded, or the time is over.
    """
    settings: Settings = context.obj
    chosen = {
        "--sync": sync,
        "--health": health,
        "--suspended": suspended,
        "--degraded": degraded,
        "--operation": operation,
    }
    wanted = _wanted([name for name, given in chosen.items() if given], resource)
    if delete:
        if any(chosen.values()) or resource or file is not None:
            raise UsageError("--delete waits for the end of Applications of the cluster, and stands alone")
        _wait_for_ends(settings, names, selector, timeout)
        return
    deadline = None if timeout is None else time.monotonic() + timeout
    with Workspace(settings) as workspace:
        applications = chosen_applications(workspace, names, selector, file)
        comparisons = [_wait_for(workspace, each, wanted, deadline, timeout) for each in applications]
    rows = [summary(comparison) for comparison in comparisons]
    emit_rows(rows, settings, columns=SUMMARY_COLUMNS, data=rows)
    if not all(wanted.holds(comparison) for comparison in comparisons):
        raise typer.Exit(1)


def _wanted(words: Sequence[str], resources: Sequence[str] | None) -> WaitFor:
    patterns = tuple(ResourcePattern.parse(text) for text in resources or ())
    if not words:
        return WaitFor(patterns=patterns)
    healths = {
        "--health": HealthStatus.HEALTHY,
        "--suspended": HealthStatus.SUSPENDED,
        "--degraded": HealthStatus.DEGRADED,
    }
    return WaitFor(
        sync="--sync" in words,
        healths=frozenset(health for word, health in healths.items() if word in words),
        operation="--operation" in words,
        patterns=patterns,
    )


def _wait_for(
    workspace: Workspace, application: "Application", wanted: WaitFor, deadline: float | None, timeout: float | None
) -> "Comparison":
    from reconciler.engine.waiting import wait_until_settled

    if wanted.operation and operation_of(application.operation, application.status):
        application = _after_operation(workspace, application, deadline, timeout)
    left = None if deadline is None else max(0.001, deadline - time.monotonic())
    engine = workspace.reconciler
    seen: list[Comparison] = []
    try:
        return wait_until_settled(
            engine.at(application), application, timeout_s=left, on_comparison=seen.append, until=wanted.is_over
        )
    except SyncError as error:
        if timeout is None or not seen:
            raise
        raise SyncError(wanted.overdue(seen[-1], timeout)) from error


def operation_of(operation: Any, status: Any) -> str:
    """What an Application says of an operation that is at work on it, empty for none."""
    from reconciler.terms import OperationPhase

    state = (status or {}).get("operationState") or {}
    phase = str(state.get("phase") or "")
    if phase in (OperationPhase.RUNNING, OperationPhase.TERMINATING):
        return phase
    return REQUESTED if operation else ""


def _after_operation(
    workspace: Workspace, application: "Application", deadline: float | None, timeout: float | None
) -> "Application":
    note(f"{application.name}: waiting for the end of its operation", workspace.settings)

    def at_rest(live: "Manifest | None") -> bool:
        return live is None or not operation_of(live.get("operation"), live.get("status"))

    if not _await(workspace, application, at_rest, deadline):
        raise SyncError(f"{application.name}: its operation is still at work after {timeout:g} s")
    return workspace.reconciler.application(application.name, namespace=application.metadata.namespace)


def _await(workspace: Workspace, application: "Application", until: Any, deadline: float | None) -> bool:
    from reconciler.cluster.applications import await_application

    engine = workspace.reconciler
    return await_application(
        engine.connection,
        engine.comparer.discovery,
        namespace=application.metadata.namespace or engine.namespace,
        name=application.name,
        until=until,
        timeout_s=None if deadline is None else max(0.0, deadline - time.monotonic()),
    )


def _wait_for_ends(settings: Settings, names: Sequence[str] | None, selector: str, timeout: float | None) -> None:
    deadline = None if timeout is None else time.monotonic() + timeout
    with Workspace(settings) as workspace:
        for application in _still_there(workspace, names, selector):
            if not _await(workspace, application, lambda live: live is None, deadline):
                raise SyncError(f"{application.name} is still there after {timeout:g} s")
            note(f"{application.name} is gone", settings)


def _still_there(workspace: Workspace, names: Sequence[str] | None, selector: str) -> "list[Application]":
    """The Applications; of those that are named, the ones that are not gone already."""
    if selector or not names:
        return chosen_applications(workspace, names, selector)
    there = []
    for name in dict.fromkeys(names):
        try:
            there.append(workspace.reconciler.application(name))
        except NotFoundError:
            note(f"{name} is gone", workspace.settings)
    return there
