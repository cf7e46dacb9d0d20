"""Where a sync operation stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from reconciler.sync.events import Action
from reconciler.sync.records import Change, SyncPlan, SyncTask, TaskResult
from reconciler.terms import OperationPhase, SyncPhase


class Stage(Enum):
    """Where in a step the operation is."""

    NEW = "new"
    DRY_RUN = "dry run"
    CONFIRM = "confirm"
    PRUNE = "prune"
    DELETE_HOOKS = "delete hooks"
    APPLY = "apply"
    WAIT = "wait"
    PAUSE = "pause"
    CLEAN_UP = "clean up"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class SyncState:
    """Everything the operation knows.

    ``waiting`` are the ids of tasks whose event is due; ``steps`` the (phase, wave) pairs still to do, the present one first.
    ``stopped`` says why the operation ends as soon as the applies on their way are answered. ``known`` are outcomes of hooks,
    by task id, that an interrupted run of the same operation recorded: they stand, and those hooks do not run again.
    ``approved``: the deletions that need somebody's word have it. ``pauses``: there is a pause after every wave but the last.
    """

    plan: SyncPlan
    stage: Stage = Stage.NEW
    phase: OperationPhase = OperationPhase.RUNNING
    message: str = ""
    steps: tuple[tuple[SyncPhase, int], ...] = ()
    groups: tuple[tuple[SyncTask, ...], ...] = ()
    waiting: frozenset[str] = frozenset()
    results: Mapping[str, TaskResult] = field(default_factory=dict)
    failed: bool = False
    stopped: str = ""
    known: Mapping[str, TaskResult] = field(default_factory=dict)
    approved: bool = False
    pauses: bool = False

    @property
    def finished(self) -> bool:
        return self.stage is Stage.FINISHED

    def todo(self) -> tuple[SyncTask, ...]:
        """The tasks of the plan that do something in this run."""
        return tuple(task for task in self.plan.tasks if self._is_due(task))

    def current(self) -> tuple[SyncTask, ...]:
        """The tasks of the present step that do something in this run."""
        return tuple(task for task in self.plan.at(*self.steps[0]) if self._is_due(task))

    def task(self, task_id: str) -> SyncTask:
        return next(task for task in self.plan.tasks if task.id == task_id)

    def _is_due(self, task: SyncTask) -> bool:
        return task.change is not Change.SKIP and task.id not in self.known


Outcome = tuple[SyncState, tuple[Action, ...]]


def awaiting(state: SyncState, stage: Stage, action: Action) -> Outcome:
    """Ask for an action, and wait for the event of each of its tasks."""
    return replace(state, stage=stage, waiting=frozenset(task.id for task in action.tasks)), (action,)


def ordered_results(state: SyncState) -> Sequence[TaskResult]:
    """The results in the order of the plan."""
    return tuple(state.results[task.id] for task in state.plan.tasks if task.id in state.results)
