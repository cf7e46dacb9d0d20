"""``reconcile``: what automated policies ask for now, over all Applications."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from reconciler.cli.comparing import summary
from reconciler.cli.options import Names, Selector
from reconciler.cli.output import emit_rows, note
from reconciler.cli.selecting import chosen_applications
from reconciler.cli.settings import Settings, Workspace
from reconciler.terms import SyncStatus

if TYPE_CHECKING:
    from reconciler.diff.records import Comparison
    from reconciler.engine import Reconciler
    from reconciler.engine.fleet import ApplicationRun
    from reconciler.model import Application

FAILED: Final = "failed"
NOTHING: Final = "nothing"
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
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        everything = not (names or selector)
        applications = engine.applications() if everything else chosen_applications(workspace, names, selector)
        if dry_run:
            rows = _intended(engine, applications)
            failed = any(row["decision"] == FAILED for row in rows)
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


def _intended(engine: "Reconciler", applications: "list[Application]") -> list[dict[str, Any]]:
    comparisons = engine.compare_all(applications)
    return [_intended_row(engine, *pair) for pair in zip(applications, comparisons, strict=True)]


def _intended_row(engine: "Reconciler", application: "Application", comparison: "Comparison") -> dict[str, Any]:
    from reconciler.sync.automated import decide_automated

    if comparison.status is SyncStatus.UNKNOWN:
        return summary(comparison) | {"decision": FAILED, "message": comparison.reason}
    found = decide_automated(application, comparison, now=engine.clock())
    decision = "sync" if found.due else "refuse" if found.problem else NOTHING
    return summary(comparison) | {"decision": decision, "reason": found.reason, "message": ""}
