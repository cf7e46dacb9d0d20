"""Deleting an Application: its hooks, its objects, its finalizers, in Argo CD's order.

The Application is marked as deleted first, and its finalizers hold it until all is done: a deletion that was killed is gone
on with by the next one.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.cluster.applications import application_resource
from reconciler.cluster.live import get_object
from reconciler.cluster.owned import find_owned
from reconciler.cluster.write import delete_object, patch_object
from reconciler.engine.comparing import Comparer, application_key
from reconciler.engine.gates import argo_cd_operates
from reconciler.engine.recording import Recorder
from reconciler.engine.records import Reconciliation
from reconciler.engine.requests import Deletion, SyncRequest
from reconciler.errors import ConflictError, GenerationError, NotFoundError, SyncError
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of, name_of, namespace_of
from reconciler.model import Application
from reconciler.sync.context import MAX_CONFLICTS
from reconciler.sync.deletion import deletion_tasks
from reconciler.sync.hooks import deletion_phases, named_hook
from reconciler.sync.plan import Permit
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan
from reconciler.terms import FINALIZER_RESOURCES, SyncPhase

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler

BACKGROUND_FINALIZER: Final = f"{FINALIZER_RESOURCES}/background"
HOOK_FINALIZERS: Final[Mapping[SyncPhase, str]] = {
    SyncPhase.PRE_DELETE: "pre-delete-finalizer.argocd.argoproj.io",
    SyncPhase.POST_DELETE: "post-delete-finalizer.argocd.argoproj.io",
}
_OURS: Final = frozenset(
    {FINALIZER_RESOURCES, BACKGROUND_FINALIZER}
    | {f"{name}{suffix}" for name in HOOK_FINALIZERS.values() for suffix in ("", "/cleanup")}
)


class DeletionPlanner:
    """Plans the deletion of what an Application holds; hooks have the names that they have in this operation.

    Parameters
    ----------
    cascade
        Whether its objects are deleted, or only its hooks run.
    """

    def __init__(
        self,
        comparer: Comparer,
        reconciliation: Reconciliation,
        *,
        started_at: datetime,
        permit: Permit,
        cascade: bool,
    ) -> None:
        self._comparer = comparer
        self._reconciliation = reconciliation
        self._permit = permit
        self._cascade = cascade
        revision, started = reconciliation.comparison.revision, int(started_at.timestamp())
        self._hooks = {
            (phase, ResourceKey.of(named)): named
            for hook in reconciliation.hooks
            for phase in deletion_phases(hook)
            for named in (named_hook(hook, revision=revision, phase=phase, started_unix_s=started),)
        }

    def plan(self, options: PlanOptions) -> SyncPlan:
        """What the deletion will do; Secrets are masked.

        Raises
        ------
        SyncError
            When a kind of which the Application has objects cannot be listed.
        """
        reconciliation, mask = self._reconciliation, self._comparer.masker.mask_object
        application, comparison = reconciliation.application, reconciliation.comparison
        warnings: tuple[str, ...] = ()
        owned: tuple[Manifest, ...] = ()
        if self._cascade:
            owned, warnings = self._owned(application)
        live = {ResourceKey.of(obj): obj for obj in owned}
        hooks = [HookTarget(phase, mask(hook), live.get(key)) for (phase, key), hook in self._hooks.items()]
        sync_options = frozenset(option.strip() for option in application.spec.sync_policy.sync_options)
        tasks = deletion_tasks(
            [mask(obj) for obj in owned],
            hooks,
            itself=application_key(application, self._comparer.namespace),
            options=sync_options,
            permit=self._permit,
        )
        problems = tuple(task.problem for task in tasks if task.problem)
        return SyncPlan(
            comparison.application, comparison.namespace, comparison.revisions, tasks, options, warnings, problems
        )

    def manifests(self, plan: SyncPlan) -> dict[str, Manifest]:
        """The hooks to create, by task id."""
        return {task.id: self._hooks[(task.phase, task.key)] for task in plan.tasks if task.is_hook}

    def taken_over(self, plan: SyncPlan) -> dict[str, Manifest]:
        """A deletion takes over nothing."""
        return {}

    def _owned(self, application: Application) -> tuple[tuple[Manifest, ...], tuple[str, ...]]:
        comparer = self._comparer
        recorded = application.status.get("resources") or ()
        namespaces = {application.spec.destination.namespace, *(entry.get("namespace", "") for entry in recorded)}
        namespaces |= {key.namespace for key in self._reconciliation.targets}
        found = find_owned(
            comparer.connection,
            comparer.discovery,
            comparer.tracking_name(application),
            tracking=comparer.settings.tracking,
            namespaces=namespaces - {""},
            is_excluded=comparer.is_excluded,
        )
        held = {(entry.get("group", ""), entry.get("kind", "")) for entry in recorded}
        held |= {(key.group, key.kind) for key in self._reconciliation.targets}
        warnings = []
        for resource, reason in found.gaps:
            if (resource.gvk.group, resource.gvk.kind) in held:
                raise SyncError(f"{application.name} cannot be deleted: {resource.gvk}: {reason}")
            warnings.append(f"{resource.gvk} was not searched: {reason}")
        return found.objects, tuple(warnings)


def deletion_subject(engine: "Reconciler", application: Application) -> Reconciliation:
    """The Application as Git has it, for its hooks; where Git cannot be read it has none, unless it says that it has.

    Raises
    ------
    SyncError
        When its hooks cannot be known, and its finalizers ask for them.
    """
    comparer = engine.at(application)
    try:
        return comparer.reconcile(application)
    except GenerationError as error:
        finalizers = _finalizers(engine.registry.find(application))
        if any(name in finalizers for name in HOOK_FINALIZERS.values()):
            raise SyncError(
                f"{application.name} cannot be deleted: its hooks are not known: {error}; mend the source, or take the "
                "hooks' finalizers off the Application"
            ) from error
        return Reconciliation(application, comparer.unknown(application, str(error)), {}, (), {})


def plan_deletion(engine: "Reconciler", application: Application, deletion: Deletion) -> SyncPlan:
    """What a deletion would do; that it would be refused now is a problem of the plan.

    Raises
    ------
    SyncError
        When its hooks cannot be known, or one of its kinds cannot be listed.
    """
    planner = DeletionPlanner(
        engine.at(application),
        deletion_subject(engine, application),
        started_at=engine.clock(),
        permit=engine.permit(application),
        cascade=deletion.cascade,
    )
    plan = planner.plan(PlanOptions())
    refusal = _refusal(engine, application)
    return replace(plan, problems=(refusal, *plan.problems)) if refusal else plan


def pass_deletion_gates(engine: "Reconciler", reconciliation: Reconciliation, request: SyncRequest) -> None:
    """Refuse a deletion that may not begin; the refusal is a record, too.

    Raises
    ------
    SyncError
        When Argo CD itself is at work on the Application.
    """
    application = reconciliation.application
    reason = _refusal(engine, application)
    if reason:
        message = f"{application.name} cannot be deleted: {reason}"
        Recorder(engine.store, request).refuse(reconciliation, message, at=engine.clock())
        raise SyncError(message)


def _refusal(engine: "Reconciler", application: Application) -> str:
    """Why the Application, as the cluster holds it now, may not be deleted; one that is being deleted already may."""
    current = engine.registry.current(application)
    return argo_cd_operates(current) if current is not None else ""


def mark_deleted(
    engine: "Reconciler", application: Application, plan: SyncPlan, *, cascade: bool, background: bool
) -> None:
    """Have the API server mark the Application as deleted, held by finalizers for what is still to be done.

    One whose plan cannot be carried out stays as it is.
    """
    live = None if plan.problems else engine.registry.find(application)
    if live is None:
        return
    phases = {task.phase for task in plan.tasks if task.is_hook}
    wanted = [name for phase, name in HOOK_FINALIZERS.items() if phase in phases]
    if cascade:
        wanted.append(BACKGROUND_FINALIZER if background else FINALIZER_RESOURCES)
    if not metadata_of(live).get("deletionTimestamp"):
        marked = _set_finalizers(engine, live, lambda found: [*(name for name in found if name not in _OURS), *wanted])
        if marked is not None:
            resource = application_resource(engine.comparer.discovery)
            delete_object(engine.connection, resource, marked, propagation="Background")


def release_application(engine: "Reconciler", application: Application) -> None:
    """Take our finalizers off: the Application goes, unless somebody else's hold it."""
    live = engine.registry.find(application)
    if live is not None:
        _set_finalizers(engine, live, lambda found: [name for name in found if name not in _OURS])


def _set_finalizers(engine: "Reconciler", live: Manifest, wanted: Callable[[list[str]], list[str]]) -> Manifest | None:
    """Change the finalizers of exactly this Application from what they are; None when it is gone.

    Others write to it at the same time, and our own request may have been carried out without an answer.
    """
    resource, uid = application_resource(engine.comparer.discovery), metadata_of(live)["uid"]
    for attempt in range(MAX_CONFLICTS):
        finalizers, version = wanted(_finalizers(live)), metadata_of(live)["resourceVersion"]
        if finalizers == _finalizers(live):
            return live
        patch = {"metadata": {"finalizers": finalizers or None, "resourceVersion": version}}
        try:
            return patch_object(engine.connection, resource, live, patch)
        except NotFoundError:
            return None
        except ConflictError:
            if attempt == MAX_CONFLICTS - 1:
                raise
            found = get_object(engine.connection, resource, namespace=namespace_of(live), name=name_of(live))
            if found is None or metadata_of(found)["uid"] != uid:
                return None
            live = found
    raise AssertionError("the last attempt returns or raises")


def _finalizers(obj: Manifest | None) -> list[str]:
    return list(metadata_of(obj or {}).get("finalizers") or ())
