"""Argo CD's controller as a library."""

import contextlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Self

from reconciler.cluster import Connection, Discovery
from reconciler.cluster.configuration import read_configuration
from reconciler.cluster.connection import WRITES
from reconciler.diff.records import Comparison
from reconciler.engine.comparing import Comparer
from reconciler.engine.destinations import Destinations
from reconciler.engine.gates import admitted, pass_gates, record_refused
from reconciler.engine.operation import SyncOperation, joined
from reconciler.engine.planning import Planner
from reconciler.engine.projects import Projects
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.registry import Registry
from reconciler.engine.requests import CASCADE, PLAIN, Deletion, SyncRequest
from reconciler.engine.selection import ALL, Selection
from reconciler.engine.stopping import Stopping
from reconciler.errors import NotFoundError, ReconcilerError, UsageError
from reconciler.history import HistoryStore, SyncRecord
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, AppProject
from reconciler.source import Sources, Target
from reconciler.sync.plan import Permit
from reconciler.sync.records import PlanOptions, SyncPlan, SyncResult
from reconciler.sync.retry import retry_policy
from reconciler.sync.runner import Listener, RunOptions

if TYPE_CHECKING:
    from reconciler.cluster.events import EventReport, LogOptions
    from reconciler.cluster.logs import LogReader
    from reconciler.cluster.orphans import OrphanSearch
    from reconciler.cluster.tree import ResourceTree
    from reconciler.engine.actions import ActionRequest, ActionRun, AvailableActions
    from reconciler.engine.fleet import ApplicationRun, RequestFor


