from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, parse_application
from reconciler.sync.automated import AutomatedSync, decide_automated
from reconciler.sync.records import PlanOptions
from reconciler.terms import HealthStatus, SyncStatus

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
REVISION, OTHER = "a" * 40, "b" * 40
SOURCE = {"repoURL": "https://example.com/shop.git", "path": "web", "targetRevision": "main"}
SECOND = {"repoURL": "https://example.com/values.git", "path": ".", "targetRevision": "main"}
CHANGED, SAME, EXTRA = "changed", "same", "extra"


def application(automated: Any = None, **fields: Any) -> Application:
    """An Application with this policy; ``source``, ``status``, ``operation`` and ``metadata`` as given."""
    source: Mapping[str, Any] = fields.pop("source", {"source": SOURCE})
    metadata = {"name": "web", "namespace": "argocd", **fields.pop("metadata", {})}
    policy = {"syncPolicy": {"automated": automated}} if automated is not None else {}
    destination = {"server": "https://kubernetes.default.svc", "namespace": "shop"}
    obj = {"metadata": metadata, "spec": {"project": "default", "destination": destination, **source, **policy}}
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **obj, **fields}
    return parse_application(document, where="test", from_cluster=True)


def comparison(*entries: str, status: SyncStatus | None = None, revisions: tuple[str, ...] = (REVISION,)) -> Comparison:
    """Of resources that are changed, the same or extra; the status follows from them."""
    resources = tuple(
        ResourceComparison(
            ResourceKey("", "ConfigMap", "shop", f"{entry}-{index}"),
            "v1",
            SyncStatus.SYNCED if entry == SAME else SyncStatus.OUT_OF_SYNC,
            requires_pruning=entry == EXTRA,
        )
        for index, entry in enumerate(entries)
    )
    differs = any(entry.status is SyncStatus.OUT_OF_SYNC for entry in resources)
    return Comparison(
        application="web",
        namespace="argocd",
        project="default",
        destination="https://kubernetes.default.svc",
        revisions=revisions,
        status=status or (SyncStatus.OUT_OF_SYNC if differs else SyncStatus.SYNCED),
        health=Health(HealthStatus.HEALTHY),
        compared_at=NOW,
        resources=resources,
    )


