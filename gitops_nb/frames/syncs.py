"""Plans, results and the history of syncs as frames."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gitops_nb.frames.columns import (
    HISTORY_COLUMNS,
    PLAN_COLUMNS,
    RESULT_COLUMNS,
    RUN_COLUMNS,
    key_columns,
    make_frame,
)
from reconciler.formatting.tasks import kind_of, task_state
from reconciler.history.records import SyncRecord
from reconciler.sync.records import SyncPlan, SyncResult
from reconciler.terms import ResultCode

if TYPE_CHECKING:
    import pandas as pd

    from reconciler.engine.fleet import ApplicationRun


def plan_frame(plan: SyncPlan) -> "pd.DataFrame":
    """One row a task, in the order in which it runs.

    Returns
    -------
    pandas.DataFrame
        ``app`` string; ``step`` (of the plan, from 1) Int64; ``phase`` string; ``wave`` Int64; ``kind``, ``group``,
        ``version``, ``namespace``, ``name``, ``action`` (apply, prune, hook, create namespace), ``change`` (create,
        update, unchanged, delete, skip), ``does`` (hook, create, update, prune, unchanged, skip) string; ``differences``
        Int64; ``delete_policies`` and ``options`` string, several joined by ``","``; ``reason`` and ``id`` string.
    """
    steps = {step: number for number, step in enumerate(plan.steps, start=1)}
    rows = [
        {
            "app": plan.application,
            "step": steps[task.phase, task.wave],
            "phase": task.phase.value,
            "wave": task.wave,
            **key_columns(task.key),
            "version": task.version,
            "action": task.action.value,
            "change": task.change.value,
            "does": kind_of(task).value,
            "differences": task.differences,
            "delete_policies": ",".join(sorted(task.delete_policies)),
            "options": ",".join(sorted(task.options)),
            "reason": task.reason,
            "id": task.id,
        }
        for task in plan.tasks
    ]
    return make_frame(rows, PLAN_COLUMNS)


def results_frame(result: SyncResult) -> "pd.DataFrame":
    """One row a task of a sync that ran.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``phase`` string; ``wave`` Int64; ``kind``, ``group``, ``version``, ``namespace``, ``name``,
        ``action``, ``state`` (running, succeeded, failed, skipped), ``status`` (Synced, SyncFailed, Pruned,
        PruneSkipped; NA for a hook), ``hook_phase`` (NA for any other resource), ``message`` and ``images`` (joined by
        ``","``) string; ``started_at``, ``finished_at`` datetime64[ns, UTC]; ``duration_s`` Float64, in seconds.
    """
    rows = [
        {
            "app": result.application,
            "phase": outcome.phase.value,
            "wave": outcome.wave,
            **key_columns(outcome.key),
            "version": outcome.version,
            "action": outcome.action.value,
            "state": task_state(outcome).value,
            "status": outcome.code.value if outcome.code else None,
            "hook_phase": outcome.hook_phase.value if outcome.hook_phase else None,
            "message": outcome.message,
            "images": ",".join(outcome.images),
            "started_at": outcome.started_at,
            "finished_at": outcome.finished_at,
            "duration_s": (outcome.finished_at - outcome.started_at).total_seconds()
            if outcome.started_at and outcome.finished_at
            else None,
        }
        for outcome in result.results
    ]
    return make_frame(rows, RESULT_COLUMNS)


def history_frame(records: Iterable[SyncRecord]) -> "pd.DataFrame":
    """One row a recorded sync, in the order given.

    Returns
    -------
    pandas.DataFrame
        ``sequence`` Int64; ``operation_id``, ``app``, ``namespace``, ``project``, ``cluster``, ``target_revision``,
        ``revision`` (the first; empty when none was resolved), ``phase``, ``message`` string; ``started_at``,
        ``finished_at`` (NaT while it runs) datetime64[ns, UTC]; ``duration_s`` Float64, in seconds; ``initiated_by``
        string; ``dry_run``, ``prune``, ``abandoned`` boolean; ``resources``, ``failed`` (of them) Int64; ``notebook``,
        ``digest`` string.
    """
    rows = [
        {
            "sequence": record.sequence,
            "operation_id": record.operation_id,
            "app": record.application,
            "namespace": record.namespace,
            "project": record.project,
            "cluster": record.cluster,
            "target_revision": record.target_revision,
            "revision": record.revisions[0] if record.revisions else "",
            "phase": record.phase,
            "message": record.message,
            "started_at": record.started_at,
            "finished_at": record.finished_at,
            "duration_s": record.duration_s,
            "initiated_by": record.initiated_by,
            "dry_run": record.dry_run,
            "prune": record.prune,
            "abandoned": record.abandoned,
            "resources": len(record.resources),
            "failed": sum(outcome.status == ResultCode.SYNC_FAILED for outcome in record.resources),
            "notebook": record.notebook,
            "digest": record.digest,
        }
        for record in records
    ]
    return make_frame(rows, HISTORY_COLUMNS)


def runs_frame(runs: "Iterable[ApplicationRun]") -> "pd.DataFrame":
    """One row an Application of a run over many, in the order given.

    Returns
    -------
    pandas.DataFrame
        ``app``, ``namespace``, ``project``, ``decision`` (synced, failed, nothing), ``reason`` (why it was synced, or was
        not), ``status`` and ``health`` (after the operation), ``revision``, ``message`` (how the operation ended, or why there
        was none) and ``status_problem`` (why the Application's status could not be written) string; ``resources`` Int64,
        ``started_at``, ``finished_at`` datetime64[ns, UTC] and ``duration_s`` Float64, in seconds, of the operation: NA where
        there was none.
    """
    return make_frame([_run_row(run) for run in runs], RUN_COLUMNS)


def _run_row(run: "ApplicationRun") -> Mapping[str, Any]:
    comparison = run.comparison
    result = run.outcome.result if run.outcome is not None else None
    return {
        "app": comparison.application,
        "namespace": comparison.namespace,
        "project": comparison.project,
        "decision": run.decision,
        "reason": run.reason,
        "status": comparison.status.value,
        "health": comparison.health.status.value,
        "revision": comparison.revision,
        "message": run.message,
        "status_problem": run.status_problem,
        "resources": len(result.results) if result is not None else None,
        "started_at": result.started_at if result is not None else None,
        "finished_at": result.finished_at if result is not None else None,
        "duration_s": (result.finished_at - result.started_at).total_seconds() if result is not None else None,
    }
