"""An application's health, from its resources'."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import reconciler.health
from reconciler.diff.records import Health, ResourceComparison
from reconciler.health import aggregate_health
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus

HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN = HealthStatus


def resource(
    name: str,
    health: HealthStatus | None,
    message: str = "",
    *,
    kind: str = "apps/Deployment",
    annotations: dict[str, str] | None = None,
    **changes: Any,
) -> ResourceComparison:
    group, _, short = kind.rpartition("/")
    manifest = {"kind": short, "metadata": {"name": name, "annotations": annotations or {}}}
    fields: dict[str, Any] = {
        "key": ResourceKey(group, short, "web", name),
        "version": "v1",
        "status": SyncStatus.SYNCED,
        "target": manifest,
        "live": manifest,
        "health": Health(health, message) if health else None,
    }
    return ResourceComparison(**(fields | changes))


def missing(name: str, health: HealthStatus | None = MISSING) -> ResourceComparison:
    return resource(name, health, live=None, status=SyncStatus.OUT_OF_SYNC)


def test_an_application_without_resources_is_healthy() -> None:
    assert aggregate_health([]) == Health(HEALTHY)


def test_resources_without_a_rule_do_not_count() -> None:
    assert aggregate_health([resource("settings", None), resource("shop", HEALTHY, "fine")]) == Health(HEALTHY)


def test_the_worst_wins_and_is_named() -> None:
    resources = [
        resource("a", PROGRESSING, "rolling out"),
        resource("b", DEGRADED, "too late"),
        resource("c", SUSPENDED),
        resource("d", DEGRADED, "crashing"),
    ]
    assert aggregate_health(resources) == Health(DEGRADED, "Deployment.apps web/b: too late (and 1 more)")


def test_a_cause_without_a_message_is_named() -> None:
    assert aggregate_health([resource("a", PROGRESSING)]) == Health(PROGRESSING, "Deployment.apps web/a")


def test_a_missing_resource_does_not_count_beside_a_live_one() -> None:
    assert aggregate_health([missing("a"), resource("b", HEALTHY)]) == Health(HEALTHY)


def test_nothing_live_is_missing() -> None:
    resources = [missing("a"), missing("b", None)]
    assert aggregate_health(resources) == Health(MISSING, "none of the 2 resources exists in the cluster")


def test_resources_that_could_not_be_read_are_not_missing() -> None:
    unread = resource("a", None, live=None, status=SyncStatus.UNKNOWN, reason="forbidden")
    assert aggregate_health([unread, missing("b")]) == Health(HEALTHY)


def test_hooks_and_skipped_objects_do_not_count() -> None:
    hook = resource("migrate", DEGRADED, hook=True)
    skipped = resource("never", DEGRADED, annotations={"argocd.argoproj.io/hook": "Skip"})
    assert aggregate_health([hook, skipped]) == Health(HEALTHY)


def test_the_annotation_that_leaves_a_resource_out() -> None:
    def noisy(value: str) -> ResourceComparison:
        return resource("noisy", DEGRADED, annotations={"argocd.argoproj.io/ignore-healthcheck": value})

    assert aggregate_health([noisy("true")]) == Health(HEALTHY)
    assert aggregate_health([noisy("false")]).status == DEGRADED


def test_a_child_application_counts_unless_missing_or_unknown() -> None:
    def child(health: HealthStatus) -> ResourceComparison:
        return resource("child", health, kind="argoproj.io/Application")

    statuses = {health: aggregate_health([child(health)]).status for health in HealthStatus}
    assert statuses == {health: health for health in HealthStatus} | {MISSING: HEALTHY, UNKNOWN: HEALTHY}


def test_an_application_that_manages_itself_is_not_its_own_health() -> None:
    itself = resource("root", PROGRESSING, kind="argoproj.io/Application")
    assert aggregate_health([itself], application=itself.key) == Health(HEALTHY)
    assert aggregate_health([itself], application=ResourceKey("argoproj.io", "Application", "web", "other")) == Health(
        PROGRESSING, "Application.argoproj.io web/root"
    )


def test_an_extra_resource_counts() -> None:
    assert aggregate_health([resource("old", DEGRADED, target=None, requires_pruning=True)]).status == DEGRADED


@given(st.lists(st.sampled_from(list(HealthStatus)), min_size=1, max_size=6))
def test_the_status_is_the_worst_and_order_does_not_matter(statuses: list[HealthStatus]) -> None:
    resources = [resource(f"r{number}", status) for number, status in enumerate(statuses)]
    worst = max(statuses, key=lambda status: status.badness)
    assert aggregate_health(resources).status == worst
    assert aggregate_health(reversed(resources)).status == worst


def test_the_public_names() -> None:
    assert sorted(reconciler.health.__all__) == [
        "ActionOperation",
        "ActionParameter",
        "ActionResult",
        "ActionScripts",
        "Customization",
        "Customizations",
        "Layer",
        "NO_CUSTOMIZATIONS",
        "ResourceAction",
        "SETTING_KSTATUS",
        "Script",
        "ScriptRunner",
        "aggregate_health",
        "assess_by_conventions",
        "assess_health",
        "assess_readiness",
        "bundled_layer",
        "discover_actions",
        "hook_phase",
        "load_customizations",
        "parse_customizations",
        "parse_files",
        "run_action",
    ]
    assert all(hasattr(reconciler.health, name) for name in reconciler.health.__all__)
