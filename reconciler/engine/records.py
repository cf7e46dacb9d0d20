"""What the engine hands on between comparing, planning and syncing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.diff.records import Comparison
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.model import Application
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
