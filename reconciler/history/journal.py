"""The journal of operations: begun, gone on with, ended, refused or abandoned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Unpack

from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.history.assembly import (
    OperationDetails,
    assemble_hooks,
    assemble_record,
    begin_payload,
    end_payload,
    hook_payload,
)
from reconciler.history.chain import format_time
from reconciler.history.database import Database
from reconciler.history.records import EntryKind, HistoryEntry, HookRecord, ResourceOutcome, SyncRecord
from reconciler.history.rows import (
    Standing,
    append_entry,
    append_once,
    find_operations,
    find_progress,
    find_standing,
)
from reconciler.kill_points import reach
from reconciler.terms import OperationPhase


class Journal:
    """Records operations as they go, so that a run which is killed leaves what the next one needs.

    Every method may be repeated after a failure: what is already recorded is found and not recorded again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def label(self) -> str:
        """What messages call the store: its place, without a password."""
        return self._database.label

    def begin(
        self,
        *,
        operation_id: str,
        application: str,
        namespace: str,
        started_at: datetime,
        **details: Unpack[OperationDetails],
    ) -> SyncRecord:
        """Record that an operation begins, before its first write to the cluster.

        Parameters
        ----------
        operation_id
            Made by the caller, never used before.
        namespace
            Of the Application object.

        Raises
        ------
        StoreError
            When it cannot be recorded, or another operation has this id.
        """
        draft = self._draft(operation_id, application, namespace, started_at, details)
        with _passing("record-begin"):
            return self._database.transact(lambda connection: assemble_record(self._begin(connection, draft), None))

    def refuse(
        self,
        *,
        operation_id: str,
        application: str,
        namespace: str,
        at: datetime,
        message: str,
        refused: str,
        phase: OperationPhase = OperationPhase.ERROR,
        **details: Unpack[OperationDetails],
    ) -> SyncRecord:
        """Record an operation that was refused before its first write: its begin and its end at once, or neither.

        Parameters
        ----------
        refused
            Why, in a word: ``windows``, ``locked``, ``project``.

        Raises
        ------
        StoreError
            When it cannot be recorded, or another operation has this id.
        """
        _check_completed(phase)
        draft = self._draft(operation_id, application, namespace, at, details)
        payload = end_payload(phase, message, refused=refused)

        def work(connection: Connection) -> SyncRecord:
            self._begin(connection, draft)
            return self._close(connection, operation_id, EntryKind.END, at, payload)

        with _passing("record-begin", "record-end"):
            return self._database.transact(work)

    def record_hook(
        self, operation_id: str, task_id: str, phase: OperationPhase, message: str, at: datetime, uid: str = ""
    ) -> HookRecord:
        """Record what became of a hook, before the finalizer that keeps its object is removed.

        Repeating it changes nothing: an outcome, once recorded, stands with its message.

        Parameters
        ----------
        task_id
            Names the hook within the operation.
        phase
            Running before its outcome is known: the hook is about to be created, or was.
        uid
            Of the hook's object; empty before it was created.

        Raises
        ------
        StoreError
            When it cannot be recorded, when the operation never began or has ended, or the hook ended otherwise.
        """

        def work(connection: Connection) -> HookRecord:
            standing = find_standing(connection, operation_id)
            begin = self._running(standing, operation_id)
            payload = hook_payload(task_id, phase, message, uid)
            draft = replace(begin, kind=EntryKind.PROGRESS, created_at=format_time(at), payload=payload)
            known = assemble_hooks(find_progress(connection, operation_id)).get(task_id)
            wanted = assemble_hooks([draft])[task_id]
            if known is None or (not known.phase.completed and replace(known, at=wanted.at) != wanted):
                append_entry(connection, draft, standing.newest, self.label)
                return wanted
            if known.phase is not phase:
                raise StoreError(f"{self.label}: hook {task_id} of operation {operation_id} has ended: {known.phase}")
            return known

        return self._database.transact(work)

    def hooks_of(self, operation_id: str) -> dict[str, HookRecord]:
        """What is recorded of an operation's hooks, by task id, in the order in which they were first recorded.

        Raises
        ------
        DamagedStoreError
            When a record was changed after it was written.
        """
        with self._database.reading() as connection:
            return assemble_hooks(find_progress(connection, operation_id))

    def end(
        self,
        operation_id: str,
        *,
        phase: OperationPhase,
        message: str,
        finished_at: datetime,
        resources: Sequence[ResourceOutcome] = (),
        revisions: Sequence[str] | None = None,
        notebook: str = "",
    ) -> SyncRecord:
        """Record how an operation ended, once.

        Parameters
        ----------
        revisions
            Only where they differ from those it began with.
        notebook
            Path or URL of the executed notebook.

        Raises
        ------
        StoreError
            When it cannot be recorded, did not begin, or has already ended otherwise.
        """
        _check_completed(phase)
        payload = end_payload(phase, message, resources=resources, revisions=revisions, notebook=notebook)
        with _passing("record-end"):
            return self._database.transact(
                lambda connection: self._close(connection, operation_id, EntryKind.END, finished_at, payload)
            )

    def unfinished(self, application: str, namespace: str) -> SyncRecord | None:
        """The newest operation of an application that began and has no end, None when there is none.

        A dry run is none of them: it has written nothing that could be gone on with. Call it under the application's
        lock: an operation that still runs has no end either. ``request`` and ``revisions`` say whether the next run would
        do the same, and `hooks_of` how far this one got.

        Raises
        ------
        DamagedStoreError
            When it was changed after it was written.
        """
        with self._database.reading() as connection:
            found = find_operations(connection, application=application, namespace=namespace, unfinished=True)
            records = (assemble_record(*operation) for operation in found)
            return next((record for record in records if not record.dry_run), None)

    def abandon_unfinished(
        self, application: str, namespace: str, message: str, *, at: datetime, keep: str = ""
    ) -> list[SyncRecord]:
        """Record every operation of an application that has no end as abandoned, and return them, newest first.

        Call it under the application's lock: an operation that still runs has no end either.

        Parameters
        ----------
        keep
            Id of an operation that is gone on with.
        """
        payload = end_payload(OperationPhase.ERROR, message)

        def work(connection: Connection) -> list[SyncRecord]:
            return [
                self._close(connection, begin.operation_id, EntryKind.ABANDONED, at, payload)
                for begin, _ in find_operations(
                    connection, application=application, namespace=namespace, unfinished=True
                )
                if begin.operation_id != keep
            ]

        return self._database.transact(work)

    def _draft(
        self, operation_id: str, application: str, namespace: str, at: datetime, details: OperationDetails
    ) -> HistoryEntry:
        payload = begin_payload(details)
        return HistoryEntry(0, operation_id, EntryKind.BEGIN, application, namespace, format_time(at), payload, "", "")

    def _begin(self, connection: Connection, draft: HistoryEntry) -> HistoryEntry:
        return append_once(connection, draft, find_standing(connection, draft.operation_id), self.label)

    def _running(self, standing: Standing, operation_id: str) -> HistoryEntry:
        if standing.begin is None:
            raise StoreError(f"{self.label}: operation {operation_id} never began; begin it before its hooks")
        if standing.end is not None:
            kind = standing.end.kind
            raise StoreError(f"{self.label}: operation {operation_id} has already ended ({kind}); it ends once")
        return standing.begin

    def _close(
        self, connection: Connection, operation_id: str, kind: EntryKind, at: datetime, payload: str
    ) -> SyncRecord:
        standing = find_standing(connection, operation_id)
        if standing.begin is None:
            raise StoreError(f"{self.label}: operation {operation_id} never began; begin it before it ends")
        draft = replace(standing.begin, kind=kind, created_at=format_time(at), payload=payload)
        return assemble_record(standing.begin, append_once(connection, draft, standing, self.label))


def _check_completed(phase: OperationPhase) -> None:
    if not phase.completed:
        raise ValueError(f"an operation cannot end as {phase}")


@contextmanager
def _passing(*points: str) -> Iterator[None]:
    """The kill points before and after a record is written."""
    for point in points:
        reach(point)
    yield
    for point in points:
        reach(point)
