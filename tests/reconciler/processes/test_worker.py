import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryUnreachableError
from reconciler.processes.worker import WorkerLimits, WorkerPool

PROGRAM = """
import os, sys, time

def handle(request):
    what = request["do"]
    if what == "echo":
        return {"pid": os.getpid(), "text": request.get("text", "")}
    if what == "print":
        print("noise")
        sys.stdout.flush()
        os.write(1, b"more noise")
        return {}
    if what == "raise":
        raise ValueError("no such thing")
    if what == "spin":
        while True:
            pass
    if what == "memory":
        return {"size": len(bytearray(3 * 2**30))}
    if what == "die":
        os._exit(7)
    if what == "flood":
        return {"text": "x" * 3_000_000}
    if what == "environment":
        ours = [name for name in sys.modules if name.startswith("reconciler")]
        return {"names": sorted(os.environ), "cwd": os.getcwd(), "modules": ours}
    if what == "child":
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        return {"pid": pid}
    if what == "write":
        with open("file", "wb") as stream:
            stream.write(b"x" * 4_000_000)
        return {}
"""

ASKING = """
import time

def handle_asking(request, ask):
    what = request["do"]
    if what == "sum":
        return {"sum": sum(ask({"value": number}) for number in range(request["times"]))}
    if what == "stubborn":
        for _ in range(3):
            try:
                ask({"value": 0})
            except Exception as error:
                last = str(error)
        return {"last": last}
    if what == "for ever":
        while True:
            ask({"value": 0})
    if what == "chatter":
        while True:
            ask({"text": "x" * 100_000})
    if what == "hold":
        ask({"value": 0})
        time.sleep(60)
    if what == "print":
        print("noise")
        return {"length": len(ask({"value": 1}))}
"""


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    limits = WorkerLimits(timeout_s=1.5, memory_bytes=2 * 2**30, answer_bytes=2**20, requests=5)
    pool = WorkerPool(program, limits=limits, size=2)
    yield pool
    pool.close()


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[WorkerPool]:
    program = tmp_path / "asking.py"
    program.write_text(ASKING)
    pool = WorkerPool(program, limits=WorkerLimits(timeout_s=1.5, answer_bytes=2**20), size=1)
    yield pool
    pool.close()


def test_a_worker_is_warm(pool: WorkerPool) -> None:
    text = "ü" * 100_000
    answers = [pool.call({"do": "echo", "text": text}, what="echo") for _ in range(3)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert answers[0]["text"] == text


def test_what_a_program_prints_does_not_disturb(pool: WorkerPool) -> None:
    assert pool.call({"do": "print"}, what="x") == {}
    assert pool.call({"do": "echo", "text": "a"}, what="x")["text"] == "a"


def test_an_error_of_the_program_keeps_the_worker(pool: WorkerPool) -> None:
    before = pool.call({"do": "echo"}, what="x")["pid"]
    with pytest.raises(GenerationError, match=r"^chart a: no such thing$"):
        pool.call({"do": "raise"}, what="chart a")
    assert pool.call({"do": "echo"}, what="x")["pid"] == before


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("spin", r"^chart a took more than 1\.5 s and was ended$"),
        ("memory", r"^chart a: its worker process needed more than 2048 MiB of memory and was ended$"),
        ("die", r"^chart a: its worker process died \(status 7\); nothing was rendered$"),
        ("flood", r"^chart a made more than 1 MiB and was ended$"),
    ],
)
def test_a_worker_that_exceeds_a_limit_is_replaced(pool: WorkerPool, do: str, message: str) -> None:
    before = pool.call({"do": "echo"}, what="x")["pid"]
    with pytest.raises(GenerationError, match=message):
        pool.call({"do": do}, what="chart a")
    assert not is_running(before)
    assert pool.call({"do": "echo"}, what="x")["pid"] != before


