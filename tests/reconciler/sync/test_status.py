"""The status that Argo CD's own server and command line read."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, parse_application
from reconciler.model.status import ApplicationStatus
from reconciler.sync.records import PlanOptions, SyncResult, TaskAction, TaskResult
from reconciler.sync.status import application_status, merge_patch, rfc3339
from reconciler.terms import ConditionType, HealthStatus, OperationPhase, ResultCode, SyncPhase, SyncStatus

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SHA, OTHER = "a" * 40, "b" * 40
SOURCE = {"repoURL": "https://git.example.com/apps.git", "path": "guestbook", "targetRevision": "main"}
Result = Callable[..., SyncResult]


def application(status: Mapping[str, Any] | None = None, **spec: Any) -> Application:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "guestbook", "namespace": "argocd"},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
                "source": SOURCE,
                **spec,
            },
            "status": dict(status or {}),
        }
    )


def two_sources(status: Mapping[str, Any] | None = None) -> Application:
    return application(status, source=None, sources=[SOURCE, {**SOURCE, "path": "db"}])


def resource(name: str, **changes: Any) -> ResourceComparison:
    fields: dict[str, Any] = {
        "key": ResourceKey("apps", "Deployment", "web", name),
        "version": "v1",
        "status": SyncStatus.SYNCED,
        "live": {"spec": {"template": {"spec": {"containers": [{"image": f"{name}:1"}]}}}},
    }
    return ResourceComparison(**(fields | changes))


def comparison(*resources: ResourceComparison, **changes: Any) -> Comparison:
    fields: dict[str, Any] = {
        "application": "guestbook",
        "namespace": "argocd",
        "project": "default",
        "destination": "https://kubernetes.default.svc",
        "revisions": (SHA,),
        "status": SyncStatus.SYNCED,
        "health": Health(HealthStatus.HEALTHY),
        "compared_at": NOW,
        "resources": resources,
    }
    return Comparison(**(fields | changes))


@pytest.fixture
def result() -> Result:
    def make(**changes: Any) -> SyncResult:
        fields: dict[str, Any] = {
            "application": "guestbook",
            "namespace": "argocd",
            "revisions": (SHA,),
            "phase": OperationPhase.SUCCEEDED,
            "message": "successfully synced (all tasks run)",
            "started_at": NOW,
            "finished_at": NOW + timedelta(seconds=9),
            "initiated_by": "ada",
        }
        return SyncResult(**(fields | changes))

    return make


def status_of(app: Application, compared: Comparison, outcome: SyncResult | None = None) -> dict[str, Any]:
    """The status, checked against the schema that Argo CD's definition has for it."""
    status = application_status(app, compared, outcome, now=NOW)
    ApplicationStatus.model_validate(status, extra="forbid", by_alias=True, by_name=False)
    return status


def test_after_a_comparison() -> None:
    compared = comparison(
        resource("web", health=Health(HealthStatus.DEGRADED, "crash loop"), wave=2, status=SyncStatus.OUT_OF_SYNC),
        resource("old", requires_pruning=True, status=SyncStatus.OUT_OF_SYNC),
        resource("all", key=ResourceKey("", "Namespace", "", "all"), live=None),
        resource("migrate", hook=True),
        status=SyncStatus.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, "Deployment.apps web/web: crash loop"),
        source_types=("Kustomize",),
    )
    assert status_of(application(), compared) == {
        "reconciledAt": "2026-03-01T12:00:00Z",
        "controllerNamespace": "argocd",
        "sync": {
            "status": "OutOfSync",
            "comparedTo": {
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
                "source": SOURCE,
            },
            "revision": SHA,
        },
        "health": {
            "status": "Degraded",
            "lastTransitionTime": "2026-03-01T12:00:00Z",
            "message": "Deployment.apps web/web: crash loop",
        },
        "resources": [
            {
                "group": "apps",
                "version": "v1",
                "kind": "Deployment",
                "namespace": "web",
                "name": "web",
                "status": "OutOfSync",
                "health": {"status": "Degraded", "message": "crash loop"},
                "syncWave": 2,
            },
            {
                "group": "apps",
                "version": "v1",
                "kind": "Deployment",
                "namespace": "web",
                "name": "old",
                "status": "OutOfSync",
                "requiresPruning": True,
            },
            {"version": "v1", "kind": "Namespace", "name": "all", "status": "Synced"},
        ],
        "summary": {"images": ["migrate:1", "old:1", "web:1"]},
        "sourceType": "Kustomize",
    }


