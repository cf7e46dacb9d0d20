"""The sync operation as a state machine: events in, actions out, no input or output.

``step`` decides; `reconciler.sync.runner` carries the actions out and feeds what happened back as events. The stages and
their order are in `reconciler.sync.flow`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from reconciler.sync import events, flow
from reconciler.sync.events import Event, HealthSeen, HookSeen, ReleaseHooks
from reconciler.sync.outcomes import (
    LOST_HOOK,
    LOST_OBJECT,
    failure,
    failures_text,
    hook_result,
    resource_result,
    with_result,
)
from reconciler.sync.state import Outcome, Stage, SyncState, ordered_results
from reconciler.terms import HealthStatus, OperationPhase, ResultCode

__all__ = ["Stage", "SyncState", "ordered_results", "step"]


def step(state: SyncState, event: Event) -> Outcome:
    """The next state and what is to be done; a pure function of its arguments."""
    if state.finished:
        return state, ()
    match event:
        case events.Started() if state.stage is Stage.NEW:
            return flow.start(state, event.at)
        case events.DryRunFinished(failures=failures) if state.stage is Stage.DRY_RUN:
            return flow.after_dry_run(state, failures, event.at)
        case events.Approved() if state.stage is Stage.CONFIRM:
            return flow.approved(state, event.at)
        case events.Paused() if state.stage is Stage.PAUSE:
            return flow.enter_step(state, event.at)
        case events.Stopped(message=message):
            return _stopped(state, message, event.at)
        case (
            events.TaskDone()
            | events.TaskFailed()
            | events.TaskLeft()
            | events.ObjectGone()
            | events.ObjectLost()
            | HealthSeen()
            | HookSeen()
        ) if event.task_id in state.waiting:
            return _task_event(state, event)
    return state, ()


def _task_event(state: SyncState, event: Event) -> Outcome:
    """News of a task that is waited for; each stage listens to its own."""
    match event:
        case events.TaskDone(task_id=task_id, message=message) if state.stage is Stage.APPLY:
            return _task_done(state, task_id, message, event.at)
        case events.TaskFailed(task_id=task_id, message=message):
            return _task_failed(state, task_id, message, event.at)
        case events.TaskLeft(task_id=task_id):
            return _task_left(state, task_id, event.at)
        case events.ObjectGone(task_id=task_id):
            return _object_gone(state, task_id, event.at)
        case events.ObjectLost(task_id=task_id) if state.stage is Stage.WAIT:
            text = LOST_HOOK if state.task(task_id).is_hook else LOST_OBJECT
            return _task_failed(state, task_id, text, event.at)
        case HealthSeen() if state.stage is Stage.WAIT:
            return _health_seen(state, event)
        case HookSeen() if state.stage is Stage.WAIT:
            return _hook_seen(state, event)
    return state, ()


def _task_done(state: SyncState, task_id: str, message: str, at: datetime) -> Outcome:
    task = state.task(task_id)
    if task.is_hook:
        result = hook_result(task, OperationPhase.RUNNING, message, at)
    else:
        result = resource_result(task, ResultCode.SYNCED, message, at)
    return _settled(with_result(state, result, task), task_id, at, then=flow.next_group)


def _task_failed(state: SyncState, task_id: str, message: str, at: datetime) -> Outcome:
    task = state.task(task_id)
    if state.stage is Stage.CLEAN_UP:
        # A hook that cannot be deleted does not undo a sync; its message stays in the record.
        noted = replace(state, message=f"{state.message}; {task.key}: {message}")
        return _settled(noted, task_id, at, then=flow.finished)
    failed = with_result(state, failure(task, message, at), task)
    if state.stage is Stage.WAIT:
        next_state, actions = flow.fail(failed, at)
        return next_state, ((ReleaseHooks((task,)), *actions) if task.is_hook else actions)
    # The rest of the group is on its way: its answers belong into the record before the operation fails.
    return _settled(replace(failed, failed=True), task_id, at, then=flow.next_group)


def _task_left(state: SyncState, task_id: str, at: datetime) -> Outcome:
    """Without a result: to a later run of the same operation it is as if it had never been due."""
    then = flow.finished if state.stage is Stage.CLEAN_UP else flow.fail
    return _settled(state, task_id, at, then=then)


def _object_gone(state: SyncState, task_id: str, at: datetime) -> Outcome:
    task = state.task(task_id)
    match state.stage:
        case Stage.PRUNE:
            pruned = with_result(state, resource_result(task, ResultCode.PRUNED, "pruned", at), task)
            return _settled(pruned, task_id, at, then=flow.delete_earlier_hooks)
        case Stage.CLEAN_UP:
            return _settled(state, task_id, at, then=flow.finished)
        case Stage.DELETE_HOOKS:
            return _settled(state, task_id, at, then=flow.apply_groups)
    # A deletion may be told twice, and late: the object of that name may be the next one by then.
    return state, ()


def _health_seen(state: SyncState, event: HealthSeen) -> Outcome:
    task = state.task(event.task_id)
    if event.health is HealthStatus.DEGRADED:
        message = event.message or "the object is Degraded"
        return flow.fail(with_result(state, failure(task, message, event.at), task), event.at)
    if event.health in (None, HealthStatus.HEALTHY):
        return _settled(state, event.task_id, event.at, then=flow.leave_step)
    if task.is_child and event.message:
        told = state.results[task.id]
        state = with_result(state, replace(told, message=f"{told.message}; {event.message}"), task)
    return state, ()


def _hook_seen(state: SyncState, event: HookSeen) -> Outcome:
    task = state.task(event.task_id)
    state = with_result(state, hook_result(task, event.phase, event.message, event.at), task)
    if not event.phase.completed:
        return state, ()
    if event.phase is OperationPhase.SUCCEEDED:
        next_state, actions = _settled(state, event.task_id, event.at, then=flow.leave_step)
    else:
        next_state, actions = flow.fail(state, event.at)
    return next_state, (ReleaseHooks((task,)), *actions)


def _settled(
    state: SyncState, task_id: str, at: datetime, *, then: Callable[[SyncState, datetime], Outcome]
) -> Outcome:
    """One awaited event came; go on when it was the last."""
    state = replace(state, waiting=state.waiting - {task_id})
    if state.waiting:
        return state, ()
    if state.stopped:
        return flow.end(state, state.stopped, at)
    if state.failed and state.stage is not Stage.CLEAN_UP:
        return flow.fail(state, at)
    return then(state, at)


def _stopped(state: SyncState, message: str, at: datetime) -> Outcome:
    """Begin nothing new, and end as soon as the applies on their way are answered; a second stop ends at once.

    An apply that nobody waits for could leave a hook behind, with our finalizer on it.
    """
    names = ", ".join(str(state.task(task_id).key) for task_id in sorted(state.waiting))
    waited = f"waiting for {names}" if names and state.stage is not Stage.CONFIRM else ""
    before = state.message or (failures_text(state) if state.failed else "")
    text = "; ".join(part for part in (before, message, waited) if part)
    if state.stage is Stage.CLEAN_UP:
        # The outcome stands: every task has run.
        return flow.finish(state, state.phase, text)
    if state.stage is Stage.APPLY and not state.stopped:
        return replace(state, stopped=text, groups=()), ()
    return flow.end(state, state.stopped or text, at)
