"""The sandbox as a process of its own."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import ClusterUnreachableError, UsageError
from reconciler.sandbox import sandbox_directory, sandbox_status, start_sandbox, stop_sandbox
from reconciler.sandbox.process import DIRECTORY_VARIABLE, INSTANCE_FILE, process_start


def test_start_find_again_and_stop(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    started = start_sandbox(folder)
    try:
        assert started.pid != os.getpid()
        assert started.kubeconfig == folder / "kubeconfig"
        assert start_sandbox(folder) == started == sandbox_status(folder)
        assert stat.S_IMODE((folder / INSTANCE_FILE).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        assert stop_sandbox(folder) is True
    assert (sandbox_status(folder), stop_sandbox(folder)) == (None, False)
    assert process_start(started.pid) is None
    assert not (folder / INSTANCE_FILE).exists()


def record(folder: Path, **change: object) -> Path:
    values = {
        "pid": os.getpid(),
        "process_start": process_start(os.getpid()),
        "started_at": "2026-05-04T03:02:01Z",
        "instance": "x",
        "url": "https://127.0.0.1:1",
        "token": "t",
        "ca_file": "/nonexistent",
    }
    folder.mkdir(exist_ok=True)
    target = folder / INSTANCE_FILE
    target.write_text(json.dumps({**values, **change}))
    return target


def test_a_process_that_is_another_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append(pid))
    stale = record(tmp_path / "reused", process_start="1")
    assert (sandbox_status(stale.parent), stop_sandbox(stale.parent), stale.exists()) == (None, False, False)
    silent = record(tmp_path / "silent")
    assert sandbox_status(silent.parent) is None
    with pytest.raises(ClusterUnreachableError, match=r"does not answer as it; end it yourself"):
        stop_sandbox(silent.parent)
    assert (killed, silent.exists()) == ([], True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / INSTANCE_FILE).write_text(text)
    assert (sandbox_status(tmp_path), stop_sandbox(tmp_path)) == (None, False)


def test_where_it_keeps_its_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    assert sandbox_directory() == tmp_path
    monkeypatch.delenv(DIRECTORY_VARIABLE)
    assert sandbox_directory().parts[-2:] == ("gitops-nb", "sandbox")


def test_negative_latency_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="latency_s is -1"):
        start_sandbox(tmp_path, latency_s=-1)


def test_a_zombie_has_ended() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_start(child.pid) is not None
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process_start(child.pid) is None
    child.communicate()


def test_importing_the_package_is_light() -> None:
    heavy = ["uvicorn", "pydantic", "orjson", "kubernetes", "yaml", "cryptography", "platformdirs"]
    program = f"import sys, reconciler.sandbox; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
