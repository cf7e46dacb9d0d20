"""``app history`` and ``app rollback``."""

import getpass
from typing import Annotated

import typer

from reconciler.cli.options import DryRun, Limit, OneName, Timeout, WaitForHealth
from reconciler.cli.others import emit_records
from reconciler.cli.output import note
from reconciler.cli.settings import Settings, Workspace
from reconciler.cli.syncing import Progress, emit_outcomes


def history(context: typer.Context, name: OneName, limit: Limit = None) -> None:
    """Recorded syncs of an Application, the newest first."""
    from reconciler.history import open_store

    settings: Settings = context.obj
    with open_store(settings.store) as store:
        emit_records(store.records(application=name, namespace=settings.namespace, limit=limit), settings)


def rollback(
    context: typer.Context,
    name: OneName,
    record: Annotated[
        int | None,
        typer.Argument(
            metavar="[ID]", help="Sequence number in app history; else of the successful sync before the last one."
        ),
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what that sync did not hold.")] = False,
    dry_run: DryRun = False,
    wait: WaitForHealth = False,
    timeout: Timeout = None,
) -> None:
    """Sync an Application to what an earlier sync of it deployed, without hooks; refused while it syncs by itself."""
    from reconciler.engine.requests import SyncRequest
    from reconciler.engine.rolling_back import find_rollback, roll_back
    from reconciler.sync.records import PlanOptions
    from reconciler.sync.runner import RunOptions

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        found = find_rollback(engine, engine.application(name), record)
        note(f"rolling {found}", settings)
        request = SyncRequest(
            options=PlanOptions(dry_run=dry_run, prune=prune),
            run_options=RunOptions(timeout_s=timeout),
            on_event=Progress(settings),
            initiated_by=getpass.getuser(),
            wait=wait,
        )
        outcome = roll_back(engine, found, request)
    if emit_outcomes([outcome], settings, wait=wait):
        raise typer.Exit(1)
