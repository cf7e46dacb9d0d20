"""What ``app wait`` waits for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.cli.selecting import ResourcePattern
from reconciler.cli.waiting import WaitFor, operation_of
from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus

HEALTHY, DEGRADED = HealthStatus.HEALTHY, HealthStatus.DEGRADED
SYNCED, OUT = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC


def compared(
    status: SyncStatus, health: HealthStatus, *resources: tuple[str, SyncStatus, HealthStatus | None]
) -> Comparison:
    return Comparison(
        application="shop",
        namespace="argocd",
        project="default",
        destination="in-cluster",
        revisions=("r1",),
        status=status,
        health=Health(health),
        compared_at=datetime(2026, 11, 23, tzinfo=UTC),
        resources=tuple(
            ResourceComparison(
                key=ResourceKey("", kind, "shop", "web"),
                version="v1",
                status=sync,
                health=Health(each) if each else None,
            )
            for kind, sync, each in resources
        ),
    )


def only(*healths: HealthStatus, sync: bool = False, resource: str = "") -> WaitFor:
    patterns = (ResourcePattern.parse(resource),) if resource else ()
    return WaitFor(sync=sync, healths=frozenset(healths), operation=False, patterns=patterns)


CASES: dict[str, tuple[WaitFor, Comparison, bool, bool]] = {
    "synced and healthy": (WaitFor(), compared(SYNCED, HEALTHY), True, False),
    "not yet synced": (WaitFor(), compared(OUT, HEALTHY), False, False),
    "degraded": (WaitFor(), compared(SYNCED, DEGRADED), False, True),
    "sync alone": (only(sync=True), compared(SYNCED, DEGRADED), True, False),
    "health alone": (only(HEALTHY), compared(OUT, HEALTHY), True, False),
    "degraded is asked for": (only(DEGRADED), compared(OUT, DEGRADED), True, False),
    "either health": (only(HEALTHY, DEGRADED), compared(OUT, DEGRADED), True, False),
    "suspended": (only(HealthStatus.SUSPENDED), compared(OUT, HEALTHY), False, False),
    "suspended in vain": (only(HealthStatus.SUSPENDED), compared(OUT, DEGRADED), False, True),
    "one object of many": (
        only(HEALTHY, sync=True, resource=":Service:web"),
        compared(OUT, DEGRADED, ("Service", SYNCED, HEALTHY), ("Pod", OUT, DEGRADED)),
        True,
        False,
    ),
    "an object without health": (
        only(HEALTHY, resource=":ConfigMap:web"),
        compared(OUT, HEALTHY, ("ConfigMap", OUT, None)),
        True,
        False,
    ),
    "an object in vain": (
        only(HEALTHY, resource=":Pod:web"),
        compared(SYNCED, HEALTHY, ("Pod", SYNCED, DEGRADED)),
        False,
        True,
    ),
    "no such object": (only(HEALTHY, resource=":Pod:web"), compared(SYNCED, HEALTHY), False, False),
}


@pytest.mark.parametrize(("wanted", "comparison", "holds", "in_vain"), CASES.values(), ids=CASES)
def test_what_holds(wanted: WaitFor, comparison: Comparison, holds: bool, in_vain: bool) -> None:
    assert (wanted.holds(comparison), wanted.is_in_vain(comparison)) == (holds, in_vain)
    assert wanted.is_over(comparison) == (holds or in_vain)


def test_the_time_is_over() -> None:
    comparison = compared(OUT, HEALTHY, ("Service", SYNCED, HEALTHY), ("Pod", OUT, None))
    assert WaitFor().overdue(comparison, 5) == "shop is OutOfSync and Healthy after 5 s; waiting for Pod shop/web"
    assert only(DEGRADED).overdue(comparison, 0.5) == "shop is OutOfSync and Healthy after 0.5 s"
    assert only(HEALTHY, resource=":Job:a").overdue(comparison, 5).endswith("after 5 s; it has no such resource")


@pytest.mark.parametrize(
    ("operation", "status", "expected"),
    [
        (None, {}, ""),
        ({"sync": {}}, {}, "requested"),
        ({"sync": {}}, {"operationState": {"phase": "Succeeded"}}, "requested"),
        ({"sync": {}}, {"operationState": {"phase": "Running"}}, "Running"),
        (None, {"operationState": {"phase": "Terminating"}}, "Terminating"),
        (None, {"operationState": {"phase": "Failed"}}, ""),
        (None, None, ""),
    ],
)
def test_an_operation_at_work(operation: Any, status: Any, expected: str) -> None:
    assert operation_of(operation, status) == expected
