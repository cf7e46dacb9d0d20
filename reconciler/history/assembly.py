"""From operations to entries' payloads, and back."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypedDict

from reconciler.history.chain import canonical_json, check_digest
from reconciler.history.records import EntryKind, HistoryEntry, HookRecord, ResourceOutcome, SyncRecord
from reconciler.terms import OperationPhase

if TYPE_CHECKING:
    from reconciler.sync.records import TaskResult

_HOOK: Final = "hook"
_OUTCOME: Final = tuple(each.name for each in fields(ResourceOutcome))


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


class OperationDetails(TypedDict, total=False):
    """What is recorded of an operation that begins, beside which and when.

    ``cluster`` is its server's URL; ``revisions`` are the resolved ones, one a source; ``manifests`` is what
    `HistoryStore.put_manifests` returned for the target. The others are as in `SyncRecord`.
    """

    project: str
    cluster: str
    target_revision: str
    revisions: Sequence[str]
    initiated_by: str
    dry_run: bool
    prune: bool
    manifests: str
    request: str
    plan: str
    retry_of: str
    attempt: int


_DETAILS: Final[OperationDetails] = {
    "project": "default",
    "cluster": "",
    "target_revision": "",
    "revisions": (),
    "initiated_by": "",
    "dry_run": False,
    "prune": False,
    "manifests": "",
}


def begin_payload(details: OperationDetails) -> str:
    """What is left out of ``details`` is as it mostly is."""
    return canonical_json(_DETAILS | details)


def end_payload(
    phase: OperationPhase,
    message: str,
    *,
    resources: Sequence[ResourceOutcome] = (),
    revisions: Sequence[str] | None = None,
    notebook: str = "",
    refused: str = "",
) -> str:
    """``revisions`` only where they differ from those the operation began with."""
    outcome: dict[str, Any] = {
        "phase": phase,
        "message": message,
        "notebook": notebook,
        "resources": [{name: getattr(resource, name) for name in _OUTCOME} for resource in resources],
    }
    if revisions is not None:
        outcome["revisions"] = list(revisions)
    if refused:
        outcome["refused"] = refused
    return canonical_json(outcome)


def hook_payload(task_id: str, phase: OperationPhase, message: str, uid: str) -> str:
    """The progress of one hook; other progress would have another ``step``."""
    return canonical_json({"step": _HOOK, "task_id": task_id, "phase": phase, "message": message, "uid": uid})


def assemble_hooks(entries: Iterable[HistoryEntry]) -> dict[str, HookRecord]:
    """The newest record of each hook of an operation's progress, in the order in which they were first heard of."""
    hooks: dict[str, HookRecord] = {}
    for entry in entries:
        step = json.loads(entry.payload)
        if step["step"] == _HOOK:
            hooks[step["task_id"]] = HookRecord(
                task_id=step["task_id"],
                phase=OperationPhase(step["phase"]),
                message=step["message"],
                uid=step["uid"],
                at=datetime.fromisoformat(entry.created_at),
            )
    return hooks


def assemble_record(begin: HistoryEntry, end: HistoryEntry | None) -> SyncRecord:
    """The operation of these entries.

    Raises
    ------
    DamagedStoreError
        When an entry's content does not match its digest.
    """
    for entry in (begin, end):
        if entry is not None:
            check_digest(entry)
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
        request=start.get("request", ""),
        plan=start.get("plan", ""),
        retry_of=start.get("retry_of", ""),
        attempt=start.get("attempt", 1),
        refused=outcome.get("refused", ""),
    )
