"""The plan of an Application's deletion: hooks before, its objects from the highest wave down, hooks after.

Source: controller/appcontroller.go (finalizeApplicationDeletion, shouldBeDeleted), controller/sort_delete.go and
controller/hook.go of Argo CD 3.6.
"""

from collections.abc import Sequence
from dataclasses import replace

from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sync.hooks import deletion_phases, sync_options
from reconciler.sync.order import is_crd, sync_wave
from reconciler.sync.plan import Permit, hook_task, judged
from reconciler.sync.records import Change, HookTarget, SyncTask, TaskAction
from reconciler.terms import HookDeletePolicy, SyncPhase


def deletion_tasks(
    owned: Sequence[Manifest],
    hooks: Sequence[HookTarget] = (),
    *,
    itself: ResourceKey | None = None,
    options: frozenset[str] = frozenset(),
    permit: Permit = lambda _key: "",
) -> tuple[SyncTask, ...]:
    """The tasks of a cascading deletion, in their order: one wave after the other, the highest first, no order by kind.

    Parameters
    ----------
    owned
        The live objects of the Application, Secrets masked; its PreDelete and PostDelete hooks among them are left out here.
    hooks
        The target's hooks, once for each of their deletion phases.
    itself
        The Application's own key: an Application that manages itself does not delete itself.
    options
        The Application's sync options; ``Delete=false`` and ``Delete=confirm`` hold for objects without a word of their own.
    permit
        Why the project does not let the Application manage an object, empty when it does. Such an object stays, and such a
        hook is a problem of the plan: Argo CD 3.6 creates it nevertheless (GHSA-fmxq-cgp8-87wp).
    """
    prunes = [_prune(obj, itself=itself, options=options, permit=permit) for obj in owned if not deletion_phases(obj)]
    tasks = [*(_hook(hook, permit) for hook in hooks), *prunes]
    return tuple(sorted(tasks, key=lambda task: (task.phase.order, task.wave, str(task.key))))


def _prune(obj: Manifest, *, itself: ResourceKey | None, options: frozenset[str], permit: Permit) -> SyncTask:
    key = ResourceKey.of(obj)
    own = sync_options(obj)
    if not any(option.startswith("Delete=") for option in own):
        own |= {option for option in options if option.startswith("Delete=")}
    if is_crd(key):
        reason = "kept (definitions of custom resources are never deleted)"
    elif key == itself:
        reason = "kept (the Application itself)"
    elif "Delete=false" in own:
        reason = "kept (no delete)"
    else:
        reason = permit(key)
    return SyncTask(
        phase=SyncPhase.SYNC,
        wave=-sync_wave(obj),
        action=TaskAction.PRUNE,
        key=key,
        version=GroupVersionKind.of(obj).version,
        change=Change.SKIP if reason else Change.DELETE,
        live=obj,
        options=own,
        reason=reason,
        confirm=not reason and "Delete=confirm" in own,
    )


def _hook(hook: HookTarget, permit: Permit) -> SyncTask:
    task = judged(hook_task(hook), permit)
    return replace(task, delete_policies=_cleaned_up(task.delete_policies))


def _cleaned_up(policies: frozenset[HookDeletePolicy]) -> frozenset[HookDeletePolicy]:
    """Nothing of the Application stays behind: a hook without a word of its own goes, and one that failed always does."""
    outcomes = frozenset({HookDeletePolicy.HOOK_SUCCEEDED, HookDeletePolicy.HOOK_FAILED})
    return (policies & outcomes or outcomes) | policies | {HookDeletePolicy.HOOK_FAILED}
