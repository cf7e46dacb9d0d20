"""What the history store keeps of a run."""

from dataclasses import dataclass
from datetime import datetime


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
class SyncRecord:
    """A recorded operation: begun, and ended once.

    ``operation_id`` is made by us before the first write. ``sequence`` orders the chain, ``digest`` is the record's
    SHA-256 over its content and ``previous_digest``. An operation whose process died has no end: its ``phase`` is
    Running until the next run records it as abandoned (``Error``).
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
    previous_digest: str
    digest: str

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None
