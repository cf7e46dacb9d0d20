"""What an interrupted run of the same operation recorded."""

from dataclasses import replace

import pytest

from tests.reconciler.sync.operation import apply, hook
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    "a hook whose outcome is recorded does not run again": Scenario(
        [hook("before"), apply("web"), hook("after", "PostSync", policies="HookSucceeded")],
        [
            ("start", ["dry-run web after"]),
            ("tried", ["release before", "apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "delete after"]),
            ("gone after", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced", "after Succeeded"],
        known={"before": "Succeeded"},
    ),
    "a recorded failure counts as if it were seen now": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["release before", "apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "finish"]),
        ],
        FAILED + "Job.batch web/before: recorded",
        ["before Failed", "undo Succeeded"],
        known={"before": "Failed"},
    ),
    "an operation whose SyncFail hooks had begun goes on failing": Scenario(
        [apply("web"), hook("tell", "SyncFail", wave=1), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web tell"]),
            ("tried", ["release undo", "apply tell"]),
            ("done tell", ["watch tell"]),
            ("hook tell Succeeded", ["release tell", "finish"]),
        ],
        "Failed: one or more synchronization tasks completed unsuccessfully before the operation was interrupted",
        ["undo Succeeded", "tell Succeeded"],
        known={"undo": "Succeeded"},
    ),
    "all that was left to do was to let a hook go": Scenario(
        [hook("before", policies="HookSucceeded")],
        [("start", ["release before", "delete before"]), ("gone before", ["finish"])],
        DONE,
        ["before Succeeded"],
        known={"before": "Succeeded"},
    ),
    "a record of a hook that is not in the plan": Scenario(
        [apply("a")],
        [("start", ["dry-run a"]), ("tried", ["apply a"]), ("done a", ["finish"])],
        DONE,
        ["a Synced"],
        known={"gone by now": "Failed"},
    ),
    "stopped before anything is tried: what an interrupted run left is let go, and deleted where its policy says so": Scenario(
        [hook("before", policies="HookFailed"), hook("other"), apply("web")],
        [
            ("start", ["dry-run other web"]),
            ("stop interrupted", ["release before", "delete before"]),
            ("gone before", ["finish"]),
        ],
        "Failed: interrupted",
        ["before Succeeded"],
        known={"before": "Succeeded"},
    ),
    "stopped before it begins again": Scenario(
        [hook("before"), apply("web")],
        [("stop interrupted", ["release before", "finish"])],
        "Failed: interrupted",
        ["before Succeeded"],
        known={"before": "Succeeded"},
    ),
    "what is left to do is refused now": Scenario(
        [hook("before", policies="HookFailed"), hook("kept"), apply("web")],
        [
            ("start", ["dry-run web"]),
            ("tried web=invalid", ["release before kept", "delete before"]),
            ("gone before", ["finish"]),
        ],
        "Failed: one or more objects failed to apply (dry run): ConfigMap web/web: invalid",
        ["before Succeeded", "kept Succeeded", "web SyncFailed"],
        known={"before": "Succeeded", "kept": "Succeeded"},
    ),
    "what is left to do is not permitted any more": Scenario(
        [hook("before"), replace(apply("web"), problem="ConfigMap web/web is not permitted: no")],
        [("start", ["release before", "finish"])],
        "Failed: one or more synchronization tasks are not valid: ConfigMap web/web is not permitted: no",
        ["before Succeeded", "web SyncFailed"],
        known={"before": "Succeeded"},
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
