"""``app delete`` and ``app confirm-deletion``."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.confirming import Answer, ask, require_terminal
from reconciler.cli.options import Names, OneName, Selector, Timeout, Yes
from reconciler.cli.output import emit_data, emit_text, is_document, note, visible
from reconciler.cli.planning import emit_tasks
from reconciler.cli.selecting import chosen_applications
from reconciler.cli.setting import parent_warnings
from reconciler.cli.settings import OutputFormat, Settings, Workspace
from reconciler.cli.syncing import Progress
from reconciler.errors import ReconcilerError, SyncError

if TYPE_CHECKING:
    from reconciler.engine.requests import Deletion
    from reconciler.model import Application
    from reconciler.sync.records import SyncPlan, SyncResult


class Propagation(StrEnum):
    """Whether a deletion waits for what the objects own."""

    FOREGROUND = "foreground"
    BACKGROUND = "background"


def delete(
    context: typer.Context,
    names: Names = None,
    selector: Selector = "",
    cascade: Annotated[bool, typer.Option(help="Delete its objects too, or leave them where they are.")] = True,
    propagation_policy: Annotated[
        Propagation,
        typer.Option("--propagation-policy", "-p", help="Wait for what the objects own, or leave it to the cluster."),
    ] = Propagation.FOREGROUND,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; delete nothing.")] = False,
    timeout: Timeout = None,
    wait: Annotated[bool, typer.Option("--wait", hidden=True)] = False,
) -> None:
    """Delete Applications with all their objects; shows what goes, and asks."""
    from reconciler.engine.deleting import plan_deletion
    from reconciler.engine.requests import Deletion

    settings: Settings = context.obj
    if not (yes or dry_run):
        require_terminal("a deletion")
    deletion = Deletion(cascade=cascade, background=propagation_policy is Propagation.BACKGROUND)
    with Workspace(settings) as workspace:
        applications = chosen_applications(workspace, names, selector)
        if dry_run:
            for application in applications:
                _emit_plan(plan_deletion(workspace.reconciler, application, deletion), settings)
            note("dry run: nothing was deleted", settings)
            return
        results, failed = _delete_all(workspace, applications, deletion, yes=yes, timeout_s=timeout)
    _emit(results, settings, several=len(applications) > 1)
    if failed or len(results) < len(applications) or not all(result.succeeded for result in results):
        raise typer.Exit(1)


def _delete_all(
    workspace: Workspace,
    applications: "Sequence[Application]",
    deletion: "Deletion",
    *,
    yes: bool,
    timeout_s: float | None,
) -> "tuple[list[SyncResult], bool]":
    """The results; whether one of several could not be deleted at all, which keeps none of the others back."""
    settings, several = workspace.settings, len(applications) > 1
    results: list[SyncResult] = []
    failed = False
    for application in applications:
        try:
            if not yes:
                answer = _ask(workspace, application, deletion, several=several)
                yes = answer is Answer.ALL
                if answer is Answer.NO:
                    note(f"{application.name} is not deleted", settings)
                    continue
            results.append(_delete(workspace, application, deletion, timeout_s))
        except ReconcilerError as error:
            if not several:
                raise
            failed = True
            note(f"error: {application.name}: {error}", settings)
    return results, failed


def _ask(workspace: Workspace, application: "Application", deletion: "Deletion", *, several: bool) -> Answer:
    """Show what goes, and ask, unless it would be refused anyway."""
    from reconciler.engine.deleting import plan_deletion

    plan = plan_deletion(workspace.reconciler, application, deletion)
    if plan.problems:
        raise SyncError(f"{application.name} cannot be deleted: {'; '.join(plan.problems)}")
    for line in _lines(plan):
        typer.echo(line, err=True)
    for warning in (*plan.warnings, *_parents(workspace, application)):
        typer.echo(f"warning: {visible(warning)}", err=True)
    goes = sum(not task.is_hook and task.change != "skip" for task in plan.tasks)
    what = f"and {goes} of its objects" if deletion.cascade else "and none of its objects"
    return ask(f"Delete Application {plan.namespace}/{plan.application} {what}?", several=several)


def _parents(workspace: Workspace, application: "Application") -> list[str]:
    live = workspace.reconciler.registry.find(application)
    return parent_warnings(live) if live is not None else []


def _lines(plan: "SyncPlan") -> list[str]:
    """What goes and what stays, a line an object; a question is about them, so they are shown whatever ``--quiet`` says."""
    from reconciler.formatting.tasks import kind_of, task_notes

    return [
        visible(f"  {kind_of(task).sign} {kind_of(task):<6} {task.key}" + (f"  ({'; '.join(notes)})" if notes else ""))
        for task in plan.tasks
        for notes in (task_notes(task),)
    ]


def _emit_plan(plan: "SyncPlan", settings: Settings) -> None:
    from reconciler.formatting import summarize_plan
    from reconciler.formatting.tasks import WOULD_BE_REFUSED, plan_problems

    if is_document(settings):
        emit_data(plan, settings)
        return
    if settings.output is not OutputFormat.TABLE:
        emit_tasks(plan, settings, then=WOULD_BE_REFUSED)
        return
    title = f"Deletion of {plan.namespace}/{plan.application} — {summarize_plan(plan)}"
    warnings = [f"Warning: {visible(each)}" for each in plan.warnings]
    problems = map(visible, plan_problems(plan, then=WOULD_BE_REFUSED))
    emit_text("\n".join([visible(title), *_lines(plan), *problems, *warnings]))


def _delete(
    workspace: Workspace, application: "Application", deletion: "Deletion", timeout_s: float | None
) -> "SyncResult":
    from reconciler.engine.requests import SyncRequest
    from reconciler.sync.runner import RunOptions

    request = SyncRequest(
        run_options=RunOptions(timeout_s=timeout_s),
        on_event=Progress(workspace.settings),
        initiated_by=getpass.getuser(),
    )
    return workspace.reconciler.delete(application, deletion, request)


def _emit(results: "Sequence[SyncResult]", settings: Settings, *, several: bool) -> None:
    from reconciler.formatting import format_result_text

    if is_document(settings):
        if results or several:
            emit_data(list(results) if several else results[0], settings)
    elif results:
        emit_text("\n\n".join(format_result_text(result) for result in results))
    for result in results:
        if result.succeeded:
            note(f"Application {result.application} is deleted", settings)


def confirm_deletion(context: typer.Context, name: OneName) -> None:
    """Approve the deletions that wait for it (Prune=confirm, Delete=confirm), of objects of one Application."""
    from reconciler.cluster.applications import patch_application
    from reconciler.sync.status import rfc3339
    from reconciler.terms import ANNOTATION_DELETION_APPROVED

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        application = engine.application(name)
        approved = rfc3339(datetime.now(UTC))
        patch_application(
            engine.connection,
            engine.comparer.discovery,
            namespace=application.metadata.namespace,
            name=name,
            change=lambda _live: {"metadata": {"annotations": {ANNOTATION_DELETION_APPROVED: approved}}},
        )
    note(f"deletions of {name} that were asked for until {approved} are approved", settings)
