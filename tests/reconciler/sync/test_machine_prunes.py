"""Prunes: before what comes, waited for, and approved where that is asked for."""

import pytest

from reconciler.sync.records import PlanOptions
from tests.reconciler.sync.operation import apply, prune
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    # Prunes
    "prunes come first and are waited for": Scenario(
        [prune("old"), apply("a"), prune("older")],
        [
            ("start", ["dry-run a old older"]),
            ("tried", ["prune old older"]),
            ("gone older", []),
            ("gone old", ["apply a"]),
            ("done a", ["finish"]),
        ],
        DONE,
        ["a Synced", "old Pruned", "older Pruned"],
    ),
    "prunes alone": Scenario(
        [prune("old", wave=1), prune("older", wave=0)],
        [
            ("start", ["dry-run old older"]),
            ("tried", ["prune old"]),
            ("gone old", ["prune older"]),
            ("gone older", ["finish"]),
        ],
        DONE,
        ["old Pruned", "older Pruned"],
    ),
    "a refused prune lets the other prunes be recorded": Scenario(
        [prune("old"), prune("older"), apply("a")],
        [
            ("start", ["dry-run a old older"]),
            ("tried", ["prune old older"]),
            ("failed old forbidden", []),
            ("gone older", ["finish"]),
        ],
        FAILED + "ConfigMap web/old: forbidden",
        ["old SyncFailed", "older Pruned"],
    ),
    "a skipped prune beside an apply": Scenario(
        [prune("kept", reason="ignored (requires pruning)"), apply("a")],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced", "kept PruneSkipped"],
    ),
    # Approval
    "what needs approval is waited for, once": Scenario(
        [prune("old", confirm=True), prune("older", wave=1, confirm=True), apply("a", wave=2)],
        [
            ("start", ["dry-run older old a"]),
            ("tried", ["await-approval older"]),
            ("approved", ["prune older"]),
            ("gone older", ["prune old"]),
            ("approved", []),
            ("gone old", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["finish"]),
        ],
        DONE,
        ["older Pruned", "old Pruned", "a Synced"],
    ),
    "a dry run waits for nobody": Scenario(
        [prune("old", confirm=True)],
        [("start", ["dry-run old"]), ("tried", ["finish"])],
        "Succeeded: successfully synced (dry run)",
        ["old Pruned"],
        PlanOptions(dry_run=True),
    ),
    "stopped while nobody approves": Scenario(
        [prune("one", confirm=True), prune("two", confirm=True), prune("three")],
        [
            ("start", ["dry-run one three two"]),
            ("tried", ["await-approval one two"]),
            ("stop Operation terminated", ["finish"]),
        ],
        "Failed: Waiting for pruning confirmation of ConfigMap web/one and 1 more resource; Operation terminated",
        [],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
