"""``app sync``: one Application, many side by side, or a plan that was kept."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.options import (
    DryRun,
    File,
    Force,
    Labels,
    Names,
    OnlyOutOfSync,
    Prune,
    Replace,
    Resources,
    Revision,
    Selector,
    Strategy,
    SyncOption,
    Timeout,
    WaitForHealth,
)
from reconciler.cli.output import emit_data, emit_text, is_document, note
from reconciler.cli.planning import one_off_options, plan_options, read_plan
from reconciler.cli.retrying import (
    RetryBackoffDuration,
    RetryBackoffFactor,
    RetryBackoffMaxDuration,
    RetryLimit,
    RetryRefresh,
    RetryWords,
)
from reconciler.cli.selecting import chosen_applications
from reconciler.cli.settings import Settings, Workspace
from reconciler.errors import UsageError
from reconciler.terms import SyncStrategy

if TYPE_CHECKING:
    from reconciler.engine import Reconciliation, SyncOutcome
    from reconciler.engine.fleet import ApplicationRun
    from reconciler.engine.requests import SyncRequest
    from reconciler.model import Application
    from reconciler.sync.events import Event
    from reconciler.sync.machine import SyncState
    from reconciler.sync.records import SyncPlan


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call asks of every Application that it names."""

    revision: str | None
    prune: bool
    only_out_of_sync: bool
    resources: list[str] | None
    labels: list[str] | None
    sync_options: list[str]
    strategy: SyncStrategy | None
    dry_run: bool
    wait: bool
    timeout_s: float | None
    retry: RetryWords
    plan: "SyncPlan | None" = None

    def refuse_beside_plan(self) -> None:
        """A kept plan says what is done.

        Raises
        ------
        UsageError
            For an option that would say it otherwise.
        """
        given = {
            "--revision": self.revision,
            "--prune": self.prune,
            "--apply-out-of-sync-only": self.only_out_of_sync,
            "--resource": self.resources,
            "--label": self.labels,
            "--sync-option, --force or --replace": self.sync_options,
            "--strategy": self.strategy,
            "--dry-run": self.dry_run,
        }
        words = [name for name, value in given.items() if value]
        if words:
            raise UsageError(f"--plan says what is done; leave out {', '.join(words)}, or make another plan")


def sync(
    context: typer.Context,
    names: Names = None,
    file: File = None,
    selector: Selector = "",
    revision: Revision = None,
    prune: Prune = False,
    apply_out_of_sync_only: OnlyOutOfSync = False,
    resource: Resources = None,
    label: Labels = None,
    dry_run: DryRun = False,
    force: Force = False,
    replace: Replace = False,
    strategy: Strategy = None,
    server_side: Annotated[bool, typer.Option("--server-side", help="Use server-side apply; every sync does.")] = False,
    sync_option: SyncOption = None,
    retry_limit: RetryLimit = None,
    retry_backoff_duration: RetryBackoffDuration = None,
    retry_backoff_max_duration: RetryBackoffMaxDuration = None,
    retry_backoff_factor: RetryBackoffFactor = None,
    retry_refresh: RetryRefresh = False,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="FILE", help="Carry out this plan, if all that it was made from is unchanged."),
    ] = None,
    wait: WaitForHealth = False,
    timeout: Timeout = None,
    async_: Annotated[bool, typer.Option("--async", hidden=True)] = False,
) -> None:
    """Sync Applications side by side, parents first; ends when the operations have ended.

    Exit status 1 when one failed, or left something OutOfSync that it was not to prune.
    """
    if async_:
        raise UsageError(
            "--async: there is no server that would go on with it: a sync runs in this process; leave it out, or run the "
            "command in the background"
        )
    settings: Settings = context.obj
    asked = Asked(
        revision=revision,
        prune=prune,
        only_out_of_sync=apply_out_of_sync_only,
        resources=resource,
        labels=label,
        sync_options=[*one_off_options(force=force, replace=replace), *(sync_option or ())],
        strategy=strategy,
        dry_run=dry_run,
        wait=wait,
        timeout_s=timeout,
        retry=RetryWords(
            retry_limit, retry_backoff_duration, retry_backoff_max_duration, retry_backoff_factor, refresh=retry_refresh
        ),
        plan=read_plan(plan) if plan is not None else None,
    )
    with Workspace(settings) as workspace:
        if asked.plan is not None:
            asked.refuse_beside_plan()
            applications = [_application_of(asked.plan, workspace, names, selector, file)]
        else:
            applications = chosen_applications(workspace, names, selector, file)
        outcomes, failed = _sync_all(workspace, applications, asked)
    failed |= emit_outcomes(outcomes, settings, several=len(applications) > 1, wait=wait)
    if failed or any(outcome.left_to_prune for outcome in outcomes):
        raise typer.Exit(1)


def _application_of(
    plan: "SyncPlan", workspace: Workspace, names: Sequence[str] | None, selector: str, file: Path | None
) -> "Application":
    if selector or any(name != plan.application for name in names or ()):
        raise UsageError(f"--plan: the plan is of Application {plan.application}; name no other")
    if file is not None:
        return workspace.application(plan.application, file)
    return workspace.reconciler.application(plan.application, namespace=plan.namespace)


