from dataclasses import replace

import pytest

from reconciler.diff.records import Comparison
from reconciler.formatting import (
    format_applications_text,
    format_comparison_text,
    format_diff_text,
    format_history_text,
    format_plan_text,
    format_result_text,
    summarize_comparison,
    summarize_plan,
)
from reconciler.formatting.ignored import ignored_note
from reconciler.formatting.text import DiffStyle
from reconciler.sync.records import PlanOptions, SyncPlan
from reconciler.terms import SyncStatus
from tests.data.gitops_nb import guestbook

HOSTILE = {
    "applications": format_applications_text([guestbook.hostile_comparison()]),
    "comparison": format_comparison_text(guestbook.hostile_comparison()),
    "unified diff": format_diff_text(guestbook.hostile_comparison(), context=None, neat=False),
    "diff by field": format_diff_text(guestbook.hostile_comparison(), style="fields"),
    "plan": format_plan_text(guestbook.hostile_plan()),
    "result": format_result_text(guestbook.hostile_result()),
    "history": format_history_text(guestbook.hostile_records()),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_holds_a_character_that_a_terminal_acts_on(name: str) -> None:
    text = HOSTILE[name]
    assert all(character.isprintable() or character == "\n" for character in text)
    assert guestbook.MISLEADING not in text
    assert "\\u202e" in text


def test_comparison_lists_what_needs_attention_first() -> None:
    text = format_comparison_text(guestbook.comparison())
    head, table = text.split("\n\n")
    assert head.splitlines()[:6] == [
        "Application: argocd/guestbook",
        "Project:     default",
        "Destination: https://kubernetes.default.svc (shop)",
        "Revision:    3f9c1e2",
        "Sync status: OutOfSync",
        "Health:      Degraded: Deployment shop/web: Progress deadline exceeded",
    ]
    assert [line.split()[0] for line in table.splitlines()[1:]] == [
        "?",
        "~",
        "~",
        "~",
        "+",
        "-",
        "=",
        "=",
        "=",
        "=",
        "=",
        ">",
    ]
    assert "shop/web-credentials  1 field differs" in table
    assert not text.endswith("\n")


def test_comparison_without_resources_is_only_its_verdict() -> None:
    unknown = replace(
        guestbook.comparison(), resources=(), status=SyncStatus.UNKNOWN, reason="the repository does not answer"
    )
    text = format_comparison_text(unknown)
    assert "Sync status: Unknown: the repository does not answer" in text
    assert "Resources:   no resources" in text
    assert "STATUS" not in text


def test_unified_diff_reads_as_a_patch() -> None:
    secret = guestbook.comparison().resources[2]
    assert format_diff_text(secret, context=1).splitlines() == [
        "~ Secret shop/web-credentials (changed)",
        "--- live",
        "+++ target",
        "@@ 9 unchanged lines @@",
        " data:",
        "-  password: (masked 9c1d20ab)",
        "+  password: (masked e07f5a12)",
        "   username: (masked 1b6f33e0)",
    ]


def test_diff_by_field_names_owner_time_and_rule() -> None:
    deployment = guestbook.comparison().resources[0]
    lines = format_diff_text(deployment, style="fields", show_ignored=True).splitlines()
    assert lines[0] == "~ Deployment.apps shop/web (changed)"
    assert lines[1:4] == [
        "  $.spec.replicas  [kubectl-scale (Update) since 2026-11-21 11:05:09Z]",
        "    - 5",
        "    + 3",
    ]
    assert lines[-3].endswith(
        "[kubectl-rollout (Update) since 2026-11-20 14:05:09Z, ignored by ignoreDifferences jsonPointers]"
    )
    assert lines[-1] == "    + (absent)"


def with_ignored_replicas() -> Comparison:
    comparison = guestbook.comparison()
    deployment = comparison.resources[0]
    hidden = replace(deployment.differences[0], ignored_by="a rule")
    return replace(comparison, resources=(replace(deployment, differences=(hidden, *deployment.differences[1:])),))


@pytest.mark.parametrize(("style", "changed"), [("unified", "-  replicas: 5"), ("fields", "  $.spec.replicas  [")])
def test_what_a_rule_ignores_is_left_out_but_counted(style: DiffStyle, changed: str) -> None:
    comparison = with_ignored_replicas()
    assert changed not in format_diff_text(comparison, style=style)
    assert changed in format_diff_text(comparison, style=style, show_ignored=True)
    assert ignored_note(comparison) == ("2 ignored fields left out: 1 by a rule, 1 by ignoreDifferences jsonPointers")


def test_a_resource_whose_differences_are_all_ignored_shows_only_when_asked_for() -> None:
    comparison = with_ignored_replicas()
    deployment = comparison.resources[0]
    quiet = replace(deployment, status=SyncStatus.SYNCED, differences=deployment.differences[:1])
    comparison = replace(comparison, resources=(quiet,))
    assert format_diff_text(comparison) == ""
    assert format_diff_text(comparison, show_ignored=True).startswith("= Deployment.apps shop/web (in sync)\n")
    assert ignored_note(replace(comparison, resources=())) == ""


def test_diff_by_field_shows_only_the_lines_of_a_text_that_differ() -> None:
    config = guestbook.comparison().resources[6]
    assert format_diff_text(config, style="fields").splitlines()[2:] == [
        "    - line 1: worker_processes 2 ;",
        "    - line 3: \tworker_connections 512;",
        "    + line 1: worker_processes auto;",
        "    + line 3: \tworker_connections 1024;",
    ]


@pytest.mark.parametrize("style", ["unified", "fields"])
def test_diff_is_empty_when_nothing_differs_and_never_hides_what_is_unknown(style: str) -> None:
    comparison = guestbook.comparison()
    quiet = replace(comparison, resources=(comparison.resources[1], comparison.resources[-1]))
    assert format_diff_text(quiet, style=style) == ""  # type: ignore[arg-type]
    unknown = replace(comparison, resources=(comparison.resources[5],))
    assert format_diff_text(unknown, style=style).splitlines() == [  # type: ignore[arg-type]
        "? ServiceMonitor.monitoring.coreos.com shop/web (unknown)",
        "  the cluster does not serve monitoring.coreos.com/v1; install the CRD of ServiceMonitor",
    ]


def test_a_difference_that_neat_hides_is_shown_by_field() -> None:
    service = guestbook.comparison().resources[1]
    hidden = replace(
        service, status=SyncStatus.OUT_OF_SYNC, differences=guestbook.comparison().resources[0].differences[:1]
    )
    assert "$.spec.replicas" in format_diff_text(hidden)


def test_plan_lists_phases_waves_and_tasks_in_their_order() -> None:
    text = format_plan_text(guestbook.plan())
    counts = "2 hooks to run, 3 to create, 3 to update, 1 to prune, 3 unchanged, 1 skipped"
    assert text.splitlines()[:3] == [
        f"Sync plan of argocd/guestbook at 3f9c1e2 — 6 waves: {counts}",
        "Options: prune",
        "Warning: Ingress shop/web: the API server does not know networking.k8s.io/v1beta1",
    ]
    positions = [
        text.index(part)
        for part in ("\nPreSync\n", "db-migrate", "\nSync\n", "web-settings", "import-2024", "\nPostSync\n")
    ]
    assert positions == sorted(positions)
    assert "    - prune     Job.batch shop/import-2024  (PruneLast=true)" in text
    assert "    / skip      PersistentVolumeClaim shop/uploads  (kept: sync option Prune=false)" in text
    assert "(deleted: BeforeHookCreation, HookSucceeded)" in text


def test_a_plan_says_what_speaks_against_it_before_all_else() -> None:
    plan = replace(
        guestbook.plan(), problems=("Secret shop/key is not permitted: \x1b[1mno", "shared resource found: x")
    )
    assert format_plan_text(plan).splitlines()[2:5] == [
        "A sync would fail: Secret shop/key is not permitted: \\x1b[1mno",
        "A sync would fail: shared resource found: x",
        "Warning: Ingress shop/web: the API server does not know networking.k8s.io/v1beta1",
    ]


def test_an_empty_plan_says_so() -> None:
    plan = SyncPlan("guestbook", "argocd", (), (), options=PlanOptions(dry_run=True))
    assert format_plan_text(plan) == "Sync plan of argocd/guestbook — nothing to do\nOptions: dry run"


def test_result_tells_the_outcome_of_every_task() -> None:
    text = format_result_text(guestbook.result())
    assert "Phase:        Failed: one or more objects failed to apply (1 of 13)" in text
    assert "Duration:     9.5 s" in text
    assert text.splitlines()[-1].split()[:6] == ["Sync", "0", "Deployment", "shop/web", "apply", "SyncFailed"]


def test_history_is_a_table_in_the_order_given() -> None:
    lines = format_history_text(guestbook.records()).splitlines()
    assert [line.split()[0] for line in lines] == ["#", "1", "2", "3"]
    assert "1 min 15 s  Succeeded" in lines[1]
    assert "Running (dry run)" in lines[3]
    abandoned = replace(guestbook.records()[0], phase="Error", abandoned=True)
    assert "Error (abandoned)" in format_history_text([abandoned])


def test_applications_without_any_is_a_header() -> None:
    assert format_applications_text([]).split() == [
        "APPLICATION",
        "PROJECT",
        "STATUS",
        "HEALTH",
        "DIFFER",
        "REVISION",
        "NOTE",
    ]
    assert "argocd/guestbook  default  OutOfSync  Degraded  6/11    3f9c1e2" in format_applications_text(
        [guestbook.comparison()]
    )


@pytest.mark.parametrize(
    ("comparison", "summary"),
    [
        pytest.param(guestbook.comparison(), "1 unknown, 3 changed, 1 missing, 1 extra, 5 in sync, 1 hook", id="all"),
        pytest.param(replace(guestbook.comparison(), resources=()), "no resources", id="none"),
    ],
)
def test_summary_of_a_comparison(comparison: Comparison, summary: str) -> None:
    assert summarize_comparison(comparison) == summary


def test_summary_of_an_empty_plan() -> None:
    assert summarize_plan(SyncPlan("guestbook", "argocd", (), ())) == "nothing to do"
