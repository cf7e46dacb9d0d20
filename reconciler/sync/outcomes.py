"""What becomes of tasks, and how an operation says what failed."""

from dataclasses import replace
from datetime import datetime

from reconciler.sync.records import SyncTask, TaskResult
from reconciler.sync.state import SyncState
from reconciler.terms import OperationPhase, ResultCode

LOST_HOOK = (
    "the hook is gone and its outcome was not recorded: it was deleted, or others removed the finalizer that kept it; "
    "sync again to run it once more"
)
LOST_OBJECT = "deleted while the sync waited for it"


def resource_result(task: SyncTask, code: ResultCode, message: str, at: datetime) -> TaskResult:
    """The outcome of a task that is no hook."""
    return replace(_result(task, message, at), code=code, finished_at=at)


def hook_result(task: SyncTask, phase: OperationPhase, message: str, at: datetime) -> TaskResult:
    """The state of a hook; only a completed one has an end."""
    return replace(_result(task, message, at), hook_phase=phase, finished_at=at if phase.completed else None)


def failure(task: SyncTask, message: str, at: datetime) -> TaskResult:
    if task.is_hook:
        return hook_result(task, OperationPhase.FAILED, message, at)
    return resource_result(task, ResultCode.SYNC_FAILED, message, at)


def with_result(state: SyncState, result: TaskResult, task: SyncTask) -> SyncState:
    """The state with a newer result of a task; its beginning stays, and its message where the new one has none."""
    earlier = state.results.get(task.id)
    if earlier is not None:
        result = replace(result, started_at=earlier.started_at, message=result.message or earlier.message)
    return replace(state, results={**state.results, task.id: result})


def is_failure(result: TaskResult) -> bool:
    return result.code is ResultCode.SYNC_FAILED or result.hook_phase in (OperationPhase.FAILED, OperationPhase.ERROR)


def running_hooks(state: SyncState) -> tuple[SyncTask, ...]:
    """The hooks that were created and whose outcome is open."""
    running = {task_id for task_id, result in state.results.items() if result.hook_phase is OperationPhase.RUNNING}
    return tuple(task for task in state.plan.tasks if task.id in running)


def failures_text(state: SyncState) -> str:
    """Why an operation failed, with each object's message."""
    text = "one or more synchronization tasks completed unsuccessfully"
    reasons = reasons_text(state)
    return f"{text}: {reasons}" if reasons else f"{text} before the operation was interrupted"


def reasons_text(state: SyncState) -> str:
    """What failed and why, object by object."""
    return "; ".join(f"{result.key}: {result.message}" for result in state.results.values() if is_failure(result))


def approval_text(tasks: tuple[SyncTask, ...]) -> str:
    """What somebody has to approve, in Argo CD's words."""
    first, others = tasks[0], len(tasks) - 1
    more = f" and {others} more resource{'s' if others > 1 else ''}" if others else ""
    return f"Waiting for pruning confirmation of {first.key}{more}"


def _result(task: SyncTask, message: str, at: datetime) -> TaskResult:
    return TaskResult(
        task.phase, task.wave, task.action, task.key, task.version, message=message, images=task.images, started_at=at
    )