def test_several_sources_have_lists() -> None:
    compared = comparison(revisions=(SHA, OTHER), source_types=("Helm", "Directory"))
    status = status_of(two_sources(), compared)
    assert status["sync"]["revisions"] == [SHA, OTHER]
    assert "revision" not in status["sync"]
    assert [source["path"] for source in status["sync"]["comparedTo"]["sources"]] == ["guestbook", "db"]
    assert (status["sourceTypes"], "sourceType" in status) == (["Helm", "Directory"], False)


def test_ignore_rules_are_part_of_what_was_compared() -> None:
    rules = [{"kind": "Secret", "jsonPointers": ["/data"]}]
    status = status_of(application(ignoreDifferences=rules), comparison())
    assert status["sync"]["comparedTo"]["ignoreDifferences"] == rules


def test_an_application_of_applications() -> None:
    child = resource("child", key=ResourceKey("argoproj.io", "Application", "argocd", "child"), live={})
    assert status_of(application(), comparison(child))["summary"] == {"isAppOfApps": True}


BEFORE = "2026-02-01T00:00:00Z"
TRANSITIONS = {
    "the same status keeps its time": ({"status": "Healthy", "lastTransitionTime": BEFORE}, BEFORE),
    "another status": ({"status": "Progressing", "lastTransitionTime": BEFORE}, rfc3339(NOW)),
    "the same without a time": ({"status": "Healthy"}, rfc3339(NOW)),
    "none before": (None, rfc3339(NOW)),
    "nonsense before": ("Healthy", rfc3339(NOW)),
}


@pytest.mark.parametrize(("previous", "expected"), TRANSITIONS.values(), ids=TRANSITIONS)
def test_the_time_of_the_last_change_of_health(previous: Any, expected: str) -> None:
    status = status_of(application({"health": previous} if previous else {}), comparison())
    assert status["health"]["lastTransitionTime"] == expected


def test_conditions_keep_their_time_while_they_say_the_same() -> None:
    previous = {
        "conditions": [
            {"type": "ComparisonError", "message": "no such revision", "lastTransitionTime": BEFORE},
            {"type": "RepeatedResourceWarning", "message": "gone since", "lastTransitionTime": BEFORE},
            "nonsense",
        ]
    }
    twice = (ConditionType.REPEATED_RESOURCE, "twice")
    compared = comparison(
        status=SyncStatus.UNKNOWN,
        reason="no such revision",
        warnings=("twice", "a rule ignores nothing"),
        typed_warnings=(twice,),
        revisions=(),
    )
    status = status_of(application(previous), compared)
    assert status["conditions"] == [
        {"type": "RepeatedResourceWarning", "message": "twice", "lastTransitionTime": rfc3339(NOW)},
        {"type": "ComparisonError", "message": "no such revision", "lastTransitionTime": BEFORE},
    ]
    assert status["sync"]["revision"] == ""


def test_a_warning_that_argo_cd_does_not_know_is_no_condition() -> None:
    compared = comparison(warnings=("the tag v1 was moved",))
    assert "conditions" not in status_of(application({}), compared)
    assert compared.untyped_warnings == ("the tag v1 was moved",)


def test_what_cannot_be_compared_says_of_which_type_the_reason_is() -> None:
    refused = comparison(status=SyncStatus.UNKNOWN, reason="no", reason_type=ConditionType.INVALID_SPEC)
    (condition,) = status_of(application({}), refused)["conditions"]
    assert (condition["type"], condition["message"]) == ("InvalidSpecError", "no")


def test_without_conditions_there_is_no_list() -> None:
    previous = {"conditions": [{"type": "ComparisonError", "message": "x"}]}
    assert "conditions" not in status_of(application(previous), comparison())


def task(name: str, **changes: Any) -> TaskResult:
    fields: dict[str, Any] = {
        "phase": SyncPhase.SYNC,
        "wave": 0,
        "action": TaskAction.APPLY,
        "key": ResourceKey("apps", "Deployment", "web", name),
        "version": "v1",
        "code": ResultCode.SYNCED,
        "message": "applied",
    }
    return TaskResult(**(fields | changes))


