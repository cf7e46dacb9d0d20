"""Entries as rows: reading them, finding operations, appending to the chain."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, select

from reconciler.errors import StoreError
from reconciler.history.chain import entry_digest
from reconciler.history.errors import DamagedStoreError
from reconciler.history.records import EntryKind, HistoryEntry
from reconciler.history.tables import RECORDS


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


def newest_entry(connection: Connection) -> HistoryEntry | None:
    """The end of the chain."""
    row = connection.execute(select(RECORDS).order_by(RECORDS.c.sequence.desc()).limit(1)).first()
    return to_entry(row) if row is not None else None


def find_operations(
    connection: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> list[tuple[HistoryEntry, HistoryEntry | None]]:
    """Each operation's begin and end, newest first."""
    end = RECORDS.alias("ending")
    joined = RECORDS.outerjoin(end, and_(end.c.operation_id == RECORDS.c.operation_id, end.c.kind != EntryKind.BEGIN))
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


def append_entry(connection: Connection, draft: HistoryEntry, label: str) -> HistoryEntry:
    """Chain a draft to the newest entry and return the entry; one that is already there is returned as it is.

    The caller holds the only writing transaction.

    Raises
    ------
    StoreError
        When the operation has begun, or ended, with other content.
    DamagedStoreError
        When the newest entry was changed: nothing is chained to it.
    """
    if (stored := _stored(connection, draft)) is not None:
        if _content(stored) == _content(draft):
            return stored
        if draft.kind is EntryKind.BEGIN:
            raise StoreError(f"{label}: operation {draft.operation_id} has already begun; use a new operation id")
        raise StoreError(f"{label}: operation {draft.operation_id} has already ended ({stored.kind}); it ends once")
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
    is_begin = RECORDS.c.kind == EntryKind.BEGIN
    place = is_begin if draft.kind is EntryKind.BEGIN else ~is_begin
    row = connection.execute(select(RECORDS).where(RECORDS.c.operation_id == draft.operation_id, place)).first()
    return to_entry(row) if row is not None else None


def _content(entry: HistoryEntry) -> HistoryEntry:
    return replace(entry, sequence=0, previous_digest="", digest="")
