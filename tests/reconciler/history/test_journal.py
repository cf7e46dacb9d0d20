"""What is recorded while an operation runs, and of one that was refused or tried again."""

import json
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from reconciler.errors import StoreError
from reconciler.history import DamagedStoreError, HistoryStore, HookRecord, SyncRecord, open_store
from reconciler.terms import OperationPhase
from tests.reconciler.history.forging import forge

Step = Callable[..., SyncRecord]
RUNNING, SUCCEEDED, FAILED = OperationPhase.RUNNING, OperationPhase.SUCCEEDED, OperationPhase.FAILED


def test_a_hook_from_before_it_is_made_to_its_outcome(store: HistoryStore, begin: Step, noon: datetime) -> None:
    begin(store, "op-1")
    assert store.hooks_of("op-1") == {}
    later = noon + timedelta(seconds=5)
    store.record_hook("op-1", "migrate", RUNNING, "", noon)
    store.record_hook("op-1", "seed", RUNNING, "", noon)
    store.record_hook("op-1", "migrate", RUNNING, "", later, uid="u-1")
    record = store.record_hook("op-1", "migrate", FAILED, 'job "migrate" ünïcode\nline', later, uid="u-1")
    assert record == HookRecord("migrate", FAILED, 'job "migrate" ünïcode\nline', "u-1", later)
    hooks = store.hooks_of("op-1")
    assert list(hooks) == ["migrate", "seed"]
    assert hooks == {"migrate": record, "seed": HookRecord("seed", RUNNING, "", "", noon)}
    assert store.verify().count == 5
    assert store.hooks_of("op-2") == {}


def test_an_entry_costs_one_read_and_one_write(sqlite_url: str, begin: Step, end: Step) -> None:
    statements: list[str] = []
    with open_store(sqlite_url) as store:
        event.listen(
            store._database.engine,
            "before_cursor_execute",
            lambda *arguments: statements.append(arguments[2].split()[0]),
        )
        assert store.unfinished("shop", "argocd") is None
        begin(store, "op-1")
        end(store, "op-1")
        end(store, "op-1")
    assert statements == [*("BEGIN", "SELECT"), *2 * ("BEGIN", "SELECT", "INSERT"), *("BEGIN", "SELECT")]


def test_an_entry_is_chained_to_the_newest_of_all(store: HistoryStore, begin: Step, end: Step, noon: datetime) -> None:
    for name in ("op-1", "op-2"):
        begin(store, name, application=name)
    store.record_hook("op-1", "migrate", RUNNING, "", noon)
    end(store, "op-2")
    end(store, "op-1")
    with closing(store.entries()) as entries:
        written = [(entry.operation_id, entry.kind.value) for entry in entries]
    assert written == [("op-1", "begin"), ("op-2", "begin"), ("op-1", "progress"), ("op-2", "end"), ("op-1", "end")]
    assert store.verify().count == 5


def test_repeating_a_record_of_a_hook_changes_nothing(store: HistoryStore, begin: Step, noon: datetime) -> None:
    """Also with another message and time: the outcome stands as it was recorded first."""
    begin(store, "op-1")
    later = noon + timedelta(hours=1)
    for at in (noon, later):
        store.record_hook("op-1", "migrate", RUNNING, "", at)
    first = store.record_hook("op-1", "migrate", SUCCEEDED, "completed", noon, uid="u-1")
    assert store.record_hook("op-1", "migrate", SUCCEEDED, "is gone", later) == first
    assert store.hooks_of("op-1") == {"migrate": first}
    assert store.verify().count == 3


@pytest.mark.parametrize("phase", [FAILED, OperationPhase.ERROR, RUNNING])
def test_a_hook_ends_once(store: HistoryStore, begin: Step, noon: datetime, phase: OperationPhase) -> None:
    begin(store, "op-1")
    store.record_hook("op-1", "migrate", SUCCEEDED, "", noon)
    with pytest.raises(StoreError, match=r"hook migrate of operation op-1 has ended: Succeeded$"):
        store.record_hook("op-1", "migrate", phase, "", noon)


def test_a_hook_belongs_to_a_running_operation(store: HistoryStore, begin: Step, end: Step, noon: datetime) -> None:
    with pytest.raises(StoreError, match="operation op-1 never began; begin it before its hooks"):
        store.record_hook("op-1", "migrate", RUNNING, "", noon)
    begin(store, "op-1")
    store.record_hook("op-1", "migrate", SUCCEEDED, "", noon)
    end(store, "op-1")
    with pytest.raises(StoreError, match=r"operation op-1 has already ended \(end\)"):
        store.record_hook("op-1", "migrate", SUCCEEDED, "", noon)
    assert store.record("op-1").phase == "Succeeded"
    assert store.record("op-1").finished_at == noon + timedelta(minutes=1)
    assert list(store.hooks_of("op-1")) == ["migrate"]
    assert store.verify().ok


