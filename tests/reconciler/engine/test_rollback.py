"""Which recorded sync a rollback goes back to, and what its sources were."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine import Reconciler
from reconciler.engine.requests import SyncRequest
from reconciler.engine.rolling_back import choose_record, deployed_sources, find_rollback, roll_back
from reconciler.errors import SyncError, UsageError
from reconciler.history import SyncRecord, open_store
from reconciler.sync.records import PlanOptions
from reconciler.sync.retry import RetryPolicy
from reconciler.terms import OperationPhase
from tests.reconciler.engine.families import Family, config_text, family

__all__ = ["family"]

STARTED = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)


def record(
    sequence: int, phase: str = "Succeeded", *, revision: str = "", dry_run: bool = False, **asked: Any
) -> SyncRecord:
    return SyncRecord(
        sequence=sequence,
        operation_id=str(sequence),
        application="shop",
        namespace="argocd",
        project="default",
        cluster="",
        target_revision="main",
        revisions=(revision or f"r{sequence}",),
        phase=phase,
        message="",
        started_at=STARTED,
        finished_at=STARTED,
        initiated_by="ada",
        dry_run=dry_run,
        prune=False,
        resources=(),
        notebook="",
        manifests="",
        abandoned=False,
        digest="",
        request=json.dumps(asked) if asked else "",
    )


RECORDS = [
    record(11, "Failed"),
    record(9, dry_run=True),
    record(7),
    record(5, resources=["ConfigMap argocd/a"]),
    record(4, delete=True),
    record(3),
    record(1),
]


def test_the_successful_sync_before_the_last_one() -> None:
    assert choose_record(RECORDS, None, "shop").sequence == 3


def test_any_that_is_asked_for() -> None:
    assert choose_record(RECORDS, 1, "shop").sequence == 1
    assert choose_record(RECORDS, 7, "shop").sequence == 7


@pytest.mark.parametrize(
    ("sequence", "why"),
    [
        (11, "ended Failed"),
        (9, "was a dry run"),
        (5, "synced only a part"),
        (4, "was a deletion"),
        (2, "is not in its history"),
    ],
)
def test_what_cannot_be_gone_back_to(sequence: int, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        choose_record(RECORDS, sequence, "shop")
    assert str(refused.value) == f"sync {sequence} of shop {why}; it can be rolled back to: 7, 3, 1"


@pytest.mark.parametrize("records", [[], [record(1)], [record(3, "Failed"), record(1)]])
def test_there_is_nothing_before(records: list[SyncRecord]) -> None:
    with pytest.raises(UsageError, match="a rollback needs one before the last"):
        choose_record(records, None, "shop")


def entry(revision: str, path: str, started: str = "2026-11-23T09:00:00Z") -> dict[str, Any]:
    return {"revision": revision, "source": {"repoURL": "u", "path": path}, "deployStartedAt": started}


def test_sources_of_the_very_sync() -> None:
    entries = [entry("r1", "a"), entry("r1", "b", "2026-11-23T10:00:00Z"), entry("r1", "c"), entry("r2", "d")]
    assert deployed_sources(entries, record(1)) == [{"repoURL": "u", "path": "b"}]


def test_sources_of_the_newest_sync_of_the_revision() -> None:
    assert deployed_sources([entry("r1", "a"), entry("r1", "c"), entry("r2", "d")], record(1)) == [
        {"repoURL": "u", "path": "c"}
    ]


def test_several_sources() -> None:
    sources = [{"repoURL": "u", "path": "a"}, {"repoURL": "v", "ref": "x"}]
    assert deployed_sources([{"revisions": ["r1"], "sources": sources}], record(1)) == sources


def test_sources_that_nobody_noted() -> None:
    assert deployed_sources([entry("r2", "d")], record(1)) is None
    assert deployed_sources([{"revision": "r1"}], record(1)) is None


HOOK = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: before, annotations: {argocd.argoproj.io/hook: PreSync}}\n"


def test_of_a_sync_whose_sources_nobody_noted(family: Family, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/history.db") as store:
        engine = Reconciler(family.engine.connection, sources=family.engine.sources, store=store)
        store.begin(
            operation_id="old",
            application="root",
            namespace="argocd",
            project="default",
            cluster="",
            target_revision="main",
            revisions=("r1",),
            started_at=STARTED,
            initiated_by="ada",
            dry_run=False,
            prune=False,
        )
        store.end("old", phase=OperationPhase.SUCCEEDED, message="", finished_at=STARTED, resources=())
        (known,) = store.records()
        with pytest.raises(SyncError) as refused:
            find_rollback(engine, family.root(), known.sequence)
        assert str(refused.value) == (
            f"the sources of sync {known.sequence} of root are not recorded; sync to its revision instead: gitops-nb app sync "
            "root --revision r1"
        )


def test_without_hooks_and_once(family: Family, tmp_path: Path) -> None:
    """Of the Application only its sources are those of that time; the request's retries are not for a rollback."""
    family.write({"apps/all.yaml": f"{config_text('a', 'one')}---\n{HOOK}"})
    with open_store(f"sqlite:///{tmp_path}/history.db") as store:
        engine = Reconciler(family.engine.connection, sources=family.engine.sources, store=store)
        for value in ("one", "two"):
            family.write({"apps/all.yaml": f"{config_text('a', value)}---\n{HOOK}"})
            engine.begin_run()
            assert engine.sync(engine.reconcile(family.root())).result.succeeded
        found = find_rollback(engine, family.root())
        assert str(found) == f"root back to sync {found.record.sequence}: {found.record.revisions[0][:12]}"
        request = SyncRequest(retry=RetryPolicy(limit=3), options=PlanOptions(prune=True))
        result = roll_back(engine, found, request).result
        assert (result.succeeded, [entry.key.name for entry in result.results]) == (True, ["a"])
        assert family.config("a") == "one"
        assert result.options == PlanOptions(prune=True, hooks=False)
        newest = store.records()[0]
        assert json.loads(newest.request)["hooks"] is False


def test_a_rollback_that_fails_is_not_tried_again(family: Family, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/history.db") as store:
        engine = Reconciler(family.engine.connection, sources=family.engine.sources, store=store)
        for value in ("one", "two"):
            family.write({"apps/all.yaml": config_text("a", value)})
            assert engine.sync(engine.reconcile(family.root())).result.succeeded
        family.client.patch("/api/v1/namespaces/default/configmaps/a", {"immutable": True}).expect()
        retry = RetryPolicy(limit=1, wait=timedelta(milliseconds=1))
        result = engine.rollback(family.root(), request=SyncRequest(retry=retry)).result
        assert (result.phase, family.config("a")) == ("Failed", "two")
        assert [record.phase for record in store.records()] == ["Failed", "Succeeded", "Succeeded"]