class Reconciler:
    """Argo CD's controller as a library: nothing happens until a method is called, and no method leaves anything running.

    With ``follow`` watches stay open from the first comparison until `close`, or the end of a ``with`` block.

    Parameters
    ----------
    connection
        The cluster that holds the Applications and that they are synced to.
    sources
        Repositories, charts and earlier renders; when None those of the user's cache folder, with the credentials and
        settings of Argo CD's own ConfigMaps and Secrets.
    store
        Where syncs are recorded; None records nothing.
    namespace
        Argo CD's own namespace.
    clock
        Gives the present time, aware of its zone.
    follow
        Hold the live state by watches, for a process that compares again and again: what this process writes is seen at
        once, what others do when the watch tells of it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sources: Sources | None = None,
        store: HistoryStore | None = None,
        namespace: str = "argocd",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        follow: bool = False,
    ) -> None:
        self.connection = connection
        self.store = store
        self.namespace = namespace
        self.clock = clock
        self.sources = sources or Sources(
            lambda: read_configuration(connection, namespace=namespace), project=self.project
        )
        self.destinations = Destinations(
            connection, self.sources, namespace=namespace, clock=clock, follow=follow, permits=self._permits
        )
        self.comparer = self.destinations.home
        self.registry = Registry(connection, lambda: self.comparer.discovery, namespace=namespace, clock=clock)
        self.projects = Projects(
            self.registry.project, lambda: dict(self.sources.configuration.data), namespace=namespace
        )
        self.thinking = threading.RLock()
        """Held while something is compared or planned: operations run side by side, questions one after the other."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all watches. Questions are answered by lists from here on."""
        self.destinations.close()

    def applications(self) -> list[Application]:
        """All Applications of the namespace, by name.

        Raises
        ------
        NotFoundError
            When the cluster lacks Argo CD's definitions.
        """
        return self.registry.applications()

    def application(self, name: str, *, namespace: str = "") -> Application:
        """One Application.

        Raises
        ------
        NotFoundError
            With the names that are there.
        """
        return self.registry.application(name, namespace=namespace)

    def project(self, name: str) -> AppProject | None:
        """The AppProject of that name, None when there is none."""
        return self.projects.read(name)

    def begin_run(self) -> None:
        """Read repositories, projects and kinds anew from here on.

        Between two of these calls every repository is fetched once and a revision stays what it was.
        """
        self.sources.begin_run()
        self.projects.begin_run()
        self.destinations.begin_run()

    def at(self, application: Application) -> Comparer:
        """What compares with the cluster that is the Application's destination.

        Raises
        ------
        SpecError
            When no such cluster is known, or its namespace is not ours to manage there.
        AccessDeniedError
            When the Application's project does not permit its sources or its destination.
        """
        self.projects.require(application, self.destinations.cluster(application))
        return self.destinations.comparer(application)

    def permit(self, application: Application) -> Permit:
        """Why the Application's project does not let it manage an object, empty when it does. Errors as `at`."""
        return self._permits(application, self.at(application).discovery)

    def _permits(self, application: Application, discovery: Discovery) -> Permit:
        return self.projects.permit(application, self.destinations.cluster(application), discovery)

    def generate(self, application: Application, *, revision: str | None = None) -> Target:
        """The target manifests at ``revision``, or at the Application's own target revision."""
        with self.thinking:
            return self.at(application).generate(application, revision=revision)

    def prepare(self, application: Application, *, revision: str | None = None) -> None:
        """Have at hand what a comparison needs of Git. Why it cannot be had is for the comparison to say."""
        with self.thinking, contextlib.suppress(ReconcilerError):
            self.at(application).prepare(application, revision=revision)

    def reconcile(
        self, application: Application, *, revision: str | None = None, request: SyncRequest | None = None
    ) -> Reconciliation:
        """Render, list and compare one Application; what a plan is made from.

        ``request`` is the sync that it is for: what its project refuses then is recorded as refused.

        Raises
        ------
        GenerationError, SpecError
            When there is no target to compare with.
        AccessDeniedError
            When its project does not permit what it asks for.
        ClusterError
            When the cluster cannot be asked.
        """
        with self.thinking:
            return admitted(self, application, request).reconcile(application, revision=revision)

    def compare(self, application: Application, *, revision: str | None = None) -> Comparison:
        """As `reconcile`, without the secrets."""
        return self.reconcile(application, revision=revision).comparison

    def wait(
        self,
        application: Application,
        *,
        revision: str | None = None,
        timeout_s: float | None = None,
        until: Callable[[Comparison], bool] | None = None,
        stopping: Stopping | None = None,
    ) -> Comparison:
        """Wait until the application is Synced and Healthy, or Degraded, or as ``until`` says; see `wait_until_settled`."""
        from reconciler.engine.waiting import wait_until_settled

        comparer = self.at(application)
        return wait_until_settled(
            comparer, application, revision=revision, timeout_s=timeout_s, until=until, stopping=stopping
        )

    def reconcile_all(
        self, applications: Sequence[Application], *, revision: str | None = None
    ) -> list[Reconciliation | Comparison]:
        """Compare many, at ``revision`` or each at its own target revision.

        One that cannot be compared is Unknown with the reason and keeps none of the others back.
        """
        answers: dict[int, Reconciliation | Comparison] = {}
        batches: dict[Comparer, list[int]] = {}
        with self.thinking:
            for index, application in enumerate(applications):
                try:
                    batches.setdefault(self.at(application), []).append(index)
                except ReconcilerError as error:
                    answers[index] = self.comparer.unknown(application, str(error), error.condition)
            for comparer, members in batches.items():
                found = comparer.reconcile_all([applications[index] for index in members], revision=revision)
                answers.update(zip(members, found, strict=True))
        return [answers[index] for index in range(len(applications))]

    def compare_all(self, applications: Sequence[Application], *, revision: str | None = None) -> list[Comparison]:
        """As `reconcile_all`, without the secrets."""
        return [
            answer if isinstance(answer, Comparison) else answer.comparison
            for answer in self.reconcile_all(applications, revision=revision)
        ]

    def tree(self, application: Application, *, orphaned: bool = False) -> "ResourceTree":
        """What an Application manages and all that this owns, down to pods; see `reconciler.cluster.tree`.

        ``orphaned`` looks for objects of the destination's namespace that no Application manages, too.
        """
        from reconciler.engine.trees import read_application_tree

        search = self._orphan_search(application) if orphaned else None
        return read_application_tree(self.at(application), self.reconcile(application), orphans=search)

    def actions(self, application: Application, selection: Selection = ALL) -> "tuple[AvailableActions, ...]":
        """The actions of the objects that an Application manages and that match; see `list_actions`."""
        from reconciler.engine.actions import list_actions

        return list_actions(self.at(application), self.reconcile(application), selection)

    def run_action(self, application: Application, key: ResourceKey, request: "ActionRequest") -> "ActionRun":
        """Do an action on an object that an Application manages; see `run_resource_action`."""
        from reconciler.engine.actions import run_resource_action

        permit = self.permit(application)
        return run_resource_action(self.at(application), application, key, request, permit=permit)

    def events(self, application: Application) -> "EventReport":
        """The events of what an Application manages and of all that this owns, the newest last; see `read_events`."""
        from reconciler.engine.observing import read_events

        return read_events(self.at(application), self.reconcile(application))

    def logs(
        self, application: Application, selection: Selection = ALL, *, options: "LogOptions | None" = None
    ) -> "LogReader":
        """The logs of an Application's pods; see `read_logs`."""
        from reconciler.cluster.events import DEFAULT_LOG
        from reconciler.engine.observing import read_logs

        return read_logs(self.at(application), self.reconcile(application), selection, options or DEFAULT_LOG)

    def plan(self, reconciliation: Reconciliation, *, options: PlanOptions = PlanOptions()) -> SyncPlan:
        """What a sync would do, in order; nothing is touched."""
        application = reconciliation.application
        with self.thinking:
            comparer, permit = self.at(application), self.permit(application)
            return Planner(comparer, reconciliation, started_at=self.clock(), permit=permit).plan(options)

    def sync(
        self,
        reconciliation: Reconciliation,
        *,
        options: PlanOptions = PlanOptions(),
        run_options: RunOptions = RunOptions(),
        on_event: Listener = lambda _state, _event: None,
        initiated_by: str = "",
        notebook: str = "",
        wait: bool = False,
    ) -> SyncOutcome:
        """Run one sync as somebody asks for it; see `run_sync`."""
        retry = retry_policy(reconciliation.application.spec.sync_policy.retry, automated=False)
        request = SyncRequest(
            options=options,
            run_options=run_options,
            on_event=on_event,
            initiated_by=initiated_by,
            notebook=notebook,
            wait=wait,
            retry=retry,
        )
        return self.run_sync(reconciliation, request)

    def run_sync(self, reconciliation: Reconciliation, request: SyncRequest) -> SyncOutcome:
        """Plan and run one sync, record it, and write the Application's status.

        Child Applications that the sync applies and that are automated are synced in the same operation, which waits for
        their health. A dry run is recorded and changes nothing in the cluster, the status included.

        Raises
        ------
        SpecError
            When the comparison is not sure enough to sync from, or an Application is among its own descendants; nothing has
            been touched then.
        AccessDeniedError
            When the Application's project does not permit it.
        SyncError
            When a sync window is closed, another run or Argo CD itself is at the Application, or waiting takes longer than
            ``run_options.timeout_s``; in the last case the status is written.
        """
        application = reconciliation.application
        pass_gates(self, reconciliation, request)
        operation = SyncOperation(self, request)
        result = operation.run(reconciliation)
        children = tuple(sorted(operation.children, key=lambda outcome: outcome.result.application))
        if request.options.dry_run:
            return SyncOutcome(result, None, children)
        # What the operation set off, and saw by watches of its own, must be seen here too.
        WRITES.note()
        settled: Comparison | None = None
        try:
            if request.wait and result.succeeded:
                from reconciler.engine.waiting import is_at_rest

                timeout_s, revision = request.run_options.timeout_s, joined(result.revisions)
                stopping = operation.stopping
                settled = self.wait(
                    application, revision=revision, timeout_s=timeout_s, until=is_at_rest, stopping=stopping
                )
        finally:
            comparison = self.write_status(application, result, comparison=settled)
        if operation.interrupted:
            raise KeyboardInterrupt
        return SyncOutcome(result, comparison, children)

    def sync_all(
        self,
        applications: Sequence[Application],
        request_for: "RequestFor",
        *,
        parallel: int = 8,
        revision: str | None = None,
        request: SyncRequest = PLAIN,
    ) -> "list[ApplicationRun]":
        """Sync many Applications side by side, each as ``request_for`` says; see `sync_applications`.

        ``request`` is recorded of those that their projects refuse, of which ``request_for`` never hears.
        """
        from reconciler.engine.fleet import sync_applications

        runs = sync_applications(self, applications, request_for, parallel=parallel, revision=revision)
        for run in runs:
            if run.outcome is None:
                record_refused(self, run.application, run.comparison, request)
        return runs

    def reconcile_automated(
        self, applications: Sequence[Application] | None = None, *, parallel: int = 8
    ) -> "list[ApplicationRun]":
        """One pass of what Argo CD's controller does by itself, over all Applications or these; see `reconcile_automated`."""
        from reconciler.engine.automating import reconcile_automated

        return reconcile_automated(self, applications, parallel=parallel)

    def rollback(
        self, application: Application, sequence: int | None = None, request: SyncRequest = PLAIN
    ) -> SyncOutcome:
        """Sync to what an earlier recorded sync deployed, by default the one before the last; see `rolling_back`."""
        from reconciler.engine.rolling_back import find_rollback, roll_back

        return roll_back(self, find_rollback(self, application, sequence), request)

    def delete(
        self, application: Application, deletion: Deletion = CASCADE, request: SyncRequest = PLAIN
    ) -> SyncResult:
        """Delete an Application, its hooks run and its objects gone before; one that was interrupted is gone on with.

        Raises
        ------
        SyncError
            When another run or Argo CD itself is at the Application, its hooks cannot be known, or one of its kinds cannot be
            listed.
        """
        from reconciler.engine.deleting import deletion_subject, pass_deletion_gates

        request = replace(request, deletion=deletion)
        admitted(self, application, request)
        reconciliation = deletion_subject(self, application)
        if not request.options.dry_run:
            pass_deletion_gates(self, reconciliation, request)
        operation = SyncOperation(self, request)
        result = operation.run(reconciliation)
        if operation.interrupted:
            raise KeyboardInterrupt
        return result

    def history(
        self, application: str | None = None, *, limit: int | None = None, namespace: str = ""
    ) -> list[SyncRecord]:
        """Recorded syncs, the newest first."""
        if self.store is None:
            raise UsageError("no history store is open; give --store URL")
        return self.store.records(application=application, namespace=namespace or self.namespace, limit=limit)

    def write_status(
        self, application: Application, result: SyncResult | None = None, *, comparison: Comparison | None = None
    ) -> Comparison:
        """Write ``status`` as Argo CD does; an Application that only a file holds keeps none.

        ``comparison`` is the newest one, where the caller has it; else it is made now.
        """
        comparison = comparison or self.compare(application, revision=joined(result.revisions) if result else None)
        self.registry.write_status(
            application, comparison, result, of_own_target=partial(self._of_own_target, application)
        )
        return comparison

    def _of_own_target(self, operated: Application, current: Application, comparison: Comparison) -> Comparison:
        """Status tells of what the Application asks for, also after a sync of another revision or of earlier sources."""
        try:
            if operated.sources == current.sources and self.generate(current).revisions == comparison.revisions:
                return comparison
            return self.compare(current)
        except ReconcilerError as error:
            return self.comparer.unknown(current, str(error))

    def _orphan_search(self, application: Application) -> "OrphanSearch":
        from reconciler.cluster.orphans import OrphanSearch, ignored_orphans

        project = self.project(application.project)
        try:
            names = {self.comparer.tracking_name(each) for each in self.applications()}
        except NotFoundError:
            names = set()
        return OrphanSearch(
            application.spec.destination.namespace,
            ignore=ignored_orphans(project) if project is not None else (),
            is_application={*names, self.comparer.tracking_name(application)}.__contains__,
        )
