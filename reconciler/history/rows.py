"""Entries as rows: reading them, finding operations, appending to the chain."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from reconciler.errors import StoreError
from reconciler.history.chain import check_digest, entry_digest
from reconciler.history.errors import DamagedStoreError
from reconciler.history.records import EntryKind, HistoryEntry
from reconciler.history.tables import RECORDS

ENDS: Final = (EntryKind.END, EntryKind.ABANDONED)


def to_entry(row: Row[Any] | Sequence[Any]) -> HistoryEntry:
    """The entry of a row.

    Raises
    ------
    DamagedStoreError
        When a column holds another type than was written, as after a flipped byte.
    """
    sequence, *texts = row
    if not isinstance(sequence, int) or not all(isinstance(value, str) for value in texts):
        raise DamagedStoreError(f"record {sequence}: a column does not hold what was written; restore it from a copy")
    operation_id, kind, *rest = texts
    if kind not in set(EntryKind):
        raise DamagedStoreError(f"record {sequence}: its kind does not exist; restore it from a copy")
    return HistoryEntry(sequence, operation_id, EntryKind(kind), *rest)


def read_entries(connection: Connection) -> Generator[HistoryEntry]:
    """Every entry as it is stored, oldest first."""
    query = select(RECORDS).order_by(RECORDS.c.sequence).execution_options(yield_per=500)
    with closing(connection.execute(query)) as rows:
        for row in rows:
            yield to_entry(row)


def newest_entry(connection: Connection) -> HistoryEntry | None:
    """The end of the chain."""
    row = connection.execute(select(RECORDS).order_by(RECORDS.c.sequence.desc()).limit(1)).first()
    return to_entry(row) if row is not None else None


def of_application(application: str | None, namespace: str | None) -> list[ColumnElement[bool]]:
    """What restricts operations to those of an Application, or of a namespace's; None means any."""
    wanted = {RECORDS.c.application: application, RECORDS.c.namespace: namespace}
    return [column == value for column, value in wanted.items() if value is not None]


def find_operations(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None, unfinished: bool = False
) -> list[tuple[HistoryEntry, HistoryEntry | None]]:
    """Each operation's begin and end, newest first; with ``unfinished`` only those without an end."""
    end = RECORDS.alias("ending")
    joined = RECORDS.outerjoin(end, and_(end.c.operation_id == RECORDS.c.operation_id, end.c.kind.in_(ENDS)))
    if unfinished:
        conditions = (*conditions, end.c.operation_id.is_(None))
    query: Select[Any] = (
        select(RECORDS, end)
        .select_from(joined)
        .where(RECORDS.c.kind == EntryKind.BEGIN, *conditions)
        .order_by(RECORDS.c.sequence.desc())
        .limit(limit)
    )
    width = len(RECORDS.c)
    return [
        (to_entry(row[:width]), to_entry(row[width:]) if row[width] is not None else None)
        for row in connection.execute(query)
    ]


def find_progress(connection: Connection, operation_id: str) -> list[HistoryEntry]:
    """What was recorded of an operation between its begin and its end, oldest first.

    Raises
    ------
    DamagedStoreError
        When one of the entries was changed after it was written.
    """
    query = (
        select(RECORDS)
        .where(RECORDS.c.operation_id == operation_id, RECORDS.c.kind == EntryKind.PROGRESS)
        .order_by(RECORDS.c.sequence)
    )
    entries = [to_entry(row) for row in connection.execute(query)]
    for entry in entries:
        check_digest(entry)
    return entries


def append_once(connection: Connection, draft: HistoryEntry, label: str) -> HistoryEntry:
    """Append a begin or an end and return the entry; one that is already there is returned as it is.

    The caller holds the only writing transaction.

    Raises
    ------
    StoreError
        When the operation has begun, or ended, with other content.
    DamagedStoreError
        As `append_entry`.
    """
    if (stored := _stored(connection, draft)) is not None:
        if _content(stored) == _content(draft):
            return stored
        if draft.kind is EntryKind.BEGIN:
            raise StoreError(f"{label}: operation {draft.operation_id} has already begun; use a new operation id")
        raise StoreError(f"{label}: operation {draft.operation_id} has already ended ({stored.kind}); it ends once")
    return append_entry(connection, draft, label)


def append_entry(connection: Connection, draft: HistoryEntry, label: str) -> HistoryEntry:
    """Chain a draft to the newest entry and return the entry. The caller holds the only writing transaction.

    Raises
    ------
    DamagedStoreError
        When the newest entry was changed: nothing is chained to it.
    """
    newest = newest_entry(connection)
    if newest is not None and newest.digest != entry_digest(newest):
        problem = f"record {newest.sequence} was changed after it was written"
        raise DamagedStoreError(f"{label}: {problem}, so nothing is added to it; restore it from a copy")
    sequence, previous = (newest.sequence, newest.digest) if newest else (0, "")
    entry = replace(draft, sequence=sequence + 1, previous_digest=previous, digest="")
    entry = replace(entry, digest=entry_digest(entry))
    connection.execute(RECORDS.insert().values({column.name: getattr(entry, column.name) for column in RECORDS.c}))
    return entry


def _stored(connection: Connection, draft: HistoryEntry) -> HistoryEntry | None:
    """The entry that stands where the draft belongs: an operation begins once and ends once."""
    kinds = (EntryKind.BEGIN,) if draft.kind is EntryKind.BEGIN else ENDS
    there = (RECORDS.c.operation_id == draft.operation_id) & RECORDS.c.kind.in_(kinds)
    row = connection.execute(select(RECORDS).where(there)).first()
    return to_entry(row) if row is not None else None


def _content(entry: HistoryEntry) -> HistoryEntry:
    return replace(entry, sequence=0, previous_digest="", digest="")
