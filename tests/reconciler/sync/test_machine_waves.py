"""Waves: kind by kind, each wave after the health of the one before, and pauses between them."""

import pytest

from reconciler.sync.records import Change
from tests.reconciler.sync.operation import apply, namespace, prune
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    # One wave
    "nothing to do": Scenario([], [("start", ["finish"])], "Succeeded: successfully synced (no more tasks)", []),
    "only prunes that nobody asked for": Scenario(
        [prune("a", reason="ignored (requires pruning)"), prune("b", reason="ignored (no prune)")],
        [("start", ["finish"])],
        "Succeeded: successfully synced (no more tasks)",
        ["a PruneSkipped", "b PruneSkipped"],
    ),
    "one wave without hooks ends with its applies": Scenario(
        [apply("a"), apply("b")],
        [("start", ["dry-run a b"]), ("tried", ["apply a b"]), ("done b", []), ("done a", ["finish"])],
        DONE,
        ["a Synced", "b Synced"],
    ),
    "kind by kind, whatever the order of the answers": Scenario(
        [
            apply("web", kind="Deployment"),
            apply("front", kind="Service"),
            apply("b"),
            apply("x", kind="Zebra"),
            apply("a"),
        ],
        [
            ("start", ["dry-run a b front web x"]),
            ("tried", ["apply a b"]),
            ("done b", []),
            ("done a", ["apply front"]),
            ("done front", ["apply web"]),
            ("done web", ["apply x"]),
            ("done x", ["finish"]),
        ],
        DONE,
        ["a Synced", "b Synced", "front Synced", "web Synced", "x Synced"],
    ),
    "what is in sync is left out": Scenario(
        [apply("a"), apply("b", change=Change.SKIP), apply("c", wave=1, change=Change.SKIP)],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced"],
    ),
    "one refused apply lets the others of its kind be recorded": Scenario(
        [apply("a"), apply("b"), apply("c"), apply("web", kind="Deployment")],
        [
            ("start", ["dry-run a b c web"]),
            ("tried", ["apply a b c"]),
            ("failed b denied by quota", []),
            ("done c", []),
            ("done a", ["finish"]),
        ],
        FAILED + "ConfigMap web/b: denied by quota",
        ["a Synced", "b SyncFailed", "c Synced"],
    ),
    "a namespace is made first": Scenario(
        [apply("a"), namespace()],
        [
            ("start", ["dry-run web a"]),
            ("tried", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["finish"]),
        ],
        DONE,
        ["web Synced", "a Synced"],
    ),
    # Waves
    "the next wave waits for health": Scenario(
        [apply("db", kind="Deployment"), apply("web", kind="Deployment", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Progressing 0 of 1", []),
            ("health db Missing", []),
            ("health db Suspended", []),
            ("health db Unknown", []),
            ("health db Healthy", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web Healthy", ["finish"]),
        ],
        DONE,
        ["db Synced", "web Synced"],
    ),
    "a degraded object fails the sync and stops the waves": Scenario(
        [apply("db", kind="Deployment"), apply("cache", kind="Deployment"), apply("web", wave=1)],
        [
            ("start", ["dry-run cache db web"]),
            ("tried", ["apply cache db"]),
            ("done db", []),
            ("done cache", ["watch cache db"]),
            ("health db Degraded crash loop", ["finish"]),
        ],
        FAILED + "Deployment.apps web/db: crash loop",
        ["cache Synced", "db SyncFailed"],
    ),
    "a degraded object without a message": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Degraded", ["finish"]),
        ],
        FAILED + "ConfigMap web/db: the object is Degraded",
        ["db SyncFailed"],
    ),
    "an object that vanishes while it is waited for": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("lost db", ["finish"]),
        ],
        FAILED + "ConfigMap web/db: deleted while the sync waited for it",
        ["db SyncFailed"],
    ),
    "a child Application is waited for even in a single wave": Scenario(
        [apply("child", kind="Application"), apply("a")],
        [
            ("start", ["dry-run a child"]),
            ("tried", ["apply a"]),
            ("done a", ["apply child"]),
            ("done child", ["watch child"]),
            ("health child -", ["finish"]),
        ],
        DONE,
        ["a Synced", "child Synced"],
    ),
    "a child Application whose own sync fails": Scenario(
        [apply("child", kind="Application"), apply("later", wave=1)],
        [
            ("start", ["dry-run child later"]),
            ("tried", ["apply child"]),
            ("done child", ["watch child"]),
            ("failed child its sync failed", ["finish"]),
        ],
        FAILED + "Application.argoproj.io web/child: its sync failed",
        ["child SyncFailed"],
    ),
    # Pauses
    "a pause after every wave but the last": Scenario(
        [apply("a"), apply("b", wave=1), apply("c", wave=2, change=Change.SKIP)],
        [
            ("start", ["dry-run a b"]),
            ("tried", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["pause"]),
            ("paused", ["apply b"]),
            ("paused", []),
            ("done b", ["watch b"]),
            ("health b -", ["finish"]),
        ],
        DONE,
        ["a Synced", "b Synced"],
        pauses=True,
    ),
    "stopped in a pause": Scenario(
        [apply("a"), apply("b", wave=1)],
        [
            ("start", ["dry-run a b"]),
            ("tried", ["apply a"]),
            ("done a", ["watch a"]),
            ("health a -", ["pause"]),
            ("stop interrupted", ["finish"]),
        ],
        "Failed: interrupted",
        ["a Synced"],
        pauses=True,
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
