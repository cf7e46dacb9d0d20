"""Composes the engine: render, compare, plan, sync, record."""

import queue
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from reconciler.cluster import ApiResource, Connection, Discovery, Follower, Listing, discover, get_object, list_many
from reconciler.cluster.applications import get_application, list_applications, patch_status
from reconciler.cluster.schemas import SchemaCache
from reconciler.cluster.tracking import is_self_referencing, tracked_by
from reconciler.diff.compare import compare_resource
from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.diff.secrets import Masker
from reconciler.errors import NotFoundError, ReconcilerError, SpecError, SyncError, UsageError, Violation
from reconciler.health import aggregate_health, assess_health
from reconciler.history import HistoryStore, SyncRecord, resource_outcomes
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, namespace_of
from reconciler.model import Application, parse_application
from reconciler.source import Capabilities, RepositoryCache, Target, generate_manifests
from reconciler.sync.hooks import named_hook, sync_phases
from reconciler.sync.order import sync_wave
from reconciler.sync.plan import ignores_extraneous, plan_sync, prunable
from reconciler.sync.prepare import PreparedTarget, prepare_target
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan, SyncResult, TaskAction
from reconciler.sync.runner import Listener, RunOptions, SyncRunner
from reconciler.sync.status import application_status, merge_patch
from reconciler.terms import ARGO_GROUP, IN_CLUSTER_SERVER, HealthStatus, SyncStatus

Place = tuple[str, str, str]

PARALLEL_COMPARISONS: Final = 4
CLUSTER_NAMES: Final = ("in-cluster",)


@dataclass(frozen=True)
class Reconciliation:
    """An Application compared: what a plan is made from.

    ``comparison`` may be shown and stored. ``targets`` holds the real manifests, secrets in clear: it stays in the process and
    is what a sync writes from.
    """

    application: Application
    comparison: Comparison
    targets: Mapping[ResourceKey, Manifest] = field(repr=False)
    hooks: Sequence[Manifest] = field(repr=False)
    live: Mapping[ResourceKey, Manifest] = field(repr=False)
    namespace_exists: bool = True


@dataclass(frozen=True, slots=True)
class SyncOutcome:
    """An operation, and the comparison after it; None for a dry run."""

    result: SyncResult
    comparison: Comparison | None


