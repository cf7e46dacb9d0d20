"""A browser, and a page on loopback that shows a widget over its real state."""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.left_out import leave_out

HERE = Path(__file__).parent
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome")
THEMES = Path(sys.prefix) / "share" / "jupyter" / "nbconvert" / "templates" / "lab" / "static"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


class WidgetHost:
    """Serves one widget: its module, its style and its state; what the page changes goes to the widget itself."""

    def __init__(self, widget: Any, theme: str = "light") -> None:
        files = {
            "/": ("text/html", (HERE / "host.html").read_bytes),
            "/widget.js": ("text/javascript", lambda: str(widget._esm).encode()),
            "/widget.css": ("text/css", lambda: str(widget._css).encode()),
            "/theme.css": ("text/css", lambda: theme_css(theme).encode()),
            "/state": ("application/json", lambda: json.dumps(_state(widget)).encode()),
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind, read = files.get(self.path, ("text/plain", lambda: b""))
                self._answer(kind, read())

            def do_POST(self) -> None:
                before = json.loads(json.dumps(_state(widget)))
                changes = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                widget.set_state(changes)
                after = json.loads(json.dumps(_state(widget)))
                # As a kernel does, tell what changed beyond what the page itself has set.
                answer = {name: value for name, value in after.items() if value != {**before, **changes}.get(name)}
                self._answer("application/json", json.dumps(answer).encode())

            def _answer(self, kind: str, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def theme_css(theme: str) -> str:
    """JupyterLab's own variables, as nbconvert ships them; empty for a page that has none."""
    path = THEMES / f"theme-{theme}.css"
    return path.read_text(encoding="utf-8") if theme != "none" else ""


def _state(widget: Any) -> dict[str, Any]:
    return {name: value for name, value in widget.get_state().items() if not name.startswith("_") and name != "layout"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    executable = next(filter(None, map(shutil.which, NAMES)), None)
    if executable is None:
        leave_out(f"no Chromium: none of {', '.join(NAMES)} is on PATH; install Debian's chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open an address; errors of the page and requests that leave this machine fail the test."""
    pages: list[Any] = []
    problems: list[str] = []

    def open_address(address: str, *, width: int = 1200, theme: str = "light") -> Any:
        scheme = "dark" if theme == "dark" else "light"
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
        pages.append(page)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("dialog", lambda dialog: problems.append(dialog.message))
        page.on("request", lambda request: problems.append(request.url) if not _is_local(request.url) else None)
        page.goto(address)
        return page

    yield open_address
    for page in pages:
        page.close()
    assert problems == []


@pytest.fixture
def show(open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Open a widget in a page."""
    hosts: list[WidgetHost] = []
    pages: list[Any] = []

    def open_widget(widget: Any, *, width: int = 1200, theme: str = "light") -> Any:
        hosts.append(WidgetHost(widget, theme))
        page = open_page(hosts[-1].url, width=width, theme=theme)
        pages.append(page)
        page.wait_for_selector("html[data-ready=true]", state="attached")
        return page

    yield open_widget
    # The pages first: one that still asks would see its host disappear.
    for page in pages:
        page.close()
    for host in hosts:
        host.close()


@pytest.fixture
def contrast() -> Callable[[Any, str], float]:
    """The lowest contrast (WCAG 2.2, 1.4.3) between the text and the background of what a selector finds."""

    def lowest(page: Any, selector: str) -> float:
        ratios = page.evaluate(_CONTRAST, selector)
        assert ratios, f"nothing on the page is {selector}"
        return float(min(ratios))

    return lowest


_CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")


def _is_local(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "file:", "data:", "blob:", "about:"))
