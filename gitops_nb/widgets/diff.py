"""The visual diff: resources at the left, the lines and fields of one at the right."""

from typing import Any

import traitlets

from gitops_nb.formatting import format_diff_html, format_diff_text
from gitops_nb.widgets.base import RecordWidget, read_front_end
from gitops_nb.widgets.rows import comparison_header, resource_detail, resource_id, resource_row
from reconciler.diff.records import Comparison
from reconciler.formatting import format_comparison_text
from reconciler.formatting.states import ResourceState, ordered, state_of

MODES = ("split", "unified", "fields")


class DiffWidget(RecordWidget):
    """Shows a comparison resource by resource: what is live, and what a sync would leave.

    The front end sets ``selected``, ``neat`` and ``show_ignored``; ``detail`` answers with the lines and fields of that
    one resource, so that a large application costs no more than what is looked at.

    Parameters
    ----------
    comparison
        What to show; `update` replaces it.
    mode
        ``split``, ``unified`` or ``fields``.
    compact
        Only changed lines with two unchanged ones around them; the rest unfolds.
    neat
        Without the fields that only the API server writes.
    show_ignored
        Also the fields that an ignore rule hides, with the rule.
    """

    _esm = read_front_end("elements.js", "lines.js", "fields.js", "diff.js")
    _css = read_front_end("base.css", "diff.css", "fields.css")

    header = traitlets.Dict().tag(sync=True)
    resources: traitlets.List[Any] = traitlets.List().tag(sync=True)
    generation = traitlets.Int(0).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)
    mode = traitlets.Enum(MODES, "split").tag(sync=True)
    compact = traitlets.Bool(True).tag(sync=True)
    neat = traitlets.Bool(True).tag(sync=True)
    show_ignored = traitlets.Bool(False).tag(sync=True)
    show = traitlets.Enum(("changed", "all"), "changed").tag(sync=True)
    query = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        comparison: Comparison,
        *,
        mode: str = "split",
        compact: bool = True,
        neat: bool = True,
        show_ignored: bool = False,
    ) -> None:
        self._comparison = comparison
        chosen = {"mode": mode, "compact": compact, "neat": neat, "show_ignored": show_ignored}
        super().__init__(**self._state_of(comparison, ""), **chosen)
        self._answer()

    @property
    def comparison(self) -> Comparison:
        """The record that is shown."""
        return self._comparison

    def update(self, comparison: Comparison) -> None:
        """Show another comparison; the selected resource stays selected where it still exists."""
        self._comparison = comparison
        with self.hold_sync():
            for name, value in self._state_of(comparison, self.selected).items():
                setattr(self, name, value)
            self.generation += 1
            self._answer()

    def format_html(self) -> str:
        """The static HTML twin."""
        return format_diff_html(self._comparison)

    def format_text(self) -> str:
        """The verdict and a unified diff."""
        diff = format_diff_text(self._comparison)
        verdict = format_comparison_text(self._comparison)
        return f"{verdict}\n\n{diff}" if diff else verdict

    @traitlets.observe("selected", "neat", "show_ignored")
    def _on_choice(self, change: Any) -> None:
        self._answer()

    def _answer(self) -> None:
        found = next((item for item in self._comparison.resources if resource_id(item.key) == self.selected), None)
        if found is None:
            self.detail = {}
            return
        detail = resource_detail(found, neat=self.neat, show_ignored=self.show_ignored)
        self.detail = {**detail, "generation": self.generation}

    @staticmethod
    def _state_of(comparison: Comparison, selected: str) -> dict[str, Any]:
        rows = [resource_row(resource) for resource in ordered(comparison.resources)]
        ids = [row["id"] for row in rows]
        quiet = all(state_of(item) in (ResourceState.SYNCED, ResourceState.HOOK) for item in comparison.resources)
        state = {
            "header": comparison_header(comparison),
            "resources": rows,
            "selected": selected if selected in ids else next(iter(ids), ""),
        }
        return {**state, "show": "all"} if quiet else state
