"""From a comparison to the plan of one operation, and to the objects that it writes."""

from collections.abc import Sequence
from datetime import datetime

from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.sync.hooks import named_hook, sync_phases
from reconciler.sync.plan import Permit, plan_sync
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan, TaskAction
from reconciler.terms import SyncPhase


class Planner:
    """Plans one operation; hooks have the names that they have in it.

    Parameters
    ----------
    started_at
        When the operation began: it is part of generated hook names, so an operation that is taken up again needs the same.
    """

    def __init__(
        self, comparer: Comparer, reconciliation: Reconciliation, *, started_at: datetime, permit: Permit
    ) -> None:
        self._comparer = comparer
        self._reconciliation = reconciliation
        self._permit = permit
        revision, started = reconciliation.comparison.revision, int(started_at.timestamp())
        self._hooks: Sequence[tuple[SyncPhase, Manifest]] = [
            (phase, named_hook(hook, revision=revision, phase=phase, started_unix_s=started))
            for hook in reconciliation.hooks
            for phase in sync_phases(hook)
        ]

    def plan(self, options: PlanOptions) -> SyncPlan:
        """What a sync would do; Secrets are masked."""
        reconciliation, mask = self._reconciliation, self._comparer.masker.mask_object
        hooks = self._hooks if options.hooks else ()
        return plan_sync(
            reconciliation.application,
            reconciliation.comparison,
            [HookTarget(phase, mask(hook), reconciliation.live.get(ResourceKey.of(hook))) for phase, hook in hooks],
            options=options,
            permit=self._permit,
            namespace_exists=reconciliation.namespace_exists,
        )

    def manifests(self, plan: SyncPlan) -> dict[str, Manifest]:
        """The real objects to write, by task id.

        Raises
        ------
        SpecError
            When an ignore rule that the sync must respect cannot be evaluated.
        """
        by_phase = {(phase, ResourceKey.of(hook)): hook for phase, hook in self._hooks}
        # A Namespace or definition that others need is moved into their phase.
        moved = {key: hook for (_, key), hook in by_phase.items()}
        manifests: dict[str, Manifest] = {}
        for task in plan.tasks:
            if task.action is TaskAction.HOOK:
                manifests[task.id] = by_phase.get((task.phase, task.key)) or moved[task.key]
            elif task.action is TaskAction.APPLY:
                manifests[task.id] = self._comparer.to_apply(self._reconciliation, task.key)
            elif task.target is not None:
                manifests[task.id] = task.target
        return manifests

    def taken_over(self, plan: SyncPlan) -> dict[str, Manifest]:
        """Live objects, by task id, that may hold fields of client-side applies: the runner moves what there is."""
        live = self._reconciliation.live
        return {
            task.id: obj
            for task in plan.tasks
            if task.action is TaskAction.APPLY and (obj := live.get(task.key)) is not None
        }
