from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from gitops_nb.widgets import ResourceTreeWidget
from reconciler.cluster.tree import ResourceTree, arrange
from tests.data.gitops_nb import guestbook, shop_tree

Show = Callable[..., Page]
BROKEN = "web-7d9f8b6c54-kx2vp"


def make(tree: ResourceTree | None = None, source: Any = None) -> ResourceTreeWidget:
    return ResourceTreeWidget(
        shop_tree.tree() if tree is None else tree,
        title="guestbook",
        read_at=guestbook.NOW,
        source=shop_tree.Source() if source is None else source,
    )


def item(page: Page, name: str) -> Locator:
    return page.get_by_role("treeitem").filter(has_text=name)


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def settled(page: Page) -> None:
    page.wait_for_function("window.pending === 0")


def test_the_tree_tells_state_by_sign_and_word(show: Show) -> None:
    page = show(make())
    expect(page.get_by_role("tree", name="Objects of guestbook")).to_be_visible()
    broken = item(page, BROKEN)
    expect(broken.get_by_role("img", name="Degraded")).to_have_text("✕")
    expect(broken).to_contain_text("CrashLoopBackOff · 0/1 · 7 restarts")
    assert broken.get_attribute("aria-level") == "4"
    deployment = page.get_by_role("treeitem", selected=True)
    expect(deployment.get_by_role("img", name="OutOfSync")).to_be_visible()
    assert (deployment.get_attribute("aria-posinset"), deployment.get_attribute("aria-setsize")) == ("4", "7")
    expect(page.locator(".gnb-facts")).to_contain_text("18 objects")
    expect(page.locator(".gnb-notices")).to_contain_text("not listed: all of metrics.k8s.io")


def test_orphaned_objects_stand_apart(show: Show) -> None:
    page = show(make())
    tree = page.get_by_role("tree")
    tree.focus()
    page.keyboard.press("End")
    names = page.locator(".gnb-node .gnb-node-name").all_inner_texts()
    flat = [name.replace("\n", "") for name in names]
    assert flat.index("Orphaned") < flat.index("debug-settings") < flat.index("import-2024-w5d2k")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("w5d2k")


def test_a_node_closes_and_says_what_it_hides(show: Show) -> None:
    widget = make()
    page = show(widget)
    deployment = page.get_by_role("treeitem", selected=True)
    deployment.locator(".gnb-twisty").click()
    expect(deployment).to_have_attribute("aria-expanded", "false")
    expect(deployment.locator(".gnb-below")).to_contain_text("+5")
    expect(deployment.locator(".gnb-below").get_by_role("img", name="Degraded")).to_be_visible()
    expect(item(page, BROKEN)).to_have_count(0)
    page.get_by_role("button", name="Open all").click()
    expect(item(page, BROKEN)).to_be_visible()
    page.get_by_role("button", name="Close all").click()
    expect(page.get_by_role("treeitem")).to_have_count(11)
    settled(page)
    assert len(widget.closed) == 6


def test_filters_keep_the_way_to_what_matches(show: Show) -> None:
    page = show(make())
    page.get_by_role("button", name="2 Degraded").click()
    expect(page.get_by_role("treeitem")).to_have_count(4)
    expect(page.get_by_role("status").first).to_have_text("2 of 18 objects")
    expect(item(page, "web-7d9f8b6c54").first).to_have_class("gnb-node gnb-node-dim")
    page.get_by_role("combobox", name="Kind").select_option("Pod")
    expect(page.get_by_role("status").first).to_have_text("1 of 18 objects")
    page.get_by_role("button", name="2 Degraded").click()
    expect(page.get_by_role("status").first).to_have_text("5 of 18 objects")
    page.get_by_role("combobox", name="Kind").select_option("")
    page.get_by_role("searchbox").fill("redis pod")
    expect(page.get_by_role("treeitem")).to_have_count(3)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No object matches the filter.")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    expect(item(page, BROKEN)).to_be_visible()


