"""The sync operation as a state machine: events in, actions out, no input or output.

``step`` decides; `reconciler.sync.runner` carries the actions out and feeds what happened back as events. The flow of
``gitops-engine/pkg/sync/sync_context.go``::

    dry-run of everything -> for each (phase, wave): prune -> delete earlier hooks -> apply, kind by kind -> wait
    -> (SyncFail hooks after a failure) -> delete hooks by policy -> finish
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from itertools import groupby

from reconciler.sync.events import (
    Action,
    Apply,
    DeleteHooks,
    DryRun,
    DryRunFinished,
    Event,
    Finish,
    HealthSeen,
    HookSeen,
    ObjectGone,
    ObjectLost,
    Prune,
    ReleaseHooks,
    Started,
    Stopped,
    TaskDone,
    TaskFailed,
    Watch,
)
from reconciler.sync.order import kind_rank
from reconciler.sync.records import Change, SyncPlan, SyncTask, TaskAction, TaskResult
from reconciler.terms import HealthStatus, HookDeletePolicy, OperationPhase, ResultCode, SyncPhase


class Stage(Enum):
    """Where in a step the operation is."""

    NEW = "new"
    DRY_RUN = "dry run"
    PRUNE = "prune"
    DELETE_HOOKS = "delete hooks"
    APPLY = "apply"
    WAIT = "wait"
    CLEAN_UP = "clean up"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class SyncState:
    """Everything the operation knows.

    ``waiting`` are the ids of tasks whose event is due; ``steps`` the (phase, wave) pairs still to do, the present one first.
    ``stopped`` says why the operation ends as soon as the applies on their way are answered.
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

    @property
    def finished(self) -> bool:
        return self.stage is Stage.FINISHED

    def current(self) -> tuple[SyncTask, ...]:
        """The tasks of the present step that do something."""
        return tuple(task for task in self.plan.at(*self.steps[0]) if task.change is not Change.SKIP)


Outcome = tuple[SyncState, tuple[Action, ...]]


def step(state: SyncState, event: Event) -> Outcome:
    """The next state and what is to be done; a pure function of its arguments."""
    if state.finished:
        return state, ()
    match event:
        case Started():
            return _start(state, event.at)
        case DryRunFinished(failures=failures):
            return _after_dry_run(state, failures, event.at)
        case TaskDone(task_id=task_id, message=message):
            return _task_done(state, task_id, message, event.at)
        case TaskFailed(task_id=task_id, message=message):
            return _task_failed(state, task_id, message, event.at)
        case ObjectGone(task_id=task_id):
            return _object_gone(state, task_id, event.at)
        case ObjectLost(task_id=task_id):
            return _object_lost(state, task_id, event.at)
        case HealthSeen():
            return _health_seen(state, event)
        case HookSeen():
            return _hook_seen(state, event)
        case Stopped(message=message):
            return _stopped(state, message, event.at)
    return state, ()


def _start(state: SyncState, at: datetime) -> Outcome:
    skipped = {
        task.id: _result(task, ResultCode.PRUNE_SKIPPED, task.reason, at) for task in _skipped_prunes(state.plan)
    }
    state = replace(state, results=skipped)
    todo = tuple(task for task in state.plan.tasks if task.change is not Change.SKIP)
    if not todo:
        return _finish(state, OperationPhase.SUCCEEDED, "successfully synced (no more tasks)")
    return replace(state, stage=Stage.DRY_RUN), (DryRun(todo),)


def _skipped_prunes(plan: SyncPlan) -> list[SyncTask]:
    return [task for task in plan.tasks if task.action is TaskAction.PRUNE and task.change is Change.SKIP]


def _after_dry_run(state: SyncState, failures: Mapping[str, str], at: datetime) -> Outcome:
    by_id = {task.id: task for task in state.plan.tasks}
    if failures:
        results = {**state.results}
        for task_id, message in failures.items():
            results[task_id] = _result(by_id[task_id], ResultCode.SYNC_FAILED, message, at)
        state = replace(state, results=results)
        text = f"one or more objects failed to apply (dry run): {_reasons(state)}"
        return _finish(state, OperationPhase.FAILED, text)
    if state.plan.options.dry_run:
        results = {**state.results}
        for task in state.plan.tasks:
            if task.change is not Change.SKIP and not task.is_hook:
                code = ResultCode.PRUNED if task.action is TaskAction.PRUNE else ResultCode.SYNCED
                results[task.id] = _result(task, code, f"{task.change} (dry run)", at)
        return _finish(replace(state, results=results), OperationPhase.SUCCEEDED, "successfully synced (dry run)")
    phases = [entry for entry in state.plan.steps if entry[0] is not SyncPhase.SYNC_FAIL]
    return _enter_step(replace(state, steps=tuple(phases)), at)


