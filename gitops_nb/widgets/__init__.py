"""The notebook's widgets. Each also shows as static HTML and as text where no widget can; loaded when asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitops_nb.widgets.diff import DiffWidget
    from gitops_nb.widgets.tree import ResourceTreeWidget
    from gitops_nb.widgets.waves import WavePreviewWidget

__all__ = ["DiffWidget", "ResourceTreeWidget", "WavePreviewWidget"]


def __getattr__(name: str) -> Any:
    """Import a widget at its first use: ipywidgets is heavy, and most commands show none."""
    if name == "DiffWidget":
        from gitops_nb.widgets.diff import DiffWidget

        return DiffWidget
    if name == "ResourceTreeWidget":
        from gitops_nb.widgets.tree import ResourceTreeWidget

        return ResourceTreeWidget
    if name == "WavePreviewWidget":
        from gitops_nb.widgets.waves import WavePreviewWidget

        return WavePreviewWidget
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
