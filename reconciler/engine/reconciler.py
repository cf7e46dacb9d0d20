"""Argo CD's controller as a library."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reconciler.cluster import Connection
from reconciler.cluster.applications import get_application, get_project, list_applications, patch_status
from reconciler.cluster.clusters import ClusterSecrets, read_cluster_secrets
from reconciler.cluster.configuration import read_configuration
from reconciler.cluster.orphans import OrphanSearch, ignored_orphans
from reconciler.cluster.tree import ResourceTree
from reconciler.diff.records import Comparison
from reconciler.engine.comparing import Comparer, application_key
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.trees import read_application_tree
from reconciler.engine.waiting import wait_until_settled
from reconciler.errors import NotFoundError, ReconcilerError, SpecError, UsageError, Violation
from reconciler.history import HistoryStore, SyncRecord, resource_outcomes
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.model import Application, AppProject, parse_application, parse_project
from reconciler.source import Sources, Target
from reconciler.sync.hooks import named_hook, sync_phases
from reconciler.sync.plan import plan_sync, prune_propagation, refused_options
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan, SyncResult, TaskAction
from reconciler.sync.runner import Listener, RunOptions, SyncRunner
from reconciler.sync.status import application_status, merge_patch
from reconciler.terms import SyncPhase, SyncStatus

NamedHook = tuple[SyncPhase, Manifest]


class Reconciler:
    """Argo CD's controller as a library: nothing happens until a method is called, and no method leaves anything running.

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
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sources: Sources | None = None,
        store: HistoryStore | None = None,
        namespace: str = "argocd",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = connection
        self.store = store
        self.namespace = namespace
        self.clock = clock
        sources = sources or Sources(lambda: read_configuration(connection, namespace=namespace), project=self.project)
        self.sources = sources
        self.comparer = Comparer(connection, sources, namespace=namespace, clock=clock)
        self.clusters = ClusterSecrets(connection, lambda: read_cluster_secrets(connection, namespace=namespace))
        self._comparers = {id(connection): self.comparer}

    def applications(self) -> list[Application]:
        """All Applications of the namespace, by name.

        Raises
        ------
        NotFoundError
            When the cluster lacks Argo CD's definitions.
        """
        found = list_applications(self.connection, self.comparer.discovery, namespace=self.namespace)
        return [parse_application(entry, where="cluster", from_cluster=True) for entry in found]

    def application(self, name: str, *, namespace: str = "") -> Application:
        """One Application.

        Raises
        ------
        NotFoundError
            With the names that are there.
        """
        found = get_application(
            self.connection, self.comparer.discovery, namespace=namespace or self.namespace, name=name
        )
        if found is None:
            names = [application.name for application in self.applications()]
            there = f"there are {', '.join(names)}" if names else "there are none"
            raise NotFoundError(f"no Application {name} in namespace {self.namespace}; {there}")
        return parse_application(found, where="cluster", from_cluster=True)

    def project(self, name: str) -> AppProject | None:
        """The AppProject of that name, None when there is none."""
        found = get_project(self.connection, self.comparer.discovery, namespace=self.namespace, name=name)
        return parse_project(found, where="cluster", from_cluster=True) if found is not None else None

    def begin_run(self) -> None:
        """Read repositories and kinds anew from here on.

        Between two of these calls every repository is fetched once and a revision stays what it was.
        """
        self.sources.begin_run()
        self.clusters.forget()
        for comparer in self._comparers.values():
            comparer.begin_run()

    def at(self, application: Application) -> Comparer:
        """What compares with the cluster that is the Application's destination.

        Raises
        ------
        SpecError
            When no such cluster is known, or its namespace is not ours to manage there.
        """
        destination = application.spec.destination
        try:
            record = self.clusters.record(server=destination.server, name=destination.name)
            connection = self.clusters.connect(server=destination.server, name=destination.name)
        except NotFoundError as error:
            field = "server" if destination.server else "name"
            hint = "add its Secret, or choose its context with --context"
            raise SpecError(
                f"Application {application.name}", [Violation(f"spec.destination.{field}", f"{error}; {hint}")]
            ) from error
        if destination.namespace and not record.manages(destination.namespace):
            text = f"{destination.namespace} is not among the namespaces of cluster {record.name}"
            raise SpecError(f"Application {application.name}", [Violation("spec.destination.namespace", text)])
        comparer = self._comparers.get(id(connection))
        if comparer is None:
            comparer = Comparer(connection, self.sources, namespace=self.namespace, clock=self.clock)
            self._comparers[id(connection)] = comparer
        return comparer

    def generate(self, application: Application, *, revision: str | None = None) -> Target:
        """The target manifests at ``revision``, or at the Application's own target revision."""
        return self.at(application).generate(application, revision=revision)

    def reconcile(self, application: Application, *, revision: str | None = None) -> Reconciliation:
        """Render, list and compare one Application; what a plan is made from.

        Raises
        ------
        GenerationError, SpecError
            When there is no target to compare with.
        ClusterError
            When the cluster cannot be asked.
        """
        return self.at(application).reconcile(application, revision=revision)

    def compare(self, application: Application, *, revision: str | None = None) -> Comparison:
        """As `reconcile`, without the secrets."""
        return self.at(application).reconcile(application, revision=revision).comparison

    def wait(
        self, application: Application, *, revision: str | None = None, timeout_s: float | None = None
    ) -> Comparison:
        """Wait until the application is Synced and Healthy, or Degraded; see `wait_until_settled`."""
        return wait_until_settled(self.at(application), application, revision=revision, timeout_s=timeout_s)

    def compare_all(self, applications: Sequence[Application]) -> list[Comparison]:
        """Compare many; one that cannot be compared is Unknown with the reason and keeps none of the others back."""
        answers: dict[int, Comparison] = {}
        batches: dict[int, list[int]] = {}
        for index, application in enumerate(applications):
            try:
                batches.setdefault(id(self.at(application).connection), []).append(index)
            except ReconcilerError as error:
                answers[index] = self.comparer.unknown(application, str(error))
        for connection, members in batches.items():
            found = self._comparers[connection].reconcile_all([applications[index] for index in members])
            for index, answer in zip(members, found, strict=True):
                answers[index] = answer if isinstance(answer, Comparison) else answer.comparison
        return [answers[index] for index in range(len(applications))]

    def tree(self, application: Application, *, orphaned: bool = False) -> ResourceTree:
        """What an Application manages and all that this owns, down to pods; see `reconciler.cluster.tree`.

        ``orphaned`` looks for objects of the destination's namespace that no Application manages, too.
        """
        search = self._orphan_search(application) if orphaned else None
        return read_application_tree(self.at(application), self.reconcile(application), orphans=search)

    def _orphan_search(self, application: Application) -> OrphanSearch:
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

    def plan(self, reconciliation: Reconciliation, *, options: PlanOptions = PlanOptions()) -> SyncPlan:
        """What a sync would do, in order; nothing is touched."""
        return self._plan(reconciliation, options, self._named_hooks(reconciliation))

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
        parents: frozenset[ResourceKey] = frozenset(),
    ) -> SyncOutcome:
        """Plan and run one sync, record it, and write the Application's status.

        Child Applications that the sync applies and that are automated are synced in the same operation, which waits for
        their health. A dry run is recorded and changes nothing in the cluster, the status included.

        Parameters
        ----------
        wait
            After a successful operation follow the application until it is Synced and Healthy, or Degraded.
        parents
            The Applications whose syncs led here; one of them among the children is a cycle and fails the sync.

        Raises
        ------
        SpecError
            When the comparison is not sure enough to sync from; nothing has been touched then.
        SyncError
            When waiting takes longer than ``run_options.timeout_s``; the status is written.
        """
        self._refuse_unsure(reconciliation)
        application = reconciliation.application
        hooks = self._named_hooks(reconciliation)
        plan = self._plan(reconciliation, options, hooks)
        refused = refused_options(application, plan)
        if refused:
            raise SpecError(f"{application.name} cannot be synced: not supported yet: {'; '.join(refused)}")
        # A rule that fails refuses the sync before it is recorded as begun.
        manifests = self._manifests(reconciliation, plan, hooks)
        lineage = parents | {application_key(application, self.namespace)}
        children: list[SyncOutcome] = []
        operation_id = str(uuid.uuid4())
        self._begin(operation_id, reconciliation, options, initiated_by)
        comparer = self.at(application)
        runner = SyncRunner(
            comparer.connection,
            comparer.discovery,
            comparer.schemas.openapi,
            manifests,
            clock=self.clock,
            on_event=on_event,
            customizations=comparer.settings.customizations,
            taken_over=self._taken_over(reconciliation, plan),
            options=replace(run_options, propagation=prune_propagation(application)),
            sync_child=lambda key: self._sync_child(
                key, lineage, children, run_options=run_options, initiated_by=initiated_by, notebook=notebook
            ),
        )
        result = runner.run(plan, initiated_by=initiated_by)
        self._end(operation_id, result, notebook)
        if runner.interrupted:
            raise KeyboardInterrupt
        if any(task.key.kind == "CustomResourceDefinition" for task in plan.tasks):
            comparer.forget_kinds()
        if options.dry_run:
            return SyncOutcome(result, None)
        settled: Comparison | None = None
        try:
            if wait and result.succeeded:
                settled = self.wait(application, revision=_joined(result.revisions), timeout_s=run_options.timeout_s)
        finally:
            comparison = self.write_status(application, result, comparison=settled)
        by_name = sorted(children, key=lambda outcome: outcome.result.application)
        return SyncOutcome(result, comparison, tuple(by_name))

    def _sync_child(
        self,
        key: ResourceKey,
        parents: frozenset[ResourceKey],
        outcomes: list[SyncOutcome],
        *,
        run_options: RunOptions,
        initiated_by: str,
        notebook: str,
    ) -> str:
        """Sync a child Application and add its outcome; why it failed, empty when it did not.

        One without ``syncPolicy.automated`` only has its status written: it waits for somebody to sync it.
        """
        if key in parents:
            return f"Application {key.name} is its own ancestor; break the cycle in Git"
        try:
            child = self.application(key.name, namespace=key.namespace)
            automated = child.spec.sync_policy.automated
            if automated is None or not automated.enabled:
                self.write_status(child)
                return ""
            outcome = self.sync(
                self.reconcile(child),
                options=PlanOptions(prune=automated.prune),
                run_options=run_options,
                initiated_by=initiated_by,
                notebook=notebook,
                wait=True,
                parents=parents,
            )
        except ReconcilerError as error:
            return str(error)
        outcomes.append(outcome)
        return "" if outcome.result.succeeded else outcome.result.message

    def _begin(
        self, operation_id: str, reconciliation: Reconciliation, options: PlanOptions, initiated_by: str
    ) -> None:
        if self.store is not None:
            application, comparison = reconciliation.application, reconciliation.comparison
            source = application.sources[0]
            self.store.abandon_unfinished(
                comparison.application,
                comparison.namespace,
                "its process ended before the operation did; the sync after it finishes the work",
                at=self.clock(),
            )
            self.store.begin(
                operation_id=operation_id,
                application=comparison.application,
                namespace=comparison.namespace,
                project=comparison.project,
                cluster=self.at(application).connection.server,
                target_revision=source.target_revision or "HEAD",
                revisions=comparison.revisions,
                started_at=self.clock(),
                initiated_by=initiated_by,
                dry_run=options.dry_run,
                prune=options.prune,
            )

    def _end(self, operation_id: str, result: SyncResult, notebook: str) -> None:
        if self.store is not None:
            self.store.end(
                operation_id,
                phase=result.phase,
                message=result.message,
                finished_at=result.finished_at,
                resources=resource_outcomes(result.results),
                notebook=notebook,
            )

    def history(self, application: str | None = None, *, limit: int | None = None) -> list[SyncRecord]:
        """Recorded syncs, the newest first."""
        if self.store is None:
            raise UsageError("no history store is open; give --store URL")
        return self.store.records(application=application, namespace=self.namespace, limit=limit)

    def write_status(
        self, application: Application, result: SyncResult | None = None, *, comparison: Comparison | None = None
    ) -> Comparison:
        """Write ``status`` as Argo CD does; an Application that only a file holds keeps none.

        ``comparison`` is the newest one, where the caller has it; else it is made now.
        """
        comparison = comparison or self.compare(application, revision=_joined(result.revisions) if result else None)
        name, namespace = application.name, application.metadata.namespace or self.namespace
        live = get_application(self.connection, self.comparer.discovery, namespace=namespace, name=name)
        if live is not None:
            current = parse_application(live, where="cluster", from_cluster=True)
            status = application_status(current, comparison, result, now=self.clock())
            patch_status(self.connection, self.comparer.discovery, live, merge_patch(current.status, status))
        return comparison

    def _named_hooks(self, reconciliation: Reconciliation) -> list[NamedHook]:
        """Each hook once a phase, by the name that it has in this operation."""
        revision, started = reconciliation.comparison.revision, int(self.clock().timestamp())
        return [
            (phase, named_hook(hook, revision=revision, phase=phase, started_unix_s=started))
            for hook in reconciliation.hooks
            for phase in sync_phases(hook)
        ]

    def _plan(self, reconciliation: Reconciliation, options: PlanOptions, hooks: Sequence[NamedHook]) -> SyncPlan:
        masker = self.at(reconciliation.application).masker
        return plan_sync(
            reconciliation.application,
            reconciliation.comparison,
            [
                HookTarget(phase, masker.mask_object(hook), reconciliation.live.get(ResourceKey.of(hook)))
                for phase, hook in hooks
            ],
            options=options,
            namespace_exists=reconciliation.namespace_exists,
        )

    def _manifests(
        self, reconciliation: Reconciliation, plan: SyncPlan, hooks: Sequence[NamedHook]
    ) -> dict[str, Manifest]:
        """The real objects to write, by task id."""
        comparer = self.at(reconciliation.application)
        by_phase = {(phase, ResourceKey.of(hook)): hook for phase, hook in hooks}
        manifests: dict[str, Manifest] = {}
        for task in plan.tasks:
            if task.action is TaskAction.HOOK:
                manifests[task.id] = by_phase[(task.phase, task.key)]
            elif task.action is TaskAction.APPLY:
                manifests[task.id] = comparer.to_apply(reconciliation, task.key)
            elif task.target is not None:
                manifests[task.id] = task.target
        return manifests

    def _taken_over(self, reconciliation: Reconciliation, plan: SyncPlan) -> dict[str, Manifest]:
        """Live objects, by task id, that may hold fields of client-side applies: the runner moves what there is."""
        return {
            task.id: live
            for task in plan.tasks
            if task.action is TaskAction.APPLY and (live := reconciliation.live.get(task.key)) is not None
        }

    def _refuse_unsure(self, reconciliation: Reconciliation) -> None:
        """A sync writes only what was compared for sure, into namespaces that are there or will be."""
        comparison = reconciliation.comparison
        if comparison.status is SyncStatus.UNKNOWN:
            raise SpecError(f"{comparison.application} cannot be synced: {comparison.reason}")
        namespace = reconciliation.application.spec.destination.namespace
        creates = reconciliation.application.has_sync_option("CreateNamespace=true")
        made = ResourceKey("", "Namespace", "", namespace) in reconciliation.targets
        used = any(key.namespace == namespace for key in reconciliation.targets)
        if used and not (reconciliation.namespace_exists or creates or made):
            raise SpecError(
                f"{comparison.application} cannot be synced: namespace {namespace} is not there; create it, or set "
                "spec.syncPolicy.syncOptions to [CreateNamespace=true]"
            )


def _joined(revisions: Sequence[str]) -> str | None:
    """The revisions, to compare again at what was synced."""
    return ",".join(revisions) or None
