"""One sync operation of one Application: locked, recorded, run, tried again where that is asked for.

An operation that was killed is taken up again by the next one that would do the same: it has the same id, its hooks keep
their names, and those whose outcome is recorded do not run once more.
"""

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from reconciler.cluster.lease import ApplicationLock
from reconciler.engine.children import left_unsynced, wait_unsynced
from reconciler.engine.comparing import Comparer, application_key
from reconciler.engine.gates import closed_window
from reconciler.engine.interrupts import deferred_interrupts
from reconciler.engine.planning import Planner
from reconciler.engine.recording import Attempt, Recorder, known_hooks
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.requests import SyncRequest
from reconciler.engine.stopping import Stopping
from reconciler.errors import ReconcilerError, SyncError
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of
from reconciler.model import Application
from reconciler.sync.compare_plans import stale
from reconciler.sync.options import application_options
from reconciler.sync.records import Change, PlanOptions, SyncPlan, SyncResult, SyncTask, TaskAction
from reconciler.sync.retry import retry_policy
from reconciler.sync.run_options import VARIABLE_WAVE_DELAY, RunOptions, parse_wave_delay
from reconciler.sync.runner import TERMINATED, ChildNews, SyncRunner
from reconciler.terms import ANNOTATION_DELETION_APPROVED, FIELD_MANAGER, HealthStatus

if TYPE_CHECKING:
    from reconciler.engine.deleting import DeletionPlanner
    from reconciler.engine.reconciler import Reconciler

INTERRUPTED = "interrupted"