class Reconciler:
    """Argo CD's controller as a library: nothing happens until a method is called, and no method leaves anything running.

    Parameters
    ----------
    connection
        The cluster that holds the Applications and that they are synced to.
    repositories
        Mirrors of the source repositories; the user's cache when None.
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
        repositories: RepositoryCache | None = None,
        store: HistoryStore | None = None,
        namespace: str = "argocd",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.connection = connection
        self.repositories = repositories or RepositoryCache()
        self.store = store
        self.namespace = namespace
        self.clock = clock
        self.schemas = SchemaCache(connection)
        self._masker = Masker(secrets.token_bytes(32))

    @cached_property
    def discovery(self) -> Discovery:
        return discover(self.connection)

    def applications(self) -> list[Application]:
        """All Applications of the namespace, by name.

        Raises
        ------
        NotFoundError
            When the cluster lacks Argo CD's definitions.
        """
        found = list_applications(self.connection, self.discovery, namespace=self.namespace)
        return [parse_application(entry, where="cluster", from_cluster=True) for entry in found]

    def application(self, name: str, *, namespace: str = "") -> Application:
        """One Application.

        Raises
        ------
        NotFoundError
            With the names that are there.
        """
        found = get_application(self.connection, self.discovery, namespace=namespace or self.namespace, name=name)
        if found is None:
            names = [application.name for application in self.applications()]
            there = f"there are {', '.join(names)}" if names else "there are none"
            raise NotFoundError(f"no Application {name} in namespace {self.namespace}; {there}")
        return parse_application(found, where="cluster", from_cluster=True)

    def generate(self, application: Application, *, revision: str | None = None) -> Target:
        """The target manifests at ``revision``, or at the Application's own target revision."""
        capabilities = Capabilities(self.discovery.kube_version, self.discovery.api_versions)
        revisions = [revision] * len(application.sources) if revision else None
        return generate_manifests(
            application, repositories=self.repositories, revisions=revisions, capabilities=capabilities
        )

    def reconcile(self, application: Application, *, revision: str | None = None) -> Reconciliation:
        """Render, list and compare one Application.

        Raises
        ------
        GenerationError, SpecError
            When there is no target to compare with.
        ClusterError
            When the cluster cannot be asked.
        """
        self._check_destination(application)
        target = self.generate(application, revision=revision)
        prepared = prepare_target(
            [sourced.manifest for sourced in target.manifests],
            self.discovery,
            application=self._tracking_name(application),
            namespace=application.spec.destination.namespace,
        )
        listings = self._list(application, prepared)
        live = {ResourceKey.of(obj): obj for listing in listings for obj in listing.objects}
        failed = {
            (listing.resource.gvk.group, listing.resource.gvk.kind, listing.namespace): str(listing.error)
            for listing in listings
            if listing.error
        }
        self.schemas.load({listing.resource.openapi_path for listing in listings})
        compared = [self._compare(key, obj, live.get(key), prepared, failed) for key, obj in prepared.resources.items()]
        compared += self._extra(application, prepared, live)
        compared.sort(key=lambda entry: entry.key)
        return Reconciliation(
            application=application,
            comparison=self._conclude(application, target, compared, prepared.warnings),
            targets=prepared.resources,
            hooks=prepared.hooks,
            live=live,
            namespace_exists=self._namespace_exists(application.spec.destination.namespace),
        )

    def compare(self, application: Application, *, revision: str | None = None) -> Comparison:
        """As `reconcile`, without the secrets."""
        return self.reconcile(application, revision=revision).comparison

    def compare_all(self, applications: Sequence[Application]) -> list[Comparison]:
        """Compare many; one that cannot be compared is Unknown with the reason and keeps none of the others back."""
        _ = self.discovery

        def one(application: Application) -> Comparison:
            try:
                return self.compare(application)
            except ReconcilerError as error:
                return self._unknown(application, str(error))

        with ThreadPoolExecutor(PARALLEL_COMPARISONS) as pool:
            return list(pool.map(one, applications))

    def plan(self, reconciliation: Reconciliation, *, options: PlanOptions = PlanOptions()) -> SyncPlan:
        """What a sync would do, in order; nothing is touched."""
        return self._plan(reconciliation, options)[0]

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
        plan, manifests = self._plan(reconciliation, options)
        lineage = parents | {_application_key(application, self.namespace)}
        operation_id = str(uuid.uuid4())
        self._begin(operation_id, reconciliation, options, initiated_by)
        runner = SyncRunner(
            self.connection,
            self.discovery,
            self.schemas.openapi,
            manifests,
            clock=self.clock,
            on_event=on_event,
            options=run_options,
            sync_child=lambda key: self._sync_child(key, lineage, run_options, initiated_by),
        )
        result = runner.run(plan, initiated_by=initiated_by)
        self._end(operation_id, result, notebook)
        if any(task.key.kind == "CustomResourceDefinition" for task in plan.tasks):
            self.__dict__.pop("discovery", None)
            self.schemas.forget()
        if options.dry_run:
            return SyncOutcome(result, None)
        try:
            if wait and result.succeeded:
                self.wait(application, revision=_one(result.revisions), timeout_s=run_options.timeout_s)
        finally:
            comparison = self.write_status(application, result)
        return SyncOutcome(result, comparison)

    def _sync_child(
        self, key: ResourceKey, parents: frozenset[ResourceKey], run_options: RunOptions, initiated_by: str
    ) -> str:
        """Sync a child Application; why it failed, empty when it did not.

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
                wait=True,
                parents=parents,
            )
        except ReconcilerError as error:
            return str(error)
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
                cluster=self.connection.server,
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

    def write_status(self, application: Application, result: SyncResult | None = None) -> Comparison:
        """Compare again and write ``status`` as Argo CD does; an Application that only a file holds keeps none."""
        comparison = self.compare(application, revision=_one(result.revisions) if result else None)
        name, namespace = application.name, application.metadata.namespace or self.namespace
        live = get_application(self.connection, self.discovery, namespace=namespace, name=name)
        if live is not None:
            current = parse_application(live, where="cluster", from_cluster=True)
            status = application_status(current, comparison, result, now=self.clock())
            patch_status(self.connection, self.discovery, live, merge_patch(current.status, status))
        return comparison

    def wait(
        self,
        application: Application,
        *,
        revision: str | None = None,
        timeout_s: float | None = None,
        on_comparison: Callable[[Comparison], None] = lambda _comparison: None,
    ) -> Comparison:
        """Follow the application's objects until it is Synced and Healthy, or Degraded, or the time is over.

        Raises
        ------
        SyncError
            When ``timeout_s`` seconds have passed; it names what is not healthy.
        """
        changed = queue.SimpleQueue[None]()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with Follower(self.connection, lambda _sighting: changed.put(None)) as follower:
            followed = False
            while True:
                reconciliation = self.reconcile(application, revision=revision)
                comparison = reconciliation.comparison
                on_comparison(comparison)
                if comparison.health.status is HealthStatus.DEGRADED or _settled(comparison):
                    return comparison
                if not followed:
                    follower.follow(self._places(reconciliation))
                    followed = True
                self._await_change(changed, deadline, comparison, timeout_s)

    def _await_change(
        self,
        changed: "queue.SimpleQueue[None]",
        deadline: float | None,
        comparison: Comparison,
        timeout_s: float | None,
    ) -> None:
        try:
            changed.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
            # A burst of events is one reason to look again.
            while not changed.empty():
                changed.get_nowait()
        except queue.Empty:
            waiting = [
                str(entry.key)
                for entry in comparison.resources
                if entry.status is not SyncStatus.SYNCED
                or (entry.health and entry.health.status is not HealthStatus.HEALTHY)
            ]
            raise SyncError(
                f"{comparison.application} is {comparison.status} and {comparison.health.status} after {timeout_s:g} s; "
                f"waiting for {', '.join(waiting) or 'its resources'}"
            ) from None

    def _places(self, reconciliation: Reconciliation) -> list[tuple[ApiResource, str, str]]:
        found = []
        for key, obj in reconciliation.targets.items():
            resource = self.discovery.find(GroupVersionKind.of(obj))
            if resource is not None:
                found.append((resource, key.namespace, key.name))
        return found

    def _check_destination(self, application: Application) -> None:
        destination = application.spec.destination
        here = (IN_CLUSTER_SERVER, self.connection.server)
        server = destination.server.rstrip("/")
        if (server and server not in here) or (destination.name and destination.name not in CLUSTER_NAMES):
            field_name = "server" if server else "name"
            raise SpecError(
                f"Application {application.name}",
                [
                    Violation(
                        f"spec.destination.{field_name}",
                        f"{server or destination.name} is not the connected cluster ({self.connection.server}, also known as "
                        f"{IN_CLUSTER_SERVER} or in-cluster); choose its context with --context",
                    )
                ],
            )

    def _tracking_name(self, application: Application) -> str:
        """Applications outside Argo CD's namespace mark their objects with ``<namespace>_<name>``."""
        namespace = application.metadata.namespace or self.namespace
        return application.name if namespace == self.namespace else f"{namespace}_{application.name}"

    def _list(self, application: Application, target: PreparedTarget) -> list[Listing]:
        """List the kinds of the target and of what the application held before, in the namespaces where it did."""
        wanted: set[tuple[ApiResource, str]] = set()
        for obj in [*target.resources.values(), *target.hooks]:
            resource = self.discovery.find(GroupVersionKind.of(obj))
            if resource is not None:
                wanted.add((resource, namespace_of(obj)))
        for entry in application.status.get("resources") or ():
            gvk = GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry.get("kind", ""))
            held = self.discovery.find(gvk) or self.discovery.preferred(gvk.group, gvk.kind)
            if held is not None:
                wanted.add((held, entry.get("namespace", "") if held.namespaced else ""))
        return list_many(self.connection, sorted(wanted, key=lambda pair: (pair[0].gvk, pair[1])))

    def _compare(
        self,
        key: ResourceKey,
        obj: Manifest,
        live: Manifest | None,
        target: PreparedTarget,
        failed: Mapping[Place, str],
    ) -> ResourceComparison:
        version, wave = GroupVersionKind.of(obj).version, sync_wave(obj)
        shown = self._masker.mask_object(obj)
        if key in target.unknown:
            text = f"the cluster does not know the kind {GroupVersionKind.of(obj)}; install its CustomResourceDefinition first"
            return ResourceComparison(key, version, SyncStatus.UNKNOWN, target=shown, reason=text, wave=wave)
        reason = failed.get((key.group, key.kind, key.namespace))
        if reason:
            return ResourceComparison(key, version, SyncStatus.UNKNOWN, target=shown, reason=reason, wave=wave)
        compared = compare_resource(
            key, version, obj, live, openapi=self.schemas.openapi, masker=self._masker, wave=wave
        )
        return replace(compared, health=assess_health(live) if live is not None else Health(HealthStatus.MISSING))

    def _extra(
        self, application: Application, target: PreparedTarget, live: Mapping[ResourceKey, Manifest]
    ) -> list[ResourceComparison]:
        """Live objects that bear our mark and that the target no longer holds."""
        name = self._tracking_name(application)
        hooks = {ResourceKey.of(hook) for hook in target.hooks}
        extra = []
        for key, obj in live.items():
            tracking = tracked_by(obj)
            ours = tracking is not None and tracking.application == name and is_self_referencing(obj, tracking)
            if not ours or key in target.resources or key in hooks or not prunable(obj):
                continue
            compared = compare_resource(
                key, GroupVersionKind.of(obj).version, None, obj, openapi=self.schemas.openapi, masker=self._masker
            )
            extra.append(
                replace(
                    compared,
                    health=assess_health(obj),
                    requires_pruning=True,
                    ignore_extraneous=ignores_extraneous(obj),
                    wave=sync_wave(obj),
                )
            )
        return extra

    def _conclude(
        self, application: Application, target: Target, resources: Sequence[ResourceComparison], warnings: Sequence[str]
    ) -> Comparison:
        counted = [entry for entry in resources if not (entry.requires_pruning and entry.ignore_extraneous)]
        unknown = next((f"{entry.key}: {entry.reason}" for entry in counted if entry.status is SyncStatus.UNKNOWN), "")
        differs = any(entry.status is SyncStatus.OUT_OF_SYNC for entry in counted)
        status = SyncStatus.UNKNOWN if unknown else SyncStatus.OUT_OF_SYNC if differs else SyncStatus.SYNCED
        return Comparison(
            application=application.name,
            namespace=application.metadata.namespace or self.namespace,
            project=application.project,
            destination=application.spec.destination.server or application.spec.destination.name,
            revisions=target.revisions,
            status=status,
            health=aggregate_health(resources),
            compared_at=self.clock(),
            resources=tuple(resources),
            warnings=(*target.warnings, *warnings),
            reason=unknown,
            source_types=tuple(source.source_type.value for source in target.sources),
        )

    def _unknown(self, application: Application, reason: str) -> Comparison:
        return Comparison(
            application=application.name,
            namespace=application.metadata.namespace or self.namespace,
            project=application.project,
            destination=application.spec.destination.server or application.spec.destination.name,
            revisions=(),
            status=SyncStatus.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN),
            compared_at=self.clock(),
            reason=reason,
        )

    def _plan(self, reconciliation: Reconciliation, options: PlanOptions) -> tuple[SyncPlan, dict[str, Manifest]]:
        """The plan, and the real manifests by task id."""
        revision = reconciliation.comparison.revision
        started = int(self.clock().timestamp())
        named = [
            (phase, named_hook(hook, revision=revision, phase=phase, started_unix_s=started))
            for hook in reconciliation.hooks
            for phase in sync_phases(hook)
        ]
        hooks = [
            HookTarget(phase, self._masker.mask_object(hook), reconciliation.live.get(ResourceKey.of(hook)))
            for phase, hook in named
        ]
        plan = plan_sync(
            reconciliation.application,
            reconciliation.comparison,
            hooks,
            options=options,
            namespace_exists=reconciliation.namespace_exists,
        )
        by_phase = {(phase, ResourceKey.of(hook)): hook for phase, hook in named}
        manifests: dict[str, Manifest] = {}
        for task in plan.tasks:
            if task.action is TaskAction.HOOK:
                manifests[task.id] = by_phase[(task.phase, task.key)]
            elif task.action is TaskAction.APPLY:
                manifests[task.id] = reconciliation.targets[task.key]
            elif task.target is not None:
                manifests[task.id] = task.target
        return plan, manifests

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

    def _namespace_exists(self, name: str) -> bool:
        resource = self.discovery.find(GroupVersionKind("", "v1", "Namespace"))
        return (
            not name or resource is None or get_object(self.connection, resource, namespace="", name=name) is not None
        )


def _settled(comparison: Comparison) -> bool:
    return comparison.status is SyncStatus.SYNCED and comparison.health.status is HealthStatus.HEALTHY


def _one(revisions: Sequence[str]) -> str | None:
    """The revision that all sources share, to compare again at what was synced."""
    return revisions[0] if len(set(revisions)) == 1 else None


def _application_key(application: Application, namespace: str) -> ResourceKey:
    return ResourceKey(ARGO_GROUP, "Application", application.metadata.namespace or namespace, application.name)
