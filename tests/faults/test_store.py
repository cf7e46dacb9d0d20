"""A run that is killed while it records: the chain stays sound, and the next run sees how far it got (threats row 21)."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.history import open_store
from reconciler.kill_points import VARIABLE
from reconciler.terms import OperationPhase

ROOT = Path(__file__).resolve().parents[1]
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

DIES_AT_STATEMENT = """
import os, signal, sys
from sqlalchemy import Engine, event

start, number = sys.argv[2], int(sys.argv[3])
passed = 0

@event.listens_for(Engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    global passed
    passed += statement.lstrip().startswith(start)
    if passed == number:
        os.kill(os.getpid(), signal.SIGKILL)
"""

RUN = """
import sys
from datetime import UTC, datetime
from reconciler.history import open_store
from reconciler.terms import OperationPhase as Phase

noon = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
shop = {"application": "shop", "namespace": "argocd"}
with open_store(f"sqlite:///{sys.argv[1]}") as store:
    store.begin(operation_id="op-1", started_at=noon, revisions=["abc"], request='{"prune":true}', **shop)
    store.record_hook("op-1", "migrate", Phase.RUNNING, "", noon)
    store.record_hook("op-1", "migrate", Phase.SUCCEEDED, "done", noon, uid="u-1")
    store.end("op-1", phase=Phase.SUCCEEDED, message="done", finished_at=noon)
    store.refuse(operation_id="op-2", at=noon, message="denied by a window", refused="windows", **shop)
"""


def killed(program: str, *arguments: str, kill_point: str = "") -> None:
    """Run a program that must not survive."""
    command = [sys.executable, "-W", "error", "-c", program, *arguments]
    process = subprocess.run(
        command, env=os.environ | {VARIABLE: kill_point}, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    assert process.returncode == -signal.SIGKILL, process.stderr


def next_run(path: Path, entries: int) -> None:
    """What the run after a killed one finds, and does about it."""
    begun = entries in (1, 2, 3)
    with open_store(f"sqlite:///{path}") as store:
        assert store.verify() == store.verify(head=store.head())
        assert (store.verify().ok, store.verify().count) == (True, entries)
        found = store.unfinished("shop", "argocd")
        assert (found is not None) is begun
        if found is not None:
            assert (found.operation_id, found.started_at) == ("op-1", NOON)
            assert (found.revisions, found.request) == (("abc",), '{"prune":true}')
            phases = {1: None, 2: OperationPhase.RUNNING, 3: OperationPhase.SUCCEEDED}
            hook = store.hooks_of("op-1").get("migrate")
            assert (hook.phase if hook else None) == phases[entries]
        assert len(store.abandon_unfinished("shop", "argocd", "killed", at=NOON)) == begun
        assert all(record.finished_at for record in store.records())
        assert (store.verify().ok, store.verify().count) == (True, entries + begun)


@pytest.mark.parametrize(
    ("kill_point", "entries"),
    [
        ("record-begin:1", 0),
        ("record-begin:2", 1),
        ("record-end:1", 3),
        ("record-end:2", 4),
        ("record-begin:3", 4),
        ("record-end:3", 4),
        ("record-begin:4", 6),
        ("record-end:4", 6),
    ],
)
def test_killed_beside_a_record(tmp_path: Path, kill_point: str, entries: int) -> None:
    killed(RUN, str(tmp_path / "history.db"), kill_point=kill_point)
    next_run(tmp_path / "history.db", entries)


@pytest.mark.parametrize(("number", "entries"), [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 4)])
def test_killed_within_a_record(tmp_path: Path, number: int, entries: int) -> None:
    """Before its transaction ends; that of a refusal holds two records, or none."""
    killed(DIES_AT_STATEMENT + RUN, str(tmp_path / "history.db"), "INSERT INTO records", str(number))
    next_run(tmp_path / "history.db", entries)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX",
        "ALTER TABLE records RENAME",
        "CREATE TABLE records",
        "CREATE TRIGGER",
        "INSERT INTO records",
        "DROP TABLE records_1",
        "UPDATE gitops_nb_store",
    ],
)
def test_killed_while_an_older_store_is_brought_up_to_date(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "history.db"
    shutil.copy(ROOT / "data" / "history" / "version-1-sqlite.db", path)
    killed(DIES_AT_STATEMENT + RUN, str(path), statement, "1")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version FROM gitops_nb_store").fetchall() == [(1,)]
        assert connection.execute("SELECT count(*) FROM records").fetchall() == [(5,)]
    connection.close()
    with open_store(f"sqlite:///{path}") as store:
        assert (store.verify().ok, store.verify().count) == (True, 5)
        store.record_hook("running", "migrate", OperationPhase.SUCCEEDED, "", NOON)


@pytest.mark.parametrize("statement", ["CREATE TABLE", "INSERT INTO gitops_nb_store"])
def test_killed_while_a_store_is_made(tmp_path: Path, statement: str) -> None:
    killed(DIES_AT_STATEMENT + RUN, str(tmp_path / "history.db"), statement, "1")
    next_run(tmp_path / "history.db", 0)