def test_the_state_of_an_operation(result: Result) -> None:
    results = (
        task("web", key=ResourceKey("", "Namespace", "", "web"), action=TaskAction.CREATE_NAMESPACE),
        task("web", images=("web:1",)),
        task("bad", code=ResultCode.SYNC_FAILED, message="denied"),
        task("old", code=ResultCode.PRUNE_SKIPPED, action=TaskAction.PRUNE, message="ignored (requires pruning)"),
        task(
            "migrate",
            key=ResourceKey("batch", "Job", "web", "migrate"),
            action=TaskAction.HOOK,
            phase=SyncPhase.PRE_SYNC,
            code=None,
            hook_phase=OperationPhase.FAILED,
            message="exit code 1",
        ),
    )
    options = PlanOptions(prune=True, dry_run=True, resources=(ResourceKey("apps", "Deployment", "web", "web"),))
    outcome = result(results=results, options=options, phase=OperationPhase.FAILED, message="no")
    state = status_of(application(), comparison(), outcome)["operationState"]
    common = {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "web", "syncPhase": "Sync"}
    assert state == {
        "operation": {
            "sync": {
                "revision": SHA,
                "prune": True,
                "dryRun": True,
                "syncStrategy": {"hook": {}},
                "resources": [{"group": "apps", "kind": "Deployment", "namespace": "web", "name": "web"}],
            },
            "initiatedBy": {"username": "ada"},
        },
        "phase": "Failed",
        "message": "no",
        "startedAt": "2026-03-01T12:00:00Z",
        "finishedAt": "2026-03-01T12:00:09Z",
        "syncResult": {
            "revision": SHA,
            "source": SOURCE,
            "resources": [
                {
                    **common,
                    "name": "web",
                    "status": "Synced",
                    "hookPhase": "Succeeded",
                    "message": "applied",
                    "images": ["web:1"],
                },
                {**common, "name": "bad", "status": "SyncFailed", "hookPhase": "Failed", "message": "denied"},
                {
                    **common,
                    "name": "old",
                    "status": "PruneSkipped",
                    "hookPhase": "Succeeded",
                    "message": "ignored (requires pruning)",
                },
                {
                    "group": "batch",
                    "version": "v1",
                    "kind": "Job",
                    "namespace": "web",
                    "name": "migrate",
                    "syncPhase": "PreSync",
                    "hookType": "PreSync",
                    "hookPhase": "Failed",
                    "message": "exit code 1",
                },
            ],
        },
    }


@pytest.mark.parametrize(
    ("options", "initiated_by", "strategy", "others"),
    [
        (PlanOptions(), "ada", {"hook": {}}, None),
        (PlanOptions(hooks=False), "ada", {"apply": {}}, None),
        (PlanOptions(sync_options=("Force=true",)), "ada", {"hook": {"force": True}}, None),
        (
            PlanOptions(hooks=False, sync_options=("Force=true", "Replace=true")),
            "ada",
            {"apply": {"force": True}},
            ["Replace=true"],
        ),
        (PlanOptions(), "", None, None),
        (PlanOptions(hooks=False), "", {"apply": {}}, None),
    ],
)
def test_the_strategy_of_an_operation(
    result: Result, options: PlanOptions, initiated_by: str, strategy: Any, others: Any
) -> None:
    outcome = result(options=options, initiated_by=initiated_by)
    sync = status_of(application(), comparison(), outcome)["operationState"]["operation"]["sync"]
    assert (sync.get("syncStrategy"), sync.get("syncOptions")) == (strategy, others)


def test_the_state_of_an_operation_on_several_sources(result: Result) -> None:
    status = status_of(
        two_sources(), comparison(revisions=(SHA, OTHER)), result(revisions=(SHA, OTHER), initiated_by="")
    )
    state = status["operationState"]
    assert state["operation"] == {"sync": {"revisions": [SHA, OTHER]}, "initiatedBy": {"automated": True}}
    # The definition requires the field that several sources leave empty.
    assert (state["syncResult"]["revision"], state["syncResult"]["revisions"]) == ("", [SHA, OTHER])
    assert status["history"][0]["revisions"] == [SHA, OTHER]
    assert len(status["history"][0]["sources"]) == 2


