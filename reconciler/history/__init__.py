"""What ran: records of operations, hash-chained, and the manifests they applied."""

from typing import TYPE_CHECKING, Any

from reconciler.history.assembly import resource_outcomes
from reconciler.history.errors import DamagedStoreError
from reconciler.history.opening import default_path, open_store
from reconciler.history.records import EntryKind, HistoryEntry, HookRecord, ResourceOutcome, SyncRecord, Verification

if TYPE_CHECKING:
    from reconciler.history.store import HistoryStore

__all__ = [
    "DamagedStoreError",
    "EntryKind",
    "HistoryEntry",
    "HistoryStore",
    "HookRecord",
    "ResourceOutcome",
    "SyncRecord",
    "Verification",
    "default_path",
    "open_store",
    "resource_outcomes",
]


def __getattr__(name: str) -> Any:
    """`HistoryStore` without the cost of SQLAlchemy for those who only read records."""
    if name == "HistoryStore":
        from reconciler.history.store import HistoryStore

        return HistoryStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
