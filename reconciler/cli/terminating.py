"""``app terminate-op``."""

from typing import TYPE_CHECKING

import typer

from reconciler.cli.options import OneName
from reconciler.cli.output import note
from reconciler.cli.settings import Settings, Workspace
from reconciler.cli.waiting import REQUESTED, operation_of
from reconciler.errors import SyncError

if TYPE_CHECKING:
    from reconciler.engine import Reconciler
    from reconciler.manifest.objects import Manifest


def terminate_op(context: typer.Context, name: OneName) -> None:
    """End the operation that Argo CD has at work on an Application; what is applied stays applied."""
    from reconciler.cluster.applications import patch_application
    from reconciler.terms import OperationPhase

    settings: Settings = context.obj

    def change(live: "Manifest") -> dict[str, object]:
        found = operation_of(live.get("operation"), live.get("status"))
        if not found:
            raise SyncError(f"{name}: no operation is at work that could be ended{_own_run(engine, live)}")
        if found == REQUESTED:
            # Nobody has begun it yet: it is taken back.
            return {"operation": None}
        return {"status": {"operationState": {"phase": OperationPhase.TERMINATING.value}}}

    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        namespace = engine.application(name).metadata.namespace
        before, after = patch_application(
            engine.connection, engine.comparer.discovery, namespace=namespace, name=name, change=change
        )
    if before.get("operation") and not after.get("operation"):
        note(f"the operation of {name} had not begun, and is taken back", settings)
    else:
        note(f"the operation of {name} is ending; wait for it with: gitops-nb app wait {name} --operation", settings)


def _own_run(engine: "Reconciler", live: "Manifest") -> str:
    """Who else is at work: a run of ours ends by a signal, its operation in order."""
    from reconciler.cluster.lease_record import LEASE, LeaseRecord, lease_name
    from reconciler.cluster.live import get_object
    from reconciler.manifest.objects import metadata_of

    discovery = engine.comparer.discovery
    resource = discovery.find(LEASE)
    namespace, name = metadata_of(live)["namespace"], metadata_of(live)["name"]
    if resource is None:
        return ""
    found = get_object(engine.connection, resource, namespace=namespace, name=lease_name(namespace, name))
    record = LeaseRecord.of(found) if found is not None else None
    if record is None or not record.identity:
        return ""
    operation = f" (operation {record.operation_id})" if record.operation_id else ""
    return (
        f" this way; a gitops-nb of {record.holder} has held it since {record.acquired}{operation}: interrupt that process "
        "with Ctrl-C or SIGTERM, and it ends in order"
    )
