"""What Argo CD's controller does by itself: compare, sync what the policies want, write every status."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reconciler.diff.records import Comparison
from reconciler.engine.comparing import application_key
from reconciler.engine.fleet import PARALLEL_OPERATIONS, ApplicationRun, Condition, Fleet
from reconciler.engine.gates import argo_cd_reconciles, closed_window, record_refused
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.requests import SyncRequest
from reconciler.errors import ReconcilerError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.sync.automated import AutomatedSync, decide_automated
from reconciler.sync.retry import retry_policy
from reconciler.sync.run_options import RunOptions
from reconciler.terms import ConditionType

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler

BY_PARENT = "synced by its parent's operation"


def reconcile_automated(
    engine: "Reconciler",
    applications: Sequence[Application] | None = None,
    *,
    parallel: int = PARALLEL_OPERATIONS,
    run_options: RunOptions = RunOptions(),
) -> list[ApplicationRun]:
    """One pass over Applications, all of Argo CD's namespace when None: each is synced if its own policy wants that now.

    Nothing without ``syncPolicy.automated`` is synced and nothing is pruned without ``prune: true``. What the operation of a
    parent syncs is not synced once more, and Applications that come with it are passed over as well, after the others. Every
    status is written, and the refusal of a sync that the policy wants is a SyncError condition there. What Argo CD's own
    controller reconciles is left to it, status included.

    Source: processAppRefreshQueueItem and autoSync in controller/appcontroller.go of Argo CD 3.6.

    Raises
    ------
    ClusterError
        When the Applications cannot be listed.
    """
    return _Pass(engine, parallel, run_options).run(applications)


def decide_now(engine: "Reconciler", application: Application, comparison: Comparison) -> AutomatedSync:
    """What the policy of an Application asks for now, where sync windows and Argo CD's own controller let it.

    Raises
    ------
    SpecError
        When its project's global projects cannot be read.
    """
    now = engine.clock()
    if foreign := _foreign(engine, application):
        return AutomatedSync(foreign)
    decision = decide_automated(application, comparison, now=now)
    if not decision.due:
        return decision
    if closed := closed_window(engine, application):
        # It opens by itself: neither a failure nor worth a record every time.
        return AutomatedSync(f"{application.name} cannot be synced: {closed}")
    return decision


def _foreign(engine: "Reconciler", application: Application) -> str:
    """Why Argo CD's own controller is the one to reconcile it, empty when it is not."""
    written_at = engine.registry.reconciled_by_argo_cd(application)
    return argo_cd_reconciles(application, written_at, engine.clock())


class _Pass:
    def __init__(self, engine: "Reconciler", parallel: int, run_options: RunOptions) -> None:
        self._engine = engine
        self._parallel = parallel
        self._run_options = run_options
        self._reasons: dict[ResourceKey, str] = {}
        self._conditions: dict[ResourceKey, Condition] = {}
        self._synced: dict[ResourceKey, SyncOutcome] = {}

    def run(self, applications: Sequence[Application] | None) -> list[ApplicationRun]:
        batch = list(self._engine.applications() if applications is None else applications)
        known, runs = set[ResourceKey](), list[ApplicationRun]()
        while batch:
            found = self._fleet().run(batch)
            runs += map(self._explained, found)
            self._record_refused(found)
            known |= {self._key(run.application) for run in found}
            batch = self._came_along(found, known)
        return runs

    def _fleet(self) -> Fleet:
        return Fleet(
            self._engine,
            self._request,
            parallel=self._parallel,
            synced=self._synced,
            conditions=lambda key: [self._conditions[key]] if key in self._conditions else [],
            is_foreign=lambda application: bool(_foreign(self._engine, application)),
        )

    def _request(self, application: Application, reconciliation: Reconciliation) -> SyncRequest | None:
        key = self._key(application)
        decision = decide_now(self._engine, application, reconciliation.comparison)
        self._reasons[key] = decision.reason
        if decision.problem:
            self._conditions[key] = (ConditionType.SYNC, decision.reason)
        if decision.options is None:
            return None
        return SyncRequest(
            options=decision.options,
            run_options=self._run_options,
            automated=True,
            retry=retry_policy(application.spec.sync_policy.retry, automated=True),
        )

    def _record_refused(self, runs: Sequence[ApplicationRun]) -> None:
        request = SyncRequest(automated=True)
        for run in runs:
            application = run.application
            if run.outcome is None and application.syncs_by_itself and not _foreign(self._engine, application):
                record_refused(self._engine, application, run.comparison, request)

    def _explained(self, run: ApplicationRun) -> ApplicationRun:
        key = self._key(run.application)
        adopted = run.outcome is not None and key in self._synced and key not in self._reasons
        reason = BY_PARENT if adopted else self._reasons.get(key, "")
        return ApplicationRun(run.application, run.comparison, reason, run.outcome, run.error, run.status_problem)

    def _came_along(self, runs: Sequence[ApplicationRun], known: set[ResourceKey]) -> list[Application]:
        """The Applications that operations have made and that nobody knew before."""
        made: set[ResourceKey] = set()
        for run in runs:
            outcomes = [run.outcome] if run.outcome is not None else []
            while outcomes:
                outcome = outcomes.pop()
                made |= {task.key for task in outcome.result.results if task.key.kind == "Application"}
                outcomes += outcome.children
        found: list[Application] = []
        for key in sorted(made - known):
            try:
                found.append(self._engine.application(key.name, namespace=key.namespace))
            except ReconcilerError:
                # Its parent's outcome says what became of it.
                continue
        return found

    def _key(self, application: Application) -> ResourceKey:
        return application_key(application, self._engine.namespace)
