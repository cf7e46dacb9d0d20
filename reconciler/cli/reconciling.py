"""``reconcile``: what automated policies ask for now, over all Applications."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reconciler.cli.comparing import summary
from reconciler.cli.options import Names, Selector
from reconciler.cli.output import emit_rows, note
from reconciler.cli.selecting import chosen_applications
from reconciler.cli.settings import Settings, Workspace

if TYPE_CHECKING:
    from reconciler.engine.fleet import ApplicationRun
    from reconciler.engine.intentions import Intention

COLUMNS: Final = ("name", "decision", "sync", "health", "revision", "reason")


def reconcile(
    context: typer.Context,
    names: Names = None,
    selector: Selector = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be synced, and why; sync nothing.")
    ] = False,
) -> None:
    """Sync the Applications whose automated policy asks for it now, and write the status of all; exit status 1 when one failed.

    Once, and then it ends: run it from a schedule.
    """
    from reconciler.engine.intentions import intended_automated

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        everything = not (names or selector)
        applications = engine.applications() if everything else chosen_applications(workspace, names, selector)
        if dry_run:
            intentions = intended_automated(engine, applications)
            rows, failed = [_intended_row(each) for each in intentions], any(each.failed for each in intentions)
        else:
            runs = engine.reconcile_automated(applications)
            rows, failed = [run_row(run) for run in runs], any(run.failed for run in runs)
            for run in runs:
                if run.status_problem:
                    note(
                        f"warning: the status of {run.application.name} is not written: {run.status_problem}", settings
                    )
    emit_rows(rows, settings, columns=COLUMNS, wide=["project", "message"])
    if not rows:
        note(f"no Applications in namespace {settings.namespace}", settings)
    if dry_run:
        note("dry run: nothing was synced", settings)
    if failed:
        raise typer.Exit(1)


def run_row(run: "ApplicationRun") -> dict[str, Any]:
    """What became of an Application as a row of a table."""
    # A table shows why something failed rather than why it was begun.
    reason = run.message if run.failed else run.reason
    return summary(run.comparison) | {"decision": run.decision, "reason": reason, "message": run.message}


def _intended_row(intention: "Intention") -> dict[str, Any]:
    found = {"decision": intention.decision.value, "reason": intention.reason, "message": intention.comparison.reason}
    return summary(intention.comparison) | found
