"""Which recorded sync a rollback goes back to, and what its sources were."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.cli.rolling_back import choose_record, deployed_sources
from reconciler.errors import UsageError
from reconciler.history import SyncRecord

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
