"""States of applications and resources, each with a sign and a word, so that none is told by colour alone."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.formatting.values import counted
from reconciler.terms import HealthStatus, OperationPhase, SyncStatus


class Tone(StrEnum):
    """What a state means to the reader; a view maps it to a colour."""

    ADD = "add"
    REMOVE = "remove"
    CHANGE = "change"
    GOOD = "good"
    BAD = "bad"
    BUSY = "busy"
    MUTED = "muted"


class ResourceState(StrEnum):
    """How a resource differs, in the order in which views list it."""

    UNKNOWN = "unknown"
    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    SYNCED = "in sync"
    HOOK = "hook"

    @property
    def sign(self) -> str:
        """What a sync does to the resource: ``~`` updates, ``+`` creates, ``-`` prunes; ``?`` nobody can say."""
        return {"unknown": "?", "changed": "~", "missing": "+", "extra": "-", "in sync": "=", "hook": ">"}[self.value]

    @property
    def tone(self) -> Tone:
        return _STATE_TONES[self]


_STATE_TONES: Final = {
    ResourceState.UNKNOWN: Tone.BUSY,
    ResourceState.CHANGED: Tone.CHANGE,
    ResourceState.MISSING: Tone.ADD,
    ResourceState.EXTRA: Tone.REMOVE,
    ResourceState.SYNCED: Tone.MUTED,
    ResourceState.HOOK: Tone.MUTED,
}

SYNC_TONES: Final = {SyncStatus.SYNCED: Tone.GOOD, SyncStatus.OUT_OF_SYNC: Tone.CHANGE, SyncStatus.UNKNOWN: Tone.BUSY}
SYNC_SIGNS: Final = {SyncStatus.SYNCED: "✓", SyncStatus.OUT_OF_SYNC: "≠", SyncStatus.UNKNOWN: "?"}

HEALTH_TONES: Final = {
    HealthStatus.HEALTHY: Tone.GOOD,
    HealthStatus.SUSPENDED: Tone.MUTED,
    HealthStatus.PROGRESSING: Tone.BUSY,
    HealthStatus.MISSING: Tone.CHANGE,
    HealthStatus.DEGRADED: Tone.BAD,
    HealthStatus.UNKNOWN: Tone.MUTED,
}
HEALTH_SIGNS: Final = {
    HealthStatus.HEALTHY: "♥",
    HealthStatus.SUSPENDED: "‖",
    HealthStatus.PROGRESSING: "◔",
    HealthStatus.MISSING: "◌",
    HealthStatus.DEGRADED: "✕",
    HealthStatus.UNKNOWN: "?",
}

PHASE_TONES: Final = {
    OperationPhase.RUNNING: Tone.BUSY,
    OperationPhase.TERMINATING: Tone.BUSY,
    OperationPhase.FAILED: Tone.BAD,
    OperationPhase.ERROR: Tone.BAD,
    OperationPhase.SUCCEEDED: Tone.GOOD,
}
PHASE_SIGNS: Final = {
    OperationPhase.RUNNING: "◔",
    OperationPhase.TERMINATING: "◔",
    OperationPhase.FAILED: "✕",
    OperationPhase.ERROR: "✕",
    OperationPhase.SUCCEEDED: "✓",
}


def state_of(resource: ResourceComparison) -> ResourceState:
    """The state of a resource; an unknown one is never shown as anything else."""
    if resource.status is SyncStatus.UNKNOWN:
        return ResourceState.UNKNOWN
    if resource.hook:
        return ResourceState.HOOK
    if resource.missing:
        return ResourceState.MISSING
    if resource.target is None and resource.live is not None:
        return ResourceState.EXTRA
    return ResourceState.SYNCED if resource.status is SyncStatus.SYNCED else ResourceState.CHANGED


def ordered(resources: Iterable[ResourceComparison]) -> list[ResourceComparison]:
    """What needs attention first, then by key: unknown, changed, missing, extra, in sync, hooks."""
    order = list(ResourceState)
    return sorted(resources, key=lambda resource: (order.index(state_of(resource)), resource.key))


def summarize_comparison(comparison: Comparison) -> str:
    """``1 unknown, 2 changed, 1 missing, 9 in sync``; hooks are counted last."""
    counts = Counter(map(state_of, comparison.resources))
    parts = [f"{counts[state]} {state}" for state in ResourceState if counts[state] and state is not ResourceState.HOOK]
    if counts[ResourceState.HOOK]:
        parts.append(counted(counts[ResourceState.HOOK], "hook"))
    return ", ".join(parts) or "no resources"
