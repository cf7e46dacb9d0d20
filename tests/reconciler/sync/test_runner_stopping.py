"""Operations that are ended from outside, against real API servers: terminated, out of time, without their lock."""

import threading
from dataclasses import replace

import pytest

from reconciler.errors import StoreError, SyncError
from reconciler.sync.records import SyncTask, TaskResult
from reconciler.sync.runner import SyncRunner
from reconciler.terms import FINALIZER_HOOK, OperationPhase
from tests.reconciler.sync.running import BATCH, QUICK, WAVE, Place, config_map, is_created, job, jobs, outcomes, when


def test_an_operation_that_is_terminated_deletes_its_running_hooks(place: Place) -> None:
    held: list[SyncRunner] = []
    result = place.run(
        job("before", "sleep", "3600"),
        config_map("web"),
        started=held.append,
        on_event=when(is_created("before"), lambda: held[0].stop("Operation terminated")),
    )
    assert result.phase is OperationPhase.FAILED
    assert result.message == f"Operation terminated; waiting for Job.batch {place.namespace}/before"
    place.client.wait_gone(place.path("jobs", api=BATCH), "before")
    assert place.live(place.placed(config_map("web"))) is None


def test_a_time_limit_says_what_was_waited_for_and_what_holds_it(place: Place) -> None:
    stuck = config_map("stuck")
    stuck["metadata"]["finalizers"] = ["example.com/never"]
    place.synced(stuck)
    live = place.live(place.placed(stuck))
    assert live is not None
    result = place.run(prunes=[live], run_options=replace(QUICK, timeout_s=0.6))
    assert result.message == (
        f"not done after 0.6 s: ConfigMap {place.namespace}/stuck is held by the finalizer example.com/never; "
        f"waiting for ConfigMap {place.namespace}/stuck"
    )
    place.client.patch(place.path("configmaps", "stuck"), {"metadata": {"finalizers": None}}).expect()


def test_what_finished_before_it_was_terminated_goes_by_its_policy(place: Place) -> None:
    """The operation has failed, whatever became of the hook."""
    held: list[SyncRunner] = []
    result = place.run(
        job("one", policy="HookFailed"),
        job("other", policy="HookSucceeded"),
        job("kept"),
        job("beside", "sleep", "3600", hook="Sync"),
        started=held.append,
        on_event=when(is_created("beside"), lambda: held[0].stop("Operation terminated")),
    )
    assert outcomes(result) == {"kept": "Succeeded", "one": "Succeeded", "other": "Succeeded", "beside": "Failed"}
    assert result.message == f"Operation terminated; waiting for Job.batch {place.namespace}/beside"
    place.client.wait_gone(place.path("jobs", api=BATCH), "one")
    place.client.wait_gone(place.path("jobs", api=BATCH), "beside")
    assert set(jobs(place)) == {"other", "kept"}
    assert all(not entry["metadata"].get("finalizers") for entry in jobs(place).values())


def test_an_interrupted_operation_that_ends_before_it_goes_on(place: Place) -> None:
    """What its first run has left is let go, and deleted where its policy says so."""

    known: dict[str, TaskResult] = {}

    def crash(task: SyncTask, outcome: TaskResult) -> None:
        known[task.id] = outcome
        raise StoreError("the store is gone")

    before = job("one", policy="HookFailed")
    with pytest.raises(StoreError):
        place.run(before, config_map("web"), operation_id="one", on_hook=crash)
    assert FINALIZER_HOOK in jobs(place)["one"]["metadata"]["finalizers"]
    bad = config_map("web")
    bad["data"] = {"a": 1}
    result = place.run(before, bad, operation_id="one", known_hooks=known)
    assert outcomes(result) == {"one": "Succeeded", "web": "SyncFailed"}
    place.client.wait_gone(place.path("jobs", api=BATCH), "one")


class Guard:
    """Lets some questions pass, and then says that the lock is lost."""

    def __init__(self, passes: int) -> None:
        self.passes = passes
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.passes -= 1
            if self.passes < 0:
                raise SyncError("the lock is held by another run")


def test_an_operation_that_lost_its_lock_writes_nothing_more(place: Place) -> None:
    result = place.run(config_map("a"), config_map("b", **{WAVE: "1"}), guard=Guard(1))
    assert outcomes(result) == {"a": "Synced"}
    assert result.message.startswith("the lock is held by another run")
    result = place.run(job("before"), guard=Guard(1))
    assert (outcomes(result), jobs(place)) == ({}, {})
    live = place.live(place.placed(config_map("a")))
    assert live is not None
    result = place.run(prunes=[live], guard=Guard(1))
    assert (outcomes(result), result.message.startswith("the lock is held")) == ({}, True)
    assert place.live(place.placed(config_map("a"))) is not None


def test_who_lost_the_lock_leaves_running_hooks_to_the_new_holder(place: Place) -> None:
    guard = Guard(10_000)

    held: list[SyncRunner] = []

    def lose() -> None:
        guard.passes = 0
        held[0].stop("interrupted")

    result = place.run(
        job("before", "sleep", "3600"),
        guard=guard,
        started=held.append,
        on_event=when(is_created("before"), lose),
    )
    assert not result.succeeded
    assert jobs(place)["before"]["metadata"].get("deletionTimestamp") is None
    assert FINALIZER_HOOK in jobs(place)["before"]["metadata"]["finalizers"]
