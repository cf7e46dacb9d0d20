"""Runs that are killed, halted or at odds while they hold an Application's lock (threats rows 16 to 23, 31)."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from reconciler.cluster import connect, discover
from reconciler.cluster.lease import ApplicationLock
from reconciler.cluster.lease_record import ANNOTATION_PROCESS
from reconciler.kill_points import VARIABLE
from tests.conformance.client import Client

HOLDER = """
import sys
from reconciler.cluster import connect, discover
from reconciler.cluster.lease import ApplicationLock
from reconciler.errors import ReconcilerError

kubeconfig, namespace, duration_s = sys.argv[1:]
connection = connect(kubeconfig=kubeconfig)
with ApplicationLock(
    connection, discover(connection), namespace=namespace, application="shop", operation_id="op-1", holder="alice",
    duration_s=int(duration_s),
) as lock:
    print("held", flush=True)
    for _ in sys.stdin:
        try:
            lock.check()
            print("passes", flush=True)
        except ReconcilerError as error:
            print(f"{type(error).__name__}: {error}", flush=True)
"""

CONTENDER = """
import sys
import time
from reconciler.cluster import connect, discover
from reconciler.cluster.lease import ApplicationLock

kubeconfig, namespace, rounds = sys.argv[1:]
connection = connect(kubeconfig=kubeconfig)
discovery = discover(connection)
path = f"/api/v1/namespaces/{namespace}/configmaps"
for number in range(int(rounds)):
    with ApplicationLock(
        connection, discovery, namespace=namespace, application="shop", operation_id=str(number), holder="",
        wait_s=60, wait=lambda seconds: time.sleep(0.01),
    ) as lock:
        lock.check()
        # Two that are in here at once meet on this name.
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "section"}}
        connection.request("POST", path, body=body)
        connection.request("DELETE", f"{path}/section")
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(cluster_kubeconfig: Path, namespace: str) -> Iterator[Start]:
    """Start a run as a process of its own; none outlives the test."""
    with ExitStack() as stack:

        def begin(program: str, *arguments: str, kill_point: str = "") -> "subprocess.Popen[str]":
            command = [sys.executable, "-W", "error", "-c", program, str(cluster_kubeconfig), namespace, *arguments]
            pipe = subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen(
                    command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=os.environ | {VARIABLE: kill_point}
                )
            )
            stack.callback(process.kill)
            return process

        yield begin


@pytest.fixture
def lock(cluster_kubeconfig: Path, namespace: str) -> Iterator[Callable[..., ApplicationLock]]:
    """Another run's lock of the same Application."""
    connection = connect(kubeconfig=cluster_kubeconfig)
    discovery = discover(connection)
    with ExitStack() as stack:

        def make(**options: object) -> ApplicationLock:
            names = {"namespace": namespace, "application": "shop", "operation_id": "op-2", "holder": "bob"}
            made = ApplicationLock(connection, discovery, **names | options)  # type: ignore[arg-type]
            stack.callback(made.release)
            return made

        yield make


def no_wait(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ask(process: "subprocess.Popen[str]") -> str:
    assert process.stdin is not None
    process.stdin.write("check\n")
    process.stdin.flush()
    return said(process)


def holder_of(client: Client, namespace: str) -> str | None:
    answer = client.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/gitops-nb.{namespace}.shop")
    return None if answer.status == 404 else str(answer.expect()["spec"]["holderIdentity"]).partition("_")[0]


@pytest.mark.parametrize(
    ("kill_point", "holder"),
    [("lock:1", None), ("lock:2", "alice"), ("unlock:1", "alice"), ("unlock:2", "")],
    ids=["before-it-locks", "after-it-locked", "before-it-unlocks", "after-it-unlocked"],
)
def test_a_run_that_is_killed_at_its_lock(
    start: Start,
    lock: Callable[..., ApplicationLock],
    client: Client,
    namespace: str,
    kill_point: str,
    holder: str | None,
) -> None:
    """The next run on the machine goes on at once: it sees that the holder is no more."""
    killed = start(HOLDER, "15", kill_point=kill_point)
    _, errors = killed.communicate(input="", timeout=60)
    assert killed.returncode == -signal.SIGKILL, errors
    assert holder_of(client, namespace) == holder
    with lock(wait=no_wait) as taken:
        taken.check()
    assert holder_of(client, namespace) == ""


def test_a_run_that_is_killed_on_another_machine(
    start: Start, lock: Callable[..., ApplicationLock], client: Client, namespace: str
) -> None:
    """Nobody can see that it is no more, so its silence is waited for."""
    killed = start(HOLDER, "15")
    assert said(killed) == "held"
    killed.kill()
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/gitops-nb.{namespace}.shop"
    mark = "0123456789abcdef.1.1"
    client.patch(lease, {"metadata": {"annotations": {ANNOTATION_PROCESS: mark}}}).expect()
    passed = [0.0]

    def wait(seconds: float) -> None:
        passed[0] += seconds

    with lock(wait=wait, monotonic=lambda: passed[0]) as taken:
        assert passed == [15]
        taken.check()


def test_a_run_that_is_halted_longer_than_its_lease(
    start: Start, lock: Callable[..., ApplicationLock], client: Client, namespace: str
) -> None:
    halted = start(HOLDER, "1")
    assert said(halted) == "held"
    assert ask(halted) == "passes"
    os.kill(halted.pid, signal.SIGSTOP)
    os.waitpid(halted.pid, os.WUNTRACED)
    with lock(duration_s=60) as taken:
        os.kill(halted.pid, signal.SIGCONT)
        lost = (
            f"the lock of {namespace}/shop was taken by bob for operation op-2; nothing more is written, sync it again"
        )
        assert ask(halted) == f"LockLostError: {lost}"
        taken.check()
        halted.communicate(timeout=60)
        assert halted.returncode == 0
        assert holder_of(client, namespace) == "bob"
    assert holder_of(client, namespace) == ""


def test_a_run_that_is_halted_for_a_moment_goes_on(start: Start, client: Client, namespace: str) -> None:
    """Nobody took the lock meanwhile, so the same operation continues."""
    halted = start(HOLDER, "1")
    assert said(halted) == "held"
    os.kill(halted.pid, signal.SIGSTOP)
    os.waitpid(halted.pid, os.WUNTRACED)
    os.kill(halted.pid, signal.SIGCONT)
    assert ask(halted) == "passes"
    assert holder_of(client, namespace) == "alice"


def test_runs_that_contend_take_turns(start: Start, client: Client, namespace: str) -> None:
    rounds = 6
    processes = [start(CONTENDER, str(rounds)) for _ in range(3)]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert holder_of(client, namespace) == ""