class SyncOperation:
    """Runs what a request asks for, under the Application's lock."""

    def __init__(self, engine: "Reconciler", request: SyncRequest) -> None:
        self._engine = engine
        self._request = request
        self._recorder = Recorder(engine.store, request)
        self.stopping = request.stopping or Stopping()
        self.interrupted = False
        """A signal ended it: the caller has to end, too."""
        self.children: list[SyncOutcome] = []

    def stop(self, message: str) -> None:
        """End the operation and those of its children from another thread, in order; none is tried again."""
        self.stopping.tell(message)

    def _interrupt(self) -> None:
        self.interrupted = True
        self.stop(INTERRUPTED)

    def run(self, reconciliation: Reconciliation) -> SyncResult:
        """Run, and again while it fails and the policy says so; the result of the last attempt.

        A signal to the process ends it in order, see `interrupted`; a second one raises at once.

        Raises
        ------
        SpecError
            When a rule that the sync must respect cannot be evaluated; nothing has been touched then.
        SyncError
            When another run holds the Application, or a saved plan is not what would be done now.
        """
        if self._request.options.dry_run:
            return self._attempt(reconciliation, Attempt(str(uuid.uuid4()), self._engine.clock()), guard=_no_guard)
        application, operation_id = reconciliation.application, str(uuid.uuid4())
        with deferred_interrupts(self._interrupt), self._lock(application, operation_id) as lock:
            found = self._recorder.resumable(reconciliation, at=self._engine.clock())
            attempt = found or Attempt(operation_id, self._begins_at(reconciliation))
            while True:
                result = self._attempt(reconciliation, attempt, guard=lock.check)
                retry, retries = self._request.retry, attempt.number - 1
                wait = None if result.succeeded else retry.wait_after(retries)
                if wait is not None and not self.stopping.told:
                    self._request.on_retry()
                if wait is None or self.stopping.wait(wait.total_seconds()):
                    # Noted on the lock, the head of the history shows a tail that was cut off.
                    lock.head = self._recorder.head()
                    return result
                lock.check()
                revision = None if retry.refresh else joined(result.revisions)
                reconciliation = self._engine.reconcile(application, revision=revision)
                first = attempt.retry_of or attempt.operation_id
                begins_at = self._begins_at(reconciliation)
                attempt = Attempt(str(uuid.uuid4()), begins_at, attempt.number + 1, first)

    def _lock(self, application: Application, operation_id: str) -> ApplicationLock:
        engine = self._engine
        return ApplicationLock(
            engine.connection,
            engine.comparer.discovery,
            namespace=application.metadata.namespace or engine.namespace,
            application=application.name,
            operation_id=operation_id,
            holder=self._request.initiated_by,
            new="operationState" not in application.status,
            owner=_owner(application),
            on_asked_to_end=lambda: self.stop(TERMINATED),
            wait=self._pause,
        )

    def _pause(self, seconds: float) -> None:
        """Wait for the lock that another run holds."""
        if self.stopping.wait(seconds):
            if self.interrupted:
                raise KeyboardInterrupt
            raise SyncError(f"{self.stopping.message} while it waited for the lock")

    def _begins_at(self, reconciliation: Reconciliation) -> datetime:
        """Now; the names of hooks are made from its second, so not in that in which the operation before began."""
        if any(not metadata_of(hook).get("name") for hook in reconciliation.hooks):
            last, now = self._recorder.last_begun(reconciliation.comparison), self._engine.clock()
            if last is not None and _second(last) == _second(now):
                following = _second(now) + timedelta(seconds=1)
                self.stopping.wait((following - now).total_seconds())
                # The clock may be slower than the wait, or be put back meanwhile.
                return max(following, self._engine.clock())
        return self._engine.clock()

    def _attempt(self, reconciliation: Reconciliation, attempt: Attempt, *, guard: Callable[[], None]) -> SyncResult:
        """Plan, record as begun, run, record the end. What cannot be planned is refused before it is recorded as begun."""
        engine, application, request, recorder = self._engine, reconciliation.application, self._request, self._recorder
        comparer = engine.at(application)
        # Nothing here is changed, so that it need not wait for comparisons.
        planner = self._planner(comparer, reconciliation, attempt.started_at)
        plan = planner.plan(request.options)
        if attempt.resumed:
            plan = _without_repeats(plan)
        manifests = planner.manifests(plan)
        if request.plan is not None and (changed := stale(request.plan, plan)):
            raise SyncError(f"{application.name}: the plan is out of date: {'; '.join(changed)}; make a new one")
        begin = partial(recorder.begin, attempt, reconciliation, plan, cluster=comparer.connection.server)
        if not request.options.dry_run:
            begin()
        deletion = None if request.options.dry_run else request.deletion
        if deletion is not None:
            from reconciler.engine.deleting import mark_deleted

            mark_deleted(engine, application, plan, cascade=deletion.cascade, background=deletion.background)
        brings_kinds = any(task.key.kind == "CustomResourceDefinition" for task in plan.tasks)
        # What ends this attempt, its own time limit among it, ends what its children do and wait for.
        ending = Stopping()
        runner = SyncRunner(
            comparer.connection,
            comparer.discovery,
            comparer.schemas.openapi,
            manifests,
            clock=engine.clock,
            on_event=request.on_event,
            customizations=comparer.settings.customizations,
            taken_over=planner.taken_over(plan),
            options=self._run_options(application),
            sync_child=lambda key, tell: self._sync_child(application, key, tell, ending, brings_kinds=brings_kinds),
            on_stopped=ending.tell,
            operation_id=attempt.operation_id,
            known_hooks=known_hooks(plan, attempt.hooks),
            on_hook=lambda task, outcome: recorder.hook(attempt.operation_id, task, outcome, at=engine.clock()),
            guard=guard,
            approved_at=lambda: approved_at(engine.registry.current(application)),
        )
        with self.stopping.reaches(runner.stop):
            result = runner.run(plan, initiated_by=request.initiated_by, started_at=attempt.started_at)
        deleted = deletion is not None and result.succeeded
        if deleted:
            result = replace(result, message="successfully deleted")
        if request.options.dry_run:
            # It holds no lock: recorded at its end, no other run can take it for one that was killed.
            begin()
        recorder.end(attempt.operation_id, result)
        if deleted:
            from reconciler.engine.deleting import release_application

            # Recorded before: with the Application goes the last thing from which another run would see what is left to do.
            release_application(engine, application)
        if runner.interrupted:
            raise KeyboardInterrupt
        if brings_kinds:
            with engine.thinking:
                comparer.forget_kinds()
        return result

    def _planner(
        self, comparer: Comparer, reconciliation: Reconciliation, started_at: datetime
    ) -> "Planner | DeletionPlanner":
        permit = self._engine.permit(reconciliation.application)
        deletion = self._request.deletion
        if deletion is None:
            return Planner(comparer, reconciliation, started_at=started_at, permit=permit)
        from reconciler.engine.deleting import DeletionPlanner

        return DeletionPlanner(comparer, reconciliation, started_at=started_at, permit=permit, cascade=deletion.cascade)

    def _run_options(self, application: Application) -> RunOptions:
        options = self._request.run_options.of(application_options(application, self._request.options.sync_options))
        options = replace(
            options, wave_delay_s=options.wave_delay_s or parse_wave_delay(os.environ.get(VARIABLE_WAVE_DELAY, ""))
        )
        deletion = self._request.deletion
        if deletion is not None:
            options = replace(options, propagation="Background" if deletion.background else "Foreground")
        return options

    def _sync_child(
        self,
        parent: Application,
        key: ResourceKey,
        tell: ChildNews,
        ending: Stopping,
        *,
        brings_kinds: bool,
    ) -> None:
        """Sync a child Application and add its outcome.

        One without ``syncPolicy.automated`` only has its status written: it waits for somebody to sync it. One whose window is
        closed is left as it is, see `reconciler.engine.children`.

        Raises
        ------
        SyncError
            When it failed.
        """
        parents = self._request.parents | {application_key(parent, self._engine.namespace)}
        if key in parents:
            raise SyncError(f"Application {key.name} is its own ancestor; break the cycle in Git")
        try:
            if brings_kinds:
                # The parent's plan defines kinds, which the child may use already.
                with self._engine.thinking:
                    self._engine.at(parent).forget_kinds()
            child = self._engine.application(key.name, namespace=key.namespace)
            automated = child.spec.sync_policy.automated
            if automated is None or not automated.enabled:
                self._engine.write_status(child)
                return
            if closed := closed_window(self._engine, child):
                tell(HealthStatus.UNKNOWN, left_unsynced(child, closed))
                timeout_s = self._request.run_options.timeout_s
                wait_unsynced(self._engine, child, closed, timeout_s=timeout_s, stopping=ending)
                return
            request = replace(
                self._request,
                options=PlanOptions(prune=automated.prune),
                on_event=lambda _state, _event: None,
                wait=True,
                parents=parents,
                retry=retry_policy(child.spec.sync_policy.retry, automated=True),
                automated=True,
                plan=None,
                on_retry=lambda: self._tell_health(child, tell),
                stopping=ending,
            )
            outcome = self._engine.run_sync(self._engine.reconcile(child, request=request), request)
        except ReconcilerError as error:
            raise SyncError(str(error)) from error
        self.children.append(outcome)
        if not outcome.result.succeeded:
            raise SyncError(outcome.result.message)

    def _tell_health(self, child: Application, tell: ChildNews) -> None:
        """A child that is healthy as it is does not hold its parent's wave until its next attempt; nor does it in Argo CD."""
        # Who cannot be asked just now is not known to be healthy.
        with suppress(ReconcilerError):
            if self._engine.compare(child).health.status is HealthStatus.HEALTHY:
                tell(HealthStatus.HEALTHY, "")


