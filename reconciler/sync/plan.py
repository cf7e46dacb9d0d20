"""From a comparison to the tasks of a sync."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, annotations_of, metadata_of
from reconciler.model import Application
from reconciler.sync.compare_plans import plan_digest
from reconciler.sync.hooks import delete_policies, is_hook, is_skipped
from reconciler.sync.options import (
    ApplicationOptions,
    Permission,
    application_options,
    application_warnings,
    merged_options,
    resource_options,
    resource_warnings,
)
from reconciler.sync.order import order_tasks, sync_wave
from reconciler.sync.records import Change, HookTarget, PlanOptions, SyncPlan, SyncTask, TaskAction
from reconciler.terms import ANNOTATION_COMPARE_OPTIONS, SyncPhase, SyncStatus

REQUIRES_PRUNING: Final = "ignored (requires pruning)"
"""Why a sync without ``prune`` leaves something where it is."""

Permit = Callable[[ResourceKey], str]
"""Why the project does not let the Application manage an object, empty when it does."""


def plan_sync(
    application: Application,
    comparison: Comparison,
    hooks: Sequence[HookTarget] = (),
    *,
    options: PlanOptions = PlanOptions(),
    namespace_exists: bool = True,
    permit: Permit = lambda _key: "",
) -> SyncPlan:
    """Plan the sync that closes the gap a comparison shows.

    What is part of another Application, too, is a warning, or a problem by ``FailOnSharedResource=true``.

    Parameters
    ----------
    hooks
        The hooks of the target, once for each of their phases.
    namespace_exists
        Whether the destination namespace is there; with ``CreateNamespace=true`` a missing one becomes the first task.
    permit
        Asked for everything that would be written, hooks of every phase included: what is not permitted is a problem of the
        plan. A prune that is not permitted is skipped.

    Notes
    -----
    Order and options as upstream: ``gitops-engine/pkg/sync/sync_context.go`` and ``docs/user-guide/sync-options.md``.
    """
    chosen = application_options(application, options.sync_options)
    tasks = [
        task
        for resource in comparison.resources
        if not resource.hook
        for task in _resource_tasks(resource, chosen, options, permit)
    ]
    # A selective sync runs no hooks.
    hook_tasks = [] if options.resources else [hook_task(hook, chosen.texts) for hook in hooks]
    by_id = {task.id: task for task in hook_tasks}
    tasks += by_id.values()
    repeated = sorted(task_id for task_id, count in Counter(task.id for task in hook_tasks).items() if count > 1)
    if chosen.create_namespace:
        tasks += _namespace_task(application, tasks, exists=namespace_exists)
    shared = comparison.shared if chosen.fail_on_shared_resource else {}
    ordered = order_tasks(
        [judged(task, permit, shared.get(task.key, "")) for task in tasks],
        destination=application.spec.destination.namespace,
    )
    plan = SyncPlan(
        application=comparison.application,
        namespace=comparison.namespace,
        revisions=comparison.revisions,
        tasks=tuple(ordered),
        options=options,
        warnings=(
            *(warning for warning in comparison.warnings if warning not in shared.values()),
            *(_repeated_hook(by_id[task_id]) for task_id in repeated),
            *_option_warnings(chosen, ordered),
        ),
        problems=tuple(task.problem for task in ordered if task.problem),
    )
    return replace(plan, made_from=plan_digest(plan))


def judged(task: SyncTask, permit: Permit, shared: str = "") -> SyncTask:
    """The task with what speaks against it: its project, or another application that its object is part of."""
    if task.action is TaskAction.PRUNE:
        return task
    refused = permit(task.key)
    found = (
        f"{task.key} is not permitted: {refused}" if refused else f"shared resource found: {shared}" if shared else ""
    )
    return replace(task, problem=found) if found else task


def _option_warnings(chosen: ApplicationOptions, tasks: Iterable[SyncTask]) -> Iterator[str]:
    yield from application_warnings(chosen.texts)
    shown = {task.key: task.target or task.live or {} for task in tasks}
    for key, obj in sorted(shown.items(), key=lambda entry: entry[0]):
        yield from resource_warnings(obj, key)


def _resource_tasks(
    resource: ResourceComparison, chosen: ApplicationOptions, options: PlanOptions, permit: Permit
) -> Iterator[SyncTask]:
    if options.resources and resource.key not in options.resources:
        return
    shown = resource.target or resource.live
    if shown is None or is_skipped(shown):
        return
    merged = merged_options(shown, chosen.texts)
    if resource.target is None:
        if resource.requires_pruning:
            yield _prune_task(resource, merged, permit(resource.key), prune=options.prune)
        return
    only_out_of_sync = options.apply_out_of_sync_only or chosen.apply_out_of_sync_only
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


def _change(resource: ResourceComparison) -> Change:
    if resource.live is None:
        return Change.CREATE
    return Change.UNCHANGED if resource.status is SyncStatus.SYNCED else Change.UPDATE


def _prune_task(resource: ResourceComparison, merged: frozenset[str], refused: str, *, prune: bool) -> SyncTask:
    live = resource.live or {}
    permission = resource_options(merged).prune
    if permission is Permission.NO:
        reason = "ignored (no prune)"
    elif not prune:
        reason = REQUIRES_PRUNING
    elif refused:
        reason = f"ignored (not permitted: {refused})"
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
        options=merged,
        reason=reason,
        confirm=permission is Permission.CONFIRM and not reason,
    )


def hook_task(hook: HookTarget, options: frozenset[str] = frozenset()) -> SyncTask:
    """The task that runs a hook; ``options`` are the Application's sync options."""
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
        options=merged_options(target, options),
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
