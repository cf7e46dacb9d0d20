"""What the history keeps of an operation: its beginning, its hooks and its end, so that a killed one can be gone on with."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.diff.records import Comparison
from reconciler.engine.records import Reconciliation
from reconciler.engine.requests import SyncRequest
from reconciler.history import HistoryStore, HookRecord, SyncRecord, resource_outcomes
from reconciler.model import Application
from reconciler.sync.records import SyncPlan, SyncResult, SyncTask, TaskResult

ABANDONED = "its process ended before the operation did; the sync after it finishes the work"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an operation, each recorded as an operation of its own.

    ``hooks`` is what an interrupted run of it recorded, by task id; ``resumed`` says that there was one. ``retry_of`` is the
    operation that failed before.
    """

    operation_id: str
    started_at: datetime
    number: int = 1
    retry_of: str = ""
    resumed: bool = False
    hooks: Mapping[str, HookRecord] = field(default_factory=dict)


class Recorder:
    """Records one request's operations; nothing where there is no history."""

    def __init__(self, store: HistoryStore | None, request: SyncRequest) -> None:
        self._store = store
        self._request = request
        self._head = ""

    def resumable(self, reconciliation: Reconciliation, *, at: datetime) -> Attempt | None:
        """The operation that a killed process left, where this one would do the same; all others are over now."""
        store, comparison = self._store, reconciliation.comparison
        if store is None:
            return None
        found = store.unfinished(comparison.application, comparison.namespace)
        if found is None:
            return None
        request = self._request.identity(reconciliation.application)
        same = (found.revisions, found.request) == (comparison.revisions, request)
        store.abandon_unfinished(
            comparison.application,
            comparison.namespace,
            ABANDONED,
            at=at,
            keep=found.operation_id if same else "",
        )
        if not same:
            return None
        hooks = store.hooks_of(found.operation_id)
        return Attempt(found.operation_id, found.started_at, found.attempt, found.retry_of, resumed=True, hooks=hooks)

    def begin(self, attempt: Attempt, reconciliation: Reconciliation, plan: SyncPlan, *, cluster: str) -> None:
        """Before the first write; one that is gone on with is recorded already."""
        store, comparison, options = self._store, reconciliation.comparison, self._request.options
        if store is None or attempt.resumed:
            return
        store.begin(
            operation_id=attempt.operation_id,
            application=comparison.application,
            namespace=comparison.namespace,
            project=comparison.project,
            cluster=cluster,
            target_revision=_target_revision(reconciliation.application),
            revisions=comparison.revisions,
            started_at=attempt.started_at,
            initiated_by=self._request.initiated_by,
            dry_run=options.dry_run,
            prune=options.prune,
            request=self._request.identity(reconciliation.application),
            plan=plan.made_from,
            attempt=attempt.number,
            retry_of=attempt.retry_of,
        )

    def hook(self, operation_id: str, task: SyncTask, outcome: TaskResult, *, at: datetime) -> None:
        """The outcome of a hook; ``at`` is for one that does not say when it ended."""
        if self._store is not None and outcome.hook_phase is not None:
            at = outcome.finished_at or at
            self._store.record_hook(operation_id, task.id, outcome.hook_phase, outcome.message, at)

    def end(self, operation_id: str, result: SyncResult) -> None:
        """The outcome of the operation."""
        if self._store is not None:
            ended = self._store.end(
                operation_id,
                phase=result.phase,
                message=result.message,
                finished_at=result.finished_at,
                resources=resource_outcomes(result.results),
                notebook=self._request.notebook,
            )
            self._head = ended.digest

    def refuse(self, reconciliation: Reconciliation, message: str, *, at: datetime) -> None:
        """An operation that was refused before it began."""
        self.refuse_uncompared(reconciliation.application, reconciliation.comparison, message, at=at, refused="gate")

    def refuse_uncompared(
        self, application: Application, comparison: Comparison, message: str, *, at: datetime, refused: str = "project"
    ) -> None:
        """An operation that its project refused, or whose destination nobody knows, before anything was compared.

        ``comparison`` is Unknown. A dry run is none, and what a policy asks for again and again is recorded once.
        """
        store, request = self._store, self._request
        if store is None or request.options.dry_run or (request.automated and self._is_told(comparison, message)):
            return
        store.refuse(
            operation_id=str(uuid.uuid4()),
            application=comparison.application,
            namespace=comparison.namespace,
            at=at,
            message=message,
            refused=refused,
            project=comparison.project,
            target_revision=_target_revision(application),
            revisions=comparison.revisions,
            initiated_by=request.initiated_by,
            prune=request.options.prune,
            request=request.identity(application),
        )

    def _is_told(self, comparison: Comparison, message: str) -> bool:
        """Whether the newest record of the Application says the same already."""
        last = self._last(comparison)
        return (
            last is not None
            and bool(last.refused)
            and (last.message, last.revisions) == (message, comparison.revisions)
        )

    def last_begun(self, comparison: Comparison) -> datetime | None:
        """When the Application's newest operation began."""
        last = self._last(comparison)
        return last.started_at if last is not None else None

    def _last(self, comparison: Comparison) -> SyncRecord | None:
        if self._store is None:
            return None
        place = {"application": comparison.application, "namespace": comparison.namespace}
        return next(iter(self._store.records(**place, limit=1)), None)

    def head(self) -> str:
        """The digest of the entry that was recorded last, the newest of the history then; empty without a history."""
        return self._head


def _target_revision(application: Application) -> str:
    return (application.sources[0].target_revision if application.sources else "") or "HEAD"


def known_hooks(plan: SyncPlan, hooks: Mapping[str, HookRecord]) -> dict[str, TaskResult]:
    """The outcomes of hooks that ran before the interruption."""
    return {
        task.id: TaskResult(
            task.phase,
            task.wave,
            task.action,
            task.key,
            task.version,
            hook_phase=hook.phase,
            message=hook.message,
            images=task.images,
            started_at=hook.at,
            finished_at=hook.at,
        )
        for task in plan.tasks
        if (hook := hooks.get(task.id)) is not None and hook.phase.completed
    }
