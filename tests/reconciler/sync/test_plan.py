"""From what differs to what will be done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.diff.records import ABSENT, Comparison, FieldDifference, Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application, parse_application
from reconciler.sync.plan import ignores_extraneous, plan_sync, prunable
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan
from reconciler.terms import HealthStatus, HookDeletePolicy, SyncPhase, SyncStatus

AT = datetime(2026, 3, 1, tzinfo=UTC)
HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
OPTIONS, COMPARE = "argocd.argoproj.io/sync-options", "argocd.argoproj.io/compare-options"


def application(*options: str, namespace: str = "web", managed: dict[str, Any] | None = None) -> Application:
    policy: dict[str, Any] = {"syncOptions": list(options)}
    if managed is not None:
        policy["managedNamespaceMetadata"] = managed
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "guestbook", "namespace": "argocd"},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
                "source": {"repoURL": "https://git.example.com/apps.git", "path": "guestbook"},
                "syncPolicy": policy,
            },
        }
    )


def manifest(name: str, kind: str = "ConfigMap", namespace: str = "web", **annotations: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "annotations": annotations}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def resource(
    name: str,
    status: str = "OutOfSync",
    *,
    target: dict[str, Any] | None = None,
    live: dict[str, Any] | None = None,
    **changes: Any,
) -> ResourceComparison:
    shown = target or live or manifest(name)
    key = ResourceKey.of(shown)
    return ResourceComparison(key, "v1", SyncStatus(status), target=target, live=live, **changes)


def both(name: str, status: str = "OutOfSync", **annotations: str) -> ResourceComparison:
    return resource(name, status, target=manifest(name, **annotations), live=manifest(name))


def extra(name: str, **annotations: str) -> ResourceComparison:
    return resource(name, live=manifest(name, **annotations), requires_pruning=True)


def comparison(*resources: ResourceComparison, warnings: Sequence[str] = ()) -> Comparison:
    return Comparison(
        "guestbook",
        "argocd",
        "default",
        "https://kubernetes.default.svc",
        ("a" * 40,),
        SyncStatus.OUT_OF_SYNC,
        Health(HealthStatus.HEALTHY),
        AT,
        tuple(resources),
        tuple(warnings),
    )


def shown(plan: SyncPlan) -> list[str]:
    return [
        f"{task.phase}/{task.wave} {task.action} {task.key.name}: {task.change}"
        + (f" ({task.reason})" if task.reason else "")
        for task in plan.tasks
    ]


RESOURCES = {
    "a missing one is created": (resource("a", target=manifest("a")), "Sync/0 apply a: create"),
    "a different one is updated": (both("a"), "Sync/0 apply a: update"),
    "an equal one is applied all the same": (both("a", "Synced"), "Sync/0 apply a: unchanged"),
    "an unknown one counts as different": (both("a", "Unknown"), "Sync/0 apply a: update"),
    "its wave": (both("a", **{WAVE: "3"}), "Sync/3 apply a: update"),
    "an extra one stays without --prune": (extra("a"), "Sync/0 prune a: skip (ignored (requires pruning))"),
    "an extra one that is not ours is left alone": (resource("a", live=manifest("a")), None),
    "a skipped one": (resource("a", target=manifest("a", **{HOOK: "Skip"})), None),
    "a skipped extra one": (extra("a", **{HOOK: "Skip"}), None),
    "a hook among the resources": (resource("a", target=manifest("a"), hook=True), None),
    "neither target nor live": (resource("a"), None),
}


@pytest.mark.parametrize(("given", "expected"), RESOURCES.values(), ids=RESOURCES)
def test_a_resource(given: ResourceComparison, expected: str | None) -> None:
    assert shown(plan_sync(application(), comparison(given))) == ([expected] if expected else [])


PRUNES = {
    "asked for": ({}, (), "delete"),
    "the object refuses": ({OPTIONS: "Prune=false"}, (), "skip (ignored (no prune))"),
    "the application refuses": ({}, ("Prune=false",), "skip (ignored (no prune))"),
    "the object's word wins": ({OPTIONS: "Prune=true"}, ("Prune=false",), "delete"),
    "the object asks for confirmation": ({OPTIONS: "Prune=confirm"}, (), "delete"),
    "the application asks for confirmation": ({}, (" Prune=confirm ",), "delete"),
    "another option": ({OPTIONS: "Delete=false"}, (), "delete"),
    "in another case": ({OPTIONS: "prune=false"}, (), "delete"),
}


@pytest.mark.parametrize(("annotations", "options", "expected"), PRUNES.values(), ids=PRUNES)
def test_a_prune(annotations: dict[str, str], options: tuple[str, ...], expected: str) -> None:
    plan = plan_sync(application(*options), comparison(extra("a", **annotations)), options=PlanOptions(prune=True))
    assert shown(plan) == [f"Sync/0 prune a: {expected}"]


def test_a_prune_carries_the_live_object_and_no_target() -> None:
    (task,) = plan_sync(application(), comparison(extra("a", **{WAVE: "2"})), options=PlanOptions(prune=True)).tasks
    assert (task.target, task.live, task.wave) == (None, manifest("a", **{WAVE: "2"}), 2)


OUT_OF_SYNC_ONLY = {
    "asked for": ((), PlanOptions(apply_out_of_sync_only=True), {}, True),
    "the application's option": (("ApplyOutOfSyncOnly=true",), PlanOptions(), {}, True),
    "neither": ((), PlanOptions(), {}, False),
    "only the application may say so": ((), PlanOptions(), {OPTIONS: "ApplyOutOfSyncOnly=true"}, False),
}


@pytest.mark.parametrize(
    ("given", "options", "annotations", "left_out"), OUT_OF_SYNC_ONLY.values(), ids=OUT_OF_SYNC_ONLY
)
def test_what_is_in_sync_may_be_left_out(
    given: tuple[str, ...], options: PlanOptions, annotations: dict[str, str], left_out: bool
) -> None:
    resources = comparison(both("a", "Synced", **annotations), both("b"), resource("c", target=manifest("c")))
    first = "skip (in sync (apply out of sync only))" if left_out else "unchanged"
    assert shown(plan_sync(application(*given), resources, options=options)) == [
        f"Sync/0 apply a: {first}",
        "Sync/0 apply b: update",
        "Sync/0 apply c: create",
    ]


def hook(name: str, phase: SyncPhase, **annotations: str) -> HookTarget:
    return HookTarget(phase, manifest(name, "Job", **annotations))


def test_hooks_run_once_a_phase_in_the_order_of_phases_and_waves() -> None:
    hooks = [
        hook("after", SyncPhase.POST_SYNC),
        hook("both", SyncPhase.POST_SYNC, **{WAVE: "1"}),
        hook("both", SyncPhase.PRE_SYNC, **{WAVE: "1"}),
    ]
    assert shown(plan_sync(application(), comparison(both("a")), hooks)) == [
        "PreSync/1 hook both: create",
        "Sync/0 apply a: update",
        "PostSync/0 hook after: create",
        "PostSync/1 hook both: create",
    ]


def test_a_hook_task_carries_its_policies_and_what_is_live() -> None:
    live = manifest("migrate", "Job")
    policy = {"argocd.argoproj.io/hook-delete-policy": "HookSucceeded", OPTIONS: "Replace=true"}
    target = HookTarget(SyncPhase.PRE_SYNC, manifest("migrate", "Job", **policy), live)
    (task,) = plan_sync(application(), comparison(), [target]).tasks
    assert task.delete_policies == {HookDeletePolicy.HOOK_SUCCEEDED}
    assert (task.options, task.live) == ({"Replace=true"}, live)


def test_two_hooks_of_one_identity_are_one_with_a_warning() -> None:
    hooks = [hook("migrate", SyncPhase.PRE_SYNC, n="1"), hook("migrate", SyncPhase.PRE_SYNC, n="2")]
    plan = plan_sync(application(), comparison(warnings=["an earlier warning"]), hooks)
    assert [(task.target or {})["metadata"]["annotations"] for task in plan.tasks] == [{"n": "2"}]
    assert plan.warnings == (
        "an earlier warning",
        "Job web/migrate appears more than once among the PreSync hooks; the last one wins",
    )


def test_a_selective_sync_touches_what_was_chosen_and_runs_no_hooks() -> None:
    chosen = PlanOptions(resources=(ResourceKey("", "ConfigMap", "web", "b"), ResourceKey("", "ConfigMap", "web", "x")))
    hooks = [hook("migrate", SyncPhase.PRE_SYNC), hook("migrate", SyncPhase.PRE_SYNC)]
    plan = plan_sync(application(), comparison(both("a"), both("b"), extra("x"), extra("y")), hooks, options=chosen)
    assert shown(plan) == ["Sync/0 apply b: update", "Sync/0 prune x: skip (ignored (requires pruning))"]
    assert plan.warnings == ()


NAMESPACES: dict[str, tuple[Application, bool, list[str]]] = {
    "missing": (application("CreateNamespace=true"), False, ["PreSync/0 create namespace web: create"]),
    "there": (application("CreateNamespace=true"), True, []),
    "not asked for": (application(), False, []),
    "switched off": (application("CreateNamespace=false"), False, []),
    "no destination namespace": (application("CreateNamespace=true", namespace=""), False, []),
    "there, with metadata of ours": (
        application("CreateNamespace=true", managed={"labels": {"a": "b"}}),
        True,
        ["PreSync/0 create namespace web: update"],
    ),
    "metadata without the option": (application(managed={"labels": {"a": "b"}}), True, []),
}


@pytest.mark.parametrize(("given", "exists", "expected"), NAMESPACES.values(), ids=NAMESPACES)
def test_the_destination_namespace(given: Application, exists: bool, expected: list[str]) -> None:
    assert shown(plan_sync(given, comparison(), namespace_exists=exists)) == expected


def test_the_namespace_comes_before_the_first_hook_and_bears_no_mark() -> None:
    given = application("CreateNamespace=true", managed={"labels": {"a": "b"}, "annotations": {"c": "d"}})
    hooks = [hook("early", SyncPhase.PRE_SYNC, **{WAVE: "-3"})]
    plan = plan_sync(given, comparison(both("a")), hooks, namespace_exists=False)
    assert shown(plan) == [
        "PreSync/-3 create namespace web: create",
        "PreSync/-3 hook early: create",
        "Sync/0 apply a: update",
    ]
    assert plan.tasks[0].target == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "web", "labels": {"a": "b"}, "annotations": {"c": "d"}},
    }


def test_a_namespace_of_the_application_s_own_stands_in() -> None:
    own = resource("web", target=manifest("web", "Namespace", namespace="", **{WAVE: "5"}))
    plan = plan_sync(application("CreateNamespace=true"), comparison(own, both("a")), namespace_exists=False)
    assert shown(plan) == ["Sync/0 apply web: create", "Sync/0 apply a: update"]


def test_the_plan_says_what_it_is_of() -> None:
    difference = FieldDifference("$.data.a", "1", ABSENT)
    changed = replace(both("a"), differences=(difference, difference))
    options = PlanOptions(dry_run=True)
    plan = plan_sync(application(), comparison(changed, warnings=["w"]), options=options)
    assert (plan.application, plan.namespace, plan.revision, plan.options, plan.warnings) == (
        "guestbook",
        "argocd",
        "a" * 40,
        options,
        ("w",),
    )
    assert plan.tasks[0].differences == 2
    assert plan.steps == ((SyncPhase.SYNC, 0),)
    assert plan.at(SyncPhase.SYNC, 0) == plan.tasks
    assert plan.at(SyncPhase.SYNC, 1) == ()


EXTRANEOUS = {
    "no annotation": ({}, False),
    "alone": ({COMPARE: "IgnoreExtraneous"}, True),
    "among others": ({COMPARE: "ServerSideDiff=true, IgnoreExtraneous"}, True),
    "part of a word": ({COMPARE: "IgnoreExtraneousness"}, False),
}


@pytest.mark.parametrize(("annotations", "expected"), EXTRANEOUS.values(), ids=EXTRANEOUS)
def test_ignores_extraneous(annotations: dict[str, str], expected: bool) -> None:
    assert ignores_extraneous(manifest("a", **annotations)) is expected


def owned(**owner: Any) -> dict[str, Any]:
    obj = manifest("a")
    obj["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "r", **owner}]
    return obj


PRUNABLE = {
    "plain": (manifest("a"), True),
    "a hook lives by its policies": (manifest("a", **{HOOK: "PreSync"}), False),
    "a misspelt hook": (manifest("a", **{HOOK: "Garbage"}), False),
    "a Helm hook": (manifest("a", **{"helm.sh/hook": "test"}), False),
    "controlled by another object": (owned(controller=True), False),
    "owned but not controlled": (owned(controller=False), True),
    "owned": (owned(), True),
    "no owners": ({"metadata": {"name": "a", "ownerReferences": None}}, True),
}


@pytest.mark.parametrize(("live", "expected"), PRUNABLE.values(), ids=PRUNABLE)
def test_prunable(live: dict[str, Any], expected: bool) -> None:
    assert prunable(live) is expected


def test_what_the_project_does_not_permit_fails_the_plan() -> None:
    refused = {"a", "web", "migrate", "x"}
    given = application("CreateNamespace=true")
    plan = plan_sync(
        given,
        comparison(both("a"), both("b"), extra("x"), extra("y")),
        [hook("migrate", SyncPhase.SYNC_FAIL)],
        options=PlanOptions(prune=True),
        namespace_exists=False,
        permit=lambda key: "project p forbids it" if key.name in refused else "",
    )
    assert plan.problems == (
        "Namespace web is not permitted: project p forbids it",
        "ConfigMap web/a is not permitted: project p forbids it",
        "Job web/migrate is not permitted: project p forbids it",
    )
    assert [task.key.name for task in plan.tasks if task.problem] == ["web", "a", "migrate"]
    assert "Sync/0 prune x: skip (ignored (not permitted: project p forbids it))" in shown(plan)
    assert "Sync/0 prune y: delete" in shown(plan)


def test_shared_resources() -> None:
    shared = "ConfigMap/a is part of applications argocd/guestbook and other"
    resources = comparison(
        replace(both("a"), shared_with="other"), both("b"), extra("x"), warnings=("another matter", shared)
    )
    plan = plan_sync(application(), resources)
    assert (plan.warnings, plan.problems) == (("another matter", shared), ())
    plan = plan_sync(application("FailOnSharedResource=true"), resources)
    assert (plan.warnings, plan.problems) == (("another matter",), (f"shared resource found: {shared}",))


def test_a_prune_that_needs_a_word() -> None:
    resources = comparison(extra("a", **{OPTIONS: "Prune=confirm"}), extra("b"))
    plan = plan_sync(application(), resources, options=PlanOptions(prune=True))
    assert [task.confirm for task in plan.tasks] == [True, False]
    assert not any(task.confirm for task in plan_sync(application(), resources).tasks)


def test_options_without_a_meaning_are_warnings() -> None:
    plan = plan_sync(application("Rebase=true"), comparison(both("a", **{OPTIONS: "Colour=red"})))
    assert plan.warnings == (
        "spec.syncPolicy.syncOptions: sync option Rebase=true is ignored: there is no option Rebase",
        "ConfigMap web/a: sync option Colour=red is ignored: there is no option Colour",
    )


def test_options_of_one_sync_win_over_the_application_s() -> None:
    options = PlanOptions(sync_options=("Replace=false", "Force=true"))
    (task,) = plan_sync(application("Replace=true"), comparison(both("a")), options=options).tasks
    assert task.options == {"Replace=false", "Force=true"}
