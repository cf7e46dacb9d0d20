"""Rollback: a sync of what an earlier recorded sync deployed.

Source: Rollback in server/application/application.go, findRevisionHistory in cmd/argocd/commands/app.go and SyncAppState in
controller/sync.go of Argo CD 3.6. Otherwise than there the records are those of the history store, which keeps them all.
"""

import json
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.engine.operation import joined
from reconciler.engine.records import SyncOutcome
from reconciler.engine.requests import NO_RETRY, PLAIN, SyncRequest
from reconciler.errors import SyncError, UsageError
from reconciler.history import SyncRecord
from reconciler.manifest.objects import Manifest
from reconciler.model import Application, parse_application
from reconciler.model.editing import with_sources
from reconciler.sync.status import rfc3339

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler


@dataclass(frozen=True, slots=True)
class Rollback:
    """What an Application goes back to.

    Parameters
    ----------
    application
        With the sources of that sync; everything else of it is as it is now.
    record
        The sync that is done again.
    """

    application: Application
    record: SyncRecord

    def __str__(self) -> str:
        shown = ", ".join(each[:12] for each in self.record.revisions)
        return f"{self.application.name} back to sync {self.record.sequence}: {shown}"


def find_rollback(engine: "Reconciler", application: Application, sequence: int | None = None) -> Rollback:
    """What a rollback goes back to; nothing is touched.

    Parameters
    ----------
    sequence
        Number of a record in the history; when None that of the successful sync before the last one.

    Raises
    ------
    UsageError
        When there is no such record, or none to go back to, and without a history store.
    SyncError
        While the Application syncs by itself or is being deleted, and for a record that does not tell its sources.
    """
    live = engine.registry.find(application)
    document = live if live is not None else application.to_dict()
    current = parse_application(document, where="cluster", from_cluster=True) if live is not None else application
    require_manual(current)
    record = choose_record(engine.history(current.name, namespace=current.metadata.namespace), sequence, current.name)
    sources = recorded_sources(record) or deployed_sources(current.status.get("history") or (), record)
    if sources is None:
        raise SyncError(
            f"the sources of sync {record.sequence} of {current.name} are not recorded; sync to its revision instead: "
            f"gitops-nb app sync {current.name} --revision {joined(record.revisions) or 'REVISION'}"
        )
    return Rollback(parse_application(with_sources(document, sources), where="rollback", from_cluster=True), record)


def roll_back(engine: "Reconciler", rollback: Rollback, request: SyncRequest = PLAIN) -> SyncOutcome:
    """Sync an Application to what it goes back to.

    No hook runs and nothing is tried again; whether anything is pruned ``request`` says, and sync options are the
    Application's as they are now. Its spec stays what it is. Errors as `Reconciler.run_sync`.
    """
    revision = joined(rollback.record.revisions)
    reconciliation = engine.reconcile(rollback.application, revision=revision, request=request)
    options = replace(request.options, hooks=False)
    return engine.run_sync(reconciliation, replace(request, options=options, retry=NO_RETRY))


def require_manual(application: Application) -> None:
    """Automated sync would undo a rollback.

    Raises
    ------
    SyncError
        While it is on, or the Application is being deleted.
    """
    if application.metadata.deletion_timestamp:
        raise SyncError(f"{application.name} is being deleted; it cannot be rolled back")
    if application.syncs_by_itself:
        raise SyncError(
            f"{application.name} syncs by itself, which would undo a rollback; turn that off first: gitops-nb app set "
            f"{application.name} --sync-policy none"
        )


def choose_record(records: Sequence[SyncRecord], sequence: int | None, name: str) -> SyncRecord:
    """The recorded sync to go back to; by default the successful one before the last, of those that synced everything.

    Parameters
    ----------
    records
        The newest first.

    Raises
    ------
    UsageError
        When there is none such, with those that there are.
    """
    usable = [each for each in records if not _no_deployment(each)]
    if sequence is None:
        if len(usable) < 2:
            raise UsageError(
                f"{name} has {len(usable)} successful syncs in the history; a rollback needs one before the last"
            )
        return usable[1]
    try:
        wanted = operator.index(sequence)
    except TypeError as error:
        raise UsageError(f"{sequence!r} is no sequence number; give a whole number of the history of {name}") from error
    for each in usable:
        if each.sequence == wanted:
            return each
    there = ", ".join(str(each.sequence) for each in usable) or "none"
    known = next((each for each in records if each.sequence == wanted), None)
    what = _no_deployment(known) if known else "is not in its history"
    raise UsageError(f"sync {wanted} of {name} {what}; it can be rolled back to: {there}")


def _no_deployment(record: SyncRecord) -> str:
    """Why a record is none of a whole sync that succeeded, empty when it is one."""
    request = _request_of(record)
    if record.phase != "Succeeded":
        return f"ended {record.phase}"
    if record.dry_run:
        return "was a dry run"
    if request.get("delete"):
        return "was a deletion"
    return "synced only a part" if request.get("resources") else ""


def _request_of(record: SyncRecord) -> dict[str, Any]:
    """What the operation was asked to do, as far as the record tells."""
    try:
        request = json.loads(record.request or "{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def recorded_sources(record: SyncRecord) -> list[Manifest] | None:
    """The sources of a recorded sync, as the record has them; None in records of before they were kept."""
    sources = _request_of(record).get("sources")
    return list(sources) if isinstance(sources, list) and sources else None


def deployed_sources(entries: Sequence[Mapping[str, Any]], record: SyncRecord) -> list[Manifest] | None:
    """The sources of a recorded sync, as ``status.history`` has them; None when it has no entry of these revisions."""
    started = rfc3339(record.started_at)
    same = [
        entry
        for entry in entries
        if (tuple(entry.get("revisions") or ()) or (str(entry.get("revision") or ""),)) == record.revisions
    ]
    exact = [entry for entry in same if entry.get("deployStartedAt") == started]
    chosen = exact or same
    if not chosen:
        return None
    sources = chosen[-1].get("sources") or ([chosen[-1]["source"]] if chosen[-1].get("source") else [])
    return list(sources) or None
