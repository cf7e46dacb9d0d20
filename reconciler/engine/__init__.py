"""Composes the engine: refresh, compare, plan, sync, record. Actions and selections have modules of their own."""

from reconciler.engine.reconciler import Reconciler
from reconciler.engine.records import Reconciliation, SyncOutcome

__all__ = ["Reconciler", "Reconciliation", "SyncOutcome"]
