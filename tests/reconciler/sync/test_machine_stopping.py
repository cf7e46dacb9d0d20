"""An operation that is ended from outside."""

import pytest

from tests.reconciler.sync.operation import apply, hook, prune
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    # Stopping
    "stopped before it began": Scenario([apply("a")], [("stop interrupted", ["finish"])], "Failed: interrupted", []),
    "stopped during the dry run": Scenario(
        [apply("a")],
        [("start", ["dry-run a"]), ("stop interrupted", ["finish"]), ("tried", [])],
        "Failed: interrupted",
        [],
    ),
    "stopped while it waits": Scenario(
        [apply("db"), apply("web", wave=1)],
        [
            ("start", ["dry-run db web"]),
            ("tried", ["apply db"]),
            ("done db", ["watch db"]),
            ("stop not done after 5 s", ["finish"]),
            ("health db Healthy", []),
        ],
        "Failed: not done after 5 s; waiting for ConfigMap web/db",
        ["db Synced"],
    ),
    "stopped while applies are on their way": Scenario(
        [apply("a"), apply("b"), apply("web", kind="Deployment")],
        [
            ("start", ["dry-run a b web"]),
            ("tried", ["apply a b"]),
            ("done a", []),
            ("stop interrupted", []),
            ("done b", ["finish"]),
        ],
        "Failed: interrupted; waiting for ConfigMap web/b",
        ["a Synced", "b Synced"],
    ),
    "stopped while a hook is being created": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run before web undo"]),
            ("tried", ["apply before"]),
            ("stop interrupted", []),
            ("done before", ["delete before"]),
            ("gone before", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped a second time": Scenario(
        [hook("before"), apply("web")],
        [
            ("start", ["dry-run before web"]),
            ("tried", ["apply before"]),
            ("stop interrupted", []),
            ("stop not done after 5 s", ["finish"]),
            ("done before", []),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        [],
    ),
    "stopped while a hook runs": Scenario(
        [hook("before"), apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run before web undo"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Running", []),
            ("stop interrupted", ["delete before"]),
            ("hook before Succeeded", []),
            ("gone before", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped after hooks have finished: the operation has failed, so HookFailed deletes and HookSucceeded does not": Scenario(
        [
            hook("one", policies="HookFailed"),
            hook("other", policies="HookSucceeded"),
            hook("two", policies="HookSucceeded,HookFailed"),
            apply("web"),
            apply("later", wave=1),
        ],
        [
            ("start", ["dry-run one other two web later"]),
            ("tried", ["apply one other two"]),
            ("done one", []),
            ("done other", []),
            ("done two", ["watch one other two"]),
            ("hook one Succeeded", ["release one"]),
            ("hook other Succeeded", ["release other"]),
            ("hook two Succeeded", ["release two", "apply web"]),
            ("done web", ["watch web"]),
            ("stop not done after 5 s", ["delete one two"]),
            ("gone two", []),
            ("gone one", ["finish"]),
        ],
        "Failed: not done after 5 s; waiting for ConfigMap web/web",
        ["one Succeeded", "other Succeeded", "two Succeeded", "web Synced"],
    ),
    "stopped while one hook runs and another has finished": Scenario(
        [hook("one", policies="HookFailed"), hook("two"), hook("undo", "SyncFail", policies="HookFailed")],
        [
            ("start", ["dry-run one two undo"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("done two", ["watch one two"]),
            ("hook one Succeeded", ["release one"]),
            ("stop Operation terminated", ["delete one two"]),
            ("gone one", []),
            ("failed two forbidden", ["finish"]),
        ],
        "Failed: Operation terminated; waiting for Job.batch web/two; Job.batch web/two: forbidden",
        ["one Succeeded", "two Failed"],
    ),
    "stopped in the second phase of a hook: it is one object": Scenario(
        [hook("job", "PreSync", policies="HookFailed"), hook("job", "PostSync", policies="HookFailed")],
        [
            ("start", ["dry-run job@PreSync job@PostSync"]),
            ("tried", ["apply job@PreSync"]),
            ("done job@PreSync", ["watch job@PreSync"]),
            ("hook job@PreSync Succeeded", ["release job@PreSync", "delete-earlier job@PostSync"]),
            ("gone job@PostSync", ["apply job@PostSync"]),
            ("done job@PostSync", ["watch job@PostSync"]),
            ("stop interrupted", ["delete job@PostSync"]),
            ("gone job@PostSync", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/job",
        ["job@PreSync Succeeded", "job@PostSync Failed"],
    ),
    "stopped while a failed operation waits for a hook, after another one": Scenario(
        [hook("one", policies="HookFailed"), hook("two"), hook("three")],
        [
            ("start", ["dry-run one three two"]),
            ("tried", ["apply one three two"]),
            ("done one", []),
            ("done three", []),
            ("done two", ["watch one three two"]),
            ("hook one Failed exit code 1", ["release one"]),
            ("hook two Succeeded", ["release two"]),
            ("stop interrupted", ["delete one three"]),
            ("gone one", []),
            ("gone three", ["finish"]),
        ],
        FAILED + "Job.batch web/one: exit code 1; interrupted; waiting for Job.batch web/three",
        ["one Failed", "three Failed", "two Succeeded"],
    ),
    "stopped again while it cleans up": Scenario(
        [hook("before")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("stop interrupted", ["delete before"]),
            ("stop not done after 5 s", ["finish"]),
        ],
        "Failed: interrupted; waiting for Job.batch web/before; not done after 5 s; waiting for Job.batch web/before",
        ["before Failed"],
    ),
    "stopped while it only deletes hooks: the outcome stands": Scenario(
        [hook("before", policies="HookSucceeded")],
        [
            ("start", ["dry-run before"]),
            ("tried", ["apply before"]),
            ("done before", ["watch before"]),
            ("hook before Succeeded", ["release before", "delete before"]),
            ("stop not done after 5 s", ["finish"]),
        ],
        DONE + "; not done after 5 s; waiting for Job.batch web/before",
        ["before Succeeded"],
    ),
    "stopped during the SyncFail hooks: the failure stays in the message": Scenario(
        [apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("stop interrupted", ["delete undo"]),
            ("gone undo", ["finish"]),
        ],
        FAILED + "ConfigMap web/web: denied; interrupted; waiting for Job.batch web/undo",
        ["web SyncFailed", "undo Failed"],
    ),
    "stopped while a failed operation waits for a hook": Scenario(
        [hook("one"), hook("two"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run one two undo"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("failed two quota", ["watch one"]),
            ("stop interrupted", ["delete one"]),
            ("gone one", ["finish"]),
        ],
        FAILED + "Job.batch web/two: quota; interrupted; waiting for Job.batch web/one",
        ["one Failed", "two Failed"],
    ),
    "stopped while it prunes": Scenario(
        [prune("old"), apply("a")],
        [
            ("start", ["dry-run a old"]),
            ("tried", ["prune old"]),
            ("stop interrupted", ["finish"]),
            ("gone old", []),
        ],
        "Failed: interrupted; waiting for ConfigMap web/old",
        [],
    ),
    # Left alone
    "tasks that are not begun any more have no result": Scenario(
        [hook("one"), hook("two"), apply("web")],
        [
            ("start", ["dry-run one two web"]),
            ("tried", ["apply one two"]),
            ("stop the lock is another one's", []),
            ("left two", []),
            ("done one", ["delete one"]),
            ("left one", ["finish"]),
        ],
        "Failed: the lock is another one's; waiting for Job.batch web/one, Job.batch web/two",
        ["one Failed"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
