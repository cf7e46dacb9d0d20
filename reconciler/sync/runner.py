"""Carries out what the state machine decides, against a real API server, and tells it what happened."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import MappingProxyType
from typing import Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import Discovery
from reconciler.errors import ClusterError, ReconcilerError
from reconciler.health import Customizations
from reconciler.kill_points import reach
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.sync import events
from reconciler.sync.context import FencedError, OperationContext
from reconciler.sync.events import Action, Event
from reconciler.sync.inbox import Inbox
from reconciler.sync.kinds import Kinds
from reconciler.sync.machine import SyncState, ordered_results, step
from reconciler.sync.records import SyncPlan, SyncResult, SyncTask, TaskResult
from reconciler.sync.run_options import RunOptions
from reconciler.sync.tasks import Deletions, Tasks
from reconciler.sync.watching import Watcher
from reconciler.terms import HealthStatus
from reconciler.threads import Lane

__all__ = ["ChildSync", "Clock", "Listener", "RunOptions", "SyncRunner"]

PARALLEL_WRITES: Final = 8
PARALLEL_CHILDREN: Final = 8
MOST_CHILDREN: Final = 1000
"""The same, those that are healthy while they wait for their next attempt included."""
LAST_SECONDS: Final = 5.0
"""How long an operation that was stopped may clean up."""
TERMINATED: Final = "Operation terminated"
_STORAGE_FULL: Final = "database space exceeded"
Clock = Callable[[], datetime]
ChildNews = Callable[[HealthStatus, str], None]
ChildSync = Callable[[ResourceKey, ChildNews], None]
Listener = Callable[[SyncState, Event], None]
_NO_OBJECTS: Final[Mapping[str, Manifest]] = MappingProxyType({})
_NO_RESULTS: Final[Mapping[str, TaskResult]] = MappingProxyType({})


class SyncRunner:
    """Runs one plan.

    Parameters
    ----------
    manifests
        The objects to write, by task id: a plan shows its secrets masked, so it cannot be written from.
    clock
        Gives the present time, aware of its zone.
    sync_child
        Syncs a child Application that the plan has applied, and raises what it failed with; called from a worker thread. What
        it calls meanwhile with a health and a text is told of the child; once the child is Healthy the wave goes on, and the
        operation ends when `sync_child` does, or at its limit.
    customizations
        Health scripts by kind.
    taken_over
        Live objects by task id: what other managers of ours, such as kubectl's client-side apply, own there is moved to
        this one before the apply, so that a field which left Git goes.
    on_event
        Called with the new state after every event, in the thread that runs the plan.
    operation_id
        Is written on hooks. One that bears it is this operation's own: neither deleted nor created again, only watched.
    known_hooks
        Outcomes, by task id, that an interrupted run of this operation recorded: those hooks do not run again.
    on_hook
        Called with every outcome of a hook, in the thread that runs the plan; only then may the hook's object go. What it
        raises ends the run at once, and leaves the hook to the next one.
    guard
        Called before every wave, hook creation and deletion, from any thread; a `ReconcilerError` stops the operation.
    approved_at
        When somebody last approved deletions; asked while the operation waits for it.
    on_stopped
        Called with the reason when the operation is ended before all is done, in the thread that runs the plan: what waits in
        `sync_child` has to end, too.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        openapi: OpenApi,
        manifests: Mapping[str, Manifest],
        *,
        clock: Clock,
        on_event: Listener = lambda _state, _event: None,
        options: RunOptions = RunOptions(),
        sync_child: ChildSync = lambda _key, _news: None,
        customizations: Customizations | None = None,
        taken_over: Mapping[str, Manifest] = _NO_OBJECTS,
        operation_id: str = "",
        known_hooks: Mapping[str, TaskResult] = _NO_RESULTS,
        on_hook: Callable[[SyncTask, TaskResult], None] = lambda _task, _result: None,
        guard: Callable[[], None] = lambda: None,
        approved_at: Callable[[], datetime | None] = lambda: None,
        on_stopped: Callable[[str], None] = lambda _message: None,
    ) -> None:
        self.clock = clock
        self.on_event = on_event
        self.options = options
        self.sync_child = sync_child
        self.known_hooks = known_hooks
        self.on_hook = on_hook
        self.guard = guard
        self.approved_at = approved_at
        self.on_stopped = on_stopped
        self.interrupted = False
        self._fenced = False
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._inbox = Inbox()
        kinds = Kinds(connection, discovery, manifests, timeout_s=options.established_s, stopping=self._stopping)
        self._context = OperationContext(
            connection=connection,
            kinds=kinds,
            openapi=openapi,
            manifests=manifests,
            taken_over=taken_over,
            options=options,
            operation_id=operation_id or str(uuid.uuid4()),
            stopping=self._stopping,
            fence=self._fence,
        )
        self._watcher = Watcher(connection, self._inbox.put, clock=clock, customizations=customizations)
        self._tasks = Tasks(self._context, self._watcher, self._inbox, clock=clock)
        self._pool = Lane(PARALLEL_WRITES)
        # A child may wait for long for its next attempt: it must not keep what comes after it from its turn.
        self._children = Lane(MOST_CHILDREN)
        self._child_places = threading.Semaphore(PARALLEL_CHILDREN)
        self._children_left = 0
        self._guarded: object = None
        self._hooks: tuple[SyncTask, ...] = ()
        self._started = clock()

    def run(self, plan: SyncPlan, *, initiated_by: str = "", started_at: datetime | None = None) -> SyncResult:
        """Run the plan to its end and say what happened.

        An interrupt ends the operation in order: nothing new is begun and ``interrupted`` is set. It is for the caller to
        record the outcome and to end. ``started_at`` is the beginning of an operation that is taken up again.
        """
        self._started = started_at or self.clock()
        deadline = None if self.options.timeout_s is None else time.monotonic() + self.options.timeout_s
        self._hooks = tuple(task for task in plan.tasks if task.is_hook)
        state = SyncState(plan, known=self.known_hooks, pauses=self.options.wave_delay_s > 0)
        self._inbox.put(events.Started(self.clock()))
        try:
            with self._children, self._pool:
                while not state.finished or self._children_left:
                    event = self._next(deadline)
                    if isinstance(event, events.Stopped):
                        self._stopping.set()
                        self.on_stopped(event.message)
                        # What follows is only cleaning up, which has its own short limit.
                        deadline = time.monotonic() + LAST_SECONDS
                    state = self._step(state, event)
        finally:
            self._stopping.set()
            self._watcher.close()
        return self._result(plan, state, initiated_by)

    def stop(self, message: str = TERMINATED) -> None:
        """End the operation from another thread, in order: nothing new is begun, running hooks are deleted, it has failed."""
        self._inbox.put(events.Stopped(self.clock(), message))

    def _next(self, deadline: float | None) -> Event:
        try:
            event = self._inbox.take(deadline)
        except KeyboardInterrupt:
            self.interrupted = True
            return events.Stopped(self.clock(), "interrupted")
        if event is not None:
            return event
        held = "; ".join(self._watcher.held())
        limit = self.options.timeout_s if self.options.timeout_s is not None else LAST_SECONDS
        return events.Stopped(self.clock(), f"not done after {limit:g} s{f': {held}' if held else ''}")

    def _step(self, before: SyncState, event: Event) -> SyncState:
        if isinstance(event, events.HookSeen) and event.phase.completed:
            reach("hook-wait")
        state, actions = step(before, event)
        self._record_hooks(before, state)
        self.on_event(state, event)
        if isinstance(event, events.TaskDone) and all(task.id != event.task_id for task in self._hooks):
            reach("apply-after")
        if len(state.steps) < len(before.steps):
            reach("wave-end")
        for action in actions:
            self._do(state, action)
        return state

    def _record_hooks(self, before: SyncState, state: SyncState) -> None:
        """Hand over what is newly known of hooks, before anything is done that lets them go.

        Who has lost the lock records nothing: the hooks are another one's by now.
        """
        if before.results is state.results or self._fenced:
            return
        for task in self._hooks:
            result, earlier = state.results.get(task.id), before.results.get(task.id)
            if result is None or result.hook_phase is None or not result.hook_phase.completed or task.id in state.known:
                continue
            if earlier is None or earlier.hook_phase is not result.hook_phase:
                self.on_hook(task, result)

    def _do(self, state: SyncState, action: Action) -> None:
        if isinstance(action, events.Apply | events.Prune | events.DeleteHooks) and not self._may_begin(state, action):
            return
        match action:
            case events.DryRun(tasks=tasks):
                self._try(tasks)
            case events.Apply(tasks=tasks):
                for task in tasks:
                    self._submit(task, self._tasks.apply)
            case events.Prune(tasks=tasks):
                self._delete(tasks, before_creation=False)
            case events.DeleteHooks(tasks=tasks, before_creation=before_creation):
                self._delete(tasks, before_creation=before_creation)
            case events.ReleaseHooks(tasks=tasks):
                for task in tasks:
                    self._pool.submit(self._tasks.release, task)
            case events.Watch(tasks=tasks):
                self._watch(tasks)
            case events.AwaitApproval():
                self._ask_approval()
            case events.Pause():
                self._inbox.call_after(self.options.wave_delay_s, lambda: events.Paused(self.clock()))

    def _may_begin(self, state: SyncState, action: Action) -> bool:
        """Ask the guard once a wave, in addition to what each hook and deletion asks for itself."""
        wave = state.steps[0] if state.steps else None
        if wave is None or wave == self._guarded:
            return True
        try:
            self._fence()
        except FencedError:
            for task in action.tasks:
                self._inbox.put(events.TaskLeft(self.clock(), task.id))
            return False
        self._guarded = wave
        return True

    def _fence(self) -> None:
        """Stop the operation where the guard says so.

        Raises
        ------
        FencedError
        """
        try:
            self.guard()
        except ReconcilerError as error:
            with self._lock:
                first, self._fenced = not self._fenced, True
            if first:
                self._inbox.put(events.Stopped(self.clock(), str(error)))
            raise FencedError(str(error)) from error

    def _try(self, tasks: Sequence[SyncTask]) -> None:
        """Dry-run all; the last one to be answered tells of the failures, in the order of the plan."""
        left, failures = len(tasks), dict[str, str]()
        lock = threading.Lock()

        def attempt(task: SyncTask) -> None:
            nonlocal left
            try:
                message = self._tasks.attempt(task)
            except Exception as error:  # noqa: BLE001 - as in _answer
                message = f"internal error: {type(error).__name__}"
            with lock:
                if message:
                    failures[task.id] = message
                left -= 1
                last = left == 0
            if last:
                ordered = {task.id: failures[task.id] for task in tasks if task.id in failures}
                self._inbox.put(events.DryRunFinished(self.clock(), ordered))

        for task in tasks:
            self._pool.submit(attempt, task)

    def _delete(self, tasks: Sequence[SyncTask], *, before_creation: bool) -> None:
        deletions = Deletions(self._tasks, len(tasks), before_creation=before_creation)
        for task in tasks:
            # Cleaning up goes on when nothing else is begun any more.
            self._submit(task, deletions.delete, always=task.is_hook and not before_creation)

    def _watch(self, tasks: Sequence[SyncTask]) -> None:
        if any(task.is_hook for task in tasks):
            reach("hook-wait")
        for task in tasks:
            if task.is_child:
                with self._lock:
                    self._children_left += 1
                self._children.submit(self._follow_child, task)
        self._pool.submit(self._tasks.watch, [task for task in tasks if not task.is_child])

    def _follow_child(self, task: SyncTask) -> None:
        with ExitStack() as place:
            place.enter_context(self._child_places)
            event = self._outcome(task, lambda task: self._child(task, place), always=False)
        with self._lock:
            self._children_left -= 1
        # Told last: who takes it may be waiting for nothing else.
        self._tell(event)

    def _child(self, task: SyncTask, place: ExitStack) -> Event:
        def tell(health: HealthStatus, said: str) -> None:
            if health is HealthStatus.HEALTHY:
                place.close()
            self._inbox.put(events.HealthSeen(self.clock(), task.id, health, said))

        self.sync_child(task.key, tell)
        # Whatever health it has now is its own: it was waited for, or it waits for somebody to sync it.
        return events.HealthSeen(self.clock(), task.id, None)

    def _ask_approval(self) -> Event | None:
        """Ask again and again, until the operation is approved or stopped."""
        try:
            approved = self.approved_at()
        except ReconcilerError:
            # It cannot be asked just now; nothing is deleted meanwhile.
            approved = None
        # What is written in whole seconds may be of the second in which the operation began.
        if approved is not None and approved >= self._started.replace(microsecond=0):
            event = events.Approved(self.clock())
            self._inbox.put(event)
        elif not self._stopping.is_set():
            self._inbox.call_after(self.options.approval_s, self._ask_approval)
        return None

    def _submit(self, task: SyncTask, work: Callable[[SyncTask], Event | None], *, always: bool = False) -> None:
        self._pool.submit(self._answer, task, work, always=always)

    def _answer(self, task: SyncTask, work: Callable[[SyncTask], Event | None], *, always: bool) -> None:
        self._tell(self._outcome(task, work, always=always))

    def _tell(self, event: Event | None) -> None:
        if event is not None:
            self._inbox.put(event)

    def _outcome(self, task: SyncTask, work: Callable[[SyncTask], Event | None], *, always: bool) -> Event | None:
        """Do the work of one task in a worker thread; whatever goes wrong becomes the task's failure."""
        if self._stopping.is_set() and not always:
            return events.TaskLeft(self.clock(), task.id)
        try:
            return work(task)
        except FencedError:
            return events.TaskLeft(self.clock(), task.id)
        except ReconcilerError as error:
            if isinstance(error, ClusterError) and _STORAGE_FULL in str(error):
                # Nothing can be written any more, by hooks neither.
                self._inbox.put(events.Stopped(self.clock(), str(error)))
            return events.TaskFailed(self.clock(), task.id, str(error))
        except Exception as error:  # noqa: BLE001 - a thread that dies silently would leave the operation waiting for ever
            return events.TaskFailed(self.clock(), task.id, f"internal error: {type(error).__name__}")

    def _result(self, plan: SyncPlan, state: SyncState, initiated_by: str) -> SyncResult:
        return SyncResult(
            application=plan.application,
            namespace=plan.namespace,
            revisions=plan.revisions,
            phase=state.phase,
            message=state.message,
            started_at=self._started,
            finished_at=self.clock(),
            results=tuple(ordered_results(state)),
            options=plan.options,
            initiated_by=initiated_by,
            warnings=plan.warnings,
        )
