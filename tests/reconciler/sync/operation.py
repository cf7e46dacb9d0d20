"""Drives the sync state machine by short texts, and checks after every step what must always hold.

Tasks are named by their object's name; a hook that runs in several phases is ``name@Phase``. Events read ``start``,
``tried [name=why]``, ``done name``, ``failed name why``, ``left name``, ``gone name``, ``lost name``, ``health name Status``,
``hook name Phase``, ``approved``, ``paused`` and ``stop why``; actions ``dry-run``, ``apply``, ``prune``, ``delete``,
``delete-earlier``, ``watch``, ``release`` and ``await-approval`` with names, ``pause`` and ``finish``.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from reconciler.manifest.objects import ResourceKey
from reconciler.sync import events
from reconciler.sync.events import Action, Event
from reconciler.sync.machine import Stage, SyncState, ordered_results, step
from reconciler.sync.order import order_tasks
from reconciler.sync.records import Change, PlanOptions, SyncPlan, SyncTask, TaskAction, TaskResult
from reconciler.terms import HealthStatus, HookDeletePolicy, OperationPhase, ResultCode, SyncPhase

START: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUPS: Final = {"Deployment": "apps", "Job": "batch", "Application": "argoproj.io", "Namespace": ""}
CLUSTER_SCOPED: Final = frozenset({"Namespace"})
VERBS: Final = {
    events.DryRun: "dry-run",
    events.Apply: "apply",
    events.Prune: "prune",
    events.DeleteHooks: "delete",
    events.Watch: "watch",
    events.ReleaseHooks: "release",
    events.Finish: "finish",
    events.AwaitApproval: "await-approval",
    events.Pause: "pause",
}


def key_of(name: str, kind: str) -> ResourceKey:
    return ResourceKey(GROUPS.get(kind, ""), kind, "" if kind in CLUSTER_SCOPED else "web", name)


def apply(name: str, *, wave: int = 0, kind: str = "ConfigMap", change: Change = Change.UPDATE) -> SyncTask:
    """A resource of the target."""
    key = key_of(name, kind)
    target = {"kind": kind, "metadata": {"name": name}}
    return SyncTask(SyncPhase.SYNC, wave, TaskAction.APPLY, key, "v1", change, target)


def prune(name: str, *, wave: int = 0, kind: str = "ConfigMap", reason: str = "", confirm: bool = False) -> SyncTask:
    """A live object without a target; a reason says why it stays."""
    change = Change.SKIP if reason else Change.DELETE
    live = {"kind": kind, "metadata": {"name": name, "uid": name}}
    key = key_of(name, kind)
    return SyncTask(
        SyncPhase.SYNC, wave, TaskAction.PRUNE, key, "v1", change, live=live, reason=reason, confirm=confirm
    )


def hook(name: str, phase: str = "PreSync", *, wave: int = 0, policies: str = "", there: bool = False) -> SyncTask:
    """A hook in one phase; ``there`` when an object of that name is live before the sync."""
    chosen = [HookDeletePolicy(word) for word in policies.split(",") if word]
    return SyncTask(
        SyncPhase(phase),
        wave,
        TaskAction.HOOK,
        key_of(name, "Job"),
        "v1",
        Change.CREATE,
        {"kind": "Job", "metadata": {"name": name}},
        {"kind": "Job", "metadata": {"name": name, "uid": "before"}} if there else None,
        delete_policies=frozenset(chosen or [HookDeletePolicy.BEFORE_HOOK_CREATION]),
    )


def namespace(name: str = "web") -> SyncTask:
    """The destination namespace that CreateNamespace asks for."""
    key = key_of(name, "Namespace")
    return SyncTask(SyncPhase.PRE_SYNC, 0, TaskAction.CREATE_NAMESPACE, key, "v1", Change.CREATE, {"kind": "Namespace"})


def plan_of(tasks: Iterable[SyncTask], options: PlanOptions | None = None) -> SyncPlan:
    ordered = tuple(order_tasks(list(tasks)))
    problems = tuple(task.problem for task in ordered if task.problem)
    return SyncPlan("guestbook", "argocd", ("a" * 40,), ordered, options or PlanOptions(), problems=problems)


def recorded(task: SyncTask, phase: str) -> TaskResult:
    """The outcome of a hook as an interrupted run recorded it."""
    return TaskResult(
        task.phase,
        task.wave,
        task.action,
        task.key,
        task.version,
        None,
        OperationPhase(phase),
        "recorded",
        started_at=START,
        finished_at=START,
    )


@dataclass(slots=True)
class Operation:
    """One run of the machine, with everything it was told and everything it asked for."""

    plan: SyncPlan
    state: SyncState = field(init=False)
    actions: list[Action] = field(default_factory=list)
    created: list[SyncTask] = field(default_factory=list)
    settled: set[str] = field(default_factory=set)
    stops: int = 0
    at: datetime = START
    known: Mapping[str, TaskResult] = field(default_factory=dict)
    pauses: bool = False

    def __post_init__(self) -> None:
        self.state = SyncState(self.plan, known=self.known, pauses=self.pauses)
        self.settled |= {task_id for task_id, result in self.known.items() if not _failed(result)}

    def tell(self, event: Event) -> tuple[Action, ...]:
        """One step, and the checks after it."""
        before = self.state
        state, actions = step(before, event)
        assert (state, actions) == step(before, event), "a step is a function of its arguments"
        self._note(event)
        self.state = state
        for action in actions:
            self._check(action)
            self.actions.append(action)
        for result in state.results.values():
            assert (result.finished_at is None) == (result.hook_phase is OperationPhase.RUNNING)
        if state.finished:
            self._check_end()
        return actions

    def say(self, text: str) -> list[str]:
        """One step by its text; the actions as texts."""
        return [self.shown(action) for action in self.tell(self.event(text))]

    def event(self, text: str) -> Event:
        word, _, rest = text.partition(" ")
        name, _, detail = rest.partition(" ")
        self.at += timedelta(seconds=1)
        at = self.at
        match word:
            case "start":
                return events.Started(at)
            case "tried":
                failures = dict(part.split("=") for part in rest.split())
                return events.DryRunFinished(at, {self.task(of).id: why for of, why in failures.items()})
            case "done":
                return events.TaskDone(at, self.task(name).id, detail or "applied")
            case "failed":
                return events.TaskFailed(at, self.task(name).id, detail)
            case "left":
                return events.TaskLeft(at, self.task(name).id)
            case "approved":
                return events.Approved(at)
            case "paused":
                return events.Paused(at)
            case "gone":
                return events.ObjectGone(at, self.task(name).id)
            case "lost":
                return events.ObjectLost(at, self.task(name).id)
            case "health":
                status, _, message = detail.partition(" ")
                return events.HealthSeen(
                    at, self.task(name).id, None if status == "-" else HealthStatus(status), message
                )
            case "hook":
                phase, _, message = detail.partition(" ")
                return events.HookSeen(at, self.task(name).id, OperationPhase(phase), message)
            case "stop":
                return events.Stopped(at, rest)
        raise AssertionError(f"no such event: {text}")

    def task(self, name: str) -> SyncTask:
        (found,) = (task for task in self.plan.tasks if self.name(task) == name)
        return found

    def name(self, task: SyncTask) -> str:
        """The object's name, with its phase where a hook has several."""
        several = [other for other in self.plan.tasks if other.key == task.key]
        return f"{task.key.name}@{task.phase}" if len(several) > 1 else task.key.name

    def shown(self, action: Action) -> str:
        early = isinstance(action, events.DeleteHooks) and action.before_creation
        return " ".join([VERBS[type(action)] + "-earlier" * early, *(self.name(task) for task in action.tasks)])

    def results(self) -> list[str]:
        """The results as texts, in the plan's order."""
        return [
            " ".join(filter(None, [self.name(task), _outcome(self.state.results[task.id])]))
            for task in self.plan.tasks
            if task.id in self.state.results
        ]

    def _note(self, event: Event) -> None:
        """What happened in the cluster, as the machine can know it."""
        match event:
            case events.Stopped():
                self.stops += 1
            case events.TaskDone(task_id=task_id) if task_id in self.state.waiting:
                task = self._by_id(task_id)
                self.created.append(task)
            case events.ObjectGone(task_id=task_id) if (
                task_id in self.state.waiting and self.state.stage is Stage.PRUNE
            ):
                self.settled.add(task_id)
            case events.HookSeen(task_id=task_id, phase=OperationPhase.SUCCEEDED) if task_id in self.state.waiting:
                self.settled.add(task_id)
            case events.HealthSeen(task_id=task_id, health=None | HealthStatus.HEALTHY) if (
                task_id in self.state.waiting
            ):
                self.settled.add(task_id)

    def _check(self, action: Action) -> None:
        assert not any(isinstance(earlier, events.Finish) for earlier in self.actions), "an action after the end"
        ids = [task.id for task in action.tasks]
        if not isinstance(action, events.ReleaseHooks | events.DeleteHooks):
            assert not set(ids) & set(self.known), "a recorded hook runs again"
        assert len(ids) == len(set(ids)), "a task twice in one action"
        assert isinstance(action, events.Finish | events.Pause) or ids, "an action that asks for nothing"
        assert set(ids) <= {task.id for task in self.plan.tasks if task.change is not Change.SKIP}
        match action:
            case events.ReleaseHooks(tasks=tasks):
                done = [self.state.results[task.id].hook_phase for task in tasks]
                assert all(phase is not None and phase.completed for phase in done), "a hook is let go unjudged"
                return
            case events.AwaitApproval(tasks=tasks):
                assert all(task.confirm for task in tasks)
                assert not self.plan.options.dry_run
            case events.Apply(tasks=tasks):
                assert all(task.action is not TaskAction.PRUNE for task in tasks)
                assert len({(task.phase, task.wave) for task in tasks}) == 1
                self._check_order(tasks[0])
            case events.Prune(tasks=tasks):
                assert self.state.approved or not any(task.confirm for task in tasks), "nobody has approved it"
                assert all(task.action is TaskAction.PRUNE for task in tasks)
                self._check_order(tasks[0])
            case events.DeleteHooks(tasks=tasks):
                assert all(task.is_hook for task in tasks)
                assert len({task.key for task in tasks}) == len(tasks), "an object is deleted once"
        for kind in (events.Apply, events.Prune):
            counts = Counter(
                task.id for done in [*self.actions, action] if isinstance(done, kind) for task in done.tasks
            )
            assert max(counts.values(), default=0) <= 1, "a task is carried out once"

    def _check_order(self, task: SyncTask) -> None:
        """Nothing of a step is begun before everything of the steps before it has settled."""
        steps = self.plan.steps
        if task.phase is SyncPhase.SYNC_FAIL:
            assert not [one for one in self.state.results.values() if one.hook_phase is OperationPhase.RUNNING]
            earlier = [
                entry for entry in steps[: steps.index((task.phase, task.wave))] if entry[0] is SyncPhase.SYNC_FAIL
            ]
        else:
            assert not self.state.failed
            earlier = list(steps[: steps.index((task.phase, task.wave))])
        due = {one.id for entry in earlier for one in self.plan.at(*entry) if one.change is not Change.SKIP}
        assert not self.plan.problems, "a plan with problems touches nothing"
        assert due <= self.settled, f"{task.id} begins before {due - self.settled}"

    def _check_end(self) -> None:
        state = self.state
        assert sum(isinstance(action, events.Finish) for action in self.actions) == 1
        assert state.phase.completed
        assert state.message
        assert not state.waiting
        assert set(state.results) <= {task.id for task in self.plan.tasks}
        assert len(ordered_results(state)) == len(state.results)
        for task_id, result in state.results.items():
            task = self._by_id(task_id)
            assert (result.key, result.phase, result.wave, result.action) == (
                task.key,
                task.phase,
                task.wave,
                task.action,
            )
            assert (result.code is None) != (result.hook_phase is None), "a result is a resource's or a hook's"
            assert result.hook_phase is not OperationPhase.RUNNING, "a hook of a finished operation runs no more"
            assert result.started_at
            assert result.finished_at
            assert result.started_at <= result.finished_at
        bad = [result for result in state.results.values() if _failed(result)]
        if state.phase is OperationPhase.SUCCEEDED:
            assert not bad
            if not self.plan.options.dry_run:
                todo = [task for task in self.plan.tasks if task.phase is not SyncPhase.SYNC_FAIL]
                due = {task.id for task in todo if task.change is not Change.SKIP or task.action is TaskAction.PRUNE}
                assert due == set(state.results)
        else:
            assert bad or self.stops or self._had_failed()
        if self.stops < 2:
            self._check_finalizers()

    def _had_failed(self) -> bool:
        return any(self._by_id(task_id).phase is SyncPhase.SYNC_FAIL for task_id in self.known)

    def _check_finalizers(self) -> None:
        """Every hook that was created is released or deleted, so that none keeps our finalizer."""
        freed = {
            task.key
            for action in self.actions
            if isinstance(action, events.ReleaseHooks | events.DeleteHooks)
            for task in action.tasks
        }
        lost = {task.key for task in self.created if task.is_hook} - freed
        assert not lost, f"our finalizer stays on {lost}"

    def _by_id(self, task_id: str) -> SyncTask:
        (found,) = (task for task in self.plan.tasks if task.id == task_id)
        return found


def _failed(result: TaskResult) -> bool:
    return result.code is ResultCode.SYNC_FAILED or result.hook_phase in (OperationPhase.FAILED, OperationPhase.ERROR)


def _outcome(result: TaskResult) -> str:
    return str(result.code or result.hook_phase or "")


def run_script(operation: Operation, script: Sequence[tuple[str, list[str]]]) -> None:
    """Tell each event and compare the actions with the expected ones."""
    for number, (event, expected) in enumerate(script):
        assert operation.say(event) == expected, f"after event {number}: {event}"
