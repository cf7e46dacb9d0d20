"""Hooks: in their phases, and what becomes of the operation when one fails or is lost."""

import pytest

from reconciler.sync.outcomes import LOST_HOOK
from tests.reconciler.sync.operation import apply, hook
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    "hooks of three phases": Scenario(
        [apply("web"), hook("before"), hook("beside", "Sync"), hook("after", "PostSync")],
        [
            ("start", ["dry-run before web beside after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Running", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("done web", ["apply beside"]),
            ("done beside", ["watch web beside"]),
            ("hook beside Succeeded", ["release beside"]),
            ("health web -", ["apply after"]),
            ("done after", ["watch after"]),
            ("hook after Succeeded", ["release after", "finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced", "beside Succeeded", "after Succeeded"],
    ),
    "a failing hook stops the phases": Scenario(
        [apply("web"), hook("before"), hook("after", "PostSync")],
        [
            ("start", ["dry-run before web after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Failed exit code 1", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: exit code 1",
        ["before Failed"],
    ),
    "a hook that ends with an error": Scenario(
        [hook("before")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Error unreadable", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: unreadable",
        ["before Error"],
    ),
    "a refused hook": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("failed before quota", ["finish"]),
        ],
        FAILED + "Job.batch web/before: quota",
        ["before Failed"],
    ),
    "a hook that cannot be watched": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("failed before jobs may not be watched", ["release before", "finish"]),
        ],
        FAILED + "Job.batch web/before: jobs may not be watched",
        ["before Failed"],
    ),
    "the end of an earlier hook may be told again while the next one of its name runs": Scenario(
        [hook("before", policies="BeforeHookCreation", there=True), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["delete-earlier before"]),
            ("gone before", ["apply before"]),
            ("gone before", []),
            ("done before", ["watch before"]),
            ("gone before", []),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("done web", ["watch web"]),
            ("health web Healthy", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "web Synced"],
    ),
    "a hook that vanishes while it runs": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("lost before", ["release before", "finish"]),
        ],
        FAILED + f"Job.batch web/before: {LOST_HOOK}",
        ["before Failed"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
