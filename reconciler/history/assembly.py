"""From operations to entries' payloads, and back."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.history.chain import canonical_json, entry_digest
from reconciler.history.errors import DamagedStoreError
from reconciler.history.records import EntryKind, HistoryEntry, ResourceOutcome, SyncRecord
from reconciler.terms import OperationPhase

if TYPE_CHECKING:
    from reconciler.sync.records import TaskResult


def resource_outcomes(results: "Sequence[TaskResult]") -> tuple[ResourceOutcome, ...]:
    """The lines to record of a sync's results, in their order."""
    return tuple(
        ResourceOutcome(
            group=result.key.group,
            version=result.version,
            kind=result.key.kind,
            namespace=result.key.namespace,
            name=result.key.name,
            phase=result.phase,
            wave=result.wave,
            action=result.action,
            status=result.code or "",
            hook_phase=result.hook_phase or "",
            message=result.message,
        )
        for result in results
    )


def end_payload(
    phase: OperationPhase,
    message: str,
    *,
    resources: Sequence[ResourceOutcome] = (),
    revisions: Sequence[str] | None = None,
    notebook: str = "",
) -> str:
    """``revisions`` only where they differ from those the operation began with."""
    outcome = {
        "phase": phase,
        "message": message,
        "notebook": notebook,
        "resources": [asdict(resource) for resource in resources],
    }
    return canonical_json(outcome | ({} if revisions is None else {"revisions": list(revisions)}))


def assemble_record(begin: HistoryEntry, end: HistoryEntry | None) -> SyncRecord:
    """The operation of these entries.

    Raises
    ------
    DamagedStoreError
        When an entry's content does not match its digest: what was changed is not shown as if it were true.
    """
    for entry in (begin, end):
        if entry is not None and entry.digest != entry_digest(entry):
            raise DamagedStoreError(
                f"history record {entry.sequence} was changed after it was written; see `gitops-nb audit verify`"
            )
    start: dict[str, Any] = json.loads(begin.payload)
    outcome: dict[str, Any] = json.loads(end.payload) if end else {"phase": OperationPhase.RUNNING, "message": ""}
    return SyncRecord(
        sequence=begin.sequence,
        operation_id=begin.operation_id,
        application=begin.application,
        namespace=begin.namespace,
        project=start["project"],
        cluster=start["cluster"],
        target_revision=start["target_revision"],
        revisions=tuple(outcome.get("revisions", start["revisions"])),
        phase=outcome["phase"],
        message=outcome["message"],
        started_at=datetime.fromisoformat(begin.created_at),
        finished_at=datetime.fromisoformat(end.created_at) if end else None,
        initiated_by=start["initiated_by"],
        dry_run=start["dry_run"],
        prune=start["prune"],
        resources=tuple(ResourceOutcome(**resource) for resource in outcome.get("resources", ())),
        notebook=outcome.get("notebook", ""),
        manifests=start["manifests"],
        abandoned=end is not None and end.kind is EntryKind.ABANDONED,
        digest=(end or begin).digest,
    )
