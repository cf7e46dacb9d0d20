import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from gitops_nb.frames import (
    applications_frame,
    drift_frame,
    events_frame,
    format_csv,
    history_frame,
    log_frame,
    plan_frame,
    resources_frame,
    results_frame,
    runs_frame,
    tree_frame,
    unused_rules_frame,
)
from reconciler.cluster.logs import LogLine
from reconciler.cluster.tree import ResourceTree, TreeGap
from reconciler.diff.records import ABSENT, FieldDifference, Masked
from reconciler.engine import SyncOutcome
from reconciler.engine.fleet import ApplicationRun
from reconciler.errors import SyncError
from reconciler.model import parse_application
from reconciler.sync.records import SyncPlan
from reconciler.terms import OperationPhase, SyncStatus
from tests.data.gitops_nb import guestbook, shop_tree

TEXT, COUNT, FLAG, SECONDS, TIME, VALUE = "string", "Int64", "boolean", "Float64", "datetime64[ns, UTC]", "object"
KEY = {"kind": TEXT, "group": TEXT, "namespace": TEXT, "name": TEXT}
LINES = (
    LogLine(shop_tree.key("", "Pod", "redis-0"), "redis", "GET /healthz", guestbook.NOW),
    LogLine(shop_tree.key("", "Pod", "redis-0"), "redis", guestbook.MISLEADING),
)
EMPTY_PLAN = SyncPlan("guestbook", "argocd", (), ())


def runs() -> list[ApplicationRun]:
    """One that was synced, one that failed, one that could not begin, one that had nothing to do."""
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "guestbook"}}
    spec = {
        "project": "default",
        "destination": {"name": "in-cluster"},
        "source": {"repoURL": "https://x/y", "path": "."},
    }
    application = parse_application({**document, "spec": spec})
    comparison, failed = guestbook.comparison(), guestbook.result()
    synced = replace(failed, phase=OperationPhase.SUCCEEDED, message="successfully synced")
    return [
        ApplicationRun(application, comparison, "OutOfSync", SyncOutcome(synced, comparison)),
        ApplicationRun(application, comparison, "OutOfSync", SyncOutcome(failed, comparison)),
        ApplicationRun(application, comparison, error=SyncError("another run is at it"), status_problem="conflict"),
        ApplicationRun(application, comparison, "no automated policy"),
    ]


