"""The store on real databases."""

import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError

from reconciler.errors import StoreError, UsageError
from reconciler.history import HistoryStore, ResourceOutcome, SyncRecord, Verification, open_store, resource_outcomes
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.records import TaskAction, TaskResult
from reconciler.terms import OperationPhase, ResultCode, SyncPhase
from tests.reconciler.history.forging import forge

Step = Callable[..., SyncRecord]


def test_a_new_store_is_empty(store: HistoryStore) -> None:
    assert store.records() == []
    assert store.head() == ""
    assert store.verify() == Verification(0, "")


def test_an_operation_that_runs(store: HistoryStore, noon: datetime) -> None:
    record = store.begin(
        operation_id="op-1",
        application="shop",
        namespace="argocd",
        project="web",
        cluster="https://kubernetes.default.svc",
        target_revision="main",
        revisions=["4f2c"],
        started_at=noon,
        initiated_by="ada",
        prune=True,
    )
    assert record == SyncRecord(
        sequence=1,
        operation_id="op-1",
        application="shop",
        namespace="argocd",
        project="web",
        cluster="https://kubernetes.default.svc",
        target_revision="main",
        revisions=("4f2c",),
        phase="Running",
        message="",
        started_at=noon,
        finished_at=None,
        initiated_by="ada",
        dry_run=False,
        prune=True,
        resources=(),
        notebook="",
        manifests="",
        abandoned=False,
        digest=store.head(),
    )
    assert record.duration_s is None
    assert store.records() == [record]


def test_an_operation_that_ended(
    store: HistoryStore, begin: Step, end: Step, outcome: ResourceOutcome, noon: datetime
) -> None:
    begin(store, "op-1", revisions=["4f2c"])
    record = end(store, "op-1", resources=[outcome], revisions=["9d0e", "1111"], notebook="runs/op-1.ipynb")
    assert record == store.record("op-1")
    assert (record.sequence, record.digest) == (1, store.head())
    assert (record.phase, record.message) == ("Succeeded", "successfully synced (all tasks run)")
    assert record.resources == (outcome,)
    assert record.revisions == ("9d0e", "1111")
    assert record.notebook == "runs/op-1.ipynb"
    assert record.finished_at == noon + timedelta(minutes=1)
    assert record.duration_s == 60.0
    assert not record.abandoned


def test_times_come_back_in_utc(store: HistoryStore, begin: Step) -> None:
    local = datetime(2026, 7, 1, 14, 0, 0, 123, tzinfo=timezone(timedelta(hours=2)))
    record = begin(store, "op-1", started_at=local)
    assert record.started_at == local
    assert record.started_at.tzinfo is UTC


def test_newest_first_filtered_and_limited(store: HistoryStore, begin: Step, end: Step) -> None:
    for number in range(6):
        begin(store, f"op-{number}", application="shop" if number % 2 else "bank", namespace=f"ns-{number // 3}")
    end(store, "op-0")

    def ids(**filters: Any) -> list[str]:
        return [record.operation_id for record in store.records(**filters)]

    assert ids() == ["op-5", "op-4", "op-3", "op-2", "op-1", "op-0"]
    assert ids(application="bank") == ["op-4", "op-2", "op-0"]
    assert ids(application="bank", namespace="ns-0") == ["op-2", "op-0"]
    assert ids(namespace="ns-1", limit=2) == ["op-5", "op-4"]
    assert ids(limit=1) == ["op-5"]
    assert ids(application="none") == []


def test_an_unknown_operation(store: HistoryStore) -> None:
    with pytest.raises(UsageError, match=r"no operation op-9; list them with `gitops-nb history`"):
        store.record("op-9")


def test_repeating_a_step_records_it_once(store: HistoryStore, begin: Step, end: Step) -> None:
    assert begin(store, "op-1") == begin(store, "op-1")
    assert end(store, "op-1") == end(store, "op-1")
    assert store.verify().count == 2


def test_an_operation_begins_and_ends_once(store: HistoryStore, begin: Step, end: Step) -> None:
    begin(store, "op-1")
    with pytest.raises(StoreError, match=r"operation op-1 has already begun; use a new operation id"):
        begin(store, "op-1", application="bank")
    end(store, "op-1")
    with pytest.raises(StoreError, match=r"operation op-1 has already ended \(end\); it ends once"):
        end(store, "op-1", phase=OperationPhase.FAILED)
    assert store.record("op-1").phase == "Succeeded"


def test_an_end_needs_a_begin(store: HistoryStore, end: Step) -> None:
    with pytest.raises(StoreError, match="operation op-1 never began; begin it before it ends"):
        end(store, "op-1")
    assert store.verify().count == 0


@pytest.mark.parametrize("phase", [OperationPhase.RUNNING, OperationPhase.TERMINATING])
def test_an_operation_cannot_end_running(sqlite_url: str, begin: Step, end: Step, phase: OperationPhase) -> None:
    with open_store(sqlite_url) as store:
        begin(store, "op-1")
        with pytest.raises(ValueError, match=f"an operation cannot end as {phase}"):
            end(store, "op-1", phase=phase)


