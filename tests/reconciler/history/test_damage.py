"""Flipped bytes, cut files and foreign databases."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import StoreError
from reconciler.history import DamagedStoreError, HistoryStore, SyncRecord, open_store

Step = Callable[..., SyncRecord]


@pytest.fixture
def small(sqlite_path: Path, sqlite_url: str, begin: Step, end: Step) -> list[SyncRecord]:
    """A closed store with an ended operation, a running one, and manifests."""
    with open_store(sqlite_url) as store:
        digest = store.put_manifests([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}])
        begin(store, "op-1", manifests=digest)
        end(store, "op-1")
        begin(store, "op-2", application="bank")
        records = store.records()
    assert not sqlite_path.with_name("history.db-wal").exists()
    return records


def outcome(url: str) -> str | list[SyncRecord]:
    """What a look at a store shows: the word that it is damaged, or its records."""
    try:
        with open_store(url, read_only=True) as store:
            verification = store.verify()
            return store.records() if verification.ok else verification.reason
    except StoreError as error:
        return str(error)


def flip(path: Path, content: bytes, offset: int) -> None:
    path.write_bytes(content[:offset] + bytes([content[offset] ^ 0x01]) + content[offset + 1 :])


def test_a_flipped_byte_of_a_record_is_found(sqlite_path: Path, sqlite_url: str, small: list[SyncRecord]) -> None:
    content = sqlite_path.read_bytes()
    connection = sqlite3.connect(sqlite_path)
    rows = connection.execute(
        "SELECT operation_id || kind || application || namespace || created_at || payload || previous_digest || digest "
        "FROM records ORDER BY sequence"
    ).fetchall()
    connection.close()
    offsets = {content.index(row.encode()) + place for (row,) in rows for place in range(0, len(row), 9)}
    assert len(offsets) > 100
    for offset in sorted(offsets):
        flip(sqlite_path, content, offset)
        assert isinstance(outcome(sqlite_url), str), offset
    sqlite_path.write_bytes(content)
    assert outcome(sqlite_url) == small


def test_a_flipped_byte_of_the_file_is_found_or_changes_nothing(
    sqlite_path: Path, sqlite_url: str, small: list[SyncRecord]
) -> None:
    """Some bytes of SQLite's format mean nothing; whatever is shown as sound is what was recorded."""
    content = sqlite_path.read_bytes()
    used = [offset for offset, byte in enumerate(content) if byte]
    sample = [*range(112), *used[:: max(1, len(used) // 120)]]
    shown = dict.fromkeys(sample, "")
    for offset in sample:
        flip(sqlite_path, content, offset)
        seen = outcome(sqlite_url)
        shown[offset] = seen if isinstance(seen, str) else ""
        assert isinstance(seen, str) or seen == small, offset
    assert sum(map(bool, shown.values())) > len(sample) / 2


def test_manifests_that_were_changed_are_found(sqlite_path: Path, sqlite_url: str, small: list[SyncRecord]) -> None:
    with sqlite3.connect(sqlite_path) as connection:
        connection.execute("UPDATE manifests SET body = substr(body, 1, 20)")
    connection.close()
    digest = small[1].manifests
    assert outcome(sqlite_url) == f"record 1: the stored manifests {digest} are damaged; see `gitops-nb audit verify`"


@pytest.mark.usefixtures("small")
def test_a_cut_file_is_not_written_to(sqlite_path: Path, sqlite_url: str) -> None:
    content = sqlite_path.read_bytes()[:5000]
    sqlite_path.write_bytes(content)
    with pytest.raises(DamagedStoreError, match=r"damaged \(.+\); nothing was written; restore it from a copy"):
        open_store(sqlite_url)
    assert sqlite_path.read_bytes() == content


def test_a_file_that_is_no_database(sqlite_path: Path, sqlite_url: str) -> None:
    sqlite_path.write_text("dear diary\n" * 100)
    with pytest.raises(DamagedStoreError) as caught:
        open_store(sqlite_url)
    assert str(caught.value) == (
        f"history store {sqlite_path}: damaged (file is not a database); nothing was written; restore it from a copy"
    )
    assert sqlite_path.read_text() == "dear diary\n" * 100


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_another_programs_database_is_left_alone(sqlite_path: Path, sqlite_url: str) -> None:
    execute(sqlite_path, "CREATE TABLE records (title TEXT)")
    with pytest.raises(StoreError, match="holds another program's tables; choose another database"):
        open_store(sqlite_url)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE manifests", "table manifests is gone; restore it from a copy"),
        ("UPDATE gitops_nb_store SET version = 3", "has version 3, this program reads 2; upgrade gitops-nb"),
        ("DELETE FROM gitops_nb_store", "has version None, this program reads 2; restore a copy"),
    ],
    ids=["table-gone", "newer", "no-version"],
)
def test_a_store_of_another_shape(sqlite_path: Path, sqlite_url: str, statement: str, message: str) -> None:
    execute(sqlite_path, statement)
    with pytest.raises(StoreError) as caught:
        open_store(sqlite_url)
    assert str(caught.value) == f"history store {sqlite_path}: {message}"


def test_a_removed_tail_shows_by_the_head(store: HistoryStore, begin: Step, end: Step) -> None:
    begin(store, "op-1")
    assert store.verify(head=store.head()).ok
    missing = store.verify(head="ab" * 32)
    assert missing.broken == 2
    assert "the end of the history was cut off" in missing.reason
