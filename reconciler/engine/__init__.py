"""Composes the engine: refresh, compare, plan, sync, record; actions, events and logs."""

from reconciler.engine.actions import ActionOutcome, ActionRequest, ActionRun, AvailableActions
from reconciler.engine.reconciler import Reconciler
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.selection import Selection

__all__ = [
    "ActionOutcome",
    "ActionRequest",
    "ActionRun",
    "AvailableActions",
    "Reconciler",
    "Reconciliation",
    "Selection",
    "SyncOutcome",
]