def test_unfinished_operations_are_abandoned(store: HistoryStore, begin: Step, end: Step, noon: datetime) -> None:
    begin(store, "done")
    end(store, "done")
    for name in ("first", "second"):
        begin(store, name)
    begin(store, "elsewhere", namespace="other")
    begin(store, "another", application="bank")
    later = noon + timedelta(hours=1)
    abandoned = store.abandon_unfinished("shop", "argocd", "the run ended without a word", at=later)
    assert [record.operation_id for record in abandoned] == ["second", "first"]
    assert {(record.phase, record.message, record.finished_at, record.abandoned) for record in abandoned} == {
        ("Error", "the run ended without a word", later, True)
    }
    assert store.abandon_unfinished("shop", "argocd", "again", at=later) == []
    assert [record.phase for record in store.records(application="shop", namespace="argocd")] == [
        "Error",
        "Error",
        "Succeeded",
    ]
    with pytest.raises(StoreError, match=r"operation first has already ended \(abandoned\)"):
        end(store, "first")
    assert store.verify().ok


def test_manifests_are_kept_once_and_checked(store: HistoryStore, begin: Step) -> None:
    manifests = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "ü\ud800"}}]
    digest = store.put_manifests(manifests)
    assert store.put_manifests(manifests) == digest
    assert store.get_manifests(digest) == manifests
    begin(store, "op-1", manifests=digest)
    assert store.verify().ok
    with pytest.raises(UsageError, match="no manifests with digest 0000"):
        store.get_manifests("0000")
    begin(store, "op-2", manifests="0000")
    verification = store.verify()
    assert verification.broken == 2
    assert verification.reason == f"record 2: {store.label}: no manifests with digest 0000"


def test_an_unmasked_secret_never_enters(store: HistoryStore) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": "aHVudGVyMg=="}}
    with pytest.raises(StoreError, match=r"^Secret db: data\.password is not masked"):
        store.put_manifests([secret])


def test_a_store_outlives_its_process(store_url: str, begin: Step, end: Step) -> None:
    with open_store(store_url) as store:
        begin(store, "op-1")
    with open_store(store_url) as store:
        end(store, "op-1")
        records, head = store.records(), store.head()
    with open_store(store_url, read_only=True) as store:
        assert store.records() == records
        assert store.verify(head=head) == Verification(2, head)
        with pytest.raises(StoreError, match="opened read-only"):
            begin(store, "op-2")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET application = 'bank'",
        "DELETE FROM records",
        "INSERT INTO records SELECT 9, operation_id, kind, application, namespace, created_at, payload, 'x', 'y' FROM records",
        "INSERT INTO records SELECT 9, 'op-2', kind, application, namespace, created_at, payload, '', 'y' FROM records",
    ],
    ids=["update", "delete", "second-begin", "fork"],
)
def test_the_database_itself_refuses_changes(store: HistoryStore, begin: Step, statement: str) -> None:
    begin(store, "op-1")
    with pytest.raises(DBAPIError), store._database.engine.begin() as connection:
        connection.execute(text(statement))
    assert store.verify().count == 1


@pytest.mark.postgresql
def test_a_connection_lost_at_commit_is_looked_into(postgresql_url: str, begin: Step) -> None:
    cut: list[int] = []
    with open_store(postgresql_url) as store, open_store(postgresql_url) as other:

        @event.listens_for(store._database.engine, "commit")
        def cut_once(connection: Any) -> None:
            if not cut:
                cut.append(connection.connection.dbapi_connection.info.backend_pid)
                with other._database.reading() as administrator:
                    administrator.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": cut[0]})

        begin(store, "op-1")
        assert cut
        assert [record.operation_id for record in store.records()] == ["op-1"]
        assert store.verify().count == 1


APPENDER = """
import sys
from datetime import UTC, datetime
from reconciler.history import open_store
from reconciler.terms import OperationPhase

url, name, rounds = sys.argv[1:]
now = datetime(2026, 3, 1, tzinfo=UTC)
with open_store(url, busy_timeout_s=60) as store:
    for number in range(int(rounds)):
        operation = f"{name}-{number}"
        digest = store.put_manifests([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": str(number)}}])
        store.begin(operation_id=operation, application=name, namespace="argocd", started_at=now, manifests=digest)
        store.end(operation, phase=OperationPhase.SUCCEEDED, message="", finished_at=now)
"""


