"""What ends the waiting after a sync."""

from datetime import UTC, datetime

import pytest

from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.engine import SyncOutcome
from reconciler.engine.waiting import is_at_rest
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.plan import REQUIRES_PRUNING
from reconciler.sync.records import PlanOptions, SyncResult, TaskAction, TaskResult
from reconciler.terms import HealthStatus, OperationPhase, ResultCode, SyncPhase, SyncStatus

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def comparison(health: HealthStatus, *resources: ResourceComparison) -> Comparison:
    return Comparison(
        application="shop",
        namespace="argocd",
        project="default",
        destination="in-cluster",
        revisions=("r1",),
        status=SyncStatus.OUT_OF_SYNC,
        health=Health(health),
        compared_at=NOW,
        resources=resources,
    )


@pytest.mark.parametrize(
    ("health", "settled"),
    [
        (HealthStatus.HEALTHY, True),
        (HealthStatus.DEGRADED, True),
        (HealthStatus.SUSPENDED, True),
        (HealthStatus.MISSING, True),
        (HealthStatus.PROGRESSING, False),
        (HealthStatus.UNKNOWN, False),
    ],
)
def test_what_does_not_change_by_itself_is_not_waited_for(health: HealthStatus, settled: bool) -> None:
    assert is_at_rest(comparison(health)) == settled


def key(name: str) -> ResourceKey:
    return ResourceKey("", "ConfigMap", "shop", name)


def extra(name: str, *, ignored: bool = False) -> ResourceComparison:
    return ResourceComparison(
        key=key(name),
        version="v1",
        status=SyncStatus.OUT_OF_SYNC,
        requires_pruning=True,
        ignore_extraneous=ignored,
    )


def skipped(name: str, message: str = REQUIRES_PRUNING) -> TaskResult:
    code = ResultCode.PRUNE_SKIPPED
    return TaskResult(SyncPhase.SYNC, 0, TaskAction.PRUNE, key(name), "v1", code=code, message=message)


def outcome(
    found: Comparison | None,
    *results: TaskResult,
    options: PlanOptions = PlanOptions(),
    phase: OperationPhase = OperationPhase.SUCCEEDED,
) -> SyncOutcome:
    return SyncOutcome(SyncResult("shop", "argocd", ("r1",), phase, "", NOW, NOW, results, options), found)


def test_what_is_left_to_prune() -> None:
    found = comparison(
        HealthStatus.HEALTHY, extra("a"), extra("b"), extra("kept"), extra("stray", ignored=True), extra("later")
    )
    left = outcome(
        found, skipped("a"), skipped("b"), skipped("kept", "ignored (no prune)"), skipped("stray"), skipped("gone")
    )
    assert left.left_to_prune == (key("a"), key("b"))
    assert left.pruning_required == (
        "2 resources require pruning: ConfigMap shop/a, ConfigMap shop/b; sync with prune to delete them"
    )
    one = outcome(found, skipped("b"))
    assert one.pruning_required == "1 resource requires pruning: ConfigMap shop/b; sync with prune to delete it"


@pytest.mark.parametrize(
    "ended",
    [
        outcome(None, skipped("a")),
        outcome(comparison(HealthStatus.HEALTHY), skipped("a")),
        outcome(comparison(HealthStatus.HEALTHY, extra("a"))),
        outcome(comparison(HealthStatus.HEALTHY, extra("a")), skipped("a"), phase=OperationPhase.FAILED),
        outcome(comparison(HealthStatus.HEALTHY, extra("a")), skipped("a"), options=PlanOptions(dry_run=True)),
        outcome(comparison(HealthStatus.HEALTHY, extra("a")), skipped("a"), options=PlanOptions(resources=(key("b"),))),
    ],
    ids=["not compared", "pruned since", "not skipped", "a failure", "a dry run", "a part"],
)
def test_nothing_is_left_to_prune(ended: SyncOutcome) -> None:
    assert (ended.left_to_prune, ended.pruning_required) == ((), "")
