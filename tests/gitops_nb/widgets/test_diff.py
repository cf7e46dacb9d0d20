import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import traitlets

from gitops_nb.formatting import format_diff_html
from gitops_nb.widgets import DiffWidget
from reconciler.diff.records import Comparison
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import SyncStatus
from tests.data.gitops_nb import guestbook

DEPLOYMENT = "Deployment.apps shop/web"
SECRET = "Secret shop/web-credentials"


def make(**options: Any) -> DiffWidget:
    widget = DiffWidget(guestbook.comparison(), **options)
    widget.comm.messages.clear()
    return widget


def test_the_list_shows_what_needs_attention_first_and_the_first_is_selected() -> None:
    widget = make()
    assert [row["state"] for row in widget.resources] == [
        *("unknown", "changed", "changed", "changed", "missing", "extra"),
        *("in sync", "in sync", "in sync", "in sync", "in sync", "hook"),
    ]
    assert widget.selected == widget.resources[0]["id"] == widget.detail["id"]
    assert (widget.mode, widget.compact, widget.neat, widget.show) == ("split", True, True, "changed")


def test_every_state_and_status_of_the_list_is_in_the_header() -> None:
    widget = make()
    for row in widget.resources:
        assert row["state"] in widget.header["states"]
        assert row["status"] in widget.header["statuses"]
        assert row["health"] == "" or row["health"] in widget.header["healths"]


def test_selecting_a_resource_sends_its_lines_and_nothing_else() -> None:
    widget = make()
    widget.comm.receive(selected=SECRET)
    sent = widget.comm.updates()
    assert set(sent) - {"selected"} == {"detail"}
    detail = sent["detail"]
    assert detail["id"] == SECRET
    assert [row for row in detail["rows"] if row[0] != "="] == [
        ["~", ["  password: (masked ", ["9c1d20ab", 1], ")"], ["  password: (masked ", ["e07f5a12", 1], ")"]]
    ]
    assert detail["fields"] == [
        {
            "path": "$.data.password",
            "pointer": "/data/password",
            "target": "(masked e07f5a12)",
            "live": "(masked 9c1d20ab)",
            "manager": "kubectl-patch",
            "operation": "Update",
            "since": "2026-11-23 13:23:09Z",
            "ignored": "",
            "synced": True,
        }
    ]


def test_switching_neat_off_sends_the_server_s_fields_too() -> None:
    widget = make()
    widget.comm.receive(selected=DEPLOYMENT)
    neat = widget.comm.updates()["detail"]
    widget.comm.receive(neat=False)
    full = widget.comm.updates()["detail"]
    assert (neat["neat"], full["neat"]) == (True, False)
    assert not any("managedFields" in str(row) for row in neat["rows"])
    assert any("managedFields" in str(row) for row in full["rows"])


def with_annotation() -> Comparison:
    """The guestbook whose Deployment has, live, the annotation that a rule ignores."""
    original = guestbook.comparison()
    deployment = copy.deepcopy(original.resources[0])
    assert deployment.live is not None
    deployment.live["spec"]["template"]["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": "2026"}
    return replace(original, resources=(deployment, *original.resources[1:]))


def test_ignored_fields_are_in_the_lines_only_when_asked_for() -> None:
    widget = DiffWidget(with_annotation())
    widget.selected = DEPLOYMENT
    assert "restartedAt" not in str([row for row in widget.detail["rows"] if row[0] != "="])
    assert "restartedAt" in str(widget.detail["rows"])
    widget.show_ignored = True
    assert widget.detail["show_ignored"] is True
    assert "restartedAt" in str([row for row in widget.detail["rows"] if row[0] != "="])
    field = widget.detail["fields"][-1]
    assert (field["ignored"], field["synced"]) == ("ignoreDifferences jsonPointers", False)
    assert field["pointer"] == "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt"


def test_rows_count_ignored_fields_and_the_header_names_rules_that_found_nothing() -> None:
    widget = make()
    assert [row["ignored"] for row in widget.resources if row["id"] == DEPLOYMENT] == [1]
    assert widget.header["unused"][1] == {
        "rule": "spec.ignoreDifferences[2].managedFieldsManagers: vpa-recommender",
        "reason": "no such manager",
    }


