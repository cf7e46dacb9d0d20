"""From a comparison to the tasks of a sync."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, annotations_of, metadata_of
from reconciler.model import Application
from reconciler.sync.hooks import delete_policies, is_hook, is_skipped, sync_options
from reconciler.sync.order import order_tasks, sync_wave
from reconciler.sync.records import Change, HookTarget, PlanOptions, SyncPlan, SyncTask, TaskAction
from reconciler.terms import ANNOTATION_COMPARE_OPTIONS, SyncPhase, SyncStatus

RESOURCE_OPTIONS: Final = frozenset(
    {"Prune", "PruneLast", "Delete", "Replace", "Force", "Validate", "ServerSideApply", "SkipDryRunOnMissingResource"}
)
"""Sync options that a resource may set for itself; the application's word holds where it does not."""

REFUSED_OPTIONS: Final = frozenset({"Replace=true", "Force=true", "FailOnSharedResource=true", "Delete=confirm"})
"""Sync options whose meaning is not implemented; to sync without it would do something else than was asked for."""


def plan_sync(
    application: Application,
    comparison: Comparison,
    hooks: Sequence[HookTarget] = (),
    *,
    options: PlanOptions = PlanOptions(),
    namespace_exists: bool = True,
) -> SyncPlan:
    """Plan the sync that closes the gap a comparison shows.

    Parameters
    ----------
    hooks
        The hooks of the target, once for each of their phases.
    namespace_exists
        Whether the destination namespace is there; with ``CreateNamespace=true`` a missing one becomes the first task.

    Notes
    -----
    Order and options as upstream: ``gitops-engine/pkg/sync/sync_context.go`` and ``docs/user-guide/sync-options.md``.
    """
    app_options = frozenset(option.strip() for option in application.spec.sync_policy.sync_options)
    tasks = [
        task
        for resource in comparison.resources
        if not resource.hook
        for task in _resource_tasks(resource, app_options, options)
    ]
    # A selective sync runs no hooks.
    hook_tasks = [] if options.resources else [_hook_task(hook) for hook in hooks]
    by_id = {task.id: task for task in hook_tasks}
    tasks += by_id.values()
    repeated = sorted(task_id for task_id, count in Counter(task.id for task in hook_tasks).items() if count > 1)
    if "CreateNamespace=true" in app_options:
        tasks += _namespace_task(application, tasks, exists=namespace_exists)
    return SyncPlan(
        application=comparison.application,
        namespace=comparison.namespace,
        revisions=comparison.revisions,
        tasks=tuple(order_tasks(tasks, destination=application.spec.destination.namespace)),
        options=options,
        warnings=(*comparison.warnings, *(_repeated_hook(by_id[task_id]) for task_id in repeated)),
    )


def _resource_tasks(
    resource: ResourceComparison, app_options: frozenset[str], options: PlanOptions
) -> Iterator[SyncTask]:
    if options.resources and resource.key not in options.resources:
        return
    shown = resource.target or resource.live
    if shown is None or is_skipped(shown):
        return
    merged = _merged_options(shown, app_options)
    if resource.target is None:
        if resource.requires_pruning:
            yield _prune_task(resource, merged, options)
        return
    only_out_of_sync = options.apply_out_of_sync_only or "ApplyOutOfSyncOnly=true" in app_options
    change = _change(resource)
    skipped = change is Change.UNCHANGED and only_out_of_sync
    yield SyncTask(
        phase=SyncPhase.SYNC,
        wave=sync_wave(resource.target),
        action=TaskAction.APPLY,
        key=resource.key,
        version=resource.version,
        change=Change.SKIP if skipped else change,
        target=resource.target,
        live=resource.live,
        options=merged,
        reason="in sync (apply out of sync only)" if skipped else "",
        differences=sum(not difference.ignored_by for difference in resource.differences),
    )


def _merged_options(obj: Manifest, app_options: frozenset[str]) -> frozenset[str]:
    """The options that hold for a resource: its own word wins over the application's, name by name."""
    own = sync_options(obj)
    names = {option.partition("=")[0] for option in own}
    general = {option for option in app_options if option.partition("=")[0] in RESOURCE_OPTIONS - names}
    return own | general


