"""Every case of our own customizations, and of Argo CD's where a checkout of them is named."""

import os
from pathlib import Path

from reconciler.health.bundled import DIRECTORY
from reconciler.health.suites import run_customization_tests

UPSTREAM = "GITOPS_NB_UPSTREAM_CUSTOMIZATIONS"


def test_our_own() -> None:
    report = run_customization_tests(DIRECTORY)
    assert [f"{case.type} {case.name}: {case.failure}" for case in report.failures] == []
    assert report.suites >= 60
    assert report.count("health") >= 300
    assert report.count("discovery") >= 20
    assert report.count("action") >= 40


def test_every_script_of_ours_has_cases() -> None:
    for script in DIRECTORY.rglob("*.lua"):
        tests = script.with_name("health_test.yaml") if script.name == "health.lua" else None
        if tests is None:
            folder = script.parent if script.name == "discovery.lua" else script.parent.parent
            tests = folder / "action_test.yaml"
        assert tests.is_file(), script
        if script.name == "action.lua":
            assert f"action: {script.parent.name}\n" in tests.read_text(), script


def test_every_object_of_ours_is_a_case() -> None:
    inputs = list(DIRECTORY.rglob("testdata/*.yaml"))
    assert inputs
    for path in inputs:
        suites = path.parent.parent.glob("*_test.yaml")
        assert any(f"testdata/{path.name}" in suite.read_text() for suite in suites), path


# Not left out but not there: the tree is no part of what a test run needs.
if UPSTREAM in os.environ:

    def test_upstream() -> None:
        report = run_customization_tests(Path(os.environ[UPSTREAM]))
        assert [f"{case.type} {case.name}: {case.failure}" for case in report.failures] == []
        assert report.suites > 0
