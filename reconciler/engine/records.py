"""What the engine hands on between comparing, planning and syncing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.diff.records import Comparison
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.model import Application
from reconciler.sync.plan import REQUIRES_PRUNING
from reconciler.sync.records import SyncResult


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
    """An operation, the comparison after it (None for a dry run), and those of the child Applications it synced."""

    result: SyncResult
    comparison: Comparison | None
    children: tuple["SyncOutcome", ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded with all of its children; of a child that was synced more than once the last one counts.

        An operation may succeed while the sync of a child fails which stays healthy.
        """
        last = {(child.result.namespace, child.result.application): child for child in self.children}
        return self.result.succeeded and all(child.succeeded for child in last.values())

    @property
    def left_to_prune(self) -> tuple[ResourceKey, ...]:
        """What keeps the application OutOfSync because a sync of all of it, which succeeded, was not to prune.

        Source: PruningRequired in pkg/apis/application/v1alpha1/types.go and its use by ``argocd app sync``, Argo CD 3.6.
        """
        result, comparison = self.result, self.comparison
        if comparison is None or not result.succeeded or result.options.dry_run or result.options.resources:
            return ()
        left = {entry.key for entry in result.results if entry.message == REQUIRES_PRUNING}
        return tuple(
            entry.key
            for entry in comparison.resources
            if entry.key in left and entry.requires_pruning and not entry.ignore_extraneous
        )

    @property
    def pruning_required(self) -> str:
        """`left_to_prune` in words, empty when there is nothing."""
        left = self.left_to_prune
        if not left:
            return ""
        what = "1 resource requires" if len(left) == 1 else f"{len(left)} resources require"
        it = "it" if len(left) == 1 else "them"
        return f"{what} pruning: {', '.join(map(str, left))}; sync with prune to delete {it}"