def test_a_worker_is_replaced_after_its_requests(pool: WorkerPool) -> None:
    pids = [pool.call({"do": "echo"}, what="x")["pid"] for _ in range(7)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [5, 2]


def test_a_file_that_grows_over_its_limit(pool: WorkerPool) -> None:
    with pytest.raises(GenerationError, match=r"^x: "):
        pool.call({"do": "write"}, what="x")


def test_a_worker_sees_nothing_of_ours(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "secret")
    answer = pool.call({"do": "environment"}, what="x")
    assert "CANARY" not in answer["names"]
    assert set(answer["names"]) <= {
        *(
            "HOME",
            "TMPDIR",
            "PATH",
            "KUBECONFIG",
            "LANG",
            "LC_CTYPE",
            "GOGC",
            "GOMEMLIMIT",
            "MALLOC_ARENA_MAX",
            "GOTRACEBACK",
            "HTTP_PROXY",
            "HTTPS_PROXY",
        )
    }
    assert Path(answer["cwd"]).name.startswith("gitops-nb-worker-")
    assert answer["modules"] == []


def test_closing_leaves_no_process_and_no_folder(pool: WorkerPool) -> None:
    answer = pool.call({"do": "environment"}, what="x")
    worker, child = pool.call({"do": "echo"}, what="x")["pid"], pool.call({"do": "child"}, what="x")["pid"]
    pool.close()
    assert not is_running(worker)
    assert wait_until(lambda: not is_running(child))
    assert not Path(answer["cwd"]).exists()


def test_callers_share_the_workers(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(6) as threads:
        texts = [str(number) for number in range(30)]
        answers = list(threads.map(lambda text: pool.call({"do": "echo", "text": text}, what="x"), texts))
    assert [answer["text"] for answer in answers] == texts


def test_a_worker_asks_on_the_way(asking: WorkerPool) -> None:
    large = 3_000_000
    questions: list[int] = []

    def answer(question: dict[str, Any]) -> int:
        questions.append(question["value"])
        return question["value"] * large

    assert asking.call({"do": "sum", "times": 4}, what="x", on_question=answer) == {"sum": 6 * large}
    assert questions == [0, 1, 2, 3]
    assert asking.call({"do": "print"}, what="x", on_question=lambda _: "y" * large) == {"length": large}


def test_an_error_in_the_answer_ends_the_request_with_that_error(asking: WorkerPool) -> None:
    asked = 0

    def refuse(_: dict[str, Any]) -> int:
        nonlocal asked
        asked += 1
        raise RepositoryUnreachableError("git.example.com does not answer")

    for do in ("sum", "stubborn"):
        with pytest.raises(RepositoryUnreachableError, match=r"^git\.example\.com does not answer$"):
            asking.call({"do": do, "times": 2}, what="x", on_question=refuse)
    assert asked == 2
    assert asking.call({"do": "sum", "times": 2}, what="x", on_question=lambda _: 1) == {"sum": 2}


def test_a_bug_in_the_answer_is_not_hidden(asking: WorkerPool) -> None:
    with pytest.raises(ZeroDivisionError):
        asking.call({"do": "sum", "times": 2}, what="x", on_question=lambda _: 1 // 0)
    assert asking.call({"do": "sum", "times": 2}, what="x", on_question=lambda _: 1) == {"sum": 2}


def test_questions_that_nobody_answers(asking: WorkerPool) -> None:
    with pytest.raises(GenerationError, match=r"^x: nobody answers questions of this worker$"):
        asking.call({"do": "sum", "times": 2}, what="x")


@pytest.mark.parametrize(
    ("do", "message"),
    [
        ("for ever", r"^x took more than 1\.5 s and was ended$"),
        ("hold", r"^x took more than 1\.5 s and was ended$"),
        ("chatter", r"^x made more than 1 MiB and was ended$"),
    ],
)
def test_limits_hold_across_questions(asking: WorkerPool, do: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        asking.call({"do": do}, what="x", on_question=lambda _: 0)
    assert asking.call({"do": "sum", "times": 2}, what="x", on_question=lambda _: 1) == {"sum": 2}


def is_running(pid: int) -> bool:
    """Whether a process is there and not waiting to be reaped."""
    try:
        return " Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except FileNotFoundError:
        return False


def wait_until(condition: Callable[[], bool]) -> bool:
    """Whether a condition that follows from a kill comes true."""
    for _ in range(1000):
        if condition():
            return True
        os.sched_yield()
    return False
