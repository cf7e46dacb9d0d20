"""The sync operation from its dry run to its end, what it is told late or twice, and what its results hold."""

from dataclasses import replace

import pytest

from reconciler.sync.machine import SyncState, ordered_results, step
from reconciler.sync.records import Change, PlanOptions
from reconciler.terms import OperationPhase
from tests.reconciler.sync.operation import START, Operation, apply, hook, plan_of, prune, run_script
from tests.reconciler.sync.scenario import DONE, Scenario, check_scenario

SCENARIOS = {
    # Dry run
    "a refused dry run writes nothing": Scenario(
        [apply("a"), apply("b"), hook("fail", "SyncFail")],
        [("start", ["dry-run a b fail"]), ("tried b=invalid", ["finish"])],
        "Failed: one or more objects failed to apply (dry run): ConfigMap web/b: invalid",
        ["b SyncFailed"],
    ),
    "a dry run ends without writing": Scenario(
        [apply("a", change=Change.CREATE), prune("old"), prune("kept", reason="ignored (no prune)"), hook("migrate")],
        [("start", ["dry-run migrate a old"]), ("tried", ["finish"])],
        "Succeeded: successfully synced (dry run)",
        ["a Synced", "kept PruneSkipped", "old Pruned"],
        PlanOptions(dry_run=True),
    ),
    # Plans that cannot be
    "a plan with a problem touches nothing": Scenario(
        [replace(apply("a"), problem="ConfigMap web/a is not permitted: no"), apply("b"), hook("undo", "SyncFail")],
        [("start", ["finish"])],
        "Failed: one or more synchronization tasks are not valid: ConfigMap web/a is not permitted: no",
        ["a SyncFailed"],
    ),
    # Late and repeated news
    "news of an earlier wave change nothing": Scenario(
        [apply("db"), prune("old", wave=1), apply("web", wave=1)],
        [
            ("start", ["dry-run db old web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("health db Healthy", ["prune old"]),
            ("gone db", []),
            ("failed db forbidden to watch", []),
            ("gone old", ["apply web"]),
            ("done db", []),
            ("done web", ["watch web"]),
            ("health db Degraded", []),
            ("health web -", ["finish"]),
        ],
        DONE,
        ["db Synced", "old Pruned", "web Synced"],
    ),
    "a repeated answer is one answer": Scenario(
        [apply("a"), apply("b"), hook("after", "PostSync")],
        [
            ("start", ["dry-run a b after"]),
            ("tried", ["apply a b"]),
            ("done a", []),
            ("done a", []),
            ("done b", ["watch a b"]),
            ("health a -", []),
            ("health a -", []),
            ("health b -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "finish"]),
            ("hook after Failed", []),
            ("gone after", []),
            ("stop interrupted", []),
        ],
        DONE,
        ["a Synced", "b Synced", "after Succeeded"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)


def test_results_carry_the_reason_the_times_and_the_server_s_words() -> None:
    operation = Operation(plan_of([prune("kept", reason="ignored (no prune)"), hook("before"), apply("web")]))
    run_script(
        operation,
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before jobs.batch/before created", ["watch before"]),
            ("hook before Running 0 of 1", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ('failed web configmaps "web" is forbidden', ["finish"]),
        ],
    )
    found = {
        result.key.name: (
            result.message,
            int((result.started_at - START).total_seconds()) if result.started_at else None,
            int((result.finished_at - START).total_seconds()) if result.finished_at else None,
        )
        for result in ordered_results(operation.state)
    }
    assert found == {
        "kept": ("ignored (no prune)", 1, 1),
        # An empty message keeps the last one.
        "before": ("0 of 1", 3, 5),
        "web": ('configmaps "web" is forbidden', 6, 6),
    }


def test_a_finished_operation_takes_no_event() -> None:
    operation = Operation(plan_of([apply("a")]))
    run_script(operation, [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])])
    for text in ("start", "tried a=late", "done a", "failed a late", "gone a", "health a Degraded", "stop late"):
        assert step(operation.state, operation.event(text)) == (operation.state, ())


def test_a_new_operation_runs() -> None:
    state = SyncState(plan_of([apply("a")]))
    assert (state.phase, state.finished) == (OperationPhase.RUNNING, False)
