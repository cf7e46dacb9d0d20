"""``app plan``: what a sync would do, kept in a file, and compared with one that was kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.family import changed_children, emit_children, with_children
from reconciler.cli.options import (
    File,
    Force,
    Labels,
    Name,
    OnlyOutOfSync,
    Prune,
    Replace,
    Resources,
    Revision,
    Strategy,
    SyncOption,
)
from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note
from reconciler.cli.selecting import chosen_resources
from reconciler.cli.settings import OutputFormat, Settings, Workspace
from reconciler.errors import UsageError
from reconciler.terms import SyncStrategy

if TYPE_CHECKING:
    from reconciler.engine import Reconciliation
    from reconciler.engine.family import ChildDiff
    from reconciler.sync.compare_plans import PlanChanges
    from reconciler.sync.records import PlanOptions, SyncPlan


def plan(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    revision: Revision = None,
    prune: Prune = False,
    apply_out_of_sync_only: OnlyOutOfSync = False,
    resource: Resources = None,
    label: Labels = None,
    force: Force = False,
    replace: Replace = False,
    strategy: Strategy = None,
    sync_option: SyncOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Keep the plan, to carry it out with app sync --plan FILE."),
    ] = None,
    compare_with: Annotated[
        Path | None,
        typer.Option(
            "--compare-with", metavar="FILE", help="What is different from a kept plan; exit status 1 if anything."
        ),
    ] = None,
) -> None:
    """What a sync would do, by phases and waves; nothing is touched."""
    settings: Settings = context.obj
    saved = read_plan(compare_with) if compare_with is not None else None
    with Workspace(settings) as workspace:
        application = workspace.application(name or (saved.application if saved and file is None else None), file)
        reconciliation = workspace.reconciler.reconcile(application, revision=revision)
        options = plan_options(
            reconciliation,
            prune=prune,
            only=apply_out_of_sync_only,
            resources=resource,
            labels=label,
            sync_options=[*one_off_options(force=force, replace=replace), *(sync_option or ())],
            strategy=strategy,
        )
        if saved is not None and options == type(options)():
            # The same question as then, unless another one is asked.
            options = saved.options
        planned = workspace.reconciler.plan(reconciliation, options=options)
        applied = {task.key for task in planned.tasks}
        children = (
            changed_children(workspace.reconciler, reconciliation, settings, only=applied) if saved is None else None
        )
    if out is not None:
        write_plan(planned, out, settings)
    if saved is not None:
        _emit_changes(saved, planned, settings)
    else:
        emit_plan(planned, settings, children=children)


def plan_options(
    reconciliation: "Reconciliation",
    *,
    prune: bool,
    only: bool,
    resources: list[str] | None = None,
    labels: list[str] | None = None,
    dry_run: bool = False,
    sync_options: list[str] | None = None,
    strategy: SyncStrategy | None = None,
) -> "PlanOptions":
    """What the options of a command ask of a sync."""
    from reconciler.sync.records import PlanOptions

    for option in sync_options or ():
        if "=" not in option:
            raise UsageError(f"--sync-option {option}: expected NAME=VALUE")
    return PlanOptions(
        dry_run=dry_run,
        prune=prune,
        apply_out_of_sync_only=only,
        resources=chosen_resources(reconciliation, resources, labels),
        sync_options=tuple(sync_options or ()),
        hooks=strategy is not SyncStrategy.APPLY,
    )


def one_off_options(*, force: bool, replace: bool) -> list[str]:
    """The sync options that have a flag of their own."""
    return [option for option, given in (("Force=true", force), ("Replace=true", replace)) if given]


def emit_plan(planned: "SyncPlan", settings: Settings, *, children: "tuple[ChildDiff, ...] | None" = None) -> None:
    """Print a plan in the form that is asked for, and those of children below it."""
    from reconciler.formatting import format_plan_text

    if is_document(settings):
        emit_data(with_children(planned, children, "plan"), settings)
    elif settings.output is OutputFormat.TABLE:
        emit_text(format_plan_text(planned))
        emit_children(children or (), "plan")
    else:
        emit_tasks(planned, settings)


def emit_tasks(planned: "SyncPlan", settings: Settings, *, then: str = "") -> None:
    """Print the tasks of a plan, a row each, and on stderr what speaks against it; ``then`` as in `plan_problems`."""
    from reconciler.formatting.tasks import WOULD_FAIL, plan_problems

    rows: list[Mapping[str, Any]] = [
        {
            "phase": task.phase.value,
            "wave": task.wave,
            "action": task.action.value,
            "change": task.change.value,
            "name": str(task.key),
            "reason": task.reason or task.problem,
        }
        for task in planned.tasks
    ]
    emit_rows(rows, settings, columns=["phase", "wave", "action", "change", "name", "reason"])
    for problem in plan_problems(planned, then=then or WOULD_FAIL):
        note(problem, settings)


def read_plan(file: Path) -> "SyncPlan":
    """The plan that was kept in a file.

    Raises
    ------
    UsageError
        When it cannot be read.
    SpecError
        When it holds no plan, or one that was changed.
    """
    from reconciler.sync.serialize import load_plan

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "not a text"
        raise UsageError(f"{file}: {reason}; give a file that app plan --out wrote") from error
    return load_plan(text, where=str(file))


def write_plan(planned: "SyncPlan", file: Path, settings: Settings) -> None:
    """Keep a plan in a file, which it replaces.

    Raises
    ------
    UsageError
        When the file cannot be written.
    """
    from reconciler.sync.serialize import dump_plan

    try:
        file.write_text(f"{dump_plan(planned)}\n", "utf-8")
    except OSError as error:
        raise UsageError(f"--out {file}: {error.strerror or error}") from error
    note(f"the plan is in {file}; carry it out with: gitops-nb app sync --plan {file}", settings)


def _emit_changes(saved: "SyncPlan", now: "SyncPlan", settings: Settings) -> None:
    from reconciler.sync.compare_plans import compare_plans

    changes = compare_plans(saved, now)
    emit_rows(
        _change_rows(changes),
        settings,
        columns=["plan", "resource", "action", "change", "reason"],
        name="resource",
        data=changes,
    )
    if not changes:
        note("the plan is the same", settings)
        return
    if not is_document(settings):
        for reason in changes.reasons:
            note(reason, settings)
    raise typer.Exit(1)


def _change_rows(changes: "PlanChanges") -> list[dict[str, Any]]:
    entries = [
        *(("added", task, "") for task in changes.added),
        *(("removed", task, "") for task in changes.removed),
        *(("changed", change.after, "; ".join(change.reasons)) for change in changes.changed),
    ]
    return [
        {
            "plan": how,
            "resource": str(task.key),
            "action": task.action.value,
            "change": task.change.value,
            "reason": reason,
        }
        for how, task, reason in entries
    ]