def test_what_the_next_run_finds(store: HistoryStore, begin: Step, end: Step, noon: datetime) -> None:
    assert store.unfinished("shop", "argocd") is None
    request = json.dumps({"prune": True, "resources": ["apps/Deployment/web/shop"]})
    begin(store, "op-1")
    begin(store, "op-2", request=request, plan="9f86d081", revisions=["abc", "def"], started_at=noon)
    begin(store, "another", application="bank")
    begin(store, "elsewhere", namespace="other")
    begin(store, "op-3")
    end(store, "op-3")
    begin(store, "dry", dry_run=True)
    store.record_hook("op-2", "migrate", RUNNING, "", noon)
    found = store.unfinished("shop", "argocd")
    assert found is not None
    assert (found.operation_id, found.started_at, found.phase) == ("op-2", noon, "Running")
    assert (found.request, found.plan, found.revisions) == (request, "9f86d081", ("abc", "def"))
    assert found == store.record("op-2")
    end(store, "op-2")
    again = store.unfinished("shop", "argocd")
    assert again is not None
    assert again.operation_id == "op-1"
    store.abandon_unfinished("shop", "argocd", "killed", at=noon)
    assert store.unfinished("shop", "argocd") is None


def test_an_operation_that_is_gone_on_with_is_not_abandoned(store: HistoryStore, begin: Step, noon: datetime) -> None:
    for name in ("op-1", "op-2", "op-3"):
        begin(store, name)
    abandoned = store.abandon_unfinished("shop", "argocd", "killed", at=noon, keep="op-2")
    assert [record.operation_id for record in abandoned] == ["op-3", "op-1"]
    assert [record.abandoned for record in store.records()] == [True, False, True]


def test_an_attempt_names_the_one_before(store: HistoryStore, begin: Step, end: Step) -> None:
    begin(store, "op-1")
    end(store, "op-1", phase=FAILED)
    begin(store, "op-2", retry_of="op-1", attempt=2)
    second, first = store.records()
    assert (first.attempt, first.retry_of) == (1, "")
    assert (second.attempt, second.retry_of) == (2, "op-1")


def test_a_refused_operation_is_a_record(store: HistoryStore, noon: datetime) -> None:
    fields: dict[str, Any] = {
        "operation_id": "op-1",
        "application": "shop",
        "namespace": "argocd",
        "at": noon,
        "message": "the window 0 22 * * * denies it until 06:00",
        "refused": "windows",
        "phase": FAILED,
        "project": "web",
        "revisions": ("abc",),
        "initiated_by": "alice",
        "request": '{"prune":false}',
    }
    record = store.refuse(**fields)
    assert (record.phase, record.message, record.refused) == (FAILED, fields["message"], "windows")
    assert (record.started_at, record.finished_at, record.abandoned) == (noon, noon, False)
    assert (record.project, record.revisions, record.initiated_by, record.request) == (
        "web",
        ("abc",),
        "alice",
        '{"prune":false}',
    )
    assert store.refuse(**fields) == record
    assert store.records() == [record]
    assert store.unfinished("shop", "argocd") is None
    assert (store.verify().ok, store.verify().count) == (True, 2)
    with pytest.raises(StoreError, match="operation op-1 has already begun"):
        store.refuse(**fields | {"project": "other"})
    with pytest.raises(StoreError, match=r"operation op-1 has already ended \(end\)"):
        store.refuse(**fields | {"message": "other"})
    with pytest.raises(ValueError, match="an operation cannot end as Running"):
        store.refuse(**fields | {"phase": RUNNING})


def test_progress_that_was_changed_is_not_believed(
    sqlite_path: Path, sqlite_url: str, begin: Step, noon: datetime
) -> None:
    """A hook whose failure is made a success would be taken for done."""
    with open_store(sqlite_url) as store:
        begin(store, "op-1")
        store.record_hook("op-1", "migrate", FAILED, "", noon)
        begin(store, "op-2")
        forge(sqlite_path, "UPDATE records SET payload = replace(payload, 'Failed', 'Succeeded') WHERE sequence = 2")
        with pytest.raises(DamagedStoreError, match="history record 2 was changed after it was written"):
            store.hooks_of("op-1")
        with pytest.raises(DamagedStoreError, match="history record 2 was changed after it was written"):
            store.record_hook("op-1", "seed", RUNNING, "", noon)
        assert store.verify().reason == "record 2: its content does not match its digest"
