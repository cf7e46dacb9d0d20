"""Entries as rows: reading them, finding operations, appending to the chain."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, bindparam, func, or_, select

from reconciler.errors import StoreError
from reconciler.history.chain import check_digest, entry_digest
from reconciler.history.errors import DamagedStoreError
from reconciler.history.records import EntryKind, HistoryEntry
from reconciler.history.tables import RECORDS

ENDS: Final = (EntryKind.END, EntryKind.ABANDONED)

# Statements are built once: to build one takes longer than to run it.
_ALL: Final = select(RECORDS).order_by(RECORDS.c.sequence).execution_options(yield_per=500)
_NEWEST: Final = select(RECORDS).order_by(RECORDS.c.sequence.desc()).limit(1)
_OF_OPERATION: Final = RECORDS.c.operation_id == bindparam("operation_id")
_PROGRESS: Final = (
    select(RECORDS).where(_OF_OPERATION, RECORDS.c.kind == EntryKind.PROGRESS).order_by(RECORDS.c.sequence)
)
_STANDING: Final = (
    select(RECORDS)
    .where(
        or_(
            and_(_OF_OPERATION, RECORDS.c.kind != EntryKind.PROGRESS),
            RECORDS.c.sequence == select(func.max(RECORDS.c.sequence)).scalar_subquery(),
        )
    )
    .order_by(RECORDS.c.sequence)
)
_INSERT: Final = RECORDS.insert()
_COLUMNS: Final = tuple(RECORDS.c.keys())


@dataclass(frozen=True, slots=True)
class Standing:
    """What an entry of an operation is appended to: the chain's newest entry, and the operation's begin and end."""

    newest: HistoryEntry | None = None
    begin: HistoryEntry | None = None
    end: HistoryEntry | None = None


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
    with closing(connection.execute(_ALL)) as rows:
        for row in rows:
            yield to_entry(row)


def newest_entry(connection: Connection) -> HistoryEntry | None:
    """The end of the chain."""
    row = connection.execute(_NEWEST).first()
    return to_entry(row) if row is not None else None


def find_standing(connection: Connection, operation_id: str) -> Standing:
    """What stands before an entry of an operation is written, in one read."""
    entries = [to_entry(row) for row in connection.execute(_STANDING, {"operation_id": operation_id})]
    own = [entry for entry in entries if entry.operation_id == operation_id]
    return Standing(
        newest=entries[-1] if entries else None,
        begin=next((entry for entry in own if entry.kind is EntryKind.BEGIN), None),
        end=next((entry for entry in own if entry.kind in ENDS), None),
    )


def find_operations(
    connection: Connection, *, limit: int | None = None, unfinished: bool = False, **wanted: str | None
) -> list[tuple[HistoryEntry, HistoryEntry | None]]:
    """Each operation's begin and end, newest first.

    Parameters
    ----------
    unfinished
        Only those without an end.
    wanted
        Values of columns of the begin, such as ``application``; None means any.
    """
    values: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    query = _operations(tuple(values), unfinished=unfinished)
    rows = connection.execute(query if limit is None else query.limit(limit), values)
    width = len(_COLUMNS)
    return [(to_entry(row[:width]), to_entry(row[width:]) if row[width] is not None else None) for row in rows]


@cache
def _operations(columns: tuple[str, ...], *, unfinished: bool) -> Select[Any]:
    end = RECORDS.alias("ending")
    joined = RECORDS.outerjoin(end, and_(end.c.operation_id == RECORDS.c.operation_id, end.c.kind.in_(ENDS)))
    conditions = [RECORDS.c[name] == bindparam(name) for name in columns]
    if unfinished:
        conditions.append(end.c.operation_id.is_(None))
    return (
        select(RECORDS, end)
        .select_from(joined)
        .where(RECORDS.c.kind == EntryKind.BEGIN, *conditions)
        .order_by(RECORDS.c.sequence.desc())
    )


def find_progress(connection: Connection, operation_id: str) -> list[HistoryEntry]:
    """What was recorded of an operation between its begin and its end, oldest first.

    Raises
    ------
    DamagedStoreError
        When one of the entries was changed after it was written.
    """
    entries = [to_entry(row) for row in connection.execute(_PROGRESS, {"operation_id": operation_id})]
    for entry in entries:
        check_digest(entry)
    return entries


def append_once(connection: Connection, draft: HistoryEntry, standing: Standing, label: str) -> HistoryEntry:
    """Append a begin or an end and return the entry; one that is already there is returned as it is.

    The caller holds the only writing transaction, and has read ``standing`` in it.

    Raises
    ------
    StoreError
        When the operation has begun, or ended, with other content.
    DamagedStoreError
        As `append_entry`.
    """
    stored = standing.begin if draft.kind is EntryKind.BEGIN else standing.end
    if stored is not None:
        if _content(stored) == _content(draft):
            return stored
        if draft.kind is EntryKind.BEGIN:
            raise StoreError(f"{label}: operation {draft.operation_id} has already begun; use a new operation id")
        raise StoreError(f"{label}: operation {draft.operation_id} has already ended ({stored.kind}); it ends once")
    return append_entry(connection, draft, standing.newest, label)


def append_entry(connection: Connection, draft: HistoryEntry, newest: HistoryEntry | None, label: str) -> HistoryEntry:
    """Chain a draft to the newest entry and return the entry.

    The caller holds the only writing transaction, and has read ``newest`` in it.

    Raises
    ------
    DamagedStoreError
        When the newest entry was changed: nothing is chained to it.
    """
    if newest is not None and newest.digest != entry_digest(newest):
        problem = f"record {newest.sequence} was changed after it was written"
        raise DamagedStoreError(f"{label}: {problem}, so nothing is added to it; restore it from a copy")
    sequence, previous = (newest.sequence, newest.digest) if newest else (0, "")
    entry = replace(draft, sequence=sequence + 1, previous_digest=previous, digest="")
    entry = replace(entry, digest=entry_digest(entry))
    connection.execute(_INSERT, {name: getattr(entry, name) for name in _COLUMNS})
    return entry


def _content(entry: HistoryEntry) -> HistoryEntry:
    return replace(entry, sequence=0, previous_digest="", digest="")
