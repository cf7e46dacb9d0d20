from dataclasses import replace

import pytest

from reconciler.diff.records import ResourceComparison
from reconciler.formatting.kinds import short_kind
from reconciler.formatting.states import HEALTH_SIGNS, HEALTH_TONES, SYNC_SIGNS, ResourceState, ordered, state_of
from reconciler.formatting.tasks import TaskKind, TaskState, kind_of, phases_of, task_id, task_state
from reconciler.sync.records import Change, SyncPlan, SyncTask, TaskAction, TaskResult
from reconciler.terms import HealthStatus, OperationPhase, ResultCode, SyncPhase, SyncStatus
from tests.data.gitops_nb import guestbook

CHANGED, SYNCED, _, MISSING, EXTRA, UNKNOWN, *_ = guestbook.comparison().resources
HOOK = guestbook.comparison().resources[-1]


@pytest.mark.parametrize(
    ("resource", "state"),
    [
        pytest.param(CHANGED, ResourceState.CHANGED, id="changed"),
        pytest.param(SYNCED, ResourceState.SYNCED, id="in sync"),
        pytest.param(MISSING, ResourceState.MISSING, id="missing"),
        pytest.param(EXTRA, ResourceState.EXTRA, id="extra"),
        pytest.param(replace(EXTRA, status=SyncStatus.SYNCED), ResourceState.EXTRA, id="extra that nobody prunes"),
        pytest.param(HOOK, ResourceState.HOOK, id="hook"),
        pytest.param(UNKNOWN, ResourceState.UNKNOWN, id="unknown"),
        pytest.param(replace(HOOK, status=SyncStatus.UNKNOWN), ResourceState.UNKNOWN, id="unknown hook"),
        pytest.param(replace(SYNCED, status=SyncStatus.UNKNOWN), ResourceState.UNKNOWN, id="unknown though equal"),
    ],
)
def test_state_of(resource: ResourceComparison, state: ResourceState) -> None:
    assert state_of(resource) is state


def test_resources_are_ordered_by_what_needs_attention_then_by_key() -> None:
    resources = guestbook.comparison().resources
    states = [state_of(resource) for resource in ordered(resources)]
    assert states == sorted(states, key=list(ResourceState).index)
    assert ordered(resources) == ordered(reversed(resources))


def test_every_state_has_a_sign_of_its_own() -> None:
    assert len({state.sign for state in ResourceState}) == len(ResourceState)
    assert len({kind.sign for kind in TaskKind}) == len(TaskKind)
    assert len({state.sign for state in TaskState}) == len(TaskState)
    assert len(set(HEALTH_SIGNS.values())) == len(HealthStatus)
    assert set(HEALTH_TONES) == set(HealthStatus)
    assert set(SYNC_SIGNS) == set(SyncStatus)


TASK = guestbook.plan().tasks[7]


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        pytest.param(replace(TASK, change=Change.CREATE), TaskKind.CREATE, id="create"),
        pytest.param(TASK, TaskKind.UPDATE, id="update"),
        pytest.param(replace(TASK, change=Change.UNCHANGED), TaskKind.UNCHANGED, id="unchanged"),
        pytest.param(replace(TASK, action=TaskAction.PRUNE, change=Change.DELETE), TaskKind.PRUNE, id="prune"),
        pytest.param(
            replace(TASK, action=TaskAction.PRUNE, change=Change.SKIP), TaskKind.SKIP, id="prune not asked for"
        ),
        pytest.param(replace(TASK, action=TaskAction.HOOK, change=Change.CREATE), TaskKind.HOOK, id="hook"),
        pytest.param(
            replace(TASK, action=TaskAction.CREATE_NAMESPACE, change=Change.CREATE), TaskKind.CREATE, id="namespace"
        ),
    ],
)
def test_kind_of(task: SyncTask, kind: TaskKind) -> None:
    assert kind_of(task) is kind


RESULT = guestbook.result().results[0]


@pytest.mark.parametrize(
    ("result", "state"),
    [
        pytest.param(replace(RESULT, code=None), TaskState.RUNNING, id="no outcome yet"),
        pytest.param(RESULT, TaskState.SUCCEEDED, id="applied"),
        pytest.param(replace(RESULT, code=ResultCode.PRUNED), TaskState.SUCCEEDED, id="pruned"),
        pytest.param(replace(RESULT, code=ResultCode.PRUNE_SKIPPED), TaskState.SKIPPED, id="prune skipped"),
        pytest.param(replace(RESULT, code=ResultCode.SYNC_FAILED), TaskState.FAILED, id="refused"),
        pytest.param(
            replace(RESULT, hook_phase=OperationPhase.RUNNING), TaskState.RUNNING, id="applied, not yet healthy"
        ),
        pytest.param(replace(RESULT, hook_phase=OperationPhase.FAILED), TaskState.FAILED, id="applied, then degraded"),
        pytest.param(replace(RESULT, code=None, hook_phase=OperationPhase.RUNNING), TaskState.RUNNING, id="hook runs"),
        pytest.param(
            replace(RESULT, code=None, hook_phase=OperationPhase.SUCCEEDED), TaskState.SUCCEEDED, id="hook done"
        ),
        pytest.param(replace(RESULT, code=None, hook_phase=OperationPhase.ERROR), TaskState.FAILED, id="hook error"),
    ],
)
def test_task_state(result: TaskResult, state: TaskState) -> None:
    assert task_state(result) is state


def test_a_result_names_its_task() -> None:
    plan, result = guestbook.plan(), guestbook.result()
    assert [task_id(outcome) for outcome in result.results] == [task.id for task in plan.tasks[:8]]


def test_sync_fail_is_shown_only_where_it_has_tasks() -> None:
    usual = (SyncPhase.PRE_SYNC, SyncPhase.SYNC, SyncPhase.POST_SYNC)
    assert phases_of(SyncPlan("a", "b", (), ())) == usual
    failing = replace(TASK, phase=SyncPhase.SYNC_FAIL, action=TaskAction.HOOK)
    assert phases_of(SyncPlan("a", "b", (), (failing,))) == (*usual, SyncPhase.SYNC_FAIL)


@pytest.mark.parametrize(
    ("kind", "short"),
    [("Deployment", "deploy"), ("VirtualService", "vs"), ("Certificate", "certif"), ("Thing", "thing"), ("x", "x")],
)
def test_short_kind(kind: str, short: str) -> None:
    assert short_kind(kind) == short
