import json
from typing import Any

import pytest

from gitops_nb.widgets import ResourceTreeWidget
from gitops_nb.widgets.tree_rows import OPEN_NODES
from reconciler.cluster.tree import ResourceTree, arrange
from tests.data.gitops_nb import guestbook, shop_tree

BROKEN = "Pod shop/web-7d9f8b6c54-kx2vp"


def make(source: shop_tree.Source | None = None, tree: ResourceTree | None = None) -> ResourceTreeWidget:
    widget = ResourceTreeWidget(
        shop_tree.tree() if tree is None else tree, title="guestbook", read_at=guestbook.NOW, source=source
    )
    widget.comm.messages.clear()
    return widget


def rows(widget: ResourceTreeWidget) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in widget.nodes}


def test_rows_stand_below_their_parents_and_orphans_below_a_row_of_their_own() -> None:
    widget = make()
    lines = [(row["level"], row["name"]) for row in widget.nodes]
    assert lines[0] == (1, "guestbook")
    at = lines.index((2, "web"), lines.index((3, "web-8x2lq")))
    assert lines[at : at + 4] == [
        (2, "web"),
        (3, "web-5d4c9d7f6b"),
        (4, "web-5d4c9d7f6b-2xq8m"),
        (3, "web-7d9f8b6c54"),
    ]
    orphans = lines.index((1, "Orphaned"))
    assert lines[orphans + 1 :] == [(2, "debug-settings"), (2, "import-2024"), (3, "import-2024-w5d2k")]
    assert rows(widget)["Job.batch shop/import-2024"]["note"] == "being deleted"


def test_a_tree_without_orphans_has_no_row_for_them() -> None:
    widget = make(tree=arrange([shop_tree.node(shop_tree.key("", "Service", "web"))]))
    assert [row["id"] for row in widget.nodes] == ["application", "Service shop/web"]


def test_every_state_of_a_row_is_in_the_header() -> None:
    widget = make()
    for row in widget.nodes:
        assert row.get("health", "Healthy") in widget.header["healths"]
        assert row.get("sync", "Synced") in widget.header["statuses"]
    assert widget.header["facts"] == ["18 objects", "7 managed", "3 orphaned", "read 2026-11-23 14:05:09Z"]
    assert widget.header["notices"][0]["text"].startswith("not listed: all of metrics.k8s.io: ")


def test_what_needs_attention_is_selected_first() -> None:
    widget = make()
    assert widget.selected == "Deployment.apps shop/web"
    assert widget.detail["message"] == "Progress deadline exceeded"
    assert dict(widget.detail["facts"])["Owns"] == "2 objects"
    assert make(tree=ResourceTree(())).selected == "application"


def test_nothing_is_read_from_the_cluster_until_somebody_asks() -> None:
    source = shop_tree.Source()
    widget = make(source)
    widget.comm.receive(selected=BROKEN)
    assert source.asked == []
    assert dict(widget.detail["facts"])["State"] == "CrashLoopBackOff · 0/1 · 7 restarts"
    assert widget.detail["logs"] is True
    widget.comm.receive(tab="events")
    assert source.asked == [("events", "web-7d9f8b6c54-kx2vp", "")]
    first = widget.detail["rows"][0]
    assert (first["type"], first["reason"], first["count"], first["tone"]) == ("Warning", "BackOff", 31, "change")


def test_the_log_is_of_the_chosen_container_and_is_read_once_for_one_message() -> None:
    source = shop_tree.Source()
    widget = make(source)
    widget.comm.receive(selected=BROKEN, tab="log", container="proxy")
    assert source.asked == [("log", "web-7d9f8b6c54-kx2vp", "proxy")]
    assert (widget.detail["container"], widget.detail["containers"]) == ("proxy", ["init", "web", "proxy"])
    assert len(widget.detail["lines"]) == 60
    widget.comm.receive(reload=1)
    assert len(source.asked) == 2


def test_what_cannot_be_read_says_why() -> None:
    widget = make(shop_tree.Source())
    widget.comm.receive(selected="Pod shop/redis-0", tab="log")
    assert widget.detail["error"] == 'container "redis" in pod "redis-0" is waiting to start'
    widget.comm.receive(selected=BROKEN)
    assert "error" not in widget.detail


@pytest.mark.parametrize("selected", ["ConfigMap shop/web-settings", "application", "orphaned", "Pod shop/gone"])
def test_what_is_not_in_the_cluster_is_not_asked_for(selected: str) -> None:
    source = shop_tree.Source()
    widget = make(source)
    widget.comm.receive(selected=selected, tab="events")
    assert source.asked == []
    assert "rows" not in widget.detail


def test_without_a_source_facts_are_all_there_is() -> None:
    widget = make()
    widget.comm.receive(selected=BROKEN, tab="log")
    assert widget.readable is False
    assert "lines" not in widget.detail


@pytest.mark.parametrize(
    "message", [{"query": "web"}, {"kind": "Pod"}, {"healths": ["Degraded"]}, {"closed": [BROKEN]}]
)
def test_what_only_the_front_end_draws_costs_no_answer(message: dict[str, Any]) -> None:
    widget = make(shop_tree.Source())
    widget.comm.receive(**message)
    assert "detail" not in widget.comm.updates()


def test_a_large_tree_is_closed_but_for_the_way_to_what_is_not_healthy_and_stays_light() -> None:
    tree = shop_tree.large_tree()
    widget = make(tree=tree)
    assert len(tree.nodes) > OPEN_NODES
    closed = set(widget.closed)
    last = tree.nodes[-1]
    assert last.health == shop_tree.CRASH
    assert not closed & {str(parent) for parent in last.parents}
    assert "Deployment.apps shop/service-0179" not in closed
    assert len(closed) == 2 * 180 - 2
    assert len(json.dumps(widget.nodes)) < 500_000
    assert make().closed == []


def test_update_keeps_what_was_chosen() -> None:
    widget = make(shop_tree.Source())
    widget.comm.receive(selected=BROKEN, tab="events", closed=["Deployment.apps shop/web"], query="web")
    nodes = [node for node in shop_tree.tree().nodes if not node.orphaned]
    widget.update(arrange(nodes), read_at=guestbook.NOW)
    assert (widget.selected, widget.tab, widget.query) == (BROKEN, "events", "web")
    assert widget.closed == ["Deployment.apps shop/web"]
    assert widget.generation == widget.detail["generation"] == 1
    assert "orphaned" not in rows(widget)
    assert len(widget.tree.nodes) == 15


def test_hostile_texts_reach_the_front_end_visible_only() -> None:
    source = shop_tree.Source(shop_tree.hostile_events(), [guestbook.SCRIPT + guestbook.MISLEADING])
    widget = ResourceTreeWidget(shop_tree.hostile_tree(), title=guestbook.SCRIPT, read_at=guestbook.NOW, source=source)
    for row in list(widget.nodes):
        for tab in ("facts", "events", "log"):
            widget.selected, widget.tab = row["id"], tab
            state = {name: value for name, value in widget.get_state().items() if name not in ("_esm", "_css")}
            assert all(character.isprintable() for character in json.dumps(state, ensure_ascii=False, default=str))
            assert "\\\\u202e" in json.dumps(state, ensure_ascii=False, default=str)


def test_shows_as_widget_html_and_text() -> None:
    data, _ = make()._repr_mimebundle_()
    assert sorted(data) == ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
    assert data["text/html"].startswith('<div style="')
    assert data["text/plain"].startswith("guestbook\n├─ ")
    assert "orphaned: in the namespace, but in no application" in data["text/plain"]
