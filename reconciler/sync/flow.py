"""The way of a sync operation from stage to stage.

The flow of ``gitops-engine/pkg/sync/sync_context.go``::

    dry-run of everything -> for each (phase, wave): await approval -> prune -> delete earlier hooks -> apply, kind by kind
    -> wait -> pause -> (SyncFail hooks after a failure) -> delete hooks by policy -> finish
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from reconciler.sync.events import (
    Apply,
    AwaitApproval,
    DeleteHooks,
    DryRun,
    Finish,
    Pause,
    Prune,
    ReleaseHooks,
    Watch,
)
from reconciler.sync.order import kind_rank
from reconciler.sync.outcomes import (
    approval_text,
    failures_text,
    is_failure,
    reasons_text,
    resource_result,
    running_hooks,
)
from reconciler.sync.records import Change, SyncTask, TaskAction, TaskResult
from reconciler.sync.state import Outcome, Stage, SyncState, awaiting
from reconciler.terms import HookDeletePolicy, OperationPhase, ResultCode, SyncPhase


def start(state: SyncState, at: datetime) -> Outcome:
    """Refuse a plan that cannot be carried out, note what is skipped, and try the rest."""
    plan = state.plan
    if plan.problems:
        refused = {
            task.id: resource_result(task, ResultCode.SYNC_FAILED, task.problem, at)
            for task in plan.tasks
            if task.problem
        }
        text = f"one or more synchronization tasks are not valid: {'; '.join(plan.problems)}"
        return end(replace(state, results=refused), text, at)
    skipped = {
        task.id: resource_result(task, ResultCode.PRUNE_SKIPPED, task.reason, at)
        for task in plan.tasks
        if task.action is TaskAction.PRUNE and task.change is Change.SKIP
    }
    ids = {task.id for task in plan.tasks}
    known = {task_id: result for task_id, result in state.known.items() if task_id in ids}
    state = replace(state, known=known, results={**skipped, **known})
    todo = state.todo()
    tried = tuple(task for task in todo if not task.settled)
    if tried:
        return replace(state, stage=Stage.DRY_RUN), (DryRun(tried),)
    if known or todo:
        return _begin(state, at)
    return finish(state, OperationPhase.SUCCEEDED, "successfully synced (no more tasks)")


def after_dry_run(state: SyncState, failures: Mapping[str, str], at: datetime) -> Outcome:
    """Nothing is written unless everything can be."""
    results = {**state.results}
    if failures:
        for task_id, message in failures.items():
            results[task_id] = resource_result(state.task(task_id), ResultCode.SYNC_FAILED, message, at)
        state = replace(state, results=results)
        return end(state, f"one or more objects failed to apply (dry run): {reasons_text(state)}", at)
    if state.plan.options.dry_run:
        for task in state.todo():
            if not task.is_hook:
                code = ResultCode.PRUNED if task.action is TaskAction.PRUNE else ResultCode.SYNCED
                results[task.id] = resource_result(task, code, f"{task.change} (dry run)", at)
        return finish(replace(state, results=results), OperationPhase.SUCCEEDED, "successfully synced (dry run)")
    return _begin(state, at)


def _begin(state: SyncState, at: datetime) -> Outcome:
    """Enter the first step; an operation whose SyncFail hooks have begun before it was interrupted had failed already."""
    steps = tuple(entry for entry in state.plan.steps if entry[0] is not SyncPhase.SYNC_FAIL)
    recorded = tuple(task for task in state.plan.tasks if task.id in state.known)
    state = replace(state, steps=steps)
    had_failed = any(task.phase is SyncPhase.SYNC_FAIL for task in recorded)
    state, actions = fail(state, at) if had_failed else enter_step(state, at)
    # It was recorded, and perhaps not yet released.
    return state, ((ReleaseHooks(recorded), *actions) if recorded else actions)


def enter_step(state: SyncState, at: datetime) -> Outcome:
    """Begin the first of ``steps``, or end the operation when there is none left."""
    while state.steps:
        known = (state.known.get(task.id) for task in state.plan.at(*state.steps[0]))
        if any(result is not None and is_failure(result) for result in known):
            return fail(state, at)
        if state.current():
            return _approve(state, at)
        state = replace(state, steps=state.steps[1:])
    return clean_up(state, at)


def _approve(state: SyncState, at: datetime) -> Outcome:
    prunes = tuple(task for task in state.current() if task.confirm)
    if prunes and not state.approved:
        return awaiting(replace(state, message=approval_text(prunes)), Stage.CONFIRM, AwaitApproval(prunes))
    return prune(state, at)


def approved(state: SyncState, at: datetime) -> Outcome:
    """The word holds for all of the operation."""
    return prune(replace(state, approved=True, message="", waiting=frozenset()), at)


def prune(state: SyncState, at: datetime) -> Outcome:
    """What goes in this step goes before anything comes."""
    prunes = tuple(task for task in state.current() if task.action is TaskAction.PRUNE)
    return awaiting(state, Stage.PRUNE, Prune(prunes)) if prunes else delete_earlier_hooks(state, at)


def delete_earlier_hooks(state: SyncState, at: datetime) -> Outcome:
    """What an earlier operation, or an earlier phase of this one, left of the step's hooks."""
    # A hook of several phases runs once in each: what an earlier phase left would pass for its next run.
    ran = {result.key for result in state.results.values() if result.hook_phase is not None}
    earlier = tuple(
        task
        for task in state.current()
        if task.is_hook
        and (
            task.key in ran or (HookDeletePolicy.BEFORE_HOOK_CREATION in task.delete_policies and task.live is not None)
        )
    )
    if earlier:
        return awaiting(state, Stage.DELETE_HOOKS, DeleteHooks(earlier, before_creation=True))
    return apply_groups(state, at)


