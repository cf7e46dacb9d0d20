import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gitops_nb.formatting import (
    format_applications_html,
    format_comparison_html,
    format_diff_html,
    format_history_html,
    format_plan_html,
    format_result_html,
    format_tree_html,
)
from gitops_nb.formatting.elements import Html, element, join
from gitops_nb.formatting.html_diff import MAX_LINES, MAX_RESOURCES
from gitops_nb.formatting.html_tree import MAX_NODES
from reconciler.cluster.tree import ResourceTree
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.records import SyncPlan
from reconciler.terms import SyncStatus
from tests.data.gitops_nb import guestbook, shop_tree

HARMLESS = {"div", "span", "b", "br", "code", "del", "details", "ins", "li", "pre", "summary"}
HARMLESS |= {"table", "tbody", "td", "th", "thead", "tr", "ul"}
ATTRIBUTES = {"style", "title", "role", "aria-label", "scope", "open"}

PAGES: dict[str, Callable[[], str]] = {
    "applications": lambda: format_applications_html([guestbook.hostile_comparison()]),
    "comparison": lambda: format_comparison_html(guestbook.hostile_comparison()),
    "diff": lambda: format_diff_html(guestbook.hostile_comparison(), context=None, neat=False),
    "resource": lambda: format_diff_html(guestbook.hostile_comparison().resources[0]),
    "plan": lambda: format_plan_html(guestbook.hostile_plan()),
    "plan and result": lambda: format_plan_html(guestbook.hostile_plan(), guestbook.hostile_result()),
    "result": lambda: format_result_html(guestbook.hostile_result()),
    "history": lambda: format_history_html(guestbook.hostile_records()),
    "tree": lambda: format_tree_html(shop_tree.hostile_tree(), title=guestbook.SCRIPT, read_at=guestbook.NOW),
}


