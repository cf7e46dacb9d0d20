"""What the history store keeps of a run."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.terms import OperationPhase


@dataclass(frozen=True, slots=True)
class ResourceOutcome:
    """One line of a recorded sync; texts as Argo CD spells them, empty where they do not apply."""

    group: str
    version: str
    kind: str
    namespace: str
    name: str
    phase: str
    wave: int
    action: str
    status: str
    hook_phase: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class HookRecord:
    """What is known of one hook of an operation, as of ``at``.

    ``task_id`` names the hook within its operation and ``uid`` its object, empty before that was created. ``phase`` is
    Running until the outcome is known, which then stays.
    """

    task_id: str
    phase: OperationPhase
    message: str
    uid: str
    at: datetime


class EntryKind(StrEnum):
    """What happened to an operation: it began; it went on; it ended; or its process died and a later run noticed."""

    BEGIN = "begin"
    PROGRESS = "progress"
    END = "end"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One row of the chain, never changed once written.

    ``sequence`` counts from 1 without gaps. ``digest`` is the SHA-256 of everything else in the row,
    ``previous_digest`` among it, in hexadecimal; that of the first row is empty. ``created_at`` is ISO 8601 in UTC and
    ``payload`` JSON, both kept as the text that was hashed.
    """

    sequence: int
    operation_id: str
    kind: EntryKind
    application: str
    namespace: str
    created_at: str
    payload: str
    previous_digest: str
    digest: str


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """A recorded operation, assembled from its entries: begun, and ended once.

    ``operation_id`` is made by the caller before the first write. ``sequence`` is that of the entry which begins the
    operation, ``digest`` that of its newest entry. An operation whose process died has no end: its ``phase`` is Running
    until the next run goes on with it, or records it as abandoned (``Error``). ``manifests`` is the digest under which
    the store keeps the target manifests, or empty.

    ``request`` is what was asked for, as the JSON text that the caller gave, and ``plan`` the digest of what was to be
    done. ``attempt`` counts from 1; a later one names the operation that it repeats in ``retry_of``. ``refused`` is why nothing
    was begun (a word such as ``windows``), empty for every operation that ran.
    """

    sequence: int
    operation_id: str
    application: str
    namespace: str
    project: str
    cluster: str
    target_revision: str
    revisions: tuple[str, ...]
    phase: str
    message: str
    started_at: datetime
    finished_at: datetime | None
    initiated_by: str
    dry_run: bool
    prune: bool
    resources: tuple[ResourceOutcome, ...]
    notebook: str
    manifests: str
    abandoned: bool
    digest: str
    request: str = ""
    plan: str = ""
    retry_of: str = ""
    attempt: int = 1
    refused: str = ""

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


@dataclass(frozen=True, slots=True)
class Verification:
    """Outcome of checking the whole chain.

    ``count`` entries were good, up to the one with ``head_digest``. ``broken`` is the sequence number of the first that
    is not, 0 where no entry can be named, and None when all are good; ``reason`` says what is wrong with it.
    """

    count: int
    head_digest: str
    broken: int | None = None
    reason: str = ""

    @property
    def ok(self) -> bool:
        return self.broken is None
