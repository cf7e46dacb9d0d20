"""The first walkthrough in a real JupyterLab, on the sandbox that the demo leaves behind."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from reconciler.sandbox import stop_sandbox
from tests.conftest import ROOT

TOKEN = "a-token-of-the-test"


@pytest.fixture
def after_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout in which ``make demo`` has run."""
    checkout = tmp_path / "checkout"
    for name in ("notebooks", "gitops_nb"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("GITOPS_NB_SANDBOX_DIR", str(tmp_path / "sandbox"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    done = subprocess.run(
        [sys.executable, "-m", "gitops_nb.demo"], cwd=checkout, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield checkout
    stop_sandbox()


@pytest.fixture
def lab(after_demo: Path, tmp_path: Path) -> Iterator[str]:
    """A JupyterLab server on the checkout's notebooks; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    options = [f"--IdentityProvider.token={TOKEN}"]
    settings = {"JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    with (tmp_path / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [*command, options[0], f"--notebook-dir={after_demo / 'notebooks'}"],
            stdout=log,
            stderr=log,
            env={**os.environ, **settings},
        )
        try:
            with urllib3.PoolManager(retries=urllib3.Retry(total=60, backoff_factor=0.1, backoff_max=0.5)) as pool:
                pool.request("GET", f"http://127.0.0.1:{port}/api", headers={"Authorization": f"token {TOKEN}"})
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.mark.timeout(300)
def test_first_look_shows_drift_previews_the_sync_and_closes_the_gap(
    lab: str, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    page = open_page(f"{lab}/lab/tree/walkthroughs/first-look.ipynb?token={TOKEN}", width=1300)
    # Lab renders only the cells that are in view.
    page.set_viewport_size({"width": 1300, "height": 3000})
    # Before the kernel is there, "Run All Cells" asks which one to start.
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    diff = page.locator(".jp-OutputArea-output").filter(has_text="Live, in the cluster")
    diff.wait_for(timeout=120_000)
    assert "replicas: 5" in diff.inner_text()
    history = page.locator(".jp-OutputArea-output").filter(has_text="initiated_by")
    history.wait_for(timeout=120_000)
    page.screenshot(path=str(tmp_path / "first-look.png"), full_page=True)
    assert page.get_by_text("successfully synced (all tasks run)").first.is_visible()
    waves = page.locator(".jp-OutputArea-output").filter(has_text="Sync of shop").first
    waves.scroll_into_view_if_needed()
    assert re.search(r"shop-web", waves.inner_text())
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