def _without_repeats(plan: SyncPlan) -> SyncPlan:
    """What an interrupted run has applied already, and what still is so, is not sent once more."""
    tasks = (
        replace(task, settled=True)
        if task.action is TaskAction.APPLY
        and task.change is Change.UNCHANGED
        and _is_applied(task)
        and not task.is_child
        else task
        for task in plan.tasks
    )
    return replace(plan, tasks=tuple(tasks))


def _is_applied(task: SyncTask) -> bool:
    """Whether we have ever applied the object: one that only happens to be alike has its fields taken over yet."""
    entries = metadata_of(task.live or {}).get("managedFields") or ()
    return any((entry.get("manager"), entry.get("operation")) == (FIELD_MANAGER, "Apply") for entry in entries)


def _owner(application: Application) -> Manifest | None:
    """The Application as owner of its lock; None for one that only a file holds."""
    metadata = application.metadata
    if not metadata.uid:
        return None
    return {
        "apiVersion": application.api_version,
        "kind": application.kind,
        "metadata": {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid},
    }


def approved_at(application: Application | None) -> datetime | None:
    """When somebody approved the Application's deletions; None when nobody did, or the time cannot be read."""
    text = application.metadata.annotations.get(ANNOTATION_DELETION_APPROVED, "") if application is not None else ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def joined(revisions: tuple[str, ...]) -> str | None:
    """The revisions, to compare again at what was synced."""
    return ",".join(revisions) or None


def _no_guard() -> None:
    """A dry run writes nothing, so it needs no lock."""
