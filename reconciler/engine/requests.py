"""What is asked of an operation."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from reconciler.engine.stopping import Stopping
from reconciler.errors import UsageError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.sync.records import PlanOptions, SyncPlan
from reconciler.sync.retry import RetryPolicy
from reconciler.sync.run_options import RunOptions
from reconciler.sync.runner import Listener
from reconciler.terms import SyncStrategy

NO_RETRY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class Deletion:
    """``cascade`` deletes the Application's objects with it, ``background`` without waiting for what they own."""

    cascade: bool = True
    background: bool = False


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What a caller asks of an operation.

    Parameters
    ----------
    wait
        After a successful operation follow the application until it is at rest, see `is_at_rest`; its sync status is
        not waited for, since what the operation was not to prune would keep it OutOfSync for ever.
    parents
        The Applications whose syncs led here; one of them among the children is a cycle and fails the sync.
    retry
        How a failed operation is tried again.
    automated
        The Application's own policy asked for it, nobody else.
    deletion
        Delete the Application rather than sync it.
    plan
        Do this plan and nothing else: refused when what it was made from has changed.
    on_retry
        Called before the operation waits for its next attempt.
    stopping
        Ends the operation, its retries and its waiting; its own where this is None.
    """

    options: PlanOptions = PlanOptions()
    run_options: RunOptions = RunOptions()
    on_event: Listener = lambda _state, _event: None
    initiated_by: str = ""
    notebook: str = ""
    wait: bool = False
    parents: frozenset[ResourceKey] = frozenset()
    retry: RetryPolicy = NO_RETRY
    automated: bool = False
    deletion: Deletion | None = None
    plan: SyncPlan | None = None
    on_retry: Callable[[], None] = lambda: None
    stopping: Stopping | None = None

    def identity(self, application: Application) -> str:
        """What the operation does, as JSON: one that was killed is gone on with for the same only; a rollback does it again."""
        options = self.options
        return json.dumps(
            {
                "prune": options.prune,
                "apply_out_of_sync_only": options.apply_out_of_sync_only,
                "resources": sorted(map(str, options.resources)),
                "sync_options": sorted(options.sync_options),
                "sources": [source.to_dict() for source in application.sources],
            }
            | ({} if options.hooks else {"hooks": False})
            | ({"delete": True, "cascade": self.deletion.cascade} if self.deletion else {}),
            sort_keys=True,
        )


def runs_hooks(strategy: str) -> bool:
    """Whether hooks run under a sync strategy, for `PlanOptions.hooks`.

    Source: WithOperationSettings in controller/sync.go of Argo CD 3.6, which makes the strategy nothing but that.

    Raises
    ------
    UsageError
        When there is no such strategy.
    """
    try:
        return SyncStrategy(strategy) is SyncStrategy.HOOK
    except ValueError as error:
        known = ", ".join(SyncStrategy)
        raise UsageError(f"there is no sync strategy {strategy!r}; there are {known}") from error


CASCADE = Deletion()
PLAIN = SyncRequest()