def _sync_all(
    workspace: Workspace, applications: "Sequence[Application]", asked: Asked
) -> "tuple[list[SyncOutcome], bool]":
    """The outcomes; whether one of several could not be synced at all, which keeps none of the others back."""
    if len(applications) == 1:
        return [_sync_one(workspace, applications[0], asked)], False
    runs = workspace.reconciler.sync_all(
        applications, partial(_request_of_several, workspace, asked), revision=asked.revision, request=_refusable(asked)
    )
    problems = [(run.application.name, problem) for run in runs if (problem := _problem(run))]
    for name, problem in problems:
        note(f"error: {name}: {problem}", workspace.settings)
    outcomes = [run.outcome for run in runs if run.outcome is not None and run.error is None]
    return outcomes, bool(problems)


def _problem(run: "ApplicationRun") -> str:
    """Why an Application could not be synced, or followed to the end of its sync; empty when it could."""
    if run.error is not None:
        return str(run.error).removeprefix(f"{run.application.name} cannot be synced: ")
    return f"its status is not written: {run.status_problem}" if run.status_problem else ""


def _sync_one(workspace: Workspace, application: "Application", asked: Asked) -> "SyncOutcome":
    from reconciler.engine.gates import require_own_revision
    from reconciler.engine.operation import joined

    engine, plan = workspace.reconciler, asked.plan
    if not asked.dry_run:
        require_own_revision(application, asked.revision)
    # A plan holds for the revisions that it was made at.
    revision = joined(plan.revisions) if plan is not None else asked.revision
    # What it cannot be is said before anything is compared.
    asked.retry.policy(application)
    reconciliation = engine.reconcile(application, revision=revision, request=_refusable(asked))
    return engine.run_sync(reconciliation, _request(workspace, application, reconciliation, asked))


def _refusable(asked: Asked) -> "SyncRequest":
    """What is recorded of a sync that is refused before its Application is compared."""
    from reconciler.engine.requests import SyncRequest
    from reconciler.sync.records import PlanOptions

    hooks = asked.strategy is not SyncStrategy.APPLY
    return SyncRequest(
        PlanOptions(dry_run=asked.dry_run, prune=asked.prune, hooks=hooks), initiated_by=getpass.getuser()
    )


def _request_of_several(
    workspace: Workspace, asked: Asked, application: "Application", reconciliation: "Reconciliation"
) -> "SyncRequest":
    from reconciler.engine.gates import require_own_revision

    if not asked.dry_run:
        require_own_revision(application, asked.revision)
    return _request(workspace, application, reconciliation, asked, several=True)


def _request(
    workspace: Workspace,
    application: "Application",
    reconciliation: "Reconciliation",
    asked: Asked,
    *,
    several: bool = False,
) -> "SyncRequest":
    """What is asked of one Application, of ``several`` that are synced at a time or alone."""
    from reconciler.engine.requests import SyncRequest
    from reconciler.sync.runner import RunOptions

    options = (
        asked.plan.options
        if asked.plan is not None
        else plan_options(
            reconciliation,
            prune=asked.prune,
            only=asked.only_out_of_sync,
            resources=asked.resources,
            labels=asked.labels,
            dry_run=asked.dry_run,
            sync_options=asked.sync_options,
            strategy=asked.strategy,
        )
    )
    return SyncRequest(
        options=options,
        run_options=RunOptions(timeout_s=asked.timeout_s),
        on_event=Progress(workspace.settings, application.name if several else ""),
        initiated_by=getpass.getuser(),
        wait=asked.wait,
        retry=asked.retry.policy(application),
        plan=asked.plan,
    )


def emit_outcomes(
    outcomes: "Sequence[SyncOutcome]", settings: Settings, *, several: bool = False, wait: bool = False
) -> bool:
    """Print the outcomes; whether one of them failed, or is Degraded after ``wait``."""
    from reconciler.formatting import format_result_text

    for outcome in outcomes:
        if (comparison := outcome.comparison) is not None:
            note(f"{comparison.application} is {comparison.status} and {comparison.health.status}", settings)
        if outcome.pruning_required:
            note(f"{outcome.result.application}: {outcome.pruning_required}", settings)
    if is_document(settings):
        results = [outcome.result for outcome in outcomes]
        emit_data(results if several else results[0], settings)
    else:
        shown = [each for outcome in outcomes for each in (outcome, *outcome.children)]
        emit_text("\n\n".join(format_result_text(each.result) for each in shown))
    return any(
        not outcome.succeeded
        or (wait and outcome.comparison is not None and outcome.comparison.health.status == "Degraded")
        for outcome in outcomes
    )


class Progress:
    """Prints every change of a task's state, a line each, on stderr; ``name`` stands in each where several are at work."""

    def __init__(self, settings: Settings, name: str = "") -> None:
        self._settings = settings
        self._name = f"{name}  " if name else ""
        self._seen: dict[str, str] = {}
        self._asked = ""

    def __call__(self, state: "SyncState", event: "Event") -> None:
        from reconciler.sync.state import Stage

        if state.stage is Stage.CONFIRM and state.message != self._asked:
            self._asked = state.message
            name = state.plan.application
            note(
                f"{event.at:%H:%M:%S}  {self._name}{state.message}; approve it with: gitops-nb app confirm-deletion {name}",
                self._settings,
            )
        for task_id, result in state.results.items():
            shown = (result.hook_phase or result.code or "").lower()
            if self._seen.get(task_id) != shown:
                self._seen[task_id] = shown
                note(
                    f"{event.at:%H:%M:%S}  {self._name}{result.phase:<8} {result.wave:>3}  {result.key}  {shown}  "
                    f"{result.message}",
                    self._settings,
                )
