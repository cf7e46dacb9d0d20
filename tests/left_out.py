"""What a test run leaves out: noted for every skipped test, and a failure of the run where CI=true."""

import os

import pytest

IN_CI = os.environ.get("CI") == "true"


def leave_out(reason: str) -> None:
    """Skip the test; with CI=true nothing may be left out, so it fails there."""
    if IN_CI:
        pytest.fail(f"with CI=true nothing is left out: {reason}", pytrace=False)
    pytest.skip(reason)


class LeftOut:
    """A pytest plugin that notes every skipped test and fails the run for it where CI=true."""

    def __init__(self) -> None:
        self._tests: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if IN_CI and self._tests and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if IN_CI and self._tests:
            terminalreporter.section("left out, which CI=true does not allow", red=True)
            for test, reason in self._tests:
                terminalreporter.line(f"{test}: {reason}")

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else f"{report.longrepr}"
            self._tests.append((report.nodeid, reason.removeprefix("Skipped: ")))


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin once; the tests' own conftest calls this too."""
    if not config.pluginmanager.has_plugin("left-out-tests"):
        config.pluginmanager.register(LeftOut(), "left-out-tests")
