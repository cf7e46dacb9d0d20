"""How a container's command is read."""

import pytest

from reconciler.sandbox.workload import Work, work_of


def _understood(seconds: float, exit_code: int = 0) -> Work:
    return Work(seconds=seconds, exit_code=exit_code, understood=True)


@pytest.mark.parametrize(
    ("command", "work"),
    [
        (["sleep", "10"], _understood(10.0)),
        (["/bin/sleep", "2m"], _understood(120.0)),
        (["echo", "exit 1"], _understood(0.0)),
        (["true"], _understood(0.0)),
        (["false"], _understood(0.0, 1)),
        (["/usr/bin/migrate", "--all"], Work(seconds=1.0)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_program(command: list[str], work: Work) -> None:
    assert work_of({"command": command}) == work
    assert work_of({"args": command}) == work


@pytest.mark.parametrize(
    ("script", "work"),
    [
        ("exit 3", _understood(0.0, 3)),
        ("sleep 1; sleep 2\nsleep 3", _understood(6.0)),
        ("echo 'a; exit 1' && sleep 4", _understood(4.0)),
        ("false; true", _understood(0.0)),
        ("true; false", _understood(0.0, 1)),
        ("false && sleep 9", _understood(0.0, 1)),
        ("false || sleep 9", _understood(9.0)),
        ("set -e; false; sleep 9", _understood(0.0, 1)),
        ("set -e; false || true; sleep 9", _understood(9.0)),
        ("# exit 1\nexec sleep 5", _understood(5.0)),
        ("echo $(date); exit", _understood(0.0)),
        ("exit 256", _understood(0.0)),
        ("./migrate && exit 2", Work(seconds=1.0, exit_code=2)),
        ("if [ -f x ]; then exit 1; fi", Work()),
        ("echo 'unclosed", Work()),
    ],
)
def test_a_script(script: str, work: Work) -> None:
    assert work_of({"command": ["/bin/sh", "-c"], "args": [script]}) == work


@pytest.mark.parametrize("script", ["sleep infinity", "while true; do date; done", "echo x; tail -f /dev/null"])
def test_work_without_an_end(script: str) -> None:
    assert work_of({"command": ["bash", "-c", script]}).endless


def test_the_shells_own_option_stops_at_the_first_error() -> None:
    assert work_of({"command": ["sh", "-ec", "false; sleep 9"]}) == _understood(0.0, 1)
    assert work_of({"command": ["sh", "-e", "-c", "false; sleep 9"]}) == _understood(0.0, 1)


def test_an_images_own_entry_point_is_not_understood() -> None:
    assert work_of({"image": "nginx"}) == Work()
    assert work_of({"command": ["sh"]}) == Work()
