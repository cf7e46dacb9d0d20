"""What the widgets share: their front-end files, and how each shows where no widget can."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

import anywidget

from gitops_nb.surroundings import shows_static

_FOLDER = Path(__file__).parent


def read_front_end(*names: str) -> str:
    """The files beside this module, one after the other; the first hold what the last one uses."""
    return "\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in names)


class RecordWidget(anywidget.AnyWidget):
    """A widget over one record, with a static HTML twin and a text beside it."""

    @abstractmethod
    def format_html(self) -> str:
        """The static HTML twin."""

    @abstractmethod
    def format_text(self) -> str:
        """The same as text."""

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        if shows_static():
            return {"text/html": self.format_html(), "text/plain": self.format_text()}, {}
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "text/html": self.format_html(), "text/plain": self.format_text()}, metadata
