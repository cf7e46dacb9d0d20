"""The sandbox cluster as a process of its own: started once, found again, and ended only by those who can prove it theirs."""

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from reconciler.errors import ClusterUnreachableError, UsageError
from reconciler.sandbox.instance import DEFAULT_LATENCY_S, START_TIMEOUT_S

DIRECTORY_VARIABLE: Final = "GITOPS_NB_SANDBOX_DIR"
INSTANCE_FILE: Final = "instance.json"
LOG_FILE: Final = "sandbox.log"
STOP_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.02
_CHILDREN: Final[dict[int, "subprocess.Popen[bytes]"]] = {}


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """A running sandbox cluster: its process, its address, and the kubeconfig that reaches it."""

    pid: int
    url: str
    kubeconfig: Path
    directory: Path
    instance: str
    started_at: str


def sandbox_directory() -> Path:
    """Where the sandbox keeps its files: ``GITOPS_NB_SANDBOX_DIR``, else the user's state folder."""
    chosen = os.environ.get(DIRECTORY_VARIABLE)
    if chosen:
        return Path(chosen)
    from platformdirs import user_state_dir

    return Path(user_state_dir("gitops-nb", appauthor=False)) / "sandbox"


def start_sandbox(directory: Path | None = None, *, latency_s: float = DEFAULT_LATENCY_S) -> SandboxInfo:
    """Start the sandbox as a detached process, or find the one that runs.

    Parameters
    ----------
    directory:
        Where it keeps its files; `sandbox_directory` when None.
    latency_s:
        Seconds that a simulated controller takes for one step; only for a process that is started now.

    Raises
    ------
    ClusterUnreachableError
        When the process does not come up; its log is named.
    """
    from filelock import FileLock

    folder = directory or sandbox_directory()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(str(folder / "lock"), timeout=START_TIMEOUT_S):
        running = sandbox_status(folder)
        if running is not None:
            return running
        (folder / INSTANCE_FILE).unlink(missing_ok=True)
        child = _spawn(folder, latency_s)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and child.poll() is None:
            running = sandbox_status(folder)
            if running is not None:
                return running
            time.sleep(_POLL_S)
    raise ClusterUnreachableError(f"the sandbox did not start; see {folder / LOG_FILE}")


def stop_sandbox(directory: Path | None = None) -> bool:
    """End the sandbox's process; False when none runs.

    Raises
    ------
    ClusterUnreachableError
        When a process has the recorded id and start time but does not answer as this sandbox, or does not end.
    """
    folder = directory or sandbox_directory()
    record = _read_record(folder)
    if record is None or process_start(record["pid"]) != record["process_start"]:
        (folder / INSTANCE_FILE).unlink(missing_ok=True)
        return False
    pid = record["pid"]
    if not _answers(record):
        raise ClusterUnreachableError(
            f"process {pid} was started as the sandbox but does not answer as it; end it yourself if it is"
        )
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while process_start(pid) == record["process_start"]:
        if time.monotonic() > deadline:
            raise ClusterUnreachableError(f"the sandbox (process {pid}) did not end within {STOP_TIMEOUT_S:g} s")
        child = _CHILDREN.get(pid)
        if child is not None and child.poll() is not None:
            del _CHILDREN[pid]
            break
        time.sleep(_POLL_S)
    (folder / INSTANCE_FILE).unlink(missing_ok=True)
    return True


def sandbox_status(directory: Path | None = None) -> SandboxInfo | None:
    """The running sandbox of a folder, or None; it is asked, not only looked up."""
    folder = directory or sandbox_directory()
    record = _read_record(folder)
    if record is None or process_start(record["pid"]) != record["process_start"] or not _answers(record):
        return None
    kubeconfig = folder / "kubeconfig"
    return SandboxInfo(record["pid"], record["url"], kubeconfig, folder, record["instance"], record["started_at"])


def serve_forever(directory: Path, *, latency_s: float = DEFAULT_LATENCY_S) -> None:
    """Run a sandbox in this process until SIGTERM or SIGINT: what the started process does."""
    import threading

    from reconciler.sandbox.cluster import format_time, utc_now
    from reconciler.sandbox.instance import Sandbox

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Sandbox(latency_s=latency_s, directory=directory) as sandbox:
        record = {
            "pid": os.getpid(),
            "process_start": process_start(os.getpid()),
            "started_at": format_time(utc_now()),
            "instance": sandbox.instance,
            "url": sandbox.url,
            "token": sandbox.token,
            "ca_file": str(sandbox.ca_file),
        }
        target = directory / INSTANCE_FILE
        draft = directory / f".{INSTANCE_FILE}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(record))
        draft.replace(target)
        ended.wait()
        written = _read_record(directory)
        if written is not None and written["instance"] == sandbox.instance:
            target.unlink(missing_ok=True)


def process_start(pid: int) -> str | None:
    """When a process started, in the system's own words; None when there is none. Tells a reused pid from the first."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        # A zombie has ended; only its parent has not looked yet.
        return None if fields[0] == "Z" else fields[19]
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def _spawn(folder: Path, latency_s: float) -> "subprocess.Popen[bytes]":
    if latency_s < 0:
        raise UsageError(f"latency_s is {latency_s}; give a number of seconds that is not negative")
    command = [sys.executable, "-m", "reconciler.sandbox", "--directory", str(folder), "--latency", str(latency_s)]
    log = folder / LOG_FILE
    log.touch(mode=0o600)
    with log.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True
        )
    _CHILDREN[child.pid] = child
    return child


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads((folder / INSTANCE_FILE).read_text())
    except (OSError, ValueError):
        return None
    wanted = ("pid", "process_start", "instance", "url", "token", "ca_file", "started_at")
    return record if isinstance(record, dict) and all(key in record for key in wanted) else None


def _answers(record: dict[str, Any]) -> bool:
    """Whether the server at the recorded address is this very instance."""
    address = urlsplit(record["url"])
    try:
        context = ssl.create_default_context(cafile=record["ca_file"])
        connection = http.client.HTTPSConnection(str(address.hostname), address.port, timeout=5, context=context)
        try:
            connection.request("GET", "/sandbox/instance", headers={"Authorization": f"Bearer {record['token']}"})
            answer = connection.getresponse()
            return answer.status == 200 and json.loads(answer.read()).get("instance") == record["instance"]
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException):
        return False
