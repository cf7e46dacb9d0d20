"""The history of what ran: an append-only, hash-chained table, and the manifests beside it."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, bindparam, select

from reconciler.errors import StoreError, UsageError
from reconciler.history.assembly import assemble_record
from reconciler.history.chain import verify_chain
from reconciler.history.database import use_write_ahead_log
from reconciler.history.errors import DamagedStoreError
from reconciler.history.journal import Journal
from reconciler.history.manifests import PackedManifests, pack_manifests, unpack_manifests
from reconciler.history.records import HistoryEntry, SyncRecord, Verification
from reconciler.history.rows import find_operations, newest_entry, read_entries
from reconciler.history.schema import create_tables, integrity_fault, migrate, stored_version
from reconciler.history.tables import MANIFESTS, SCHEMA_VERSION
from reconciler.manifest.objects import Manifest

_OF_DIGEST: Final = MANIFESTS.c.digest == bindparam("digest")
_MANIFESTS: Final = select(MANIFESTS).where(_OF_DIGEST)
_KNOWN: Final = select(MANIFESTS.c.digest).where(_OF_DIGEST)


class HistoryStore(Journal):
    """What ran, when, by whom and with which outcome; made by `reconciler.history.open_store`.

    Threads may share one store. Every writing method may be repeated after a failure: what is already recorded is
    found and not recorded again.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._database.engine.dispose()

    def prepare(self) -> None:
        """Make the tables where there are none, and bring those of an older version up to date.

        One that is only read stays as it is: the records of every version are read alike.

        Raises
        ------
        StoreError
            When the database cannot be reached, belongs to something else or was made by a newer version.
        DamagedStoreError
            When some of the tables are gone, or an older store that is not sound would have to be changed.
        """
        if not self._database.read_only and self._database.is_sqlite:
            use_write_ahead_log(self._database)
        with self._database.reading() as connection:
            version = stored_version(connection, self.label)
        if self._database.read_only:
            if version == 0:
                raise StoreError(f"{self.label}: holds no history; check the store's URL")
            return
        if version == SCHEMA_VERSION:
            return
        with self._database.writing() as connection:
            # Another process may have been first.
            version = stored_version(connection, self.label)
            if version == 0:
                create_tables(connection)
            elif version < SCHEMA_VERSION:
                migrate(connection, self.label)

    def records(
        self, application: str | None = None, namespace: str | None = None, limit: int | None = None
    ) -> list[SyncRecord]:
        """The recorded operations, newest first; at most ``limit`` of them.

        Raises
        ------
        DamagedStoreError
            When one of them was changed after it was written.
        """
        with self._database.reading() as connection:
            found = find_operations(connection, application=application, namespace=namespace, limit=limit)
            return [assemble_record(*operation) for operation in found]

    def record(self, operation_id: str) -> SyncRecord:
        """One operation.

        Raises
        ------
        UsageError
            When there is none with this id.
        """
        with self._database.reading() as connection:
            for operation in find_operations(connection, operation_id=operation_id):
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
            yield from read_entries(connection)

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
                    fault = integrity_fault(connection)
            except DamagedStoreError as error:
                fault = str(error)
            if fault:
                return replace(verification, broken=0, reason=f"{self.label}: {fault}")
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
            if connection.execute(_KNOWN, {"digest": packed.digest}).first() is None:
                columns = {"digest": packed.digest, "size": packed.size, "encoding": packed.encoding}
                connection.execute(MANIFESTS.insert().values(**columns, body=packed.body))
            return packed.digest

        return self._database.transact(work)

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
            row = connection.execute(_MANIFESTS, {"digest": digest}).first()
        if row is None:
            raise UsageError(f"{self.label}: no manifests with digest {digest}")
        return unpack_manifests(PackedManifests(digest, row.size, row.encoding, row.body))

    def _fault_of_manifests(self, digest: str) -> str:
        try:
            self.get_manifests(digest)
        except (UsageError, DamagedStoreError) as error:
            return str(error)
        return ""