def test_two_processes_do_not_fork_the_chain(store_url: str) -> None:
    """Both also make the store, which must happen once."""
    rounds = 25
    command = [sys.executable, "-W", "error", "-c", APPENDER, store_url]
    processes = [
        subprocess.Popen([*command, name, str(rounds)], stderr=subprocess.PIPE, text=True) for name in ("one", "two")
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    with open_store(store_url) as store:
        assert store.verify() == Verification(4 * rounds, store.head())
        assert {record.phase for record in store.records()} == {"Succeeded"}
        assert len(store.records(application="two")) == rounds


def test_threads_share_a_store(store: HistoryStore, begin: Step, end: Step) -> None:
    def work(name: str) -> None:
        for number in range(5):
            begin(store, f"{name}-{number}")
            end(store, f"{name}-{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.verify().count == 40
    assert {record.phase for record in store.records()} == {"Succeeded"}


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "hook", "end", "fail", "abandon", "refuse"]), st.integers(0, 4), st.text(max_size=9)
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS)
def test_any_history_verifies_and_reads_as_it_happened(actions: list[tuple[str, int, str]]) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    expected: dict[str, tuple[str, str]] = {}
    hooks: dict[str, dict[str, str]] = {}
    entries = 0
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/history.db") as store:
        for action, number, message in actions:
            operation, application = f"op-{number}", f"app-{number % 2}"
            running = expected.get(operation, ("", ""))[0] == "Running"
            if action == "begin" and operation not in expected:
                store.begin(operation_id=operation, application=application, namespace="argocd", started_at=now)
                expected[operation] = ("Running", "")
                entries += 1
            elif action == "refuse" and operation not in expected:
                store.refuse(
                    operation_id=operation,
                    application=application,
                    namespace="argocd",
                    at=now,
                    message=message,
                    refused="x",
                )
                expected[operation] = ("Error", message)
                entries += 2
            elif action == "hook" and running:
                known = hooks.setdefault(operation, {})
                store.record_hook(operation, message, OperationPhase.SUCCEEDED, "", now)
                entries += message not in known
                known[message] = "Succeeded"
            elif action in ("end", "fail") and running:
                phase = OperationPhase.SUCCEEDED if action == "end" else OperationPhase.FAILED
                store.end(operation, phase=phase, message=message, finished_at=now)
                expected[operation] = (phase, message)
                entries += 1
            elif action == "abandon":
                for record in store.abandon_unfinished(application, "argocd", message, at=now):
                    assert expected[record.operation_id][0] == "Running"
                    expected[record.operation_id] = ("Error", message)
                    entries += 1
        assert store.verify() == Verification(entries, store.head())
        for operation in expected:
            recorded = store.hooks_of(operation)
            assert {name: str(hook.phase) for name, hook in recorded.items()} == hooks.get(operation, {})
        for application in ("app-0", "app-1"):
            unfinished = store.unfinished(application, "argocd")
            open_ones = [
                name
                for name, (phase, _) in expected.items()
                if phase == "Running" and int(name[3:]) % 2 == int(application[4:])
            ]
            assert (unfinished.operation_id if unfinished else None) == (open_ones[-1] if open_ones else None)
        records = store.records()
        assert {record.operation_id: (record.phase, record.message) for record in records} == expected
        assert [record.operation_id for record in records] == list(reversed(expected))


def test_a_results_lines() -> None:
    key = ResourceKey("apps", "Deployment", "web", "shop")
    results = [
        TaskResult(SyncPhase.SYNC, 2, TaskAction.APPLY, key, "v1", code=ResultCode.SYNCED, message="configured"),
        TaskResult(SyncPhase.POST_SYNC, 0, TaskAction.HOOK, key, "v1", hook_phase=OperationPhase.FAILED),
    ]
    assert resource_outcomes(results) == (
        ResourceOutcome("apps", "v1", "Deployment", "web", "shop", "Sync", 2, "apply", "Synced", "", "configured"),
        ResourceOutcome("apps", "v1", "Deployment", "web", "shop", "PostSync", 0, "hook", "", "Failed", ""),
    )


def test_a_busy_store_says_so(sqlite_path: Path, sqlite_url: str, begin: Step) -> None:
    with open_store(sqlite_url, busy_timeout_s=0.05) as store:
        begin(store, "op-1")
        other = sqlite3.connect(sqlite_path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError) as caught:
                begin(store, "op-2")
            assert str(caught.value) == (
                f"history store {sqlite_path}: another process writes for over 0.05 s; try again"
            )
            assert len(store.records()) == 1
        finally:
            other.close()
        begin(store, "op-2")


@pytest.mark.postgresql
def test_a_busy_server_says_so(postgresql_url: str, begin: Step) -> None:
    with open_store(postgresql_url, busy_timeout_s=0.05) as store, open_store(postgresql_url) as other:
        with other._database.writing(), pytest.raises(StoreError, match=r"another process writes for over 0\.05 s"):
            begin(store, "op-1")
        begin(store, "op-1")


def test_nothing_is_added_to_a_changed_record(sqlite_path: Path, sqlite_url: str, begin: Step) -> None:
    with open_store(sqlite_url) as store:
        begin(store, "op-1")
        forge(sqlite_path, "UPDATE records SET application = 'bank'")
        with pytest.raises(StoreError) as caught:
            begin(store, "op-2")
        assert caught.value.exit_status == 1
        assert str(caught.value) == (
            f"history store {sqlite_path}: record 1 was changed after it was written, so nothing is added to it; "
            "restore it from a copy"
        )
        with pytest.raises(StoreError, match="history record 1 was changed after it was written; see `gitops-nb audit"):
            store.records()
        assert store.verify().reason == "record 1: its content does not match its digest"
