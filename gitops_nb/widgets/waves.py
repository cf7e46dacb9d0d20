"""The wave preview: what a sync will do, phase by phase and wave by wave, and how far it has come."""

from collections.abc import Mapping
from typing import Any

import traitlets

from gitops_nb.formatting import format_plan_html, format_plan_text, format_result_text
from gitops_nb.widgets.base import RecordWidget, read_front_end
from gitops_nb.widgets.rows import plan_header, plan_phases, task_outcome
from reconciler.formatting.characters import visible
from reconciler.formatting.tasks import TaskState, task_id, task_state
from reconciler.sync.records import SyncPlan, SyncResult, TaskResult


class WavePreviewWidget(RecordWidget):
    """Shows a plan as lanes of phases with their waves; the same widget then follows the sync.

    Parameters
    ----------
    plan
        What the sync will do.
    result
        What it did, where it has run.

    Examples
    --------
    Follow a sync as it goes: ``widget.show_task(result)`` for each `TaskResult`, ``widget.show_result(result)`` at the
    end. ``widget.show_state(task, "running")`` serves a caller that knows no result yet.
    """

    _esm = read_front_end("elements.js", "waves.js")
    _css = read_front_end("base.css", "waves.css")

    header = traitlets.Dict().tag(sync=True)
    phases: traitlets.List[Any] = traitlets.List().tag(sync=True)
    states = traitlets.Dict().tag(sync=True)
    running = traitlets.Bool(False).tag(sync=True)
    show_unchanged = traitlets.Bool(False).tag(sync=True)

    def __init__(self, plan: SyncPlan, result: SyncResult | None = None) -> None:
        self._plan = plan
        self._result = result
        super().__init__(
            header=plan_header(plan, result), phases=plan_phases(plan), states=_outcomes(result) if result else {}
        )

    @property
    def plan(self) -> SyncPlan:
        """The plan that is shown."""
        return self._plan

    @property
    def result(self) -> SyncResult | None:
        """The result that is shown, once there is one."""
        return self._result

    def show_state(self, task: str, state: TaskState | str, message: str = "") -> None:
        """Show how far one task has come; ``task`` is a `SyncTask.id`, ``state`` one of `TaskState`.

        Raises
        ------
        ValueError
            For any other state.
        """
        self.show_states({task: (TaskState(state), message)})

    def show_states(self, states: Mapping[str, tuple[TaskState, str]]) -> None:
        """Show how far several tasks have come, in one message to the front end."""
        changed = {visible(task): task_outcome(state, message) for task, (state, message) in states.items()}
        with self.hold_sync():
            self.running = True
            self.states = {**self.states, **changed}

    def show_task(self, result: TaskResult) -> None:
        """Show the outcome of one task of a running sync."""
        self.show_state(task_id(result), task_state(result), result.message)

    def show_result(self, result: SyncResult) -> None:
        """Show the end of the sync; a task that it never reached stays pending."""
        self._result = result
        with self.hold_sync():
            self.running = not result.phase.completed
            self.header = plan_header(self._plan, result)
            self.states = _outcomes(result)

    def format_html(self) -> str:
        """The static HTML twin."""
        return format_plan_html(self._plan, self._result)

    def format_text(self) -> str:
        """The plan, and the result where there is one."""
        plan = format_plan_text(self._plan)
        return f"{plan}\n\n{format_result_text(self._result)}" if self._result else plan


def _outcomes(result: SyncResult) -> dict[str, dict[str, str]]:
    return {visible(task_id(item)): task_outcome(task_state(item), item.message) for item in result.results}
