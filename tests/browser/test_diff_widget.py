import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gitops_nb.widgets import DiffWidget
from reconciler.terms import SyncStatus
from tests.data.gitops_nb import guestbook

Show = Callable[..., Page]


def settled(page: Page) -> None:
    """What the page changed has reached the widget."""
    page.wait_for_function("window.pending === 0")


def make(**options: Any) -> DiffWidget:
    return DiffWidget(guestbook.comparison(), **options)


def option(page: Page, name: str) -> Any:
    return page.get_by_role("option").filter(has_text=name)


def lines(page: Page, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(f".gnb-lines {selector} .gnb-line").all_inner_texts()]


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def test_head_and_list_tell_the_verdict(show: Show) -> None:
    page = show(make())
    expect(page.get_by_role("group", name="Visual diff of guestbook")).to_be_visible()
    assert page.locator(".gnb-head .gnb-badge").all_inner_texts() == ["≠\nOutOfSync", "✕\nDegraded"]
    assert [text.split("\n")[-1] for text in page.locator(".gnb-count").all_inner_texts()] == [
        "1 unknown",
        "3 changed",
        "1 missing",
        "1 extra",
        "5 in sync",
        "1 hook",
    ]
    assert page.get_by_role("option").count() == 6
    expect(page.get_by_role("option", selected=True)).to_contain_text("unknown")
    expect(page.locator(".gnb-note")).to_contain_text("the cluster does not serve monitoring.coreos.com/v1")
    expect(page.locator(".gnb-view")).to_contain_text("Target, not compared with the cluster")


def test_split_puts_live_beside_target_and_marks_words(show: Show) -> None:
    page = show(make())
    option(page, "3 fields").click()
    expect(page.locator(".gnb-heading")).to_contain_text("Deployment.apps")
    rows = page.locator(".gnb-split tbody tr").filter(has_text="image:")
    expect(rows).to_have_count(1)
    before, after = rows.first.locator(".gnb-line").all_inner_texts()
    assert (before.strip(), after.strip()) == ("image: registry.local/web:1.27.3", "image: registry.local/web:1.28.0")
    assert rows.first.locator("del").all_inner_texts() == ["27", "3"]
    assert rows.first.locator("ins").all_inner_texts() == ["28", "0"]
    assert rows.first.locator(".gnb-sign").all_inner_texts() == ["-", "+"]
    expect(page.locator(".gnb-void")).to_have_count(1)


def test_unified_lists_what_goes_before_what_comes(show: Show) -> None:
    page = show(make())
    option(page, "web-credentials").click()
    page.get_by_role("radio", name="Unified").click()
    expect(page.locator(".gnb-unified")).to_be_visible()
    expect(page.locator(".gnb-view")).to_contain_text("password")
    assert lines(page, "[data-tone]") == ["password: (masked 9c1d20ab)", "password: (masked e07f5a12)"]


def test_fields_name_owner_time_pointer_and_what_a_sync_does(show: Show) -> None:
    page = show(make())
    option(page, "3 fields").click()
    page.get_by_role("radio", name="Fields").click()
    table = page.get_by_role("table", name="Fields that differ")
    expect(table.get_by_role("columnheader")).to_have_text(["Path", "Live", "Target", "Owner", "A sync"])
    first = table.locator("tbody tr").first.locator("td")
    texts = ["$.spec.replicas/spec/replicas", "5", "3", "kubectl-scaleUpdate2026-11-21 11:05:09Z", "→changes it"]
    expect(first).to_have_text(texts)
    expect(page.get_by_role("switch", name="Compact")).to_be_hidden()


def test_what_a_rule_hides_is_shown_when_asked_for_with_the_rule(show: Show) -> None:
    widget = make(mode="fields")
    page = show(widget)
    option(page, "3 fields").click()
    expect(page.locator(".gnb-note")).to_contain_text("1 more ignored")
    expect(page.locator(".gnb-fields tbody tr")).to_have_count(3)
    page.get_by_role("switch", name="Show ignored (1)").click()
    expect(page.locator(".gnb-fields tbody tr")).to_have_count(4)
    row = page.locator("tr.gnb-ignored")
    expect(row).to_contain_text("ignored by ignoreDifferences jsonPointers")
    expect(row).to_contain_text("leaves it")
    expect(option(page, "3 fields")).to_contain_text("1 ignored")
    settled(page)
    assert widget.show_ignored is True


def test_a_resource_with_ignored_fields_only_is_listed_with_them(show: Show) -> None:
    deployment = guestbook.comparison().resources[0]
    hidden = replace(deployment, status=SyncStatus.SYNCED, differences=deployment.differences[-1:])
    page = show(DiffWidget(replace(guestbook.comparison(), resources=(hidden,)), mode="fields"))
    expect(page.locator(".gnb-view")).to_contain_text("Only ignored fields differ")
    page.get_by_role("radio", name="Changed 0").click()
    expect(page.get_by_role("option")).to_have_count(0)
    page.get_by_role("switch", name="Show ignored (1)").click()
    expect(page.get_by_role("option")).to_have_count(1)


