"""The history of what ran: an append-only, hash-chained table, and the manifests beside it."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, select

from reconciler.errors import StoreError, UsageError
from reconciler.history.assembly import assemble_record, end_payload
from reconciler.history.chain import canonical_json, format_time, verify_chain
from reconciler.history.database import ConnectionLostError, Database, use_write_ahead_log
from reconciler.history.errors import DamagedStoreError
from reconciler.history.manifests import PackedManifests, pack_manifests, unpack_manifests
from reconciler.history.records import EntryKind, HistoryEntry, ResourceOutcome, SyncRecord, Verification
from reconciler.history.rows import append_entry, find_operations, newest_entry, to_entry
from reconciler.history.schema import create_tables, has_tables
from reconciler.history.tables import MANIFESTS, RECORDS
from reconciler.manifest.objects import Manifest
from reconciler.terms import OperationPhase

T = TypeVar("T")


class HistoryStore:
    """What ran, when, by whom and with which outcome; made by `reconciler.history.open_store`.

    Threads may share one store. Every writing method may be repeated after a failure: what is already recorded is
    found and not recorded again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    @property
    def label(self) -> str:
        """What messages call the store: its place, without a password."""
        return self._database.label

    def prepare(self) -> None:
        """Make the tables where there are none, and check that they are of this version.

        Raises
        ------
        StoreError
            When the database cannot be reached, belongs to something else or was made by a newer version.
        DamagedStoreError
            When some of the tables are gone.
        """
        if not self._database.read_only and self._database.is_sqlite:
            use_write_ahead_log(self._database)
        with self._database.reading() as connection:
            if has_tables(connection, self.label):
                return
        if self._database.read_only:
            raise StoreError(f"{self.label}: holds no history; check the store's URL")
        with self._database.writing() as connection:
            if not has_tables(connection, self.label):
                create_tables(connection)

    def begin(
        self,
        *,
        operation_id: str,
        application: str,
        namespace: str,
        started_at: datetime,
        project: str = "default",
        cluster: str = "",
        target_revision: str = "",
        revisions: Sequence[str] = (),
        initiated_by: str = "",
        dry_run: bool = False,
        prune: bool = False,
        manifests: str = "",
    ) -> SyncRecord:
        """Record that an operation begins, before its first write to the cluster.

        Parameters
        ----------
        operation_id
            Made by the caller, never used before.
        namespace
            Of the Application object.
        manifests
            What `put_manifests` returned for the target.

        Raises
        ------
        StoreError
            When it cannot be recorded, or another operation has this id.
        """
        payload = canonical_json(
            {
                "project": project,
                "cluster": cluster,
                "target_revision": target_revision,
                "revisions": list(revisions),
                "initiated_by": initiated_by,
                "dry_run": dry_run,
                "prune": prune,
                "manifests": manifests,
            }
        )
        draft = HistoryEntry(
            0, operation_id, EntryKind.BEGIN, application, namespace, format_time(started_at), payload, "", ""
        )
        return assemble_record(self._transact(lambda connection: append_entry(connection, draft, self.label)), None)

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
        if not phase.completed:
            raise ValueError(f"an operation cannot end as {phase}")
        payload = end_payload(phase, message, resources=resources, revisions=revisions, notebook=notebook)
        return self._transact(
            lambda connection: self._close(connection, operation_id, EntryKind.END, finished_at, payload)
        )

    def abandon_unfinished(self, application: str, namespace: str, message: str, *, at: datetime) -> list[SyncRecord]:
        """Record every operation of an application that has no end as abandoned, and return them, newest first.

        Call it under the application's lock: an operation that still runs has no end either.
        """
        payload = end_payload(OperationPhase.ERROR, message)
        unfinished = (RECORDS.c.application == application) & (RECORDS.c.namespace == namespace)

        def work(connection: Connection) -> list[SyncRecord]:
            return [
                self._close(connection, begin.operation_id, EntryKind.ABANDONED, at, payload)
                for begin, end in find_operations(connection, unfinished)
                if end is None
            ]

        return self._transact(work)

    def records(
        self, application: str | None = None, namespace: str | None = None, limit: int | None = None
    ) -> list[SyncRecord]:
        """The recorded operations, newest first; at most ``limit`` of them.

        Raises
        ------
        DamagedStoreError
            When one of them was changed after it was written.
        """
        wanted = {RECORDS.c.application: application, RECORDS.c.namespace: namespace}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        with self._database.reading() as connection:
            return [assemble_record(*operation) for operation in find_operations(connection, *conditions, limit=limit)]

    def record(self, operation_id: str) -> SyncRecord:
        """One operation.

        Raises
        ------
        UsageError
            When there is none with this id.
        """
        with self._database.reading() as connection:
            for operation in find_operations(connection, RECORDS.c.operation_id == operation_id):
                return assemble_record(*operation)
        raise UsageError(f"{self.label}: no operation {operation_id}; list them with `gitops-nb history`")

    def head(self) -> str:
        """Digest of the newest entry, empty in a new store. Noted elsewhere, it shows a tail that was cut off."""
        with self._database.reading() as connection:
            newest = newest_entry(connection)
        return newest.digest if newest else ""

    def entries(self) -> Generator[HistoryEntry]:
        """Every entry as it is stored, oldest first."""
        with self._database.reading() as connection:
            query = select(RECORDS).order_by(RECORDS.c.sequence).execution_options(yield_per=500)
            with closing(connection.execute(query)) as rows:
                for row in rows:
                    yield to_entry(row)

    def verify(self, *, head: str = "") -> Verification:
        """Check every record, every link and all stored manifests that records name.

        Parameters
        ----------
        head
            A digest that must be in the chain, as noted elsewhere.
        """
        with closing(self.entries()) as entries:
            verification = verify_chain(entries, head=head, check_manifests=self._fault_of_manifests)
        if verification.ok and self._database.is_sqlite:
            try:
                with self._database.reading() as connection:
                    finding = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()).splitlines()[0]
            except DamagedStoreError as error:
                finding = str(error)
            if finding != "ok":
                return replace(verification, broken=0, reason=f"{self.label}: {finding}")
        return verification

    def put_manifests(self, manifests: Sequence[Mapping[str, Any]]) -> str:
        """Keep a list of objects, whose Secrets the caller has masked, and return the digest that names it.

        Raises
        ------
        StoreError
            When a Secret is not masked, or it cannot be kept.
        """
        packed = pack_manifests(manifests)

        def work(connection: Connection) -> str:
            known = select(MANIFESTS.c.digest).where(MANIFESTS.c.digest == packed.digest)
            if connection.execute(known).first() is None:
                columns = {"digest": packed.digest, "size": packed.size, "encoding": packed.encoding}
                connection.execute(MANIFESTS.insert().values(**columns, body=packed.body))
            return packed.digest

        return self._transact(work)

    def get_manifests(self, digest: str) -> list[Manifest]:
        """The list of objects that a digest names; the values of Secrets read ``(masked)``.

        Raises
        ------
        UsageError
            When there is none with this digest.
        DamagedStoreError
            When the content is not what the digest names.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(MANIFESTS).where(MANIFESTS.c.digest == digest)).first()
        if row is None:
            raise UsageError(f"{self.label}: no manifests with digest {digest}")
        return unpack_manifests(PackedManifests(digest, row.size, row.encoding, row.body))

    def _fault_of_manifests(self, digest: str) -> str:
        try:
            self.get_manifests(digest)
        except (UsageError, DamagedStoreError) as error:
            return str(error)
        return ""

    def _transact(self, work: Callable[[Connection], T]) -> T:
        """Do idempotent work in a writing transaction; once more when the connection breaks, committed or not."""
        try:
            with self._database.writing() as connection:
                return work(connection)
        except ConnectionLostError:
            with self._database.writing() as connection:
                return work(connection)

    def _close(
        self, connection: Connection, operation_id: str, kind: EntryKind, at: datetime, payload: str
    ) -> SyncRecord:
        for begin, _ in find_operations(connection, RECORDS.c.operation_id == operation_id):
            draft = replace(begin, kind=kind, created_at=format_time(at), payload=payload)
            return assemble_record(begin, append_entry(connection, draft, self.label))
        raise StoreError(f"{self.label}: operation {operation_id} never began; begin it before it ends")