def _enter_step(state: SyncState, at: datetime) -> Outcome:
    """Begin the first of ``steps``, or end the operation when there is none left."""
    while state.steps and not state.current():
        state = replace(state, steps=state.steps[1:])
    if not state.steps:
        return _clean_up(state, at)
    prunes = [task for task in state.current() if task.action is TaskAction.PRUNE]
    if prunes:
        return _await(state, Stage.PRUNE, Prune(tuple(prunes)))
    return _delete_earlier_hooks(state, at)


def _delete_earlier_hooks(state: SyncState, at: datetime) -> Outcome:
    # A hook of several phases runs once in each: what an earlier phase left would pass for its next run.
    ran = {result.key for result in state.results.values() if result.hook_phase is not None}
    earlier = [
        task
        for task in state.current()
        if task.is_hook
        and (
            task.key in ran or (HookDeletePolicy.BEFORE_HOOK_CREATION in task.delete_policies and task.live is not None)
        )
    ]
    if earlier:
        return _await(state, Stage.DELETE_HOOKS, DeleteHooks(tuple(earlier)))
    return _apply_groups(state, at)


def _apply_groups(state: SyncState, at: datetime) -> Outcome:
    """Kind by kind: the tasks of one kind go together, the next kind waits for them."""
    todo = [task for task in state.current() if task.action is not TaskAction.PRUNE]
    by_kind = groupby(todo, key=lambda task: (kind_rank(task.key.kind), task.key.group, task.key.kind))
    groups = tuple(tuple(group) for _, group in by_kind)
    return _next_group(replace(state, groups=groups), at)


def _next_group(state: SyncState, at: datetime) -> Outcome:
    if not state.groups:
        return _wait(state, at)
    group, *rest = state.groups
    return _await(replace(state, groups=tuple(rest)), Stage.APPLY, Apply(group))


def _wait(state: SyncState, at: datetime) -> Outcome:
    """Wait for hooks, for child Applications and, in a sync of several steps, for the health of everything applied.

    A single wave without hooks has succeeded with its applies.
    """
    applied = [task for task in state.current() if task.action is not TaskAction.PRUNE]
    several = len({(task.phase, task.wave) for task in state.plan.tasks if task.change is not Change.SKIP}) > 1
    waited = tuple(task for task in applied if task.is_hook or task.is_child or several)
    if not waited:
        return _leave_step(state, at)
    return _await(state, Stage.WAIT, Watch(waited))


def _leave_step(state: SyncState, at: datetime) -> Outcome:
    return _enter_step(replace(state, steps=state.steps[1:]), at)


def _await(state: SyncState, stage: Stage, action: Action) -> Outcome:
    return replace(state, stage=stage, waiting=frozenset(task.id for task in action.tasks)), (action,)


def _task_done(state: SyncState, task_id: str, message: str, at: datetime) -> Outcome:
    if task_id not in state.waiting:
        return state, ()
    task = _task(state, task_id)
    if task.is_hook:
        result = _hook_result(task, OperationPhase.RUNNING, message, at)
    else:
        result = _result(task, ResultCode.SYNCED, message, at)
    return _settled(_with_result(state, result, task), task_id, at, then=_next_group)


def _task_failed(state: SyncState, task_id: str, message: str, at: datetime) -> Outcome:
    if task_id not in state.waiting:
        return state, ()
    task = _task(state, task_id)
    if state.stage is Stage.CLEAN_UP:
        # A hook that cannot be deleted does not undo a sync; its message stays in the record.
        return _settled(replace(state, message=f"{state.message}; {task.key}: {message}"), task_id, at, then=_finished)
    result = (
        _hook_result(task, OperationPhase.FAILED, message, at)
        if task.is_hook
        else _result(task, ResultCode.SYNC_FAILED, message, at)
    )
    failed = _with_result(state, result, task)
    if state.stage is Stage.WAIT:
        next_state, actions = _fail(failed, at)
        return next_state, ((ReleaseHooks((task,)), *actions) if task.is_hook else actions)
    # The rest of the group is on its way: its answers belong into the record before the operation fails.
    return _settled(replace(failed, failed=True), task_id, at, then=_next_group)