@pytest.mark.parametrize("secure", [True, False], ids=["clipboard", "selection"])
def test_path_and_pointer_can_be_copied(show: Show, secure: bool) -> None:
    page = show(make(mode="fields"))
    option(page, "3 fields").click()
    # What a page without a secure origin has: no clipboard, and a copy command that may be watched.
    page.evaluate(
        """(secure) => {
            window.copied = [];
            const clipboard = secure ? { writeText: async (text) => copied.push(text) } : undefined;
            Object.defineProperty(navigator, "clipboard", { value: clipboard });
            document.execCommand = () => copied.push(document.activeElement.value);
        }""",
        secure,
    )
    page.get_by_role("button", name="Copy path").first.click()
    page.get_by_role("button", name="Copied").wait_for()
    page.get_by_role("button", name="Copy JSON pointer").first.click()
    assert page.evaluate("copied") == ["$.spec.replicas", "/spec/replicas"]
    assert page.locator("textarea").count() == 0


def test_rules_that_match_nothing_unfold_with_their_reason(show: Show) -> None:
    page = show(make())
    rule = page.get_by_text("spec.ignoreDifferences[2].managedFieldsManagers")
    expect(rule).to_be_hidden()
    page.get_by_text("2 ignore rules match nothing").click()
    expect(rule).to_be_visible()
    expect(page.locator(".gnb-unused")).to_contain_text("no such manager")
    option(page, "web-credentials").click()
    expect(rule).to_be_visible()


def test_a_fold_opens_and_compact_off_opens_all(show: Show) -> None:
    page = show(make(mode="unified"))
    option(page, "3 fields").click()
    folds = page.locator(".gnb-fold")
    expect(folds).to_have_count(3)
    expect(folds.nth(1)).to_contain_text("spec › template › spec › containers › args")
    folds.nth(1).click()
    expect(folds).to_have_count(2)
    expect(page.locator(".gnb-view")).to_contain_text("maxUnavailable")
    expect(page.locator(".gnb-view")).to_be_focused()
    page.get_by_role("switch", name="Compact").click()
    expect(folds).to_have_count(0)
    expect(page.locator(".gnb-view")).to_contain_text("terminationGracePeriodSeconds")


def test_neat_off_asks_the_kernel_for_the_server_s_fields(show: Show) -> None:
    widget = make(compact=False)
    page = show(widget)
    option(page, "web-credentials").click()
    expect(page.locator(".gnb-view")).not_to_contain_text("managedFields")
    page.get_by_role("switch", name="Neat").click()
    expect(page.locator(".gnb-view")).to_contain_text("managedFields")
    settled(page)
    assert widget.neat is False


def test_what_neat_hides_is_said(show: Show) -> None:
    deployment = guestbook.comparison().resources[0]
    live = {**(deployment.live or {}), "status": {"replicas": 4}}
    hidden = replace(deployment, target=deployment.live, predicted=deployment.live, live=live)
    page = show(DiffWidget(replace(guestbook.comparison(), resources=(hidden,))))
    expect(page.locator(".gnb-view")).to_contain_text("What differs is hidden by Neat")


def test_the_list_filters_by_text_and_state(show: Show) -> None:
    page = show(make())
    page.get_by_role("radio", name="All 12").click()
    expect(page.get_by_role("option")).to_have_count(12)
    page.get_by_role("searchbox").fill("deploy web")
    expect(page.get_by_role("option")).to_have_count(1)
    page.get_by_role("searchbox").fill("suspended")
    expect(page.get_by_role("option")).to_contain_text(["redis"])
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No resource matches the filter.")).to_be_visible()