def test_everything_works_from_the_keyboard(show: Show) -> None:
    widget = make()
    page = show(widget)
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowDown")
    tree = page.get_by_role("tree")
    expect(tree).to_be_focused()
    chosen = page.get_by_role("treeitem", selected=True)
    page.keyboard.press("Home")
    expect(chosen).to_contain_text("guestbook")
    page.keyboard.press("ArrowRight")
    expect(chosen).to_contain_text("web-settings")
    page.keyboard.press("ArrowLeft")
    expect(chosen).to_contain_text("guestbook")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("treeitem")).to_have_count(5)
    page.keyboard.press("Enter")
    expect(item(page, BROKEN)).to_be_visible()
    page.keyboard.press("r")
    expect(chosen).to_contain_text("redis")
    page.keyboard.press("ArrowUp")
    expect(chosen).to_contain_text(BROKEN[-6:])
    active = tree.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("list", name="Events")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Log of web")).to_be_visible()
    settled(page)
    assert (widget.selected, widget.tab) == (f"Pod shop/{BROKEN}", "log")


def test_events_and_log_are_read_for_the_chosen_object(show: Show) -> None:
    source = shop_tree.Source()
    page = show(make(source=source))
    item(page, BROKEN).click()
    expect(page.locator(".gnb-detail-head")).to_contain_text("back-off 2m40s")
    expect(page.locator(".gnb-facts-list")).to_contain_text("registry.local/web:1.28.0")
    assert source.asked == []
    page.get_by_role("radio", name="Events").click()
    expect(page.get_by_role("listitem")).to_have_count(3)
    expect(page.get_by_role("listitem").first).to_contain_text("BackOff")
    page.get_by_role("radio", name="Log").click()
    log = page.get_by_label("Log of web")
    expect(log).to_contain_text("GET /healthz 200 59")
    page.get_by_role("combobox", name="Container").select_option("proxy")
    expect(page.get_by_label("Log of proxy")).to_be_visible()
    page.get_by_role("button", name="Read again").click()
    settled(page)
    assert [container for what, _, container in source.asked if what == "log"] == ["", "proxy", "proxy"]
    item(page, "redis-0").last.click()
    expect(page.get_by_role("alert")).to_contain_text("waiting to start")


def test_what_has_no_log_says_so(show: Show) -> None:
    page = show(make())
    page.get_by_role("radio", name="Log").click()
    expect(page.locator(".gnb-detail-view")).to_contain_text("Only pods have logs")
    item(page, "web-settings").click()
    page.get_by_role("radio", name="Events").click()
    expect(page.locator(".gnb-detail-view")).to_contain_text("not in the cluster")
    item(page, "guestbook").click()
    expect(page.locator(".gnb-facts-list")).to_contain_text("Objects")


def test_without_a_kernel_the_tree_works_and_the_pane_says_why_it_waits(show: Show) -> None:
    page = show(make())
    page.route("**/state", lambda route: None)
    page.get_by_role("button", name="2 Degraded").click()
    expect(page.get_by_role("treeitem")).to_have_count(4)
    item(page, BROKEN).click()
    expect(page.locator(".gnb-detail-head")).to_contain_text(BROKEN)
    expect(page.locator(".gnb-detail-view")).to_have_text("Reading…")


def test_two_thousand_objects_stay_smooth(show: Show) -> None:
    page = show(make(shop_tree.large_tree()))
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("00009")
    page.get_by_role("button", name="Open all").click()
    settled(page)
    # Only what is in view is in the page, wherever the list is scrolled to.
    for share in (0, 0.5, 1):
        page.locator(".gnb-tree").evaluate("(node, share) => (node.scrollTop = share * node.scrollHeight)", share)
        page.wait_for_function("document.querySelectorAll('.gnb-node').length > 15")
        assert page.get_by_role("treeitem").count() < 60
    took = page.evaluate("""async () => {
        const input = document.querySelector('.gnb-search');
        const begun = performance.now();
        for (const text of ['s', 'se', 'ser', 'service-0100']) {
          input.value = text;
          input.dispatchEvent(new Event('input'));
        }
        return performance.now() - begun;
    }""")
    expect(page.get_by_role("status").first).to_have_text("12 of 2160 objects")
    assert took < 1000, f"four key strokes took {took:.0f} ms"
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("treeitem", selected=True)).to_be_in_viewport()


