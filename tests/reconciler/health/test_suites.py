"""The runner of customization cases finds what is wrong, and reads what Argo CD's own runner reads."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import UsageError
from reconciler.health.suites import SuiteReport, run_customization_tests
from reconciler.scripts import LuaScripts

HEALTH = """
local goes = "no"
for _, item in ipairs(obj.items or {}) do
  if item == "skip" then goto continue end
  goes = item
  ::continue::
end
return { status = obj.wanted, message = goes }
"""
WIDGET = "apiVersion: a.example/v1\nkind: Widget\nmetadata: {name: w}\n"


@pytest.fixture(scope="module")
def runner() -> Iterator[LuaScripts]:
    scripts = LuaScripts(size=1)
    yield scripts
    scripts.close()


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def failures(report: SuiteReport) -> dict[str, str]:
    return {case.name: case.failure for case in report.failures}


def test_cases_of_health(tmp_path: Path, runner: LuaScripts) -> None:
    tests = """
tests:
- inputPath: testdata/good.yaml
  healthStatus: {status: Healthy, message: yes}
- inputpath: testdata/two.yaml
  healthStatus: {status: Degraded, message: first}
- inputPath: testdata/good.yaml
  healthStatus: {status: Healthy}
- inputPath: testdata/none.yaml
  healthStatus: {status: Healthy}
- inputPath: testdata/other.yaml
  healthStatus: {status: Healthy}
- inputPath: testdata/nonsense.yaml
  healthStatus: {status: Healthy}
"""
    folder = "a.example/Widget"
    root = write(
        tmp_path,
        {
            f"{folder}/health.lua": HEALTH,
            f"{folder}/health_test.yaml": tests.replace("message: yes", "message: 'yes'"),
            f"{folder}/testdata/good.yaml": WIDGET + "wanted: Healthy\nitems: [skip, 'yes', skip]\n",
            f"{folder}/testdata/two.yaml": WIDGET
            + "wanted: Degraded\nitems: [first]\n---\n"
            + WIDGET
            + "wanted: Healthy\n",
            f"{folder}/testdata/other.yaml": WIDGET.replace("Widget", "Gadget"),
            f"{folder}/testdata/nonsense.yaml": WIDGET + "wanted: Fine\n",
        },
    )
    report = run_customization_tests(root, runner=runner)
    assert (report.suites, report.count("health"), len(report.cases)) == (1, 6, 6)
    assert [case.passed for case in report.cases] == [True, True, False, False, False, False]
    assert [case.failure.replace(str(root), "ROOT") for case in report.failures] == [
        "expected Healthy '', found Healthy 'yes'",
        f"{folder}/testdata/none.yaml: there is no such file",
        "there is no script for a.example/v1 Gadget",
        (
            f"expected Healthy '', found Unknown \"ROOT/{folder}/health.lua: status is 'Fine', expected one of Healthy, "
            'Suspended, Progressing, Missing, Degraded, Unknown"'
        ),
    ]


def test_cases_of_actions(tmp_path: Path, runner: LuaScripts) -> None:
    tests = """
discoveryTests:
- inputPath: testdata/widget.yaml
  result: [{name: stop, disabled: false}]
- inputPath: testdata/widget.yaml
  result: [{name: stop, disabled: true}]
- inputPath: testdata/widget.yaml
  result: [{name: stop, disabled: false}, {name: go}]
actionTests:
- {action: stop, inputPath: testdata/widget.yaml, expectedOutputPath: testdata/stopped.yaml}
- {action: stop, inputPath: testdata/widget.yaml, expectedOutputPath: testdata/widget.yaml}
- {action: make, inputPath: testdata/widget.yaml, expectedOutputPath: testdata/made.yaml}
- {action: stop, inputPath: testdata/widget.yaml, expectedErrorMessage: no}
- {action: fail, inputPath: testdata/widget.yaml, expectedErrorMessage: not today}
- {action: lost, inputPath: testdata/widget.yaml, expectedOutputPath: testdata/widget.yaml}
"""
    folder = "a.example/Widget/actions"
    job = "{apiVersion: batch/v1, kind: Job, metadata: {name: w-20260101}, spec: {count: 1}}"
    made = f"- k8sOperation: create\n  unstructuredObj: {job}\n"
    root = write(
        tmp_path,
        {
            f"{folder}/action_test.yaml": tests.replace("expectedErrorMessage: no}", "expectedErrorMessage: nothing}"),
            f"{folder}/discovery.lua": "return {stop = {disabled = false}}",
            f"{folder}/stop/action.lua": "obj.at = os.date('!%Y-%m-%dT%XZ') obj.live = false return obj",
            f"{folder}/make/action.lua": "return {{operation = 'create', resource = {apiVersion = 'batch/v1', kind = 'Job', "
            "metadata = {name = obj.metadata.name .. os.time()}, spec = {count = 1, more = 2}}}}",
            f"{folder}/fail/action.lua": "error('not today', 0)",
            f"{folder}/testdata/widget.yaml": WIDGET + "live: true\n",
            f"{folder}/testdata/stopped.yaml": WIDGET + "live: false\nat: '2020-01-01T00:00:00Z'\n",
            f"{folder}/testdata/made.yaml": made,
        },
    )
    report = run_customization_tests(root, runner=runner)
    assert (report.suites, report.count("discovery"), report.count("action")) == (0, 3, 6)
    found = [case.failure for case in report.failures]
    assert found[0].startswith("not expected: ResourceAction(name='stop', disabled=False")
    assert found[1:] == [
        "not found: go",
        "patch of a.example/v1 Widget w: $.live: expected True, found False",
        "expected the error 'nothing', found none",
        "Widget.a.example w has no action 'lost'; it has: fail, make, stop",
    ]


def test_suites_that_cannot_be_read(tmp_path: Path, runner: LuaScripts) -> None:
    root = write(
        tmp_path,
        {
            "a/B/health_test.yaml": "tests: [1]\n",
            "a/C/health_test.yaml": "tests: [\n",
            "a/D/actions/action_test.yaml": "actionTests: {a: 1}\n",
        },
    )
    found = failures(run_customization_tests(root, runner=runner))
    assert found["a/B/health_test.yaml"] == "tests: expected a list of mappings"
    assert found["a/C/health_test.yaml"].startswith("a/C/health_test.yaml:")
    assert found["a/D/actions/action_test.yaml"] == "actionTests: expected a list of mappings"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: not a directory"):
        run_customization_tests(tmp_path / "nowhere")
