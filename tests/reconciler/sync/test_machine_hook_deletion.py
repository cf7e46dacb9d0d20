"""When the objects of hooks are deleted."""

import pytest

from tests.reconciler.sync.operation import apply, hook
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    "BeforeHookCreation deletes what an earlier sync left": Scenario(
        [hook("before", there=True), hook("other", there=True, policies="HookSucceeded")],
        [
            ("start", ["dry-run before other"]),
            ("tried", ["delete-earlier before"]),
            ("gone before", ["apply before other"]),
            ("done before", []),
            ("done other", ["watch before other"]),
            ("hook before Succeeded", ["release before"]),
            ("hook other Succeeded", ["release other", "delete other"]),
            ("gone other", ["finish"]),
        ],
        DONE,
        ["before Succeeded", "other Succeeded"],
    ),
    "an earlier hook that cannot be deleted": Scenario(
        [hook("one", there=True), hook("two", there=True), apply("web")],
        [
            ("start", ["dry-run one two web"]),
            ("tried", ["delete-earlier one two"]),
            ("failed one forbidden", []),
            ("gone two", ["finish"]),
        ],
        FAILED + "Job.batch web/one: forbidden",
        ["one Failed"],
    ),
    "a hook of two phases runs in each": Scenario(
        [hook("job", "PreSync"), apply("web"), hook("job", "PostSync")],
        [
            ("start", ["dry-run job@PreSync web job@PostSync"]),
            ("tried", ["apply job@PreSync"]),
            ("done job@PreSync", ["watch job@PreSync"]),
            ("hook job@PreSync Succeeded", ["release job@PreSync", "apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["delete-earlier job@PostSync"]),
            ("gone job@PostSync", ["apply job@PostSync"]),
            ("done job@PostSync", ["watch job@PostSync"]),
            ("hook job@PostSync Succeeded", ["release job@PostSync", "finish"]),
        ],
        DONE,
        ["job@PreSync Succeeded", "web Synced", "job@PostSync Succeeded"],
    ),
    "a hook of two phases is deleted once at the end": Scenario(
        [hook("job", "PreSync", policies="HookSucceeded"), hook("job", "PostSync", policies="HookSucceeded")],
        [
            ("start", ["dry-run job@PreSync job@PostSync"]),
            ("tried", ["apply job@PreSync"]),
            ("done job@PreSync", ["watch job@PreSync"]),
            ("hook job@PreSync Succeeded", ["release job@PreSync", "delete-earlier job@PostSync"]),
            ("gone job@PostSync", ["apply job@PostSync"]),
            ("done job@PostSync", ["watch job@PostSync"]),
            ("hook job@PostSync Succeeded", ["release job@PostSync", "delete job@PostSync"]),
            ("gone job@PostSync", ["finish"]),
        ],
        DONE,
        ["job@PreSync Succeeded", "job@PostSync Succeeded"],
    ),
    "HookSucceeded is judged by the whole operation": Scenario(
        [hook("before", policies="HookSucceeded"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("failed web denied", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["before Succeeded", "web SyncFailed"],
    ),
    "HookFailed deletes hooks that ran, and no others": Scenario(
        [hook("before", policies="HookFailed"), apply("web"), hook("after", "PostSync", policies="HookFailed")],
        [
            ("start", ["dry-run before web after"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "apply web"]),
            ("failed web denied", ["delete before"]),
            ("gone before", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["before Succeeded", "web SyncFailed"],
    ),
    "HookFailed keeps them after a success": Scenario(
        [hook("before", policies="HookFailed")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "finish"]),
        ],
        DONE,
        ["before Succeeded"],
    ),
    "a hook that cannot be deleted afterwards does not undo the sync": Scenario(
        [hook("one", policies="HookSucceeded"), hook("two", policies="HookSucceeded")],
        [
            ("start", ["dry-run one two"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("done two", ["watch one two"]),
            ("hook one Succeeded", ["release one"]),
            ("hook two Succeeded", ["release two", "delete one two"]),
            ("failed two forbidden", []),
            ("gone one", ["finish"]),
        ],
        DONE + "; Job.batch web/two: forbidden",
        ["one Succeeded", "two Succeeded"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