def test_a_rule_that_found_nothing_is_told_once() -> None:
    original = guestbook.comparison()
    doubled = (*original.warnings, *map(str, original.unused_rules))
    notices = DiffWidget(replace(original, warnings=doubled)).header["notices"]
    assert [notice["text"] for notice in notices if notice["sign"] == "!"] == list(original.warnings)
    assert format_diff_html(replace(original, warnings=doubled)).count("ignores nothing") == 0


@pytest.mark.parametrize("message", [{"mode": "unified"}, {"compact": False}, {"query": "web"}, {"show": "all"}])
def test_what_only_the_front_end_draws_costs_no_answer(message: dict[str, Any]) -> None:
    widget = make()
    widget.comm.receive(**message)
    assert "detail" not in widget.comm.updates()


def test_an_unknown_resource_is_answered_with_nothing() -> None:
    widget = make()
    widget.comm.receive(selected="Pod shop/other")
    assert widget.detail == {}


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(traitlets.TraitError, match="mode"):
        make(mode="sideways")


def test_what_has_no_live_object_and_is_not_compared_stands_alone() -> None:
    widget = make()
    assert widget.detail["alone"] is True
    assert {row[0] for row in widget.detail["rows"]} == {"="}
    widget.comm.receive(selected="ConfigMap shop/web-settings")
    assert widget.detail["alone"] is False
    assert {row[0] for row in widget.detail["rows"]} == {"+"}


def test_sections_name_the_keys_above_each_run_of_changes() -> None:
    widget = make()
    widget.comm.receive(selected=DEPLOYMENT)
    detail = widget.detail
    starts = [
        index
        for index, row in enumerate(detail["rows"])
        if row[0] != "=" and (index == 0 or detail["rows"][index - 1][0] == "=")
    ]
    assert sorted(map(int, detail["sections"])) == starts
    assert next(iter(detail["sections"].values())) == "spec"


def test_update_keeps_the_selection_and_tells_the_front_end_to_forget_old_answers() -> None:
    widget = make()
    widget.comm.receive(selected=SECRET)
    widget.comm.updates()
    widget.update(replace(guestbook.comparison(), application="renamed"))
    sent = widget.comm.updates()
    assert sent["header"]["title"] == "renamed"
    assert sent["generation"] == sent["detail"]["generation"] == 1
    assert widget.selected == SECRET
    without = tuple(item for item in guestbook.comparison().resources if item.key.kind != "Secret")
    widget.update(replace(guestbook.comparison(), resources=without))
    assert widget.selected == widget.resources[0]["id"] == widget.detail["id"]
    assert widget.comparison.resources == without


def test_an_application_in_sync_lists_all_its_resources() -> None:
    synced = tuple(item for item in guestbook.comparison().resources if item.status is SyncStatus.SYNCED)
    widget = DiffWidget(replace(guestbook.comparison(), resources=synced))
    assert widget.show == "all"
    assert DiffWidget(replace(guestbook.comparison(), resources=())).detail == {}


def test_hostile_texts_reach_the_front_end_visible_only() -> None:
    widget = DiffWidget(guestbook.hostile_comparison(), neat=False)
    for row in list(widget.resources):
        widget.selected = row["id"]
        state = {name: value for name, value in widget.get_state().items() if name not in ("_esm", "_css")}
        sent = json.dumps(state, ensure_ascii=False, default=str)
        assert all(character.isprintable() for character in sent)
        assert "\\\\u202e" in sent


def test_a_thousand_resources_stay_light() -> None:
    original = guestbook.comparison()
    many = tuple(
        replace(original.resources[0], key=ResourceKey("apps", "Deployment", "shop", f"web-{number}"))
        for number in range(1000)
    )
    widget = DiffWidget(replace(original, resources=many))
    assert len(json.dumps(widget.resources)) < 300_000
    assert len(json.dumps(widget.detail)) < 10_000


def test_shows_as_widget_html_and_text() -> None:
    widget = make()
    data, metadata = widget._repr_mimebundle_()
    assert sorted(data) == ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == widget.model_id
    assert data["text/html"].startswith('<div style="')
    assert data["text/plain"].startswith("Application: argocd/guestbook")
    assert "+  password: (masked e07f5a12)" in data["text/plain"]
    assert metadata == {}
