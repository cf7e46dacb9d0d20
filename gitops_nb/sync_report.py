"""A sync that ended, as a notebook shows it and as a job reports it."""

from typing import Any

from reconciler.engine import SyncOutcome


class SyncReport:
    """A finished sync: ``result`` of the operation, ``comparison`` after it (None for a dry run), ``children``' reports.

    Parameters
    ----------
    whole
        Whether the Application was to become what is in Git: what is left to prune is a failure then.

    Attributes
    ----------
    left_to_prune
        What keeps the Application OutOfSync because nothing was to be pruned.
    """

    def __init__(self, outcome: SyncOutcome, *, whole: bool = False) -> None:
        self._pruning_required = outcome.pruning_required
        self._whole = whole
        self.left_to_prune = outcome.left_to_prune
        self._succeeded = outcome.succeeded
        self.result = outcome.result
        self.comparison = outcome.comparison
        self.children = tuple(SyncReport(child) for child in outcome.children)

    @property
    def ok(self) -> bool:
        """Whether the operation and its children's succeeded, nothing is Degraded after it and nothing is left to prune.

        The last only where it matters, see ``whole``.
        """
        if self._whole and self.left_to_prune:
            return False
        return self._succeeded and (self.comparison is None or self.comparison.health.status != "Degraded")

    @property
    def summary(self) -> str:
        """One line for people."""
        state = f"; {self.comparison.status} and {self.comparison.health.status}" if self.comparison else ""
        left = f"; {self._pruning_required}" if self._pruning_required else ""
        return f"{self.result.application}: {self.result.phase}: {self.result.message}{state}{left}"

    def as_dict(self) -> dict[str, Any]:
        """What a job reports to whoever started it."""
        result, comparison = self.result, self.comparison
        return {
            "application": result.application,
            "phase": result.phase.value,
            "message": result.message,
            "revisions": list(result.revisions),
            "dry_run": result.options.dry_run,
            "sync_status": comparison.status.value if comparison else None,
            "health_status": comparison.health.status.value if comparison else None,
            "resources": len(result.results),
            "left_to_prune": [str(key) for key in self.left_to_prune],
            "children": [child.as_dict() for child in self.children],
            "started_at": result.started_at.isoformat(),
            "finished_at": result.finished_at.isoformat(),
            "summary": self.summary,
            "exit_status": 0 if self.ok else 1,
        }

    def __repr__(self) -> str:
        from gitops_nb.formatting import format_result_text

        left = [self._pruning_required] if self._pruning_required else []
        return "\n".join([format_result_text(self.result), *left, *map(repr, self.children)])

    def _repr_html_(self) -> str:
        from gitops_nb.formatting import format_result_html
        from gitops_nb.formatting.html import warnings

        left = [warnings((self._pruning_required,))] if self._pruning_required else []
        return "".join([format_result_html(self.result), *left, *(child._repr_html_() for child in self.children)])

    def publish(self) -> None:
        """Show the result and leave it as the notebook's JSON bundle; a failed sync fails the cell.

        Raises
        ------
        SyncError
            When the sync failed or left the application Degraded.
        """
        from IPython.display import display

        from gitops_nb.jobs import RESULT_MIME
        from reconciler.errors import SyncError

        display(self)
        display({RESULT_MIME: self.as_dict(), "text/plain": self.summary}, raw=True)
        if not self.ok:
            raise SyncError(self.summary)
