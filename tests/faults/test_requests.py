"""What the cluster answers to single requests while a run is at work (threats.md, part 2); the row is in the test's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.sandbox.faults import ALWAYS, STORAGE_FULL, Cut, Delay, Expire, Fault, Lag, Refuse, Repeat, Reset
from tests.faults.harness import Cluster, sandbox_of
from tests.faults.invariants import check, check_bounds, check_left, check_operations
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import IDLE_S, PAGE

WEBHOOK = 'Internal error occurred: failed calling webhook "guard.example.com": context deadline exceeded'


@dataclass(frozen=True)
class Row:
    """Faults, how the run ends that meets them, and words of what it says.

    ``met`` is how often the first fault's requests must have come at least. ``exits`` are exit statuses; more than one where
    the fault hits what may be repeated or not.
    """

    id: str
    scenario: str
    faults: Sequence[Fault]
    exits: tuple[int, ...] = (0,)
    says: str = ""
    phase: str = ""
    variables: tuple[tuple[str, str], ...] = ()


LATE = tuple({IDLE_S: "0.5"}.items())
PAGED = tuple({PAGE: "2"}.items())
ROWS = [
    Row("02-unreachable-from-the-start", "waves", [Fault(Reset(), times=ALWAYS)], (4,), "cannot be reached"),
    Row("03-watch-cut", "waves", [Fault(Cut(), "watch", "deployments", times=3)]),
    Row("03-watch-cut-after-an-event", "hooks", [Fault(Cut(after=1), "watch", "jobs", times=3)]),
    Row("03-watch-silent", "waves", [Fault(Cut(silent=True), "watch", "deployments", times=2)], variables=LATE),
    Row("03-watch-of-a-hook-silent", "hooks", [Fault(Cut(silent=True), "watch", "jobs", times=2)], variables=LATE),
    Row("03-watch-refused", "waves", [Fault(Refuse(503), "watch", times=3)]),
    Row("04-watch-410-as-an-event", "waves", [Fault(Expire(), "watch", "deployments", times=2)]),
    Row("04-watch-410-after-an-event", "hooks", [Fault(Expire(after=1), "watch", "jobs", times=2)]),
    Row("04-watch-410-as-the-answer", "hooks", [Fault(Refuse(410, reason="Expired"), "watch", times=2)]),
    Row(
        "04-page-410",
        "waves",
        [Fault(Refuse(410, reason="Expired"), "list", "configmaps", having="continue")],
        variables=PAGED,
    ),
    Row("05-stale-list", "waves", [Fault(Lag(4), "list", "deployments", at=2, times=2)]),
    Row("05-stale-list-of-hooks", "hooks", [Fault(Lag(3), "list", "jobs", at=2, times=3)]),
    Row("05-late-events", "waves", [Fault(Delay(0.3), "watch", "deployments", times=2)]),
    Row("06-repeated-events", "waves", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("06-repeated-events-of-hooks", "hooks", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("06-repeated-events-of-prunes", "deletion", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("07-retry-after", "waves", [Fault(Refuse(429, retry_after_s=1), "patch", "configmaps")]),
    Row("07-retry-after-lists", "waves", [Fault(Refuse(429, retry_after_s=1), "list", times=2)]),
    *(
        Row(f"08-{status}-at-{verb}-{at}", scenario, [Fault(Refuse(status), verb, at=at)], exits, phase=phase)
        for status, exits, phase in ((500, (0, 1, 4), "any"), (503, (0,), ""), (504, (0,), ""))
        for scenario, verb, at in (
            ("waves", "list", 1),
            ("waves", "patch", 3),
            ("waves", "delete", 1),
            ("hooks", "create", 1),
            ("hooks", "get", 4),
        )
    ),
    Row("08-burst-of-503", "waves", [Fault(Refuse(503), "write", at=2, times=3)]),
    *(
        Row(
            f"09-answer-lost-{scenario}-{verb}-{resource}-{at}",
            scenario,
            [Fault(Reset(committed=True), verb, resource, at=at)],
        )
        for scenario, verb, resource, at in (
            ("waves", "patch", "configmaps", 1),
            ("waves", "patch", "deployments", 1),
            ("waves", "delete", "configmaps", 1),
            ("waves", "delete", "configmaps", 2),
            ("waves", "create", "leases", 1),
            ("waves", "patch", "leases", 1),
            ("waves", "patch", "applications", 1),
            ("hooks", "patch", "applications", 1),
            ("hooks", "create", "jobs", 1),
            ("hooks", "create", "jobs", 2),
            ("hooks", "create", "jobs", 4),
            ("hooks", "patch", "jobs", 1),
            ("hooks", "delete", "jobs", 1),
            ("family", "patch", "customresourcedefinitions", 1),
            ("family", "patch", "namespaces", 1),
            ("family", "patch", "applications", 1),
            ("deletion", "patch", "applications", 1),
            ("deletion", "delete", "applications", 1),
            ("deletion", "patch", "applications", 2),
            ("deletion", "create", "jobs", 1),
        )
    ),
    Row("10-conflict-at-an-apply", "waves", [Fault(Refuse(409, reason="Conflict"), "patch", "configmaps", times=3)]),
    Row("10-conflict-at-a-finalizer", "hooks", [Fault(Refuse(409, reason="Conflict"), "patch", "jobs", times=3)]),
    Row("10-conflict-at-a-prune", "waves", [Fault(Refuse(409, reason="Conflict"), "delete", "configmaps", times=2)]),
    Row(
        "11-forbidden-in-mid-run",
        "waves",
        [Fault(Refuse(403, 'services "web" is forbidden: no more', "Forbidden"), "patch", "services", times=ALWAYS)],
        (1,),
        'services "web" is forbidden: no more',
        "Failed",
    ),
    Row(
        "11-forbidden-to-create-a-hook",
        "hooks",
        [Fault(Refuse(403, "jobs is forbidden: no more", "Forbidden"), "create", "jobs", at=2, times=ALWAYS)],
        (1,),
        "jobs is forbidden: no more",
        "Failed",
    ),
    Row("12-admission-slow", "waves", [Fault(Delay(1.0), "patch", "configmaps", times=2)]),
    Row(
        "12-admission-down",
        "waves",
        [Fault(Refuse(500, WEBHOOK), "patch", "services", times=ALWAYS)],
        (1,),
        'failed calling webhook "guard.example.com"',
        "Failed",
    ),
    Row(
        "12-admission-without-dry-run",
        "waves",
        [Fault(Refuse(400, "admission webhook does not support dry run"), "patch", "services", dry_run=True)],
        (1,),
        "does not support dry run",
        "Failed",
    ),
    *(
        Row(
            f"13-storage-full-{scenario}-{at}",
            scenario,
            [
                Fault(Refuse(500, STORAGE_FULL), verb, resource, at=at, times=ALWAYS)
                for verb, resource in (("patch", "configmaps"), ("create", "jobs"), ("patch", "services"))
            ],
            (1,),
            "database space exceeded",
            "Failed",
        )
        for scenario, at in (("waves", 1), ("waves", 2), ("hooks", 1))
    ),
    Row(
        "15-too-large",
        "waves",
        [Fault(Refuse(413, "Request entity too large: limit is 3145728"), "patch", "configmaps", dry_run=True)],
        (1,),
        "Request entity too large",
        "Failed",
    ),
    Row(
        "15-too-large-for-etcd",
        "waves",
        [Fault(Refuse(500, "etcdserver: request is too large"), "patch", "services", times=ALWAYS)],
        (1,),
        "request is too large",
        "Failed",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(sandboxed: Cluster, tmp_path: Path, row: Row) -> None:
    scenario = SCENARIOS[row.scenario]
    outcome = sandboxed.outcome(scenario, tmp_path / "undisturbed")
    faults = sandbox_of(sandboxed).faults
    with sandboxed.case(scenario, tmp_path / "case") as case:
        faults.set(*row.faults)
        ended = case.run(**dict(row.variables))
        met = faults.met()
        faults.set()
        assert any(count >= fault.at for count, fault in zip(met, row.faults, strict=True)), f"not met: {met}"
        assert ended.status in row.exits, ended.errors
        assert row.says in ended.output + ended.errors
        check_bounds(case, ended)
        if row.phase == "Failed":
            check_operations(case, ended, phase="Failed")
            check_left(case)
        check(case, outcome, case.run())
