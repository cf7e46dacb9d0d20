from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gitops_nb.widgets import WavePreviewWidget
from reconciler.sync.records import SyncPlan
from tests.data.gitops_nb import guestbook

Show = Callable[..., Page]
PLAN = guestbook.plan()


def lane(page: Page, name: str) -> Any:
    return page.get_by_role("region", name=name, exact=True)


def task(page: Page, name: str) -> Any:
    return page.locator(".gnb-task").filter(has_text=name)


def test_lanes_and_waves_stand_in_the_order_in_which_they_run(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    assert page.locator(".gnb-lane-name > span").all_inner_texts() == ["PreSync", "Sync", "PostSync"]
    assert page.locator(".gnb-step").all_inner_texts() == ["1", "2", "3", "4", "5", "6"]
    assert lane(page, "Sync").locator(".gnb-wave").count() == 3
    boxes = [lane(page, name).bounding_box() for name in ("PreSync", "Sync", "PostSync")]
    assert [box["x"] for box in boxes if box] == sorted(box["x"] for box in boxes if box)
    expect(page.locator(".gnb-summary")).to_contain_text("6 waves")
    expect(page.locator(".gnb-summary")).to_contain_text("1 to prune")


def test_a_prune_is_marked_by_sign_word_and_frame(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    prune = task(page, "import-2024")
    expect(prune.get_by_role("img", name="prune")).to_have_text("-")
    expect(prune).to_contain_text("prune · PruneLast=true")
    assert prune.evaluate("node => getComputedStyle(node).borderColor") != task(page, "web-settings").evaluate(
        "node => getComputedStyle(node).borderColor"
    )


def test_unchanged_objects_are_counted_and_listed_on_demand(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    expect(task(page, "redis")).to_be_hidden()
    expect(page.get_by_text("= 2 objects unchanged")).to_be_visible()
    page.get_by_role("switch", name="Unchanged").click()
    expect(task(page, "redis")).to_be_visible()
    expect(page.get_by_text("= 2 objects unchanged")).to_be_hidden()


def test_pointing_shows_details_and_a_click_keeps_them(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    detail = page.locator(".gnb-detail")
    expect(detail).to_contain_text("Point at an object")
    task(page, "db-migrate").hover()
    expect(detail).to_contain_text("batch/v1 Job")
    expect(detail).to_contain_text("BeforeHookCreation, HookSucceeded")
    task(page, "uploads").click()
    page.mouse.move(1, 1)
    page.get_by_role("switch", name="Unchanged").focus()
    expect(detail).to_contain_text("kept: sync option Prune=false")
    expect(task(page, "uploads")).to_have_attribute("aria-pressed", "true")
    task(page, "uploads").click()
    page.mouse.move(1, 1)
    page.get_by_role("switch", name="Unchanged").focus()
    expect(detail).to_contain_text("Point at an object")


def test_arrow_keys_walk_through_the_tasks_that_are_shown(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(task(page, "ns\nshop").or_(page.locator(".gnb-task").first)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(task(page, "db-migrate")).to_be_focused()
    expect(page.locator(".gnb-detail")).to_contain_text("db-migrate")
    page.keyboard.press("ArrowRight")
    expect(task(page, "web-credentials")).to_be_focused()
    page.keyboard.press("End")
    expect(task(page, "smoke-test")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(task(page, "smoke-test")).to_be_focused()
    page.keyboard.press("Enter")
    expect(task(page, "smoke-test")).to_have_attribute("aria-pressed", "true")


def test_the_same_widget_follows_the_sync(show: Show) -> None:
    widget = WavePreviewWidget(PLAN)
    page = show(widget)
    expect(page.get_by_role("progressbar")).to_be_hidden()
    task(page, "db-migrate").focus()
    for outcome in guestbook.result().results[:2]:
        widget.show_task(outcome)
    widget.show_state(PLAN.tasks[3].id, "running", "waiting for the API server")
    page.evaluate("window.pull()")
    expect(page.get_by_role("status")).to_have_text("2 of 13 done")
    expect(task(page, "db-migrate").get_by_role("img", name="succeeded")).to_be_visible()
    expect(task(page, "web-credentials")).to_contain_text("waiting for the API server")
    expect(task(page, "smoke-test").get_by_role("img", name="pending")).to_be_visible()
    assert page.locator(".gnb-step").all_inner_texts() == ["✓", "✓", "3", "4", "5", "6"]
    expect(task(page, "db-migrate")).to_be_focused()
    widget.show_result(guestbook.result())
    page.evaluate("window.pull()")
    expect(page.locator(".gnb-head")).to_contain_text("Failed")
    expect(page.get_by_role("status")).to_have_text("8 of 13 done, 1 failed")
    expect(lane(page, "Sync, wave 0").locator(".gnb-step")).to_have_text("✕")
    expect(page.get_by_text('admission webhook "images" denied the request: registry not allowed')).to_be_visible()


def test_an_empty_plan_says_that_there_is_nothing_to_do(show: Show) -> None:
    page = show(WavePreviewWidget(SyncPlan("guestbook", "argocd", (), ())))
    expect(page.locator(".gnb-summary")).to_contain_text("nothing to do")
    expect(page.get_by_text("no tasks")).to_have_count(3)


@pytest.mark.parametrize("width", [1200, 480])
def test_no_script_in_the_data_runs(show: Show, width: int) -> None:
    page = show(WavePreviewWidget(guestbook.hostile_plan(), guestbook.hostile_result()), width=width)
    page.locator(".gnb-task").first.hover()
    expect(page.locator(".gnb-detail")).to_contain_text("<script>window.hacked = true</script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#output script, #output img, #output iframe, #output [onerror]").count() == 0
    assert "\u202e" not in page.locator("#output").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_a_narrow_cell_puts_the_lanes_below_each_other(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN), width=480)
    boxes = [lane(page, name).bounding_box() for name in ("PreSync", "Sync", "PostSync")]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(set(tops))
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0


def test_render_gives_back_a_cleanup_that_leaves_nothing(show: Show) -> None:
    page = show(WavePreviewWidget(PLAN))
    page.evaluate("window.cleanUp()")
    assert page.evaluate("window.listenerCount()") == 0
    assert page.locator("#output").evaluate("node => node.childNodes.length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read(show: Show, contrast: Callable[[Page, str], float], tmp_path: Path, theme: str) -> None:
    page = show(WavePreviewWidget(PLAN, guestbook.result()), theme=theme)
    for selector in (
        ".gnb-task-name > span",
        ".gnb-task-notes",
        ".gnb-task-message",
        ".gnb-wave-name",
        ".gnb-facts",
        ".gnb-notice",
    ):
        assert contrast(page, selector) >= 4.5, selector
    page.screenshot(path=tmp_path / f"waves-{theme}.png", full_page=True)