# The frames' contract: columns in their order with their dtypes, for a frame with rows and for one without.
FRAMES: Mapping[str, tuple[Callable[[], pd.DataFrame], Callable[[], pd.DataFrame], Mapping[str, str]]] = {
    "applications": (
        lambda: applications_frame([guestbook.comparison(), guestbook.hostile_comparison()]),
        lambda: applications_frame([]),
        {
            **dict.fromkeys(("app", "namespace", "project", "destination", "revision"), TEXT),
            **dict.fromkeys(("status", "health", "health_message"), TEXT),
            **dict.fromkeys(("resources", "out_of_sync", "missing", "extra", "unknown", "differences"), COUNT),
            **dict.fromkeys(("source_types", "reason", "warnings"), TEXT),
            "compared_at": TIME,
        },
    ),
    "resources": (
        lambda: resources_frame(guestbook.comparison()),
        lambda: resources_frame([]),
        {
            "app": TEXT,
            **KEY,
            **dict.fromkeys(("version", "status", "state", "health", "health_message", "reason"), TEXT),
            **dict.fromkeys(("differences", "wave"), COUNT),
            **dict.fromkeys(("hook", "requires_pruning"), FLAG),
        },
    ),
    "drift": (
        lambda: drift_frame([guestbook.comparison(), guestbook.hostile_comparison()]),
        lambda: drift_frame([]),
        {
            "app": TEXT,
            **KEY,
            **dict.fromkeys(("status", "path", "pointer"), TEXT),
            **dict.fromkeys(("target", "live"), VALUE),
            **dict.fromkeys(("manager", "operation"), TEXT),
            "changed_at": TIME,
            "ignored_by": TEXT,
            "synced": FLAG,
            "reason": TEXT,
        },
    ),
    "unused rules": (
        lambda: unused_rules_frame([guestbook.comparison(), guestbook.hostile_comparison()]),
        lambda: unused_rules_frame([]),
        dict.fromkeys(("app", "rule", "origin", "reason"), TEXT),
    ),
    "tree": (
        lambda: tree_frame(shop_tree.tree()),
        lambda: tree_frame(ResourceTree(())),
        {
            **KEY,
            **dict.fromkeys(("version", "parent"), TEXT),
            "depth": COUNT,
            **dict.fromkeys(("status", "health", "message", "info", "images"), TEXT),
            "created_at": TIME,
            **dict.fromkeys(("managed", "orphaned", "deleting"), FLAG),
        },
    ),
    "events": (
        lambda: events_frame(shop_tree.events()),
        lambda: events_frame([]),
        {
            **KEY,
            **dict.fromkeys(("type", "reason", "message", "source"), TEXT),
            "count": COUNT,
            **dict.fromkeys(("first_seen_at", "last_seen_at"), TIME),
        },
    ),
    "log": (
        lambda: log_frame(LINES),
        lambda: log_frame([]),
        {"at": TIME, **dict.fromkeys(("namespace", "pod", "container", "text", "reason"), TEXT)},
    ),
    "plan": (
        lambda: plan_frame(guestbook.plan()),
        lambda: plan_frame(EMPTY_PLAN),
        {
            "app": TEXT,
            "step": COUNT,
            "phase": TEXT,
            "wave": COUNT,
            **KEY,
            **dict.fromkeys(("version", "action", "change", "does"), TEXT),
            "differences": COUNT,
            **dict.fromkeys(("delete_policies", "options", "reason", "id"), TEXT),
        },
    ),
    "results": (
        lambda: results_frame(guestbook.result()),
        lambda: results_frame(replace(guestbook.result(), results=())),
        {
            "app": TEXT,
            "phase": TEXT,
            "wave": COUNT,
            **KEY,
            **dict.fromkeys(("version", "action", "state", "status", "hook_phase", "message", "images"), TEXT),
            "started_at": TIME,
            "finished_at": TIME,
            "duration_s": SECONDS,
        },
    ),
    "history": (
        lambda: history_frame(guestbook.records()),
        lambda: history_frame([]),
        {
            "sequence": COUNT,
            **dict.fromkeys(("operation_id", "app", "namespace", "project", "cluster"), TEXT),
            **dict.fromkeys(("target_revision", "revision", "phase", "message"), TEXT),
            "started_at": TIME,
            "finished_at": TIME,
            "duration_s": SECONDS,
            "initiated_by": TEXT,
            **dict.fromkeys(("dry_run", "prune", "abandoned"), FLAG),
            **dict.fromkeys(("resources", "failed"), COUNT),
            **dict.fromkeys(("notebook", "digest"), TEXT),
        },
    ),
    "runs": (
        lambda: runs_frame(runs()),
        lambda: runs_frame([]),
        {
            **dict.fromkeys(("app", "namespace", "project", "decision", "reason", "status", "health"), TEXT),
            **dict.fromkeys(("revision", "message", "status_problem"), TEXT),
            "resources": COUNT,
            "started_at": TIME,
            "finished_at": TIME,
            "duration_s": SECONDS,
        },
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_columns_and_dtypes_are_the_same_with_rows_and_without(name: str) -> None:
    filled, empty, columns = FRAMES[name]
    for frame in (filled(), empty()):
        assert {column: str(dtype) for column, dtype in frame.dtypes.items()} == columns
        assert list(frame.columns) == list(columns)
        assert isinstance(frame.index, pd.RangeIndex)
    assert len(filled()) > 0
    assert len(empty()) == 0


@pytest.mark.parametrize("name", FRAMES)
def test_every_column_is_documented(name: str) -> None:
    function = {
        "applications": applications_frame,
        "resources": resources_frame,
        "drift": drift_frame,
        "unused rules": unused_rules_frame,
        "tree": tree_frame,
        "events": events_frame,
        "log": log_frame,
        "plan": plan_frame,
        "results": results_frame,
        "history": history_frame,
        "runs": runs_frame,
    }[name]
    assert [column for column in FRAMES[name][2] if f"``{column}``" not in str(function.__doc__)] == []


def test_applications_counts_leave_hooks_and_ignored_fields_out() -> None:
    row = applications_frame([guestbook.comparison()]).iloc[0]
    counts = row[["resources", "out_of_sync", "missing", "extra", "unknown", "differences"]]
    assert list(counts) == [11, 5, 1, 1, 1, 5]
    assert row["revision"] == guestbook.REVISION
    assert row["compared_at"] == pd.Timestamp(guestbook.NOW)


def test_resources_without_a_health_rule_have_no_health() -> None:
    frame = resources_frame([guestbook.comparison()]).set_index(["kind", "name"])
    assert frame.loc[("Secret", "web-credentials"), "health"] is pd.NA
    assert frame.loc[("Deployment", "web"), "health"] == "Degraded"
    assert list(frame["state"]).count("hook") == 1


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The cells as they are; `DataFrame.to_dict` would turn NA into None."""
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def test_drift_has_one_row_a_field_and_keeps_ignored_ones_apart() -> None:
    rows = drift_frame(guestbook.comparison(), hidden=True).query("kind == 'Deployment'")
    assert list(rows["path"]) == [
        "$.spec.replicas",
        '$.spec.template.spec.containers[name="web"].args',
        '$.spec.template.spec.containers[name="web"].image',
        '$.spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]',
    ]
    first, args, _, ignored = records_of(rows)
    assert (first["target"], first["live"], first["manager"]) == (3, 5, "kubectl-scale")
    assert first["changed_at"] == pd.Timestamp("2026-11-21T11:05:09Z")
    assert args["target"] == ["--listen=:8080", "--log-level=info", "--trace"]
    assert ignored["target"] is pd.NA
    assert list(rows["ignored_by"] == "") == [True, True, True, False]
    assert list(rows["synced"]) == [True, True, True, False]
    assert rows["pointer"].iloc[1] == "/spec/template/spec/containers/0/args"


def test_what_a_rule_hides_is_listed_only_when_asked_for() -> None:
    shown, all_rows = drift_frame(guestbook.comparison()), drift_frame(guestbook.comparison(), hidden=True)
    assert len(all_rows) == len(shown) + 1
    assert set(shown["ignored_by"]) == {""}
    assert drift_frame(guestbook.hostile_comparison())["path"].str.contains("labels").sum() == 0


def test_missing_and_extra_objects_are_one_row_with_the_object() -> None:
    rows = drift_frame(guestbook.comparison()).query("path == '$'").set_index("name")
    assert rows.loc["web-settings", "target"]["data"] == {"currency": "EUR", "feature.checkout": "on"}
    assert rows.loc["web-settings", "live"] is pd.NA
    assert rows.loc["import-2024", "target"] is pd.NA
    assert rows.loc["import-2024", "live"]["kind"] == "Job"


def test_what_is_unknown_is_never_left_out() -> None:
    comparison = guestbook.comparison()
    (row,) = records_of(drift_frame(comparison).query("status == 'Unknown'"))
    assert (row["kind"], row["path"], row["target"]) == ("ServiceMonitor", "$", pd.NA)
    assert row["reason"].startswith("the cluster does not serve")
    failed = replace(comparison, resources=(), status=SyncStatus.UNKNOWN, reason="the repository does not answer")
    (whole,) = records_of(drift_frame(failed))
    assert (whole["kind"], whole["group"], whole["name"]) == ("Application", "argoproj.io", "guestbook")
    assert (whole["status"], whole["reason"]) == ("Unknown", "the repository does not answer")


def test_null_is_not_absent_and_secrets_stay_masked() -> None:
    secret = guestbook.comparison().resources[2]
    differences = (
        FieldDifference("$.data.password", Masked("e07f5a12"), Masked("9c1d20ab")),
        FieldDifference("$.data", {"password": Masked("e07f5a12")}, None),
    )
    comparison = replace(guestbook.comparison(), resources=(replace(secret, differences=differences),))
    first, second = records_of(drift_frame(comparison))
    assert (first["target"], first["live"]) == ("(masked e07f5a12)", "(masked 9c1d20ab)")
    assert second["target"] == {"password": "(masked e07f5a12)"}
    assert second["live"] is None


def test_a_kept_extra_object_is_marked_as_ignored() -> None:
    extra = replace(guestbook.comparison().resources[4], ignore_extraneous=True)
    comparison = replace(guestbook.comparison(), resources=(extra,))
    assert drift_frame(comparison).empty
    (row,) = records_of(drift_frame(comparison, hidden=True))
    assert row["ignored_by"] == "IgnoreExtraneous"


def test_a_sync_makes_what_is_missing_and_leaves_what_is_extra() -> None:
    rows = drift_frame(guestbook.comparison()).set_index("name")
    assert rows.loc["web-settings", "synced"]
    assert not rows.loc["import-2024", "synced"]
    assert drift_frame(guestbook.comparison()).query("status == 'Unknown'")["synced"].isna().all()


def test_the_whole_object_stands_for_what_the_engine_calls_present() -> None:
    resources = guestbook.comparison().resources
    marked = (
        replace(resources[3], differences=(FieldDifference("$", "present", ABSENT),)),
        replace(resources[4], differences=(FieldDifference("$", ABSENT, "present", synced=False),)),
    )
    missing, extra = records_of(drift_frame(replace(guestbook.comparison(), resources=marked)))
    assert missing["target"]["kind"] == "ConfigMap"
    assert extra["live"]["kind"] == "Job"


def test_unused_rules_say_where_they_are_written_and_why_they_find_nothing() -> None:
    first, second = records_of(unused_rules_frame(guestbook.comparison()))
    assert first["rule"].startswith("spec.ignoreDifferences[1].jqPathExpressions: ")
    assert (first["origin"], first["reason"]) == ("spec.ignoreDifferences[1]", "no such field in target or live")
    assert second["reason"] == "no such manager"


def test_tree_rows_name_their_parent_and_depth_and_mark_orphans() -> None:
    frame = tree_frame(shop_tree.tree())
    pod = frame.query("name == 'web-7d9f8b6c54-kx2vp'").iloc[0]
    assert (pod["parent"], pod["depth"]) == ("ReplicaSet.apps shop/web-7d9f8b6c54", 2)
    assert (pod["health"], pod["info"]) == ("Degraded", "CrashLoopBackOff 0/1 7 restarts")
    assert pod["message"].startswith("back-off 2m40s")
    assert pod["status"] is pd.NA
    assert sorted(frame.query("orphaned")["name"]) == ["debug-settings", "import-2024", "import-2024-w5d2k"]
    assert list(frame.query("deleting")["name"]) == ["import-2024"]
    assert frame.query("name == 'web-settings'")["created_at"].isna().all()


def test_events_come_newest_first() -> None:
    late = replace(shop_tree.events()[2], last_seen_at=guestbook.NOW)
    frame = events_frame([*shop_tree.events()[:2], late, replace(late, last_seen_at=None)])
    assert list(frame["reason"]) == ["Scheduled", "BackOff", "Pulled", "Scheduled"]
    assert list(frame["name"].unique()) == ["web-7d9f8b6c54-kx2vp"]


def test_log_lines_keep_their_order_and_hide_no_terminal_sequence() -> None:
    frame = log_frame(LINES)
    assert list(frame["text"]) == ["GET /healthz", "admin\\u202enimda\\u200b\\x1b[2J\\x07"]
    assert frame["at"].isna().tolist() == [False, True]


def test_plan_counts_steps_over_all_phases() -> None:
    frame = plan_frame(guestbook.plan())
    assert list(frame["step"].drop_duplicates()) == [1, 2, 3, 4, 5, 6]
    assert frame["id"].is_unique
    assert list(frame.query("does == 'hook'")["delete_policies"]) == [
        "BeforeHookCreation,HookSucceeded",
        "HookSucceeded",
    ]


def test_results_give_durations_and_the_outcome_of_hooks() -> None:
    frame = results_frame(guestbook.result())
    hook = frame.query("action == 'hook'").iloc[0]
    assert (hook["hook_phase"], hook["status"], hook["state"]) == ("Succeeded", pd.NA, "succeeded")
    assert list(frame["duration_s"]) == [1.5] * 8
    assert list(frame["state"])[-1] == "failed"


def test_history_of_a_running_sync_has_no_end() -> None:
    frame = history_frame(guestbook.records())
    assert list(frame["phase"]) == ["Succeeded", "Failed", "Running"]
    assert frame["finished_at"].isna().tolist() == [False, False, True]
    assert frame["duration_s"].isna().tolist() == [False, False, True]
    assert list(frame["failed"]) == [0, 1, 0]


def test_runs_say_what_became_of_each_application() -> None:
    frame = runs_frame(runs())
    assert frame["decision"].tolist() == ["synced", "failed", "failed", "nothing"]
    assert frame["message"].tolist()[0::2] == ["successfully synced", "another run is at it"]
    assert frame["duration_s"].isna().tolist() == [False, False, True, True]
    assert frame["status_problem"].tolist()[2:] == ["conflict", ""]


def cells(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(format_csv(frame))))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        pytest.param("=1+1", "'=1+1", id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("a=b", "a=b", id="inside"),
        pytest.param("\t=1", "\\t=1", id="tab before it"),
        pytest.param('say "hi", twice\n', 'say "hi", twice\\n', id="quotes, comma and line break"),
        pytest.param("a\u202eb\x1b[0m", "a\\u202eb\\x1b[0m", id="hidden characters"),
    ],
)
def test_csv_holds_no_formula_and_no_hidden_character(text: str, cell: str) -> None:
    (row,) = cells(history_frame([replace(guestbook.records()[0], message=text)]))
    assert row["message"] == cell


def test_csv_writes_missing_values_empty_and_objects_as_json() -> None:
    rows = {(row["kind"], row["path"]): row for row in cells(drift_frame(guestbook.comparison()))}
    missing = rows["ConfigMap", "$"]
    assert missing["target"].startswith('{"apiVersion": "v1", "kind": "ConfigMap"')
    assert (missing["live"], missing["changed_at"]) == ("", "")
    assert rows["Deployment", "$.spec.replicas"]["changed_at"] == "2026-11-21T11:05:09+00:00"


def test_no_frame_holds_a_hidden_character_and_texts_keep_their_lines() -> None:
    first, second, third = records_of(drift_frame(guestbook.hostile_comparison(), hidden=True).drop(index=1))
    for row in (first, second, third):
        assert "\u202e" not in str(row)
        assert "\x1b" not in str(row)
    assert second["path"] == "$.metadata.admin\\u202enimda\\u200b\\x1b[2J\\x07"
    assert second["target"] == {guestbook.SCRIPT: ["admin\\u202enimda\\u200b\\x1b[2J\\x07"]}
    config = drift_frame(guestbook.comparison()).query("name == 'web-nginx'")
    assert config["target"].iloc[0].splitlines()[2] == "\tworker_connections 1024;"


def test_what_cannot_be_read_is_a_row_with_its_reason() -> None:
    gap = TreeGap("", "Event", "shop", "events is forbidden")
    (event,) = records_of(events_frame([], [gap]))
    assert (event["type"], event["namespace"], event["message"]) == ("Unknown", "shop", "events is forbidden")
    (log,) = records_of(log_frame([], [replace(gap, kind="log of web-1", reason="waiting to start")]))
    assert (log["pod"], log["text"], log["reason"]) == ("web-1", pd.NA, "waiting to start")