def test_everything_works_from_the_keyboard(show: Show) -> None:
    widget = make()
    page = show(widget)
    page.keyboard.press("Tab")
    expect(page.get_by_role("switch", name="Show ignored (1)")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_text("2 ignore rules match nothing")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("listbox")).to_be_focused()
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_contain_text("3 fields")
    expect(page.locator(".gnb-heading")).to_contain_text("Deployment.apps")
    active = page.get_by_role("listbox").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("End")
    expect(page.get_by_role("option", selected=True)).to_contain_text("import-2024")
    page.keyboard.press("Tab")
    expect(page.get_by_role("radio", name="Split")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Unified")).to_be_focused()
    expect(page.locator(".gnb-unified")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("switch", name="Compact")).to_have_attribute("aria-checked", "false")
    settled(page)
    assert widget.mode == "unified"


def test_a_narrow_cell_shows_one_column_and_nothing_runs_over(show: Show) -> None:
    page = show(make(), width=480)
    option(page, "3 fields").click()
    expect(page.locator(".gnb-unified")).to_be_visible()
    expect(page.get_by_role("radio", name="Split")).to_be_disabled()
    assert overflow(page) == 0
    page.get_by_role("radio", name="Fields").click()
    assert overflow(page) == 0
    page.set_viewport_size({"width": 1200, "height": 900})
    page.get_by_role("radio", name="Split").click()
    expect(page.locator(".gnb-split")).to_be_visible()


@pytest.mark.parametrize(("mode", "width"), [("split", 1200), ("unified", 480), ("fields", 480)])
def test_no_script_in_the_data_runs(show: Show, width: int, mode: str) -> None:
    widget = DiffWidget(guestbook.hostile_comparison(), mode=mode, neat=False, show_ignored=True)
    page = show(widget, width=width)
    option(page, "window.hacked").click()
    expect(page.locator(".gnb-view")).to_contain_text("<script>window.hacked = true</script>")
    assert page.evaluate("window.hacked") is None
    assert page.locator("#output script, #output img, #output iframe, #output [onerror]").count() == 0
    assert "\u202e" not in page.locator("#output").inner_text()
    assert overflow(page) == 0


def test_an_update_from_the_kernel_is_drawn(show: Show) -> None:
    widget = make()
    page = show(widget)
    option(page, "web-credentials").click()
    expect(page.locator(".gnb-view")).to_contain_text("password")
    kept = tuple(item for item in guestbook.comparison().resources if item.key.kind != "Secret")
    widget.update(replace(guestbook.comparison(), application="renamed", resources=kept))
    page.evaluate("window.pull()")
    expect(page.locator(".gnb-name")).to_have_text("renamed")
    expect(page.get_by_role("option")).to_have_count(5)
    expect(page.get_by_role("option", selected=True)).to_contain_text("unknown")


def test_a_resource_that_was_read_once_is_shown_without_the_kernel(show: Show) -> None:
    page = show(make())
    option(page, "web-credentials").click()
    expect(page.locator(".gnb-view")).to_contain_text("password")
    option(page, "3 fields").click()
    expect(page.locator(".gnb-view")).to_contain_text("replicas")
    page.route("**/state", lambda route: None)
    option(page, "web-credentials").click()
    expect(page.locator(".gnb-view")).to_contain_text("password")
    option(page, "import-2024").click()
    expect(page.locator(".gnb-view")).to_have_text("Reading…")


def test_a_long_object_is_drawn_in_parts(show: Show) -> None:
    config = guestbook.comparison().resources[3]
    long = {"apiVersion": "v1", "kind": "ConfigMap", "data": {f"key{number:05d}": "x" for number in range(2500)}}
    page = show(DiffWidget(replace(guestbook.comparison(), resources=(replace(config, target=long, predicted=long),))))
    more = page.get_by_role("button", name=re.compile("Show more"))
    expect(more).to_have_text("Show more (1503 left)")
    more.click()
    expect(more).to_have_text("Show more (503 left)")
    more.click()
    expect(more).to_be_hidden()
    assert page.locator(".gnb-lines tbody tr").count() == 2503


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
    option(page, "3 fields").click()
    expect(page.locator(".gnb-view")).to_contain_text("registry.local")
    expect(page.locator(".gnb-diff")).to_have_attribute("data-theme", "dark" if theme == "dark" else "light")
    for selector in (
        ".gnb-badge",
        ".gnb-line",
        ".gnb-key",
        ".gnb-line del",
        ".gnb-line ins",
        ".gnb-item-notes",
        ".gnb-facts",
        ".gnb-fold",
    ):
        assert contrast(page, selector) >= 4.5, selector
    page.get_by_role("radio", name="Fields").click()
    page.get_by_role("switch", name="Show ignored (1)").click()
    page.get_by_text("2 ignore rules match nothing").click()
    expect(page.locator("tr.gnb-ignored")).to_be_visible()
    for selector in (
        ".gnb-value",
        ".gnb-path",
        ".gnb-pointer",
        ".gnb-fields small",
        ".gnb-effect",
        ".gnb-tag",
        ".gnb-unused li > *",
    ):
        assert contrast(page, selector) >= 4.5, selector
    page.screenshot(path=tmp_path / f"diff-{theme}.png", full_page=True)


def test_the_theme_follows_a_change_of_the_page(show: Show) -> None:
    page = show(make(), theme="none")
    root = page.locator(".gnb-diff")
    expect(root).to_have_attribute("data-theme", "light")
    page.emulate_media(color_scheme="dark")
    expect(root).to_have_attribute("data-theme", "dark")
    page.evaluate("document.body.style.setProperty('--jp-ui-font-color1', '#111')")
    expect(root).to_have_attribute("data-theme", "light")
