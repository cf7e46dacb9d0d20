"""Whether an Application syncs by itself now, and how.

Source: autoSync, alreadyAttemptedSync and selfHealRemainingBackoff in controller/appcontroller.go of Argo CD 3.6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from reconciler.diff.records import Comparison
from reconciler.model import Application
from reconciler.sync.records import PlanOptions
from reconciler.terms import OperationPhase, SyncStatus

HEAL_WAIT: Final = timedelta(seconds=2)
HEAL_FACTOR: Final = 3
LONGEST_HEAL_WAIT: Final = timedelta(seconds=300)


@dataclass(frozen=True, slots=True)
class AutomatedSync:
    """What the policy says now.

    ``options`` are those of the sync that is due, None where none is; ``reason`` says why in either case. ``problem``: the
    policy wants a sync and refuses it, which is a SyncError condition of the Application. ``not_before`` is when a sync that
    is held back would be due.
    """

    reason: str
    options: PlanOptions | None = None
    problem: bool = False
    not_before: datetime | None = None

    @property
    def due(self) -> bool:
        return self.options is not None


def decide_automated(application: Application, comparison: Comparison, *, now: datetime) -> AutomatedSync:
    """Decide by the policy, the comparison and the last operation in ``status.operationState``.

    One attempt a revision and source: what failed is not tried again for the same, and what succeeded is only healed, where
    ``selfHeal`` says so: just the resources that differ, without hooks, at intervals that grow threefold from two seconds to
    five minutes.
    """
    automated = application.spec.sync_policy.automated
    if automated is None or not automated.enabled:
        return AutomatedSync("no automated sync policy")
    last = _last_operation(application)
    if application.operation or (last is not None and not last.phase.completed):
        return AutomatedSync("another operation is in progress")
    if application.metadata.deletion_timestamp:
        return AutomatedSync("the Application is being deleted")
    if comparison.status is not SyncStatus.OUT_OF_SYNC:
        return AutomatedSync(f"it is {comparison.status}")
    differing = [entry for entry in comparison.resources if entry.status is not SyncStatus.SYNCED]
    if not automated.prune and all(entry.requires_pruning for entry in differing):
        return AutomatedSync("only pruning is left to do, and automated pruning is off")
    options = PlanOptions(prune=automated.prune)
    if last is not None and last.revisions == comparison.revisions and last.is_of(application):
        if last.phase is not OperationPhase.SUCCEEDED:
            revisions = ", ".join(last.revisions)
            return AutomatedSync(f"Failed last sync attempt to {revisions}: {last.message}", problem=True)
        if not automated.self_heal:
            return AutomatedSync("this revision is synced already, and selfHeal is off")
        due = last.heal_due(now)
        if due is not None and due > now:
            return AutomatedSync(f"healed just now; again in {(due - now).total_seconds():.0f} s", not_before=due)
        keys = tuple(entry.key for entry in differing)
        options = PlanOptions(prune=automated.prune, resources=keys, self_heal_attempts=last.heal_attempts + 1)
    if automated.prune and not automated.allow_empty and all(entry.requires_pruning for entry in comparison.resources):
        revisions = ", ".join(comparison.revisions)
        return AutomatedSync(
            f"Skipping sync attempt to {revisions}: auto-sync will wipe out all resources; allow it by "
            "spec.syncPolicy.automated.allowEmpty",
            problem=True,
        )
    return AutomatedSync("self-heal" if options.resources else "out of sync", options)


@dataclass(frozen=True, slots=True)
class _LastOperation:
    phase: OperationPhase
    message: str
    revisions: tuple[str, ...]
    sources: Sequence[Any]
    finished_at: datetime | None
    heal_attempts: int

    def is_of(self, application: Application) -> bool:
        """Whether it was of the sources as they are now."""
        return list(self.sources) == [source.to_dict() for source in application.sources]

    def heal_due(self, now: datetime) -> datetime | None:
        """When the next heal may begin, never later than a whole interval from now; None for at once."""
        if self.finished_at is None or not self.heal_attempts or self.finished_at > now:
            # An end that is still to come was written by a clock that has been put back since: how much of the interval
            # has passed nobody knows, and to wait for that time could take for ever.
            return None
        wait = HEAL_WAIT * float(HEAL_FACTOR) ** min(self.heal_attempts - 1, 10)
        return self.finished_at + min(wait, LONGEST_HEAL_WAIT)


def _last_operation(application: Application) -> _LastOperation | None:
    state = application.status.get("operationState")
    if not isinstance(state, Mapping):
        return None
    result, operation = state.get("syncResult") or {}, (state.get("operation") or {}).get("sync") or {}
    several = bool(application.spec.sources)
    phase = state.get("phase")
    return _LastOperation(
        phase=OperationPhase(phase) if phase in set(OperationPhase) else OperationPhase.ERROR,
        message=str(state.get("message") or ""),
        revisions=tuple(result.get("revisions") or ()) if several else (str(result.get("revision") or ""),),
        sources=(result.get("sources") or ()) if several else (result.get("source"),),
        finished_at=_time(state.get("finishedAt")),
        heal_attempts=int(operation.get("autoHealAttemptsCount") or 0),
    )


def _time(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo is not None else None