class Reader(HTMLParser):
    """Collects tags, attributes and texts; fails where tags do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.styles: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if tag != "br":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", PAGES)
def test_nothing_from_the_data_becomes_a_tag_or_an_attribute(name: str) -> None:
    reader = Reader(PAGES[name]())
    assert reader.tags <= HARMLESS
    assert reader.attributes <= ATTRIBUTES
    assert guestbook.SCRIPT in reader.text


@pytest.mark.parametrize("name", PAGES)
def test_hidden_characters_are_shown(name: str) -> None:
    page = PAGES[name]()
    assert all(character.isprintable() or character in "\n\t" for character in page)
    assert "\\u202e" in page


@pytest.mark.parametrize("name", PAGES)
def test_styles_load_nothing(name: str) -> None:
    assert [style for style in Reader(PAGES[name]()).styles if "url(" in style or "@" in style] == []


def test_text_colours_follow_the_theme() -> None:
    reader = Reader(format_diff_html(guestbook.comparison()))
    colours = {
        part.split(":", 1)[1] for style in reader.styles for part in style.split(";") if part.startswith("color:")
    }
    assert colours == {"var(--jp-ui-font-color2,var(--vscode-descriptionForeground,inherit))", "inherit"}


def test_a_comparison_tells_every_state_by_sign_and_word() -> None:
    text = Reader(format_comparison_html(guestbook.comparison())).text
    for part in ("OutOfSync", "Degraded", "≠", "✕", "changed", "missing", "extra", "unknown", "in sync", "hook"):
        assert part in text


def test_a_diff_shows_lines_with_signs_and_masks_secrets() -> None:
    page = format_diff_html(guestbook.comparison())
    text = Reader(page).text
    assert "-       image: registry.local/web:1.27.3\n" in text.replace("-         image", "-       image")
    assert "-   password: (masked 9c1d20ab)\n+   password: (masked e07f5a12)\n" in text
    assert "<ins " in page
    assert "<del " in page
    assert "… 14 unchanged lines · spec › template › spec › containers\n" in text
    assert "6 resources without differences" in text


def test_a_diff_names_fields_with_their_owner() -> None:
    text = Reader(format_diff_html(guestbook.comparison().resources[0])).text
    for part in (
        "$.spec.replicas",
        "kubectl-scale (Update)",
        "2026-11-21 11:05:09Z",
        "ignored by ignoreDifferences jsonPointers",
        "/spec/template/spec/containers/0/image",
        "→ changes it",
        "= leaves it",
    ):
        assert part in text


def test_a_diff_counts_what_is_ignored_and_leaves_it_out_of_the_lines() -> None:
    page = format_diff_html(guestbook.comparison())
    text = Reader(page).text
    assert "3 fields differ; Progress deadline exceeded; 1 ignored field" in text
    assert not re.search(r"[-+] +annotations:", text)


def test_what_only_an_ignore_rule_keeps_in_sync_can_still_be_seen() -> None:
    deployment = guestbook.comparison().resources[0]
    hidden = replace(deployment, status=SyncStatus.SYNCED, differences=deployment.differences[-1:])
    text = Reader(format_diff_html(replace(guestbook.comparison(), resources=(hidden,)))).text
    assert "ignored by ignoreDifferences jsonPointers" in text
    assert "1 resource without differences" in text


def test_rules_that_match_nothing_are_told_with_their_reason() -> None:
    text = Reader(format_diff_html(guestbook.comparison())).text
    assert "2 ignore rules match nothing" in text
    assert "managedFieldsManagers: vpa-recommender" in text
    assert "no such manager" in text
    only = replace(guestbook.comparison(), unused_rules=guestbook.comparison().unused_rules[:1])
    assert "1 ignore rule matches nothing" in format_diff_html(only)
    assert "match" not in Reader(format_diff_html(replace(only, unused_rules=()))).text


def test_a_tree_shows_state_by_sign_and_word_and_orphans_apart() -> None:
    page = format_tree_html(shop_tree.tree(), title="guestbook", read_at=guestbook.NOW)
    text = Reader(page).text
    for part in ("18 objects", "3 orphaned", "✕ 2 Degraded", "≠ OutOfSync", "CrashLoopBackOff · 0/1 · 7 restarts"):
        assert part in text
    assert "Not listed: all of metrics.k8s.io" in text
    assert text.index("in no application") < text.index("import-2024-w5d2k")
    assert page.count("<details") == 7
    assert 'aria-label="Degraded"' in page


def test_a_tree_nests_what_is_owned_and_keeps_the_order() -> None:
    text = Reader(format_tree_html(shop_tree.tree())).text
    names = ["web-5d4c9d7f6b", "web-5d4c9d7f6b-2xq8m", "web-7d9f8b6c54", "redis", "data-redis-0"]
    assert [text.index(f"shop/{name}") for name in names] == sorted(text.index(f"shop/{name}") for name in names)


def test_a_large_and_a_deep_tree_stay_a_page() -> None:
    text = Reader(format_tree_html(shop_tree.large_tree())).text
    assert f"… {2160 - MAX_NODES} more objects" in text
    deep = format_tree_html(shop_tree.deep_tree())
    assert deep.count("<details") < 20
    assert "2500 more objects" in deep
    assert "0 objects" in format_tree_html(ResourceTree(()))


def test_what_is_left_out_of_a_large_diff_is_counted() -> None:
    comparison = guestbook.comparison()
    missing = comparison.resources[3]
    many = [
        replace(missing, key=ResourceKey("", "ConfigMap", "shop", f"config-{number:03d}"))
        for number in range(MAX_RESOURCES + 7)
    ]
    assert "… 7 more resources with differences" in format_diff_html(replace(comparison, resources=tuple(many)))
    long = {"apiVersion": "v1", "kind": "ConfigMap", "data": {f"key{number:04d}": "x" for number in range(MAX_LINES)}}
    page = format_diff_html(replace(missing, target=long, predicted=long))
    assert "… 3 more lines" in page
    assert "key0396" in page
    assert "key0397" not in page


def test_a_plan_is_drawn_by_phase_and_wave() -> None:
    text = Reader(format_plan_html(guestbook.plan())).text
    parts = (
        "6 waves: 2 hooks to run",
        "PreSync",
        "step 1 of 6",
        "db-migrate",
        "own objects",
        "web-settings",
        "import-2024",
    )
    positions = [text.index(part) for part in parts]
    assert positions == sorted(positions)
    assert "= 2 objects unchanged: Service web, StatefulSet redis" in text


def test_what_speaks_against_a_plan_stands_above_its_waves() -> None:
    plan = guestbook.plan()
    refused = replace(plan, problems=("the kind Widget is not permitted",), options=replace(plan.options, hooks=False))
    text = Reader(format_plan_html(refused)).text
    assert "no hooks" in text
    assert text.index("A sync would fail: the kind Widget is not permitted") < text.index("PreSync")


def test_a_plan_with_its_result_tells_how_far_each_task_came() -> None:
    text = Reader(format_plan_html(guestbook.plan(), guestbook.result())).text
    assert "✕ failed" in text
    assert "○ pending" in text
    assert 'admission webhook "images" denied the request' in text


def test_an_empty_plan_keeps_its_lanes() -> None:
    text = Reader(format_plan_html(SyncPlan("guestbook", "argocd", (), ()))).text
    assert text.count("no tasks") == 3
    assert "nothing to do" in text


def test_history_shows_a_notebook_as_text_and_never_as_a_link() -> None:
    page = format_history_html(guestbook.hostile_records())
    assert "href" not in page
    assert "javascript:window.hacked=true" in Reader(page).text


def test_a_phase_that_nobody_knows_is_shown_as_it_is() -> None:
    assert "? Paused" in Reader(format_history_html([replace(guestbook.records()[0], phase="Paused")])).text


def test_elements_escape_texts_and_attribute_values_once() -> None:
    inner = element("b", "a < b")
    assert element("div", inner, " & ", None, ["x", inner], title='"q"\n') == Html(
        '<div title="&quot;q&quot;\\n"><b>a &lt; b</b> &amp; x<b>a &lt; b</b></div>'
    )
    assert element("details", open=True, hidden=False) == "<details open></details>"
    assert join("<") == "&lt;"