def test_a_very_deep_tree_does_not_run_over(show: Show) -> None:
    page = show(make(shop_tree.deep_tree()), width=600)
    page.get_by_role("button", name="Open all").click()
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text("02999")
    assert overflow(page) == 0


@pytest.mark.parametrize("width", [360, 480, 800, 1200])
def test_long_names_do_not_run_over_and_their_end_can_be_read(show: Show, width: int) -> None:
    page = show(make(), width=width)
    long = item(page, "-h4tqz")
    long.scroll_into_view_if_needed()
    assert overflow(page) == 0
    tree = page.locator(".gnb-tree")
    assert tree.evaluate("node => node.scrollWidth - node.clientWidth") == 0
    right = long.locator(".gnb-node-end").evaluate("node => node.getBoundingClientRect().right")
    assert right <= tree.evaluate("node => node.getBoundingClientRect().right")


@pytest.mark.parametrize("width", [480, 1200])
def test_no_script_in_the_data_runs(show: Show, width: int) -> None:
    source = shop_tree.Source(shop_tree.hostile_events(), [guestbook.SCRIPT, guestbook.MISLEADING])
    widget = ResourceTreeWidget(shop_tree.hostile_tree(), title=guestbook.SCRIPT, read_at=guestbook.NOW, source=source)
    page = show(widget, width=width)
    for tab in ("Facts", "Events", "Log"):
        page.get_by_role("radio", name=tab).click()
        settled(page)
        assert page.evaluate("window.hacked") is None
        assert page.locator("#output script, #output img, #output iframe, #output [onerror]").count() == 0
        assert "\u202e" not in page.locator("#output").inner_text()
        assert overflow(page) == 0


def test_an_update_from_the_kernel_is_drawn_and_keeps_what_was_chosen(show: Show) -> None:
    widget = make()
    page = show(widget)
    item(page, BROKEN).click()
    settled(page)
    kept = [node for node in shop_tree.tree().nodes if not node.orphaned]
    widget.update(arrange(kept), read_at=guestbook.NOW)
    page.evaluate("window.pull()")
    expect(page.locator(".gnb-facts")).to_contain_text("15 objects")
    expect(page.get_by_role("treeitem", selected=True)).to_contain_text(BROKEN[-6:])
    expect(item(page, "Orphaned")).to_have_count(0)


def test_render_gives_back_a_cleanup_that_leaves_nothing(show: Show) -> None:
    page = show(make())
    assert page.evaluate("window.listenerCount()") > 0
    page.evaluate("window.cleanUp()")
    assert page.evaluate("window.listenerCount()") == 0
    assert page.locator("#output").evaluate("node => node.childNodes.length") == 0


@pytest.mark.parametrize("theme", ["light", "dark", "none"])
def test_theme_is_recognized_and_texts_can_be_read(
    show: Show, contrast: Callable[[Page, str], float], tmp_path: Path, theme: str
) -> None:
    page = show(make(), theme=theme)
    expect(page.locator(".gnb-resource-tree")).to_have_attribute("data-theme", "dark" if theme == "dark" else "light")
    page.get_by_role("treeitem", selected=True).locator(".gnb-twisty").click()
    page.get_by_role("button", name="7 Healthy").click()
    page.get_by_role("button", name="2 Degraded").click()
    for selector in (".gnb-node-name", ".gnb-node-info", ".gnb-node-age", ".gnb-kind", ".gnb-pill", ".gnb-pill > b"):
        assert contrast(page, selector) >= 4.5, selector
    page.get_by_role("button", name="7 Healthy").click()
    page.get_by_role("button", name="2 Degraded").click()
    for selector in (".gnb-node-health", ".gnb-node-sync", ".gnb-below", ".gnb-status", ".gnb-node-note", "dt", "dd"):
        assert contrast(page, selector) >= 4.5, selector
    page.get_by_role("radio", name="Events").click()
    expect(page.get_by_role("listitem")).to_have_count(3)
    for selector in (".gnb-events small", ".gnb-event-head", ".gnb-badge", ".gnb-badge > b", ".gnb-heading-kind"):
        assert contrast(page, selector) >= 4.5, selector
    page.screenshot(path=tmp_path / f"tree-{theme}.png", full_page=True)
