"""The engine: reads Argo CD's objects, renders, compares and syncs. A library first, a command line second."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.engine import Reconciler

__all__ = ["Reconciler"]


def __getattr__(name: str) -> Any:
    """Load the engine when it is asked for: rendering and ``--help`` do without it."""
    if name == "Reconciler":
        from reconciler.engine import Reconciler

        return Reconciler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