def _object_gone(state: SyncState, task_id: str, at: datetime) -> Outcome:
    if task_id not in state.waiting:
        return state, ()
    task = _task(state, task_id)
    if state.stage is Stage.PRUNE:
        pruned = _with_result(state, _result(task, ResultCode.PRUNED, "pruned", at), task)
        return _settled(pruned, task_id, at, then=_delete_earlier_hooks)
    if state.stage is Stage.CLEAN_UP:
        return _settled(state, task_id, at, then=_finished)
    if state.stage is Stage.DELETE_HOOKS:
        return _settled(state, task_id, at, then=_apply_groups)
    # A deletion may be told twice, and late: the object of that name may be the next one by then.
    return state, ()


def _object_lost(state: SyncState, task_id: str, at: datetime) -> Outcome:
    if state.stage is not Stage.WAIT or task_id not in state.waiting:
        return state, ()
    return _task_failed(state, task_id, "deleted while the sync waited for it", at)


def _health_seen(state: SyncState, event: HealthSeen) -> Outcome:
    if state.stage is not Stage.WAIT or event.task_id not in state.waiting:
        return state, ()
    task = _task(state, event.task_id)
    if event.health is HealthStatus.DEGRADED:
        message = event.message or "the object is Degraded"
        return _fail(_with_result(state, _result(task, ResultCode.SYNC_FAILED, message, event.at), task), event.at)
    if event.health in (None, HealthStatus.HEALTHY):
        return _settled(state, event.task_id, event.at, then=_leave_step)
    return state, ()


def _hook_seen(state: SyncState, event: HookSeen) -> Outcome:
    if state.stage is not Stage.WAIT or event.task_id not in state.waiting:
        return state, ()
    task = _task(state, event.task_id)
    state = _with_result(state, _hook_result(task, event.phase, event.message, event.at), task)
    if not event.phase.completed:
        return state, ()
    if event.phase is OperationPhase.SUCCEEDED:
        next_state, actions = _settled(state, event.task_id, event.at, then=_leave_step)
    else:
        next_state, actions = _fail(state, event.at)
    return next_state, (ReleaseHooks((task,)), *actions)


def _settled(
    state: SyncState, task_id: str, at: datetime, *, then: Callable[[SyncState, datetime], Outcome]
) -> Outcome:
    """One awaited event came; go on when it was the last."""
    state = replace(state, waiting=state.waiting - {task_id})
    if state.waiting:
        return state, ()
    if state.stopped:
        return _end(state, state.stopped, at)
    if state.failed and state.stage is not Stage.CLEAN_UP:
        return _fail(state, at)
    return then(state, at)


def _fail(state: SyncState, at: datetime) -> Outcome:
    """Wait for the hooks that still run, run the SyncFail hooks once, then end.

    A failure among the SyncFail hooks only adds to the message.
    """
    running = _running_hooks(state)
    if running:
        # Their outcome belongs into the record, and SyncFail hooks must not run beside them.
        waiting, actions = _await(replace(state, failed=True, groups=()), Stage.WAIT, Watch(running))
        return waiting, (() if state.stage is Stage.WAIT else actions)
    in_sync_fail = bool(state.steps) and state.steps[0][0] is SyncPhase.SYNC_FAIL
    steps = () if in_sync_fail else tuple(entry for entry in state.plan.steps if entry[0] is SyncPhase.SYNC_FAIL)
    state = replace(
        state,
        phase=OperationPhase.FAILED,
        message=_failures(state),
        failed=False,
        waiting=frozenset(),
        groups=(),
        steps=steps,
    )
    return _enter_step(state, at)


def _failures(state: SyncState) -> str:
    return f"one or more synchronization tasks completed unsuccessfully: {_reasons(state)}"


def _reasons(state: SyncState) -> str:
    return "; ".join(f"{result.key}: {result.message}" for result in state.results.values() if _is_failure(result))


