"""Whatever an API server answers, and in whatever order: the operation keeps its laws and ends."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from reconciler.sync import machine
from reconciler.sync.machine import Event, Stage
from reconciler.sync.records import Change, SyncTask, TaskAction
from reconciler.terms import HealthStatus, OperationPhase
from tests.reconciler.sync.operation import Operation, apply, hook, plan_of, prune

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
        tasks.append(prune(f"p{number}", wave=draw(WAVES), reason=draw(st.sampled_from(["", "ignored (no prune)"]))))
    for number in range(draw(st.integers(0, 4))):
        phases = draw(st.lists(HOOK_PHASES, min_size=1, max_size=3, unique=True))
        wave, policies, there = draw(WAVES), draw(POLICIES), draw(st.booleans())
        tasks += [hook(f"h{number}", phase, wave=wave, policies=policies, there=there) for phase in phases]
    return tasks


class AnyAnswers(RuleBasedStateMachine):
    """The API server's part is played by the rules; `Operation` checks the laws at every step."""

    @initialize(tasks=plans())
    def begin(self, tasks: list[SyncTask]) -> None:
        self.operation = Operation(plan_of(tasks))
        self.tell(machine.Started(self.operation.at))

    def tell(self, event: Event) -> None:
        self.operation.at += timedelta(seconds=1)
        self.operation.tell(event)

    def answering(self) -> bool:
        return bool(self.operation.state.waiting)

    @precondition(lambda self: self.operation.state.stage is Stage.DRY_RUN)
    @rule(data=st.data(), refused=st.booleans())
    def tried(self, data: st.DataObject, refused: bool) -> None:
        todo = [task.id for task in self.operation.plan.tasks if task.change is not Change.SKIP]
        failures = data.draw(st.lists(st.sampled_from(todo), min_size=1, unique=True)) if refused else []
        self.tell(machine.DryRunFinished(self.operation.at, dict.fromkeys(failures, "invalid")))

    @precondition(answering)
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
            self.tell(machine.Stopped(self.operation.at, "interrupted"))

    def answers(self, task_id: str) -> list[Event]:
        """What may come for a task that is waited for."""
        state, at = self.operation.state, self.operation.at
        failed = machine.TaskFailed(at, task_id, "refused")
        if state.stage is Stage.APPLY:
            return [machine.TaskDone(at, task_id, "applied"), failed]
        if state.stage in (Stage.PRUNE, Stage.DELETE_HOOKS, Stage.CLEAN_UP):
            return [machine.ObjectGone(at, task_id), failed]
        task = next(task for task in self.operation.plan.tasks if task.id == task_id)
        seen: list[Event]
        if task.action is TaskAction.HOOK:
            seen = [
                machine.HookSeen(at, task_id, phase)
                for phase in OperationPhase
                if phase is not OperationPhase.TERMINATING
            ]
        else:
            seen = [machine.HealthSeen(at, task_id, health) for health in [None, *HealthStatus]]
        return [*seen, machine.ObjectLost(at, task_id), failed]

    def news(self, task_id: str) -> list[Event]:
        at = self.operation.at
        return [
            machine.TaskDone(at, task_id, "applied"),
            machine.TaskFailed(at, task_id, "refused"),
            machine.ObjectGone(at, task_id),
            machine.ObjectLost(at, task_id),
            machine.HealthSeen(at, task_id, HealthStatus.DEGRADED),
            machine.HookSeen(at, task_id, OperationPhase.FAILED),
        ]

    def teardown(self) -> None:
        """With good answers only, the operation ends."""
        if not hasattr(self, "operation"):
            return
        for _ in range(10 * len(self.operation.plan.tasks) + 10):
            state = self.operation.state
            if state.finished:
                return
            if state.stage is Stage.DRY_RUN:
                self.tell(machine.DryRunFinished(self.operation.at, {}))
                continue
            assert state.waiting, "nothing is waited for, and nothing has ended"
            good = self.answers(min(state.waiting))
            self.tell(next(event for event in good if _is_good(event)))
        raise AssertionError("the operation does not end")


def _is_good(event: Event) -> bool:
    match event:
        case machine.HookSeen(phase=phase):
            return phase is OperationPhase.SUCCEEDED
        case machine.HealthSeen(health=health):
            return health in (None, HealthStatus.HEALTHY)
        case machine.TaskFailed():
            return False
    return True


TestAnyAnswers = AnyAnswers.TestCase
TestAnyAnswers.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
