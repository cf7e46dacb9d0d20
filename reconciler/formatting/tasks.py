"""What a sync plan's tasks will do and how far they have come, each with a sign and a word."""

from collections import Counter
from enum import StrEnum
from typing import Final

from reconciler.formatting.states import Tone
from reconciler.formatting.values import counted
from reconciler.sync.records import Change, SyncPlan, SyncTask, TaskAction, TaskResult
from reconciler.terms import OperationPhase, ResultCode, SyncPhase

PHASE_CAPTIONS: Final = {
    SyncPhase.PRE_SYNC: "before anything is applied",
    SyncPhase.SYNC: "the application's own objects",
    SyncPhase.POST_SYNC: "after all is applied and healthy",
    SyncPhase.PRE_DELETE: "before anything is deleted",
    SyncPhase.POST_DELETE: "after all is gone",
    SyncPhase.SYNC_FAIL: "only if the sync fails",
}


WOULD_FAIL: Final = "A sync would fail"
WOULD_BE_REFUSED: Final = "The deletion would be refused"


class TaskKind(StrEnum):
    """What a task will do, in the words of a plan."""

    HOOK = "hook"
    CREATE = "create"
    UPDATE = "update"
    PRUNE = "prune"
    UNCHANGED = "unchanged"
    SKIP = "skip"

    @property
    def sign(self) -> str:
        return {"hook": ">", "create": "+", "update": "~", "prune": "-", "unchanged": "=", "skip": "/"}[self.value]

    @property
    def tone(self) -> Tone:
        return _TASK_TONES[self]


_TASK_TONES: Final = {
    TaskKind.HOOK: Tone.BUSY,
    TaskKind.CREATE: Tone.ADD,
    TaskKind.UPDATE: Tone.CHANGE,
    TaskKind.PRUNE: Tone.REMOVE,
    TaskKind.UNCHANGED: Tone.MUTED,
    TaskKind.SKIP: Tone.MUTED,
}


class TaskState(StrEnum):
    """How far a task of a running or ended sync has come."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def sign(self) -> str:
        return {"pending": "○", "running": "◔", "succeeded": "✓", "failed": "✕", "skipped": "/"}[self.value]

    @property
    def tone(self) -> Tone:
        return _TASK_STATE_TONES[self]


_TASK_STATE_TONES: Final = {
    TaskState.PENDING: Tone.MUTED,
    TaskState.RUNNING: Tone.BUSY,
    TaskState.SUCCEEDED: Tone.GOOD,
    TaskState.FAILED: Tone.BAD,
    TaskState.SKIPPED: Tone.MUTED,
}


def kind_of(task: SyncTask) -> TaskKind:
    """What the plan says of a task."""
    if task.change is Change.SKIP:
        return TaskKind.SKIP
    if task.action is TaskAction.HOOK:
        return TaskKind.HOOK
    if task.action is TaskAction.PRUNE or task.change is Change.DELETE:
        return TaskKind.PRUNE
    return {Change.CREATE: TaskKind.CREATE, Change.UPDATE: TaskKind.UPDATE, Change.UNCHANGED: TaskKind.UNCHANGED}[
        task.change
    ]


def task_notes(task: SyncTask) -> tuple[str, ...]:
    """What there is to say about a task: its fields, when its hook is deleted, sync options, why it is skipped."""
    policies = ", ".join(sorted(task.delete_policies))
    notes = (
        counted(task.differences, "field") if task.differences else "",
        f"deleted: {policies}" if policies else "",
        ", ".join(sorted(task.options)),
        task.reason,
    )
    return tuple(note for note in notes if note)


def phases_of(plan: SyncPlan) -> tuple[SyncPhase, ...]:
    """The phases a reader expects to see, in order: those of failure and deletion only where the plan has tasks in them."""
    expected = {phase for phase, _ in plan.steps} | {SyncPhase.PRE_SYNC, SyncPhase.SYNC, SyncPhase.POST_SYNC}
    return tuple(phase for phase in SyncPhase if phase in expected)


def task_id(result: TaskResult) -> str:
    """The ``id`` of the task in the plan to which the result belongs."""
    return f"{result.phase}/{result.action}/{result.key}"


def task_state(result: TaskResult) -> TaskState:
    """How far the task has come. A hook goes by its phase; any other resource by its code, once it has one."""
    if result.hook_phase is not None and (result.code is None or not result.hook_phase.completed):
        if not result.hook_phase.completed:
            return TaskState.RUNNING
        return TaskState.SUCCEEDED if result.hook_phase is OperationPhase.SUCCEEDED else TaskState.FAILED
    if result.code is None:
        return TaskState.RUNNING
    if result.hook_phase in (OperationPhase.FAILED, OperationPhase.ERROR):
        return TaskState.FAILED
    return {
        ResultCode.SYNCED: TaskState.SUCCEEDED,
        ResultCode.PRUNED: TaskState.SUCCEEDED,
        ResultCode.PRUNE_SKIPPED: TaskState.SKIPPED,
        ResultCode.SYNC_FAILED: TaskState.FAILED,
    }[result.code]


def summarize_plan(plan: SyncPlan) -> str:
    """``3 waves: 2 hooks to run, 7 to create, 1 to update, 1 to prune, 4 unchanged, 1 skipped``."""
    if not plan.tasks:
        return "nothing to do"
    counts = Counter(map(kind_of, plan.tasks))
    parts = [counted(counts[TaskKind.HOOK], "hook") + " to run"] if counts[TaskKind.HOOK] else []
    parts += [
        f"{counts[kind]} to {kind}" for kind in (TaskKind.CREATE, TaskKind.UPDATE, TaskKind.PRUNE) if counts[kind]
    ]
    parts += [f"{counts[TaskKind.UNCHANGED]} unchanged"] if counts[TaskKind.UNCHANGED] else []
    parts += [f"{counts[TaskKind.SKIP]} skipped"] if counts[TaskKind.SKIP] else []
    return f"{counted(len(plan.steps), 'wave')}: {', '.join(parts)}"


def plan_problems(plan: SyncPlan, *, then: str = WOULD_FAIL) -> tuple[str, ...]:
    """What speaks against a plan, one sentence each; ``then`` says what comes of it."""
    return tuple(f"{then}: {problem}" for problem in plan.problems)


def plan_options(plan: SyncPlan) -> tuple[str, ...]:
    """The options in which the plan is not an ordinary sync: ``dry run``, ``prune``, ``no hooks`` …"""
    options = plan.options
    chosen = {
        "dry run": options.dry_run,
        "prune": options.prune,
        "out of sync only": options.apply_out_of_sync_only,
        "no hooks": not options.hooks,
        f"{counted(len(options.resources), 'resource')} selected": bool(options.resources),
    }
    return tuple(name for name, on in chosen.items() if on)
