"""``history`` and ``crds``."""

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document
from reconciler.cli.settings import Settings

if TYPE_CHECKING:
    from reconciler.history import SyncRecord


def history(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[APPLICATION]", help="Only this Application.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many, the newest first.", min=1)] = None,
) -> None:
    """Recorded syncs, the newest first."""
    from reconciler.history import open_store

    settings: Settings = context.obj
    with open_store(settings.store) as store:
        emit_records(store.records(application=name, limit=limit), settings)


def emit_records(records: "list[SyncRecord]", settings: Settings) -> None:
    rows = [
        {
            "sequence": record.sequence,
            "application": record.application,
            "phase": record.phase,
            "revision": record.revisions[0][:12] if record.revisions else "",
            "started_at": record.started_at,
            "duration_s": "" if record.duration_s is None else f"{record.duration_s:.1f}",
            "dry_run": record.dry_run,
            "initiated_by": record.initiated_by,
            "message": record.message,
            "notebook": record.notebook,
            "operation_id": record.operation_id,
        }
        for record in records
    ]
    emit_rows(
        rows,
        settings,
        columns=["sequence", "application", "phase", "revision", "started_at", "duration_s", "dry_run", "initiated_by"],
        wide=["message", "notebook", "operation_id"],
        name="operation_id",
        data=records,
    )


def crds(context: typer.Context) -> None:
    """Argo CD's custom resource definitions, ready for kubectl apply --server-side -f -."""
    from reconciler.manifest.yaml import dump_document
    from reconciler.model.crds import argo_crds

    settings: Settings = context.obj
    definitions = argo_crds()
    if is_document(settings) and settings.output == "json":
        emit_data({"apiVersion": "v1", "kind": "List", "items": definitions}, settings)
    else:
        emit_text("---\n".join(dump_document(definition) for definition in definitions))
