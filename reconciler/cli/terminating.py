"""``app terminate-op``."""

from typing import TYPE_CHECKING

import typer

from reconciler.cli.options import OneName
from reconciler.cli.output import note
from reconciler.cli.settings import Settings, Workspace
from reconciler.cli.waiting import REQUESTED, operation_of
from reconciler.errors import SyncError

if TYPE_CHECKING:
    from reconciler.manifest.objects import Manifest


def terminate_op(context: typer.Context, name: OneName) -> None:
    """End the operation at work on an Application, Argo CD's or another run's of ours; what is applied stays applied."""
    from reconciler.cluster.applications import patch_application
    from reconciler.cluster.lease import ask_run_to_end
    from reconciler.terms import OperationPhase

    settings: Settings = context.obj

    def change(live: "Manifest") -> dict[str, object]:
        found = operation_of(live.get("operation"), live.get("status"))
        if not found:
            raise SyncError(f"{name}: no operation is at work that could be ended")
        if found == REQUESTED:
            # Nobody has begun it yet: it is taken back.
            return {"operation": None}
        return {"status": {"operationState": {"phase": OperationPhase.TERMINATING.value}}}

    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        namespace = engine.application(name).metadata.namespace
        discovery = engine.comparer.discovery
        ours = ask_run_to_end(engine.connection, discovery, namespace=namespace, application=name)
        if ours is not None:
            note(f"the operation {ours.operation_id} of {name}, begun by {ours.holder}, ends within seconds", settings)
            return
        before, after = patch_application(engine.connection, discovery, namespace=namespace, name=name, change=change)
    if before.get("operation") and not after.get("operation"):
        note(f"the operation of {name} had not begun, and is taken back", settings)
    else:
        note(f"the operation of {name} is ending; wait for it with: gitops-nb app wait {name} --operation", settings)