def refused_options(application: Application, plan: SyncPlan) -> list[str]:
    """What asks for something that is not implemented, as ``Deployment.apps shop/web: Replace=true``, sorted."""
    general = REFUSED_OPTIONS.intersection(application.spec.sync_policy.sync_options)
    found = {f"spec.syncPolicy.syncOptions: {option}" for option in general}
    found |= {
        f"{task.key}: {option}" for task in plan.tasks for option in task.options & REFUSED_OPTIONS if task.target
    }
    return sorted(found)


def prune_propagation(application: Application) -> str:
    """Deletion policy of prunes: foreground unless ``PrunePropagationPolicy`` says otherwise."""
    for option in application.spec.sync_policy.sync_options:
        name, _, value = option.strip().partition("=")
        if name == "PrunePropagationPolicy" and value in ("foreground", "background", "orphan"):
            return value.capitalize()
    return "Foreground"


def _change(resource: ResourceComparison) -> Change:
    if resource.live is None:
        return Change.CREATE
    return Change.UNCHANGED if resource.status is SyncStatus.SYNCED else Change.UPDATE


def _prune_task(resource: ResourceComparison, own: frozenset[str], options: PlanOptions) -> SyncTask:
    live = resource.live or {}
    if "Prune=false" in own:
        reason = "ignored (no prune)"
    elif not options.prune:
        reason = "ignored (requires pruning)"
    elif "Prune=confirm" in own:
        reason = "ignored (requires confirmation)"
    else:
        reason = ""
    return SyncTask(
        phase=SyncPhase.SYNC,
        wave=sync_wave(live),
        action=TaskAction.PRUNE,
        key=resource.key,
        version=resource.version,
        change=Change.SKIP if reason else Change.DELETE,
        live=live,
        options=own,
        reason=reason,
    )


def _hook_task(hook: HookTarget) -> SyncTask:
    target = hook.target
    return SyncTask(
        phase=hook.phase,
        wave=sync_wave(target),
        action=TaskAction.HOOK,
        key=ResourceKey.of(target),
        version=GroupVersionKind.of(target).version,
        change=Change.CREATE,
        target=target,
        live=hook.live,
        delete_policies=delete_policies(target),
        options=sync_options(target),
    )


def _repeated_hook(task: SyncTask) -> str:
    return f"{task.key} appears more than once among the {task.phase} hooks; the last one wins"


def _namespace_task(application: Application, tasks: Sequence[SyncTask], *, exists: bool) -> list[SyncTask]:
    """The destination namespace, first of all; a Namespace manifest of the application's own stands in for it.

    It carries no tracking, so that it is never pruned.
    """
    name = application.spec.destination.namespace
    key = ResourceKey("", "Namespace", "", name)
    managed = application.spec.sync_policy.managed_namespace_metadata
    if not name or any(task.key == key for task in tasks) or (exists and managed is None):
        return []
    metadata: dict[str, object] = {"name": name}
    if managed:
        metadata |= {"labels": dict(managed.labels), "annotations": dict(managed.annotations)}
    target = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    first = min((task.wave for task in tasks if task.phase is SyncPhase.PRE_SYNC), default=0)
    change = Change.UPDATE if exists else Change.CREATE
    return [SyncTask(SyncPhase.PRE_SYNC, first, TaskAction.CREATE_NAMESPACE, key, "v1", change, target)]


def ignores_extraneous(obj: Manifest) -> bool:
    """Whether an extra object leaves the application in sync (``compare-options: IgnoreExtraneous``)."""
    options = annotations_of(obj).get(ANNOTATION_COMPARE_OPTIONS, "")
    return "IgnoreExtraneous" in [word.strip() for word in options.split(",")]


def prunable(live: Manifest) -> bool:
    """Whether a live object without a target may be pruned at all.

    Hooks live by their own policies, and an object that another object controls goes with that one.
    """
    return not is_hook(live) and not any(
        owner.get("controller") for owner in metadata_of(live).get("ownerReferences") or ()
    )
