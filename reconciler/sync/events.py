"""What happens in a sync operation, and what the runner is told to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.sync.records import SyncTask
from reconciler.terms import HealthStatus, OperationPhase


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` a time."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The operation may begin."""


@dataclass(frozen=True, slots=True)
class DryRunFinished(Event):
    """``failures`` maps task ids to the API server's messages."""

    failures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TaskDone(Event):
    """An apply or creation was accepted."""

    task_id: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskFailed(Event):
    """An apply, prune or deletion was refused."""

    task_id: str
    message: str


@dataclass(frozen=True, slots=True)
class TaskLeft(Event):
    """A task was not begun, because the operation is being stopped; it may well run another time."""

    task_id: str


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """Somebody has approved the deletions that wait for it."""


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The pause between two waves is over."""


@dataclass(frozen=True, slots=True)
class ObjectGone(Event):
    """A deleted object is really gone, or nothing stands in the way of a hook's creation."""

    task_id: str


@dataclass(frozen=True, slots=True)
class ObjectLost(Event):
    """An object that is waited for has disappeared: somebody else deleted it, or what held it."""

    task_id: str


@dataclass(frozen=True, slots=True)
class HealthSeen(Event):
    """The health of an object that is waited for; None for a kind that has none, which counts as done."""

    task_id: str
    health: HealthStatus | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class HookSeen(Event):
    """The state of a hook."""

    task_id: str
    phase: OperationPhase
    message: str = ""


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The operation is ended from outside: a time limit, a signal, a lost lock."""

    message: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something the runner must do for these tasks."""

    tasks: tuple[SyncTask, ...] = ()


@dataclass(frozen=True, slots=True)
class DryRun(Action):
    """Try every write without persisting anything; answered by `DryRunFinished`."""


@dataclass(frozen=True, slots=True)
class Apply(Action):
    """Apply in parallel; each task is answered by `TaskDone` or `TaskFailed`."""


@dataclass(frozen=True, slots=True)
class Prune(Action):
    """Delete in parallel and wait; each task is answered by `ObjectGone` or `TaskFailed`."""


@dataclass(frozen=True, slots=True)
class DeleteHooks(Action):
    """Delete hook objects and wait; each task is answered by `ObjectGone` or `TaskFailed`.

    ``before_creation``: what an earlier operation left of them; what this operation created itself stays, and is adopted.
    """

    before_creation: bool = False


@dataclass(frozen=True, slots=True)
class AwaitApproval(Action):
    """Wait for somebody's word that these may be deleted; answered by `Approved`."""


@dataclass(frozen=True, slots=True)
class Pause(Action):
    """Wait as long as a pause between waves takes; answered by `Paused`."""


@dataclass(frozen=True, slots=True)
class Watch(Action):
    """Report `HealthSeen` or `HookSeen` at every change of these objects."""


@dataclass(frozen=True, slots=True)
class ReleaseHooks(Action):
    """Remove our finalizer: the outcome of these hooks is known. Not answered."""


@dataclass(frozen=True, slots=True)
class Finish(Action):
    """The operation has ended; nothing follows."""
