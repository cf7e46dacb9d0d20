"""What a sync will do, and what it did."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.manifest.objects import Manifest, ResourceKey, images_of
from reconciler.terms import HookDeletePolicy, OperationPhase, ResultCode, SyncPhase, SyncStrategy


class TaskAction(StrEnum):
    """What a task does to its object."""

    APPLY = "apply"
    PRUNE = "prune"
    HOOK = "hook"
    CREATE_NAMESPACE = "create namespace"


class Change(StrEnum):
    """What the action will change in the cluster."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DELETE = "delete"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class SyncTask:
    """One object in one phase and wave.

    ``reason`` says why a task is skipped, such as a prune that was not asked for. ``problem`` says why it must not be carried
    out at all, which fails the whole operation before anything is touched. ``confirm``: it deletes, and waits until somebody
    has approved that. ``settled``: an interrupted run of this operation has applied it, so it is not sent again, only watched.
    ``target`` is None for a prune.
    """

    phase: SyncPhase
    wave: int
    action: TaskAction
    key: ResourceKey
    version: str
    change: Change
    target: Manifest | None = None
    live: Manifest | None = None
    delete_policies: frozenset[HookDeletePolicy] = frozenset()
    options: frozenset[str] = frozenset()
    reason: str = ""
    differences: int = 0
    problem: str = ""
    confirm: bool = False
    settled: bool = False

    @property
    def is_hook(self) -> bool:
        return self.action is TaskAction.HOOK

    @property
    def is_child(self) -> bool:
        """Whether the task applies a child Application."""
        return self.action is TaskAction.APPLY and self.key.is_application

    @property
    def images(self) -> tuple[str, ...]:
        return images_of(self.target or self.live or {})

    @property
    def id(self) -> str:
        """Identity within a plan: a hook of several phases has one task a phase."""
        return f"{self.phase}/{self.action}/{self.key}"


@dataclass(frozen=True, slots=True)
class HookTarget:
    """A hook in one of its phases, named, and the live object of that name."""

    phase: SyncPhase
    target: Manifest
    live: Manifest | None = None


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What the caller asks of a sync. ``resources`` empty means all; hooks run only then, and not without ``hooks``: that is the
    sync strategy ``apply``.

    ``sync_options`` are sync options of this sync alone; they win over the Application's. ``self_heal_attempts`` counts the
    heals of one revision, this one included.
    """

    dry_run: bool = False
    prune: bool = False
    apply_out_of_sync_only: bool = False
    resources: tuple[ResourceKey, ...] = ()
    sync_options: tuple[str, ...] = ()
    self_heal_attempts: int = 0
    hooks: bool = True

    @property
    def strategy(self) -> SyncStrategy:
        return SyncStrategy.HOOK if self.hooks else SyncStrategy.APPLY


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """Tasks in the order in which they run: by phase, wave, kind and name.

    ``problems`` say why the plan cannot be carried out. ``made_from`` is the digest of everything that the plan was made from
    (`reconciler.sync.compare_plans.plan_digest`).
    """

    application: str
    namespace: str
    revisions: tuple[str, ...]
    tasks: tuple[SyncTask, ...]
    options: PlanOptions = PlanOptions()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    made_from: str = ""

    @property
    def revision(self) -> str:
        return self.revisions[0] if self.revisions else ""

    @property
    def steps(self) -> tuple[tuple[SyncPhase, int], ...]:
        """The (phase, wave) pairs in their order."""
        return tuple(dict.fromkeys((task.phase, task.wave) for task in self.tasks))

    def at(self, phase: SyncPhase, wave: int) -> tuple[SyncTask, ...]:
        return tuple(task for task in self.tasks if (task.phase, task.wave) == (phase, wave))


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Outcome of one task. A hook has ``hook_phase``; any other resource a ``code``. ``images`` as Argo CD records them."""

    phase: SyncPhase
    wave: int
    action: TaskAction
    key: ResourceKey
    version: str
    code: ResultCode | None = None
    hook_phase: OperationPhase | None = None
    message: str = ""
    images: tuple[str, ...] = ()
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SyncResult:
    """Outcome of one operation."""

    application: str
    namespace: str
    revisions: tuple[str, ...]
    phase: OperationPhase
    message: str
    started_at: datetime
    finished_at: datetime
    results: tuple[TaskResult, ...] = ()
    options: PlanOptions = PlanOptions()
    initiated_by: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def succeeded(self) -> bool:
        return self.phase is OperationPhase.SUCCEEDED
