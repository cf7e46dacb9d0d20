"""Whatever an API server answers, and in whatever order: the operation keeps its laws and ends."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.sync import events
from reconciler.sync.events import Event
from reconciler.sync.machine import Stage
from reconciler.sync.records import Change, SyncTask, TaskAction
from reconciler.terms import HealthStatus, OperationPhase
from tests.reconciler.sync.operation import Operation, apply, hook, plan_of, prune, recorded

WAVES = st.integers(-1, 2)
POLICIES = st.sampled_from(["", "BeforeHookCreation", "HookSucceeded", "HookFailed", "HookSucceeded,HookFailed"])
HOOK_PHASES = st.sampled_from(["PreSync", "Sync", "PostSync", "SyncFail"])


@st.composite
def plans(draw: st.DrawFn) -> list[SyncTask]:
    """A few tasks of every sort, one for an object; a hook may have several phases."""
    tasks: list[SyncTask] = []
    for number in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["ConfigMap", "Deployment", "Application", "Zebra"]))
        change = draw(st.sampled_from([Change.CREATE, Change.UNCHANGED, Change.SKIP]))
        tasks.append(apply(f"a{number}", wave=draw(WAVES), kind=kind, change=change))
    for number in range(draw(st.integers(0, 3))):
        reason, confirm = draw(st.sampled_from(["", "ignored (no prune)"])), draw(st.booleans())
        tasks.append(prune(f"p{number}", wave=draw(WAVES), reason=reason, confirm=confirm and not reason))
    for number in range(draw(st.integers(0, 4))):
        phases = draw(st.lists(HOOK_PHASES, min_size=1, max_size=3, unique=True))
        wave, policies, there = draw(WAVES), draw(POLICIES), draw(st.booleans())
        tasks += [hook(f"h{number}", phase, wave=wave, policies=policies, there=there) for phase in phases]
    return tasks


class AnyAnswers(RuleBasedStateMachine):
    """The API server's part is played by the rules; `Operation` checks the laws at every step."""

    @initialize(tasks=plans(), data=st.data(), pauses=st.booleans())
    def begin(self, tasks: list[SyncTask], data: st.DataObject, pauses: bool) -> None:
        """A new operation, or one that goes on where another run was interrupted."""
        plan = plan_of(tasks)
        hooks = [task for task in plan.tasks if task.is_hook]
        ended = st.sampled_from(["Succeeded", "Failed"])
        known = {task.id: recorded(task, data.draw(ended)) for task in hooks if data.draw(st.integers(0, 3)) == 0}
        self.operation = Operation(plan, known=known, pauses=pauses)
        self.tell(events.Started(self.operation.at))

    def tell(self, event: Event) -> None:
        self.operation.at += timedelta(seconds=1)
        self.operation.tell(event)

    def answering(self) -> bool:
        """Whether there is a task to tell of."""
        return bool(self.operation.state.waiting)

    @precondition(lambda self: self.operation.state.stage is Stage.DRY_RUN)
    @rule(data=st.data(), refused=st.booleans())
    def tried(self, data: st.DataObject, refused: bool) -> None:
        todo = [task.id for task in self.operation.state.todo()]
        failures = data.draw(st.lists(st.sampled_from(todo), min_size=1, unique=True)) if refused else []
        self.tell(events.DryRunFinished(self.operation.at, dict.fromkeys(failures, "invalid")))

    @precondition(lambda self: self.operation.state.stage in (Stage.CONFIRM, Stage.PAUSE))
    @rule()
    def go_on(self) -> None:
        """Somebody's word, or the end of a pause."""
        confirms = self.operation.state.stage is Stage.CONFIRM
        self.tell(events.Approved(self.operation.at) if confirms else events.Paused(self.operation.at))

    @precondition(lambda self: self.operation.state.stage not in (Stage.CONFIRM, Stage.PAUSE))
    @rule(approval=st.booleans())
    def stray_word(self, approval: bool) -> None:
        before = self.operation.state
        self.tell(events.Approved(self.operation.at) if approval else events.Paused(self.operation.at))
        assert self.operation.state == before

    @precondition(lambda self: self.operation.state.stage not in (Stage.CONFIRM, Stage.NEW) and self.answering())
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        self.tell(
            data.draw(st.sampled_from(self.answers(data.draw(st.sampled_from(sorted(self.operation.state.waiting))))))
        )

    @precondition(lambda self: bool(self.operation.plan.tasks))
    @rule(data=st.data())
    def stray(self, data: st.DataObject) -> None:
        """News of an object that nobody waits for: late, repeated, or of another step."""
        ids = [task.id for task in self.operation.plan.tasks if task.id not in self.operation.state.waiting]
        if ids:
            before = self.operation.state
            self.tell(data.draw(st.sampled_from(self.news(data.draw(st.sampled_from(ids))))))
            assert self.operation.state == before

    @rule(rarely=st.integers(0, 9))
    def stop(self, rarely: int) -> None:
        if rarely == 0 and not self.operation.state.finished:
            self.tell(events.Stopped(self.operation.at, "interrupted"))

    def answers(self, task_id: str) -> list[Event]:
        """What may come for a task that is waited for."""
        state, at = self.operation.state, self.operation.at
        failed = events.TaskFailed(at, task_id, "refused")
        if state.stage is Stage.APPLY:
            # What is not begun any more is left only by an operation that is being stopped.
            left = [events.TaskLeft(at, task_id)] if state.stopped else []
            return [events.TaskDone(at, task_id, "applied"), failed, *left]
        if state.stage in (Stage.PRUNE, Stage.DELETE_HOOKS, Stage.CLEAN_UP):
            return [events.ObjectGone(at, task_id), failed]
        task = next(task for task in self.operation.plan.tasks if task.id == task_id)
        seen: list[Event]
        if task.action is TaskAction.HOOK:
            seen = [
                events.HookSeen(at, task_id, phase)
                for phase in OperationPhase
                if phase is not OperationPhase.TERMINATING
            ]
        else:
            seen = [events.HealthSeen(at, task_id, health) for health in [None, *HealthStatus]]
        return [*seen, events.ObjectLost(at, task_id), failed]

    def news(self, task_id: str) -> list[Event]:
        at = self.operation.at
        return [
            events.TaskDone(at, task_id, "applied"),
            events.TaskFailed(at, task_id, "refused"),
            events.ObjectGone(at, task_id),
            events.ObjectLost(at, task_id),
            events.HealthSeen(at, task_id, HealthStatus.DEGRADED),
            events.HookSeen(at, task_id, OperationPhase.FAILED),
        ]

    def teardown(self) -> None:
        """With good answers only, the operation ends."""
        if not hasattr(self, "operation"):
            return
        for _ in range(12 * len(self.operation.plan.tasks) + 10):
            state = self.operation.state
            if state.finished:
                return
            if state.stage is Stage.DRY_RUN:
                self.tell(events.DryRunFinished(self.operation.at, {}))
                continue
            if state.stage in (Stage.CONFIRM, Stage.PAUSE):
                self.go_on()
                continue
            assert state.waiting, "nothing is waited for, and nothing has ended"
            good = self.answers(min(state.waiting))
            self.tell(next(event for event in good if _is_good(event)))
        raise AssertionError("the operation does not end")


def _is_good(event: Event) -> bool:
    match event:
        case events.HookSeen(phase=phase):
            return phase is OperationPhase.SUCCEEDED
        case events.HealthSeen(health=health):
            return health in (None, HealthStatus.HEALTHY)
        case events.TaskFailed():
            return False
    return True


TestAnyAnswers = AnyAnswers.TestCase
TestAnyAnswers.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
