"""An executed notebook on a web page: no kernel, no widget, and still the whole story."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """
from gitops_nb.frames import drift_frame
from gitops_nb.widgets import DiffWidget, ResourceTreeWidget, WavePreviewWidget
from tests.data.gitops_nb import guestbook, shop_tree
"""
CELLS = (
    IMPORTS,
    "DiffWidget(guestbook.comparison())",
    "WavePreviewWidget(guestbook.plan(), guestbook.result())",
    "DiffWidget(guestbook.hostile_comparison())",
    "drift_frame(guestbook.hostile_comparison())",
    "ResourceTreeWidget(shop_tree.tree(), title='guestbook', read_at=guestbook.NOW)",
    "ResourceTreeWidget(shop_tree.hostile_tree(), title=guestbook.SCRIPT)",
)


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    client = NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        resources={"metadata": {"path": str(ROOT)}},
        store_widget_state=False,
    )
    client.execute()
    return notebook


def to_page(notebook: nbformat.NotebookNode, folder: Path, theme: str) -> str:
    # Nothing is loaded from elsewhere: the page must be complete in itself.
    exporter = HTMLExporter(
        config=Config(
            {
                "HTMLExporter": {
                    "theme": theme,
                    "mathjax_url": "",
                    "require_js_url": "",
                    "jquery_url": "",
                    "mermaid_js_url": "",
                }
            }
        )
    )
    body, _ = exporter.from_notebook_node(notebook)
    path = folder / f"notebook-{theme}.html"
    path.write_text(body, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("theme", "width"), [("light", 1200), ("dark", 480)])
def test_an_executed_notebook_shows_diff_and_waves_as_a_web_page(
    executed: nbformat.NotebookNode, open_page: Callable[..., Page], tmp_path: Path, theme: str, width: int
) -> None:
    page = open_page(to_page(executed, tmp_path, theme), width=width, theme=theme)
    diff = page.get_by_role("group", name="Diff of guestbook")
    expect(diff).to_contain_text("image: registry.local/web:1.28.0")
    expect(diff).to_contain_text("(masked e07f5a12)")
    assert diff.locator("ins").first.is_visible()
    expect(diff.get_by_text("managedFieldsManagers: vpa-recommender")).to_be_hidden()
    diff.get_by_text("2 ignore rules match nothing").click()
    expect(diff.get_by_text("managedFieldsManagers: vpa-recommender")).to_be_visible()
    fields = diff.locator("details details").last
    expect(fields.get_by_text("$.spec.replicas")).to_be_hidden()
    fields.locator("summary").click()
    expect(fields.get_by_text("$.spec.replicas")).to_be_visible()
    plan = page.get_by_role("group", name="Sync plan of guestbook")
    expect(plan).to_contain_text("6 waves: 2 hooks to run")
    expect(plan).to_contain_text("✕ failed")
    tree = page.get_by_role("group", name="Resource tree of guestbook")
    pod = tree.get_by_text("shop/web-7d9f8b6c54-kx2vp", exact=True)
    expect(pod).to_be_visible()
    tree.locator("summary").filter(has_text="Deployment").first.click()
    expect(pod).to_be_hidden()
    expect(tree.get_by_text("in the namespace, but in no application")).to_be_visible()
    assert tree.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    page.screenshot(path=tmp_path / f"static-{theme}-{width}.png", full_page=True)


def test_no_script_in_the_data_runs_on_the_page(
    executed: nbformat.NotebookNode, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    page = open_page(to_page(executed, tmp_path, "light"))
    expect(page.get_by_text("<script>window.hacked = true</script>").first).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert page.locator(".jp-OutputArea-output img").count() == 0


def outputs(notebook: nbformat.NotebookNode, cell: int) -> Any:
    return notebook.cells[cell].outputs[0].data


def test_the_notebook_keeps_html_and_text_beside_the_view(executed: nbformat.NotebookNode) -> None:
    data = outputs(executed, 1)
    assert set(data) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert data["text/plain"].startswith("Application: argocd/guestbook")
    assert "widgets" not in executed.metadata