def ended(
    phase: str = "Succeeded", *, revision: str = REVISION, heals: int = 0, ago_s: float = 0.0, **source: Any
) -> Any:
    """The status that an operation has left some seconds ago."""
    sync = {"revision": revision, **({"autoHealAttemptsCount": heals} if heals else {})}
    finished = (NOW - timedelta(seconds=ago_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    result = {"revision": revision, "source": SOURCE, **source}
    state = {"phase": phase, "message": "it broke", "finishedAt": finished, "syncResult": result}
    return {"status": {"operationState": {**state, "operation": {"sync": sync}}}}


def decide(app: Application, found: Comparison) -> AutomatedSync:
    return decide_automated(app, found, now=NOW)


@pytest.mark.parametrize(
    ("app", "found", "reason"),
    [
        pytest.param(application(), comparison(CHANGED), "no automated sync policy", id="no policy"),
        pytest.param(
            application({"enabled": False, "prune": True}),
            comparison(CHANGED),
            "no automated sync policy",
            id="disabled",
        ),
        pytest.param(
            application({}, operation={"sync": {}}),
            comparison(CHANGED),
            "another operation is in progress",
            id="operation asked for",
        ),
        pytest.param(
            application({}, **ended("Running")),
            comparison(CHANGED),
            "another operation is in progress",
            id="operation running",
        ),
        pytest.param(
            application({}, **ended("Terminating")),
            comparison(CHANGED),
            "another operation is in progress",
            id="operation terminating",
        ),
        pytest.param(
            application({}, metadata={"deletionTimestamp": "2026-03-01T11:00:00Z"}),
            comparison(CHANGED),
            "the Application is being deleted",
            id="deleting",
        ),
        pytest.param(application({}), comparison(SAME), "it is Synced", id="synced"),
        pytest.param(
            application({}), comparison(CHANGED, status=SyncStatus.UNKNOWN), "it is Unknown", id="cannot be compared"
        ),
        pytest.param(
            application({}),
            comparison(SAME, EXTRA),
            "only pruning is left to do, and automated pruning is off",
            id="prune-only drift without prune",
        ),
        pytest.param(
            application({}, **ended()),
            comparison(CHANGED),
            "this revision is synced already, and selfHeal is off",
            id="one attempt a revision",
        ),
        pytest.param(
            application({"selfHeal": False, "prune": True}, **ended(heals=3)),
            comparison(CHANGED),
            "this revision is synced already, and selfHeal is off",
            id="heals of before do not count",
        ),
    ],
)
def test_nothing_is_due(app: Application, found: Comparison, reason: str) -> None:
    assert decide(app, found) == AutomatedSync(reason)


@pytest.mark.parametrize(
    ("app", "found", "problem"),
    [
        pytest.param(
            application({"selfHeal": True}, **ended("Failed")),
            comparison(CHANGED),
            f"Failed last sync attempt to {REVISION}: it broke",
            id="failed before",
        ),
        pytest.param(
            application({}, **ended("Error")),
            comparison(CHANGED),
            f"Failed last sync attempt to {REVISION}: it broke",
            id="error before",
        ),
        pytest.param(
            application({"prune": True}),
            comparison(EXTRA, EXTRA),
            f"Skipping sync attempt to {REVISION}: auto-sync will wipe out all resources; allow it by "
            "spec.syncPolicy.automated.allowEmpty",
            id="everything would go",
        ),
    ],
)
def test_a_refusal_is_a_problem(app: Application, found: Comparison, problem: str) -> None:
    assert decide(app, found) == AutomatedSync(problem, problem=True)


@pytest.mark.parametrize(
    ("app", "found", "options"),
    [
        pytest.param(
            application({}), comparison(CHANGED, EXTRA), PlanOptions(prune=False), id="prune is off by default"
        ),
        pytest.param(application({"enabled": True}), comparison(CHANGED), PlanOptions(), id="enabled by name"),
        pytest.param(application({"prune": True}), comparison(CHANGED, EXTRA), PlanOptions(prune=True), id="prune"),
        pytest.param(application({"prune": True}), comparison(SAME, EXTRA), PlanOptions(prune=True), id="only prune"),
        pytest.param(
            application({"prune": True, "allowEmpty": True}),
            comparison(EXTRA),
            PlanOptions(prune=True),
            id="everything may go",
        ),
        pytest.param(
            application({}, **ended(revision=OTHER)), comparison(CHANGED), PlanOptions(), id="another revision"
        ),
        pytest.param(
            application({}, **ended("Failed", revision=OTHER)),
            comparison(CHANGED),
            PlanOptions(),
            id="another revision had failed",
        ),
        pytest.param(
            application({}, **ended(source={**SOURCE, "path": "old"})),
            comparison(CHANGED),
            PlanOptions(),
            id="another path",
        ),
        pytest.param(
            application({}, status={"operationState": {"phase": "Failed"}}),
            comparison(CHANGED),
            PlanOptions(),
            id="an operation that synced nothing",
        ),
    ],
)
def test_a_full_sync_is_due(app: Application, found: Comparison, options: PlanOptions) -> None:
    assert decide(app, found) == AutomatedSync("out of sync", options)


def test_the_sources_of_several_are_compared_one_by_one() -> None:
    found = comparison(CHANGED, revisions=(REVISION, OTHER))
    several = {"source": {"sources": [SOURCE, SECOND]}}
    result = {"revisions": [REVISION, OTHER], "sources": [SOURCE, SECOND]}
    state = {"phase": "Succeeded", "syncResult": result}
    assert not decide(application({}, **several, status={"operationState": state}), found).due
    state = {**state, "syncResult": {**result, "revisions": [OTHER, OTHER]}}
    assert decide(application({}, **several, status={"operationState": state}), found).due
    state = {**state, "syncResult": {**result, "sources": [SECOND, SOURCE]}}
    assert decide(application({}, **several, status={"operationState": state}), found).due


def test_a_heal_is_of_what_differs_alone() -> None:
    found = comparison(SAME, CHANGED, SAME, EXTRA)
    decision = decide(application({"selfHeal": True, "prune": True}, **ended()), found)
    keys = tuple(entry.key for entry in found.resources if entry.status is not SyncStatus.SYNCED)
    assert decision == AutomatedSync("self-heal", PlanOptions(prune=True, resources=keys, self_heal_attempts=1))


@pytest.mark.parametrize(
    ("heals", "wait_s"), [(1, 2), (2, 6), (3, 18), (4, 54), (5, 162), (6, 300), (7, 300), (2000, 300)]
)
def test_heals_come_at_growing_intervals(heals: int, wait_s: int) -> None:
    policy = {"selfHeal": True}
    early = decide(application(policy, **ended(heals=heals, ago_s=wait_s - 1)), comparison(CHANGED))
    assert early == AutomatedSync("healed just now; again in 1 s", not_before=NOW + timedelta(seconds=1))
    due = decide(application(policy, **ended(heals=heals, ago_s=wait_s)), comparison(CHANGED))
    assert due.options is not None
    assert due.options.self_heal_attempts == heals + 1


@pytest.mark.parametrize("ago_s", [-1, -3600, -400 * 86400])
def test_a_clock_that_was_put_back_does_not_keep_a_heal_waiting(ago_s: int) -> None:
    """Else it would wait for as long as the clock was put back by, whatever the interval is."""
    policy = {"selfHeal": True, "prune": True}
    decision = decide(application(policy, **ended(heals=2, ago_s=ago_s)), comparison(CHANGED))
    assert decision.options is not None
    assert decision.options.self_heal_attempts == 3


def test_no_heal_wipes_everything_out() -> None:
    decision = decide(application({"selfHeal": True, "prune": True}, **ended()), comparison(EXTRA))
    assert decision.problem
    assert "auto-sync will wipe out all resources" in decision.reason


@pytest.mark.parametrize("finished", ["", "soon", "2026-03-01T12:00:00"])
def test_a_time_that_cannot_be_read_holds_nothing_back(finished: str) -> None:
    state = ended(heals=9)
    state["status"]["operationState"]["finishedAt"] = finished
    assert decide(application({"selfHeal": True}, **state), comparison(CHANGED)).due
