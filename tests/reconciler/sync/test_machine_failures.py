"""What follows a failure: hooks that still run are waited for, then those for failures run once."""

import pytest

from tests.reconciler.sync.operation import apply, hook
from tests.reconciler.sync.scenario import DONE, FAILED, Scenario, check_scenario

SCENARIOS = {
    "SyncFail hooks run after a failure, wave by wave, and then the sync has failed": Scenario(
        [apply("web"), hook("later", "PostSync"), hook("tell", "SyncFail", wave=1), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web later undo tell"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "apply tell"]),
            ("done tell", ["watch tell"]),
            ("hook tell Succeeded", ["release tell", "finish"]),
        ],
        FAILED + "ConfigMap web/web: denied",
        ["web SyncFailed", "undo Succeeded", "tell Succeeded"],
    ),
    "a failing SyncFail hook only adds to the message": Scenario(
        [apply("web"), hook("undo", "SyncFail"), hook("tell", "SyncFail", wave=1)],
        [
            ("start", ["dry-run web undo tell"]),
            ("tried", ["apply web"]),
            ("failed web denied", ["apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Failed exit code 2", ["release undo", "finish"]),
        ],
        FAILED + "ConfigMap web/web: denied; Job.batch web/undo: exit code 2",
        ["web SyncFailed", "undo Failed"],
    ),
    "SyncFail hooks do not run after a success": Scenario(
        [apply("web"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run web undo"]),
            ("tried", ["apply web"]),
            ("done web", ["watch web"]),
            ("health web -", ["finish"]),
        ],
        DONE,
        ["web Synced"],
    ),
    "SyncFail hooks wait for a hook that still runs": Scenario(
        [hook("one"), hook("two"), hook("undo", "SyncFail")],
        [
            ("start", ["dry-run one two undo"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("done two", ["watch one two"]),
            ("hook two Failed exit code 1", ["release two"]),
            ("hook one Running", []),
            ("hook one Succeeded", ["release one", "apply undo"]),
            ("done undo", ["watch undo"]),
            ("hook undo Succeeded", ["release undo", "finish"]),
        ],
        FAILED + "Job.batch web/two: exit code 1",
        ["one Succeeded", "two Failed", "undo Succeeded"],
    ),
    "a degraded object does not abandon a hook beside it": Scenario(
        [apply("web"), hook("beside", "Sync"), apply("other"), hook("after", "PostSync")],
        [
            ("start", ["dry-run other web beside after"]),
            ("tried", ["apply other web"]),
            ("done web", []),
            ("done other", ["apply beside"]),
            ("done beside", ["watch other web beside"]),
            ("health web Degraded crash loop", []),
            ("health other -", []),
            ("hook beside Succeeded", ["release beside", "finish"]),
        ],
        FAILED + "ConfigMap web/web: crash loop",
        ["other Synced", "web SyncFailed", "beside Succeeded"],
    ),
    "a refused apply does not abandon a hook of its group": Scenario(
        [hook("one"), hook("two")],
        [
            ("start", ["dry-run one two"]),
            ("tried", ["apply one two"]),
            ("done one", []),
            ("failed two quota", ["watch one"]),
            ("hook one Succeeded", ["release one", "finish"]),
        ],
        FAILED + "Job.batch web/two: quota",
        ["one Succeeded", "two Failed"],
    ),
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_scenario(scenario: Scenario) -> None:
    check_scenario(scenario)
