"""A lock that lapses, is taken by another run or cannot be renewed, on every cluster."""

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.cluster.lease import LockHeldError, LockLostError
from reconciler.errors import (
    ClusterUnreachableError,
)
from tests.conformance.client import Client
from tests.reconciler.cluster.leases import Runs, Time, Watched, lease, path

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OUT_OF_REACH = ClusterUnreachableError("cluster test cannot be reached")


@pytest.mark.parametrize("skew_s", [-300, 0, 300])
def test_silence_is_what_a_process_observes_itself(runs: Runs, skew_s: int) -> None:
    """Whatever the holder's clock says: neither is it believed too soon, nor for ever."""
    holders, time = Time(), Time()
    holder = runs.lock("op-1", clock=lambda: datetime.now(UTC) + timedelta(seconds=skew_s), monotonic=holders)
    holder.acquire()
    with runs.lock("op-2", holder="bob", monotonic=time, wait=time.wait) as taken:
        assert time.now == 1060
        taken.check()
        holders.now += 60
        with pytest.raises(LockLostError) as caught:
            holder.check()
        assert str(caught.value) == (
            f"the lock of {runs.namespace}/shop was taken by bob for operation op-2; nothing more is written, sync it again"
        )
    # The other has given it back; what is lost stays lost.
    with pytest.raises(LockLostError, match="was taken by bob"):
        holder.check()
    with pytest.raises(LockLostError, match="was taken by bob"):
        holder.check()


@pytest.mark.parametrize(("holder_rate", "other_rate"), [(0.5, 1.0), (1.0, 2.0), (2.0, 0.5)])
def test_clocks_that_run_at_other_rates(runs: Runs, holder_rate: float, other_rate: float) -> None:
    """At no moment does the holder pass a check after another has taken the lock, asked or not."""
    time = Time()
    holder = runs.lock("op-1", monotonic=time.clock(rate=holder_rate))
    holder.acquire()
    with runs.lock("op-2", monotonic=time.clock(rate=other_rate), wait=time.wait), pytest.raises(LockLostError):
        holder.check()


def test_two_that_see_the_same_silence(runs: Runs) -> None:
    """Both find it free; only one of them gets it."""
    runs.lock("op-1").acquire()
    time, firsts = Time(), Time()
    first = runs.lock("op-3", holder="carol", monotonic=firsts, wait=firsts.wait)
    watched = Watched(runs.connection)

    def be_first(method: str) -> None:
        if method == "PATCH" and "GET" in watched.methods:
            watched.before = lambda method: None
            first.acquire()

    watched.before = be_first
    with pytest.raises(LockHeldError, match="is locked by carol"):
        runs.lock("op-2", connection=watched, monotonic=time, wait=time.wait).acquire()
    assert (time.now, firsts.now) == (1060, 1060)
    firsts.now += 40
    first.check()


def test_a_lease_that_is_deleted_is_lost(runs: Runs, client: Client) -> None:
    time = Time()
    lock = runs.lock(monotonic=time)
    lock.acquire()
    client.delete(path(runs.namespace)).expect()
    lock.check()
    time.now += 30
    with pytest.raises(LockLostError, match=r"was deleted while this run held it \(Lease test-"):
        lock.check()
    lock.release()
    assert client.get(path(runs.namespace)).status == 404


def test_a_lock_that_is_not_held_does_not_pass(runs: Runs) -> None:
    lock = runs.lock()
    with pytest.raises(LockLostError, match=r"shop is not held by this run; nothing more is written"):
        lock.check()
    lock.release()
    with lock:
        lock.check()
    with pytest.raises(LockLostError, match="was given back by this run"):
        lock.check()
    lock.release()


def test_whoever_lost_it_leaves_the_others_lease_alone(runs: Runs, client: Client) -> None:
    time = Time()
    stale = runs.lock("op-1")
    stale.acquire()
    with runs.lock("op-2", monotonic=time, wait=time.wait):
        before = lease(client, runs.namespace)
        # It does not even know yet.
        stale.release()
        assert lease(client, runs.namespace) == before


def test_renewals_that_fail_for_a_while(runs: Runs) -> None:
    time = Time()
    watched = Watched(runs.connection)
    lock = runs.lock(connection=watched, monotonic=time)
    lock.acquire()

    def fail(method: str) -> None:
        raise OUT_OF_REACH

    watched.before = fail
    time.now += 29
    lock.check()
    for _ in range(3):
        time.now += 29
        with pytest.raises(ClusterUnreachableError, match="cannot be reached"):
            lock.check()
    watched.before = lambda method: None
    lock.check()
    assert watched.methods == ["PATCH", "POST", "PATCH"]


def test_the_lock_is_renewed_by_itself(runs: Runs) -> None:
    """Also after a renewal that failed."""
    watched = Watched(runs.connection)
    renewed = threading.Event()
    failures = 2

    def look(method: str) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OUT_OF_REACH
        if len(watched.methods) >= 3:
            renewed.set()

    with runs.lock(connection=watched, duration_s=1) as lock:
        watched.before = look
        assert renewed.wait(20), watched.methods
        lock.check()
        watched.before = lambda method: None
    assert not [thread for thread in threading.enumerate() if thread.name == f"lock of {runs.namespace}/shop"]


def test_a_keeper_ends_when_the_lock_is_lost(runs: Runs, client: Client) -> None:
    lock = runs.lock(duration_s=1)
    lock.acquire()
    keeper = lock._keeper
    assert keeper is not None
    client.delete(path(runs.namespace)).expect()
    keeper.join(20)
    assert not keeper.is_alive()
    with pytest.raises(LockLostError, match="was deleted"):
        lock.check()


def test_what_cannot_be_given_back_lapses(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(runs.connection)
    time = Time()

    def fail(method: str) -> None:
        raise OUT_OF_REACH

    with caplog.at_level(logging.WARNING), runs.lock(connection=watched):
        watched.before = fail
    assert caplog.messages == [
        f"the lock of {runs.namespace}/shop could not be given back and lapses by itself: cluster test cannot be reached"
    ]
    with runs.lock("op-2", monotonic=time, wait=time.wait):
        assert time.now == 1060
