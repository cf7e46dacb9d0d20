"""What has to hold before an operation may begin; each gate that is closed says why, and what opens it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.diff.records import Comparison
from reconciler.engine.comparing import Comparer, application_key
from reconciler.engine.recording import Recorder
from reconciler.engine.records import Reconciliation
from reconciler.engine.requests import SyncRequest
from reconciler.errors import AccessDeniedError, ReconcilerError, SpecError, SyncError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.model import Application, AppProject, parse_application
from reconciler.source import revisions_of
from reconciler.sync.records import SyncPlan
from reconciler.terms import ANNOTATION_SKIP_RECONCILE, ARGO_GROUP, ConditionType, OperationPhase, SyncStatus

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler

CONTROLLER_SILENT = timedelta(minutes=10)
HEAD = "HEAD"
_AT_WORK = (OperationPhase.RUNNING, OperationPhase.TERMINATING)


def admitted(engine: "Reconciler", application: Application, request: SyncRequest | None) -> Comparer:
    """What compares with the Application's cluster, for the sync that ``request`` asks for: its refusal is a record, too.

    Raises
    ------
    SpecError, AccessDeniedError
        As `Reconciler.at`.
    """
    try:
        return engine.at(application)
    except (SpecError, AccessDeniedError) as error:
        if request is not None:
            unknown = engine.comparer.unknown(application, str(error), error.condition)
            Recorder(engine.store, request).refuse_uncompared(application, unknown, str(error), at=engine.clock())
        raise


def record_refused(
    engine: "Reconciler", application: Application, comparison: Comparison, request: SyncRequest
) -> None:
    """As `admitted`, for one of many that were compared at once."""
    if comparison.status is SyncStatus.UNKNOWN and comparison.reason_type is ConditionType.INVALID_SPEC:
        reason = comparison.reason
        Recorder(engine.store, request).refuse_uncompared(application, comparison, reason, at=engine.clock())


def pass_gates(engine: "Reconciler", reconciliation: Reconciliation, request: SyncRequest) -> None:
    """Refuse what may not begin; the refusal is a record, too, but of a dry run.

    Raises
    ------
    SpecError, SyncError
        With what has to hold.
    """
    application = reconciliation.application
    try:
        require_sure(reconciliation)
        require_no_cycle(engine, reconciliation)
        if request.options.dry_run:
            return
        project = engine.projects.effective(application.project)
        require_window(project, application, engine.clock(), manual=not request.automated)
        require_free(engine.registry.current(application))
        require_own_plan(engine, application, request.plan)
    except (SpecError, SyncError) as error:
        Recorder(engine.store, request).refuse(reconciliation, str(error), at=engine.clock())
        raise


def require_sure(reconciliation: Reconciliation) -> None:
    """A sync writes only what was compared for sure, into namespaces that are there or will be.

    Raises
    ------
    SpecError
        When the comparison is Unknown, or the destination's namespace is not there.
    """
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


def require_free(application: Application | None) -> None:
    """Two reconcilers never work at one Application: an operation of Argo CD's own goes first.

    Parameters
    ----------
    application
        As the cluster holds it now; None for one that only a file holds.

    Raises
    ------
    SyncError
        When Argo CD is asked for an operation, or at one, and when the Application is being deleted.
    """
    if application is None:
        return
    if application.metadata.deletion_timestamp:
        raise SyncError(f"{application.name} cannot be synced: it is being deleted; wait for its end")
    if reason := argo_cd_operates(application):
        raise SyncError(f"{application.name} cannot be synced: {reason}")


def argo_cd_operates(application: Application) -> str:
    """That Argo CD itself is asked for an operation, or at one, and what ends it; empty when neither."""
    phase = (application.status.get("operationState") or {}).get("phase")
    if not application.operation and phase not in _AT_WORK:
        return ""
    state = phase if phase in _AT_WORK else "requested"
    return (
        f"Argo CD is at an operation of its own ({state}); wait for its end, or end it with: gitops-nb app terminate-op "
        f"{application.name}"
    )


def argo_cd_reconciles(application: Application, written_at: datetime | None, now: datetime) -> str:
    """Why Argo CD's own controller is the one to reconcile an Application by itself, empty when it is not.

    It writes the status at least every three minutes by default, and leaves an Application alone that says so
    (docs/user-guide/skip_reconcile.md). Two reconcilers that write one status would fight over it.

    Parameters
    ----------
    written_at
        When the controller last wrote the Application.
    """
    skipped = application.metadata.annotations.get(ANNOTATION_SKIP_RECONCILE, "").lower() == "true"
    if skipped or written_at is None or now - written_at > CONTROLLER_SILENT:
        return ""
    return (
        f"Argo CD's own controller reconciles it ({written_at:%H:%M:%S %Z}); hand it over with the annotation "
        f'{ANNOTATION_SKIP_RECONCILE}: "true"'
    )


def require_window(
    project: AppProject | None,
    application: Application,
    now: datetime,
    *,
    manual: bool,
    started_at: datetime | None = None,
) -> None:
    """The sync windows of the Application's project.

    Raises
    ------
    SyncError
        When they do not let it sync now, with when they will.
    """
    if reason := _closed(project, application, now, manual=manual, started_at=started_at):
        raise SyncError(f"{application.name} cannot be synced: {reason}")


def closed_window(engine: "Reconciler", application: Application) -> str:
    """Why sync windows do not let an Application sync by itself now, with when they will; empty when they do.

    Raises
    ------
    SpecError
        When its project's global projects cannot be read.
    """
    project = engine.projects.effective(application.project)
    return _closed(project, application, engine.clock(), manual=False)


def _closed(
    project: AppProject | None,
    application: Application,
    now: datetime,
    *,
    manual: bool,
    started_at: datetime | None = None,
) -> str:
    if project is None or not project.spec.sync_windows:
        return ""
    from reconciler.sync.windows import decide_sync

    decision = decide_sync(project.spec.sync_windows, application, now, manual=manual, started_at=started_at)
    opens = f"; it may from {decision.opens_at:%Y-%m-%d %H:%M %Z}" if decision.opens_at else ""
    return "" if decision.permitted else f"{decision.reason}{opens}"


def require_own_revision(application: Application, revision: str | None) -> None:
    """Automated sync would undo a sync to another revision than the Application's own; a dry run need not ask.

    Source: resolveSourceRevisions in server/application/application.go of Argo CD 3.6.

    Raises
    ------
    SyncError
        For another revision while the Application syncs by itself.
    UsageError
        When the list of revisions does not have one for each source.
    """
    if not revision or not application.syncs_by_itself:
        return
    for source, asked in zip(application.sources, revisions_of(application, revision), strict=True):
        own = source.target_revision or HEAD
        if (asked or HEAD) != own:
            raise SyncError(
                f"{application.name} syncs by itself to {own}, which would undo a sync to {asked}; leave the revision out, "
                f"try it as a dry run, or turn that off first: gitops-nb app set {application.name} --sync-policy none"
            )


def require_own_plan(engine: "Reconciler", application: Application, plan: SyncPlan | None) -> None:
    """As `require_own_revision`, for a kept plan: it holds for the revisions that it was made at.

    Raises
    ------
    SyncError
        When they are not those of the Application's own target, while it syncs by itself.
    """
    if plan is None or not application.syncs_by_itself:
        return
    own = engine.generate(application).revisions
    if own != plan.revisions:
        theirs, ours = (", ".join(each[:12] for each in revisions) for revisions in (plan.revisions, own))
        raise SyncError(
            f"{application.name} syncs by itself to {ours}, which would undo the plan for {theirs}; make a new plan, or turn "
            f"that off first: gitops-nb app set {application.name} --sync-policy none"
        )


def require_no_cycle(engine: "Reconciler", reconciliation: Reconciliation) -> None:
    """An Application that is among its own descendants would sync itself for ever; all of them are rendered to know.

    A child that cannot be rendered has no known children: its own sync says why.

    Raises
    ------
    SpecError
        With the way from the Application to itself.
    """
    key = application_key(reconciliation.application, engine.namespace)
    _descend(engine, reconciliation.targets.values(), (key,), set())


def _descend(
    engine: "Reconciler", targets: Iterable[Manifest], lineage: tuple[ResourceKey, ...], seen: set[ResourceKey]
) -> None:
    for obj in targets:
        if GroupVersionKind.of(obj).group != ARGO_GROUP or obj.get("kind") != "Application":
            continue
        try:
            child = parse_application(dict(obj), where="child", from_cluster=True)
        except ReconcilerError:
            continue
        key = application_key(child, engine.namespace)
        refuse_cycle(key, lineage)
        if key in seen:
            continue
        seen.add(key)
        try:
            children = [sourced.manifest for sourced in engine.generate(child).manifests]
        except ReconcilerError:
            continue
        _descend(engine, children, (*lineage, key), seen)


def refuse_cycle(key: ResourceKey, lineage: tuple[ResourceKey, ...]) -> None:
    """Refuse an Application that is among its own ancestors, the ``lineage``.

    Raises
    ------
    SpecError
        With the way from the Application to itself.
    """
    if key in lineage:
        way = " → ".join(entry.name for entry in (*lineage[lineage.index(key) :], key))
        raise SpecError(f"Application {key.name} is its own ancestor ({way}); break the cycle in Git")