def test_what_others_wrote_stays_without_an_operation() -> None:
    previous = {
        "history": [{"id": 3, "deployedAt": BEFORE}],
        "operationState": {
            "operation": {},
            "phase": "Failed",
            "startedAt": BEFORE,
        },
        "sourceHydrator": {"lastComparedDryRevision": "abc"},
        "observedAt": BEFORE,
        "resources": [{"kind": "Gone", "name": "gone"}],
    }
    status = status_of(application(previous), comparison())
    kept = ("history", "operationState", "sourceHydrator")
    assert {name: status[name] for name in kept} == {name: previous[name] for name in kept}
    assert status["resources"] == []
    assert "observedAt" not in status


def test_history_gains_the_sync(result: Result) -> None:
    previous = {"history": [{"id": 7, "deployedAt": BEFORE}, {"id": 6, "deployedAt": BEFORE}]}
    history = status_of(application(previous), comparison(), result())["history"]
    assert history[:-1] == previous["history"]
    assert history[-1] == {
        "id": 8,
        "revision": SHA,
        "deployStartedAt": "2026-03-01T12:00:00Z",
        "deployedAt": "2026-03-01T12:00:09Z",
        "source": SOURCE,
        "initiatedBy": {"username": "ada"},
    }


def test_history_begins_at_zero(result: Result) -> None:
    assert [entry["id"] for entry in status_of(application(), comparison(), result())["history"]] == [0]


LIMITS = {
    "the default": (None, 10),
    "one": (1, 1),
    "more than there are": (50, 13),
    "none": (0, 0),
    "below none": (-1, 0),
}


@pytest.mark.parametrize(("limit", "kept"), LIMITS.values(), ids=LIMITS)
def test_history_loses_the_oldest(result: Result, limit: int | None, kept: int) -> None:
    previous = {"history": [{"id": number, "deployedAt": BEFORE} for number in range(12)]}
    app = application(previous, **({} if limit is None else {"revisionHistoryLimit": limit}))
    ids = [entry["id"] for entry in status_of(app, comparison(), result())["history"]]
    assert ids == list(range(13))[13 - kept :]


NO_HISTORY: dict[str, dict[str, Any]] = {
    "failed": {"phase": OperationPhase.FAILED},
    "a dry run": {"options": PlanOptions(dry_run=True)},
    "a part only": {"options": PlanOptions(resources=(ResourceKey("", "ConfigMap", "web", "a"),))},
}


@pytest.mark.parametrize("changes", NO_HISTORY.values(), ids=NO_HISTORY)
def test_what_leaves_no_history(result: Result, changes: dict[str, Any]) -> None:
    previous = {"history": [{"id": 1, "deployedAt": BEFORE}]}
    status = status_of(application(previous), comparison(), result(**changes))
    assert status["history"] == previous["history"]
    assert status["operationState"]["phase"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2026, 3, 1, 12, 0, 5, 999999, tzinfo=UTC), "2026-03-01T12:00:05Z"),
        (datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2026-02-28T23:30:00Z"),
    ],
    ids=["whole seconds", "in UTC"],
)
def test_times(at: datetime, expected: str) -> None:
    assert rfc3339(at) == expected


# The merge patch.


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, word for word."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = apply_merge_patch(result.get(name), value)
    return result


NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x"]) | st.lists(st.integers(0, 1), max_size=2)
OBJECTS = st.dictionaries(
    NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=3), max_leaves=6), max_size=3
)


@given(OBJECTS, OBJECTS)
def test_the_patch_turns_old_into_new(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply_merge_patch(old, merge_patch(old, new)) == new


@given(OBJECTS)
def test_what_is_equal_needs_no_patch(value: dict[str, Any]) -> None:
    assert merge_patch(value, value) == {}


PATCHES = {
    "a new field": ({}, {"a": 1}, {"a": 1}),
    "a changed field": ({"a": 1, "b": 2}, {"a": 3, "b": 2}, {"a": 3}),
    "a field that is gone": ({"a": 1, "b": 2}, {"a": 1}, {"b": None}),
    "inside": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    "a list is replaced whole": ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    "an object in place of text": ({"a": "x"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "text in place of an object": ({"a": {"b": 1}}, {"a": "x"}, {"a": "x"}),
    "an empty object": ({}, {"a": {}}, {"a": {}}),
}


@pytest.mark.parametrize(("old", "new", "patch"), PATCHES.values(), ids=PATCHES)
def test_patches(old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]) -> None:
    assert repr(merge_patch(old, new)) == repr(patch)