def _stopped(state: SyncState, message: str, at: datetime) -> Outcome:
    """Begin nothing new, and end as soon as the applies on their way are answered; a second stop ends at once.

    An apply that nobody waits for could leave a hook behind, with our finalizer on it.
    """
    names = ", ".join(str(_task(state, task_id).key) for task_id in sorted(state.waiting))
    before = state.message or (_failures(state) if state.failed else "")
    text = "; ".join(part for part in (before, message, f"waiting for {names}" if names else "") if part)
    if state.stage is Stage.CLEAN_UP:
        # The outcome stands: every task has run.
        return _finish(state, state.phase, text)
    if state.stage is Stage.APPLY and not state.stopped:
        return replace(state, stopped=text, groups=()), ()
    return _end(state, state.stopped or text, at)


def _end(state: SyncState, message: str, at: datetime) -> Outcome:
    """End the operation as failed; hooks that still run are deleted."""
    running = _running_hooks(state)
    results = {**state.results}
    for task in running:
        results[task.id] = replace(
            state.results[task.id], hook_phase=OperationPhase.FAILED, message=message, finished_at=at
        )
    state = replace(
        state,
        results=results,
        phase=OperationPhase.FAILED,
        message=message,
        steps=(),
        groups=(),
        failed=False,
        stopped="",
    )
    return _await(state, Stage.CLEAN_UP, DeleteHooks(running)) if running else _finished(state, at)


def _clean_up(state: SyncState, at: datetime) -> Outcome:
    """Delete the hooks whose policy asks for it; succeeded or failed is the outcome of the whole operation."""
    if state.phase is OperationPhase.RUNNING:
        state = replace(state, phase=OperationPhase.SUCCEEDED, message="successfully synced (all tasks run)")
    policy = (
        HookDeletePolicy.HOOK_SUCCEEDED if state.phase is OperationPhase.SUCCEEDED else HookDeletePolicy.HOOK_FAILED
    )
    ran = {task_id for task_id, result in state.results.items() if result.hook_phase is not None}
    # A hook of several phases is one object.
    hooks = tuple(
        {task.key: task for task in state.plan.tasks if task.id in ran and policy in task.delete_policies}.values()
    )
    return _await(state, Stage.CLEAN_UP, DeleteHooks(hooks)) if hooks else _finished(state, at)


def _finished(state: SyncState, _at: datetime) -> Outcome:
    return _finish(state, state.phase, state.message)


def _finish(state: SyncState, phase: OperationPhase, message: str) -> Outcome:
    return replace(state, stage=Stage.FINISHED, phase=phase, message=message, waiting=frozenset(), steps=()), (
        Finish(),
    )


def _running_hooks(state: SyncState) -> tuple[SyncTask, ...]:
    running = {task_id for task_id, result in state.results.items() if result.hook_phase is OperationPhase.RUNNING}
    return tuple(task for task in state.plan.tasks if task.id in running)


def _is_failure(result: TaskResult) -> bool:
    return result.code is ResultCode.SYNC_FAILED or result.hook_phase in (OperationPhase.FAILED, OperationPhase.ERROR)


def _task(state: SyncState, task_id: str) -> SyncTask:
    return next(task for task in state.plan.tasks if task.id == task_id)


def _with_result(state: SyncState, result: TaskResult, task: SyncTask) -> SyncState:
    earlier = state.results.get(task.id)
    if earlier is not None:
        result = replace(result, started_at=earlier.started_at, message=result.message or earlier.message)
    return replace(state, results={**state.results, task.id: result})


def _result(task: SyncTask, code: ResultCode, message: str, at: datetime) -> TaskResult:
    return TaskResult(
        task.phase,
        task.wave,
        task.action,
        task.key,
        task.version,
        code,
        None,
        message,
        images=task.images,
        started_at=at,
        finished_at=at,
    )


def _hook_result(task: SyncTask, phase: OperationPhase, message: str, at: datetime) -> TaskResult:
    finished = at if phase.completed else None
    return TaskResult(
        task.phase,
        task.wave,
        task.action,
        task.key,
        task.version,
        None,
        phase,
        message,
        images=task.images,
        started_at=at,
        finished_at=finished,
    )


def ordered_results(state: SyncState) -> Sequence[TaskResult]:
    """The results in the order of the plan."""
    return tuple(state.results[task.id] for task in state.plan.tasks if task.id in state.results)
