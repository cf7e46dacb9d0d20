"""A run in CI cannot pass by leaving tests out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def _run(folder: Path, text: str, ci: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_sample.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.left_out", "-p", "no:cacheprovider", f"{folder}"]
    environment = os.environ | {"CI": ci, "PYTHONPATH": f"{ROOT}"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


_SKIPS = "import pytest\ndef test_one(): pass\ndef test_two(): pytest.skip('no such tool')\n"
_MODULE_SKIPS = "import pytest\npytest.skip('not here', allow_module_level=True)\n"
_XFAILS = "import pytest\n@pytest.mark.xfail\ndef test_one(): assert False\n"


def test_a_skipped_test_fails_the_run_in_ci(tmp_path: Path) -> None:
    done = _run(tmp_path, _SKIPS, "true")
    assert done.returncode == 1
    assert "left out, which CI=true does not allow" in done.stdout
    assert "test_sample.py::test_two: no such tool" in done.stdout


def test_a_skipped_module_fails_the_run_in_ci(tmp_path: Path) -> None:
    done = _run(tmp_path, _MODULE_SKIPS + _SKIPS, "true")
    assert done.returncode != 0
    assert "test_sample.py: not here" in done.stdout


@pytest.mark.parametrize(("text", "ci"), [(_SKIPS, ""), (_XFAILS, "true")], ids=["not in CI", "expected failure"])
def test_other_runs_pass(tmp_path: Path, text: str, ci: str) -> None:
    done = _run(tmp_path, text, ci)
    assert done.returncode == 0, done.stdout
    assert "left out" not in done.stdout