def apply_groups(state: SyncState, at: datetime) -> Outcome:
    """Kind by kind: the tasks of one kind go together, the next kind waits for them."""
    todo = [task for task in state.current() if task.action is not TaskAction.PRUNE]
    by_kind = groupby(todo, key=lambda task: (kind_rank(task.key.kind), task.key.group, task.key.kind))
    groups = tuple(tuple(group) for _, group in by_kind)
    return next_group(replace(state, groups=groups), at)


def next_group(state: SyncState, at: datetime) -> Outcome:
    """Apply the next kind, or wait for what was applied."""
    if not state.groups:
        return _wait(state, at)
    group, *rest = state.groups
    return awaiting(replace(state, groups=tuple(rest)), Stage.APPLY, Apply(group))


def _wait(state: SyncState, at: datetime) -> Outcome:
    """Wait for hooks, for child Applications and, in a sync of several steps, for the health of everything applied.

    A single wave without hooks has succeeded with its applies.
    """
    applied = [task for task in state.current() if task.action is not TaskAction.PRUNE]
    several = len({(task.phase, task.wave) for task in state.plan.tasks if task.change is not Change.SKIP}) > 1
    waited = tuple(task for task in applied if task.is_hook or task.is_child or several)
    return awaiting(state, Stage.WAIT, Watch(waited)) if waited else leave_step(state, at)


def leave_step(state: SyncState, at: datetime) -> Outcome:
    """Go on to the next step, after a pause where there is one."""
    state = replace(state, steps=state.steps[1:])
    later = any(replace(state, steps=(entry,)).current() for entry in state.steps)
    if state.pauses and later and state.phase is OperationPhase.RUNNING:
        return replace(state, stage=Stage.PAUSE, waiting=frozenset()), (Pause(),)
    return enter_step(state, at)


def fail(state: SyncState, at: datetime) -> Outcome:
    """Wait for the hooks that still run, run the SyncFail hooks once, then end.

    A failure among the SyncFail hooks only adds to the message.
    """
    running = running_hooks(state)
    if running:
        # Their outcome belongs into the record, and SyncFail hooks must not run beside them.
        waiting, actions = awaiting(replace(state, failed=True, groups=()), Stage.WAIT, Watch(running))
        return waiting, (() if state.stage is Stage.WAIT else actions)
    in_sync_fail = bool(state.steps) and state.steps[0][0] is SyncPhase.SYNC_FAIL
    steps = () if in_sync_fail else tuple(entry for entry in state.plan.steps if entry[0] is SyncPhase.SYNC_FAIL)
    state = replace(
        state,
        phase=OperationPhase.FAILED,
        message=failures_text(state),
        failed=False,
        waiting=frozenset(),
        groups=(),
        steps=steps,
    )
    return enter_step(state, at)


def clean_up(state: SyncState, at: datetime) -> Outcome:
    """Delete the hooks whose policy asks for it; succeeded or failed is the outcome of the whole operation."""
    if state.phase is OperationPhase.RUNNING:
        state = replace(state, phase=OperationPhase.SUCCEEDED, message="successfully synced (all tasks run)")
    return delete_hooks(state, at)


def end(state: SyncState, message: str, at: datetime) -> Outcome:
    """End the operation as failed, from wherever it is. Hooks that still run are deleted, as well as what `delete_hooks` says.

    What an interrupted run recorded is let go, where this one has not begun to.
    """
    begun = state.stage not in (Stage.NEW, Stage.DRY_RUN)
    recorded = () if begun else tuple(task for task in state.plan.tasks if task.id in state.known)
    running = running_hooks(state)
    results: dict[str, TaskResult] = {**{task.id: state.known[task.id] for task in recorded}, **state.results}
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
    state, actions = delete_hooks(state, at, running=running)
    return state, ((ReleaseHooks(recorded), *actions) if recorded else actions)


def delete_hooks(state: SyncState, at: datetime, *, running: tuple[SyncTask, ...] = ()) -> Outcome:
    """The last that an operation does: delete the hooks that ran and whose policy asks for it, and those that run yet.

    Succeeded or failed is the outcome of the whole operation, and one that was ended from outside has failed. Of the hooks
    that finished before, upstream then deletes only those whose end it has not noticed yet (terminateHooksPreemptively in
    gitops-engine/pkg/sync/sync_context.go of Argo CD 3.6); here it makes no difference when it is noticed.
    """
    policy = (
        HookDeletePolicy.HOOK_SUCCEEDED if state.phase is OperationPhase.SUCCEEDED else HookDeletePolicy.HOOK_FAILED
    )
    ran = {task_id for task_id, result in state.results.items() if result.hook_phase is not None}
    # A hook of several phases is one object.
    hooks = {
        task.key: task
        for task in state.plan.tasks
        if task in running or (task.id in ran and policy in task.delete_policies)
    }
    return awaiting(state, Stage.CLEAN_UP, DeleteHooks(tuple(hooks.values()))) if hooks else finished(state, at)


def finished(state: SyncState, _at: datetime) -> Outcome:
    return finish(state, state.phase, state.message)


def finish(state: SyncState, phase: OperationPhase, message: str) -> Outcome:
    """Nothing follows."""
    ended = replace(state, stage=Stage.FINISHED, phase=phase, message=message, waiting=frozenset(), steps=())
    return ended, (Finish(),)
