"""Lanes: so many pieces of work at a time, in threads that are kept."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.threads import Lane

PATIENCE_S = 10


def test_no_more_pieces_are_at_work_than_the_lane_is_wide() -> None:
    lock, at_work, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def piece(_number: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        # Passes only when three are in it.
        together.wait(PATIENCE_S)
        with lock:
            at_work -= 1

    with Lane(3) as lane:
        list(lane.map(piece, range(9)))
    assert most == 3


def test_pieces_begin_in_the_order_in_which_they_were_submitted() -> None:
    seen: list[int] = []
    with Lane(1) as lane:
        for number in range(100):
            lane.submit(seen.append, number)
    assert seen == list(range(100))


def test_leaving_the_block_waits_for_what_was_submitted() -> None:
    may_end, seen = threading.Event(), []

    def piece() -> None:
        may_end.wait(PATIENCE_S)
        seen.append(threading.current_thread().name)

    with Lane(2) as lane:
        for _ in range(4):
            lane.submit(piece)
        lane.submit(may_end.set)
        may_end.set()
    assert len(seen) == 4


def test_what_a_piece_raises_is_for_who_asks_and_the_others_go_on() -> None:
    def fail() -> None:
        raise ValueError("no")

    with Lane(1) as lane:
        failed, after = lane.submit(fail), lane.submit(lambda: "done")
    with pytest.raises(ValueError, match="no"):
        failed.result(0)
    assert after.result(0) == "done"


def test_a_lane_that_was_shut_down_takes_nothing() -> None:
    lane = Lane(1)
    lane.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        lane.submit(print)


def test_what_was_cancelled_is_not_called() -> None:
    begun, may_end = threading.Event(), threading.Event()
    seen: list[int] = []

    def first() -> None:
        begun.set()
        may_end.wait(PATIENCE_S)

    lane = Lane(1)
    lane.submit(first)
    assert begun.wait(PATIENCE_S)
    one, other = lane.submit(seen.append, 1), lane.submit(seen.append, 2)
    assert one.cancel()
    lane.shutdown(wait=False, cancel_futures=True)
    may_end.set()
    lane.shutdown()
    assert not seen
    assert other.cancelled()


@pytest.mark.parametrize("depth", [50])
def test_pieces_may_wait_for_those_of_other_lanes(depth: int) -> None:
    def descend(left: int) -> int:
        if not left:
            return 0
        with Lane(1) as lane:
            return 1 + lane.submit(descend, left - 1).result(PATIENCE_S)

    assert descend(depth) == depth


def test_threads_are_kept() -> None:
    def name() -> int:
        return threading.get_ident()

    with Lane(1) as lane:
        first = lane.submit(name).result(PATIENCE_S)
    known = {thread.ident for thread in threading.enumerate()}
    assert first in known


@contextmanager
def forked() -> Iterator[bool]:
    """Whether this is the new process, which ends with the block: with 0 where nothing was raised."""
    process = os.fork()
    if process:
        yield False
        assert os.waitpid(process, 0)[1] == 0
        return
    status = 1
    try:
        yield True
        status = 0
    finally:
        os._exit(status)


def test_a_forked_process_has_threads_of_its_own() -> None:
    with Lane(1) as lane:
        lane.submit(print).result(PATIENCE_S)
    with forked() as here:
        if here:
            with Lane(1) as lane:
                assert lane.submit(os.getpid).result(PATIENCE_S) == os.getpid()
