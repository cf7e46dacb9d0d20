"""Stores that version 1 made, which knew no progress; their content is as that version's program wrote it."""

import shutil
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from reconciler.errors import StoreError
from reconciler.history import DamagedStoreError, HistoryStore, SyncRecord, Verification, open_store
from reconciler.terms import OperationPhase
from tests.reconciler.history.forging import forge

DATA = Path(__file__).resolve().parents[2] / "data" / "history"
HEAD = "d5aee9a17b71f26f07b2710aa8d78e2d0b1ad0acffbb160f0dbed88ca88d0b8a"
Step = Callable[..., SyncRecord]


@pytest.fixture
def old_sqlite(sqlite_path: Path, sqlite_url: str) -> str:
    shutil.copy(DATA / "version-1-sqlite.db", sqlite_path)
    return sqlite_url


@pytest.fixture
def old_postgresql(postgresql_url: str) -> str:
    import psycopg

    with psycopg.connect(postgresql_url) as connection:
        connection.execute((DATA / "version-1-postgresql.sql").read_text())  # type: ignore[arg-type]
    return postgresql_url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def old_url(request: pytest.FixtureRequest) -> str:
    """A store of version 1 in every kind of database."""
    url: str = request.getfixturevalue(f"old_{request.param}")
    return url


SHAPE = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master ORDER BY type, name",
    "postgresql": """
        SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT column_name, ordinal_position || data_type || is_nullable
              FROM information_schema.columns WHERE table_name = 'records'
        ORDER BY name, definition""",
}


def shape(store: HistoryStore) -> list[tuple[str, ...]]:
    """Everything that the database itself knows of the tables."""
    engine = store._database.engine
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(SHAPE[engine.dialect.name]))]


def test_its_records_read_as_before(old_url: str) -> None:
    """Looked at only, the store stays as it is; opened to record, it is brought up to date."""
    with open_store(old_url, read_only=True) as store:
        before = store.records()
        assert store.verify() == Verification(5, HEAD)
        assert store.unfinished("shop", "argocd") == before[0]
        assert version(store) == 1
    with open_store(old_url) as store:
        assert store.records() == before
        assert store.verify(head=HEAD) == Verification(5, HEAD)
        assert version(store) == 2
    running, died, ended = before
    assert (ended.operation_id, ended.phase, ended.attempt, ended.request) == ("ended", "Succeeded", 1, "")
    assert (ended.resources[0].name, ended.notebook) == ("shop", "runs/shop.ipynb")
    assert (died.abandoned, died.dry_run, died.refused) == (True, True, "")
    assert (running.phase, running.revisions) == ("Running", ("c" * 40,))


def version(store: HistoryStore) -> int:
    with store._database.engine.connect() as connection:
        return int(connection.execute(text("SELECT version FROM gitops_nb_store")).scalar_one())


def test_it_goes_on_as_a_new_one(old_url: str, begin: Step, end: Step, noon: Any) -> None:
    with open_store(old_url) as store:
        store.record_hook("running", "migrate", OperationPhase.SUCCEEDED, "", noon)
        end(store, "running")
        begin(store, "next", request="{}")
        assert (store.verify().ok, store.verify().count) == (True, 8)
    with open_store(old_url) as store:
        assert store.verify().count == 8
        for statement in (
            "UPDATE records SET application = 'bank'",
            "DELETE FROM records",
            "INSERT INTO records SELECT 9, 'next', 'other', application, namespace, created_at, payload, 'x', 'y' FROM records",
        ):
            with pytest.raises(DBAPIError), store._database.engine.begin() as connection:
                connection.execute(text(statement))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_its_tables_become_those_of_a_new_one(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with open_store(request.getfixturevalue(f"old_{kind}")) as store:
        migrated = shape(store)
    if kind == "sqlite":
        fresh_url = f"sqlite:///{tmp_path}/fresh.db"
    else:
        fresh_url = request.getfixturevalue("postgresql_url")
        engine = create_engine(fresh_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        engine.dispose()
    with open_store(fresh_url) as store:
        assert shape(store) == migrated
        assert len(migrated) > 10


def test_several_that_open_it_at_once(old_url: str) -> None:
    ready = threading.Barrier(3)

    def abandon(name: str) -> int:
        ready.wait(20)
        with open_store(old_url) as store:
            return len(store.abandon_unfinished("shop", "argocd", name, at=store.records()[0].started_at))

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(abandon, "abc")) == [0, 0, 1]
    with open_store(old_url) as store:
        assert (store.verify().ok, store.verify().count, version(store)) == (True, 6, 2)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "UPDATE records SET payload = replace(payload, 'alice', 'bob')",
            "record 1: its content does not match its digest",
        ),
        ("DELETE FROM records WHERE sequence = 4", "record 5: record 4 is missing, record 5 follows"),
    ],
    ids=["changed", "removed"],
)
def test_one_that_is_not_sound_stays_as_it_is(old_sqlite: str, sqlite_path: Path, statement: str, reason: str) -> None:
    forge(sqlite_path, statement)
    with sqlite3.connect(sqlite_path) as connection:
        before = connection.execute("SELECT * FROM records").fetchall()
    connection.close()
    with pytest.raises(DamagedStoreError) as caught:
        open_store(old_sqlite)
    assert str(caught.value) == (
        f"history store {sqlite_path}: damaged ({reason}); nothing was written; restore it from a copy"
    )
    with sqlite3.connect(sqlite_path) as connection:
        assert connection.execute("SELECT * FROM records").fetchall() == before
        assert connection.execute("SELECT version FROM gitops_nb_store").fetchone() == (1,)
    connection.close()
    with open_store(old_sqlite, read_only=True) as store:
        assert store.verify().reason == reason


def test_a_version_that_never_was(old_sqlite: str, sqlite_path: Path) -> None:
    forge(sqlite_path, "UPDATE gitops_nb_store SET version = 0")
    with pytest.raises(StoreError, match="has version 0, this program reads 2; restore a copy"):
        open_store(old_sqlite)
