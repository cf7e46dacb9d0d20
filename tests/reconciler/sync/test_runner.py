"""Operations against real API servers: hooks once, waits by watch, stops in order."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.cluster.connection import Connection
from reconciler.errors import ClusterError, ConflictError, StoreError
from reconciler.sync import events, hook_objects, runner, trying, writing
from reconciler.sync.hooks import ANNOTATION_HOOK_PHASE
from reconciler.sync.outcomes import LOST_HOOK
from reconciler.sync.records import SyncTask, TaskResult
from reconciler.terms import ANNOTATION_OPERATION, FINALIZER_HOOK, OperationPhase
from tests.reconciler.sync.running import (
    BATCH,
    OPTIONS,
    QUICK,
    WAVE,
    Manifest,
    Place,
    config_map,
    is_created,
    job,
    jobs,
    messages,
    outcomes,
    when,
)


def test_waves_hooks_and_prunes_in_their_order(place: Place) -> None:
    place.synced(config_map("old"))
    old = place.live(place.placed(config_map("old")))
    assert old is not None
    told: list[str] = []
    result = place.synced(
        job("before"),
        config_map("first"),
        config_map("second", **{WAVE: "1"}),
        job("after", hook="PostSync", policy="HookSucceeded"),
        prunes=[old],
        on_hook=lambda task, outcome: told.append(f"{task.key.name} {outcome.hook_phase}"),
    )
    assert outcomes(result) == {
        "before": "Succeeded",
        "old": "Pruned",
        "first": "Synced",
        "second": "Synced",
        "after": "Succeeded",
    }
    assert told == ["before Succeeded", "after Succeeded"]
    done = [event.task_id for _, event in place.seen if isinstance(event, events.TaskDone)]
    assert [task_id.rpartition("/")[2] for task_id in done] == ["before", "first", "second", "after"]
    assert set(jobs(place)) == {"before"}
    before = jobs(place)["before"]["metadata"]
    assert FINALIZER_HOOK not in (before.get("finalizers") or [])
    assert before["annotations"][ANNOTATION_HOOK_PHASE] == "PreSync"


def test_a_hook_that_fails_fails_the_operation_and_runs_what_follows_a_failure(place: Place) -> None:
    result = place.run(job("before", "false"), config_map("web"), job("undo", hook="SyncFail"))
    assert outcomes(result) == {"before": "Failed", "undo": "Succeeded"}
    assert result.message.startswith(
        f"one or more synchronization tasks completed unsuccessfully: Job.batch {place.namespace}/before: "
    )
    assert place.live(place.placed(config_map("web"))) is None


def interrupted(place: Place, *targets: Manifest, operation_id: str = "one") -> None:
    """A run that ends as by a crash when the first hook's outcome is to be recorded."""

    def lost(_task: SyncTask, _result: TaskResult) -> None:
        raise StoreError("the store is gone")

    with pytest.raises(StoreError, match="the store is gone"):
        place.run(*targets, operation_id=operation_id, on_hook=lost)


def test_what_a_killed_run_has_created_is_adopted(place: Place) -> None:
    targets = [job("before"), job("gen-"), config_map("web")]
    interrupted(place, *targets)
    created = {name: entry["metadata"]["uid"] for name, entry in jobs(place).items()}
    assert all(FINALIZER_HOOK in entry["metadata"]["finalizers"] for entry in jobs(place).values())
    result = place.synced(*targets, operation_id="one")
    assert {name: entry["metadata"]["uid"] for name, entry in jobs(place).items()} == created
    assert all(not entry["metadata"].get("finalizers") for entry in jobs(place).values())
    assert set(outcomes(result).values()) == {"Succeeded", "Synced"}
    again = place.synced(*targets, operation_id="two")
    assert jobs(place)["before"]["metadata"]["uid"] != created["before"]
    assert again.succeeded


def test_what_is_recorded_is_not_run_again_and_is_released(place: Place) -> None:
    targets = [job("before"), config_map("web")]
    interrupted(place, *targets)
    uid = jobs(place)["before"]["metadata"]["uid"]
    plan, _, _ = place.plan(place.application(), targets)
    hook = next(task for task in plan.tasks if task.is_hook)
    known = {
        hook.id: TaskResult(
            hook.phase, hook.wave, hook.action, hook.key, hook.version, None, OperationPhase.SUCCEEDED, "recorded",
            started_at=datetime.now(UTC), finished_at=datetime.now(UTC),
        )
    }  # fmt: skip
    told: list[str] = []
    result = place.synced(*targets, operation_id="one", known_hooks=known, on_hook=lambda task, _: told.append(task.id))
    assert (messages(result)["before"], told) == ("recorded", [])
    assert jobs(place)["before"]["metadata"]["uid"] == uid
    assert not jobs(place)["before"]["metadata"].get("finalizers")
    failed = {task_id: replace(entry, hook_phase=OperationPhase.FAILED) for task_id, entry in known.items()}
    result = place.run(job("before"), config_map("later"), operation_id="one", known_hooks=failed)
    assert result.message.endswith(f"Job.batch {place.namespace}/before: recorded")
    assert place.live(place.placed(config_map("later"))) is None


def test_a_hook_of_two_phases_is_one_object_after_the_other(place: Place) -> None:
    uids: list[str] = []

    def note(task: SyncTask, _result: TaskResult) -> None:
        uids.append(jobs(place)[task.key.name]["metadata"]["uid"])

    result = place.synced(job("both", hook="PreSync,PostSync"), config_map("web"), on_hook=note)
    assert len(set(uids)) == 2
    assert [entry.hook_phase for entry in result.results if entry.key.name == "both"] == [OperationPhase.SUCCEEDED] * 2


def test_a_hook_that_others_delete_is_lost(place: Place) -> None:
    path = place.path("jobs", "before", api=BATCH)

    def remove() -> None:
        place.client.patch(path, {"metadata": {"finalizers": None}}).expect()
        place.client.delete(path, {"propagationPolicy": "Background"}).expect()

    result = place.run(job("before", "sleep", "3600"), config_map("web"), on_event=when(is_created("before"), remove))
    assert messages(result) == {"before": LOST_HOOK}
    assert not result.succeeded


def test_waves_are_apart_as_long_as_it_is_asked_for(place: Place) -> None:
    result = place.synced(config_map("a"), config_map("b", **{WAVE: "1"}), run_options=replace(QUICK, wave_delay_s=0.3))
    times = {entry.key.name: entry.finished_at for entry in result.results}
    assert times["a"] is not None
    assert times["b"] is not None
    assert times["b"] - times["a"] >= timedelta(seconds=0.3)
    assert [type(event).__name__ for _, event in place.seen].count("Paused") == 1


def test_a_prune_that_needs_a_word_waits_for_it(place: Place) -> None:
    place.synced(config_map("old", **{OPTIONS: "Prune=confirm"}))
    live = place.live(place.placed(config_map("old")))
    assert live is not None
    said: list[str] = []
    answers = iter([None, datetime(2020, 1, 1, tzinfo=UTC)])

    def approved_at() -> datetime | None:
        state = place.seen[-1][0]
        said.append(f"{state.phase}: {state.message}")
        assert place.live(live) is not None
        with contextlib.suppress(StopIteration):
            return next(answers)
        return datetime.now(UTC)

    result = place.synced(config_map("web", **{WAVE: "1"}), prunes=[live], approved_at=approved_at)
    assert outcomes(result) == {"old": "Pruned", "web": "Synced"}
    waiting = f"Running: Waiting for pruning confirmation of ConfigMap {place.namespace}/old"
    assert said == [waiting] * 3
    assert result.message == "successfully synced (all tasks run)"


def test_nothing_is_touched_when_one_object_is_refused(place: Place) -> None:
    bad = config_map("bad")
    bad["data"] = {"a": "1"}
    bad["unknown"] = True
    result = place.run(config_map("good"), bad)
    assert outcomes(result) == {"bad": "SyncFailed"}
    assert "unknown" in messages(result)["bad"]
    assert place.live(place.placed(config_map("good"))) is None


def test_a_prune_leaves_another_object_of_that_name_alone(place: Place) -> None:
    place.synced(config_map("old"))
    live = place.live(place.placed(config_map("old")))
    assert live is not None

    def swap(_state: Any, event: Any) -> None:
        if isinstance(event, events.DryRunFinished):
            place.client.delete(place.path("configmaps", "old")).expect()
            place.client.create(place.path("configmaps"), config_map("old", data={"new": "1"})).expect(201)

    place.synced(prunes=[live], on_event=swap)
    assert place.client.get(place.path("configmaps", "old")).expect()["data"] == {"new": "1"}


def test_a_hook_that_came_meanwhile_is_not_ours_to_take(place: Place) -> None:
    other = job("before", "sleep", "3600")
    other["metadata"]["annotations"][ANNOTATION_OPERATION] = "another"

    def come(_state: Any, event: Any) -> None:
        if isinstance(event, events.DryRunFinished):
            place.client.create(place.path("jobs", api=BATCH), other).expect(201)

    result = place.run(job("before"), on_event=come)
    text = f"Job.batch {place.namespace}/before exists and is not of this operation; sync again"
    assert messages(result) == {"before": text}
    assert jobs(place)["before"]["metadata"]["annotations"][ANNOTATION_OPERATION] == "another"


class Disturbed(Connection):
    """A connection on whose writes of some path ``disturb`` comes first."""

    def __init__(self, inner: Connection, where: str, disturb: Callable[[Callable[[], Any]], Any]) -> None:
        vars(self).update(vars(inner))
        self._where = where
        self._disturb = disturb

    def request(self, method: str, path: str, **how: Any) -> Any:
        def send() -> Any:
            return super(Disturbed, self).request(method, path, **how)

        dry = "dryRun" in (how.get("query") or {})
        return self._disturb(send) if method in ("POST", "PATCH") and self._where in path and not dry else send()


def test_a_hook_whose_answer_was_lost_is_adopted(place: Place) -> None:
    def twice(send: Callable[[], Any]) -> Any:
        send()
        return send()

    place.connection = Disturbed(place.connection, f"/{place.namespace}/jobs", twice)
    result = place.synced(job("before", policy="HookFailed"))
    assert outcomes(result) == {"before": "Succeeded"}
    said = [event.message for _, event in place.seen if isinstance(event, events.TaskDone)]
    assert said == ["before adopted: this operation had created it"]


def test_what_passes_is_sent_again(place: Place) -> None:
    failures = [ClusterError("etcdserver: leader changed", status=500), ConflictError("stale", status=409)]

    def now_and_then(send: Callable[[], Any]) -> Any:
        if failures:
            raise failures.pop(0)
        return send()

    place.connection = Disturbed(place.connection, "/configmaps/", now_and_then)
    assert outcomes(place.synced(config_map("a"))) == {"a": "Synced"}


def test_a_full_storage_ends_the_operation_without_hooks(place: Place) -> None:
    def full(send: Callable[[], Any]) -> Any:
        raise ClusterError("etcdserver: mvcc: database space exceeded", status=500)

    place.connection = Disturbed(place.connection, "/configmaps/", full)
    result = place.run(config_map("a"), job("undo", hook="SyncFail"))
    assert outcomes(result) == {"a": "SyncFailed"}
    assert result.message.startswith("etcdserver: mvcc: database space exceeded")
    assert jobs(place) == {}


def test_every_side_effect_has_its_kill_points(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    for module in (hook_objects, runner, trying, writing):
        monkeypatch.setattr(module, "reach", passed.append)
    place.synced(config_map("old"))
    live = place.live(place.placed(config_map("old")))
    assert live is not None
    passed.clear()
    name = f"test-{place.namespace}"
    ours = place.application("CreateNamespace=true")
    destination = ours.spec.destination.model_copy(update={"namespace": name})
    given = ours.model_copy(update={"spec": ours.spec.model_copy(update={"destination": destination})})
    monkeypatch.setattr(place, "application", lambda *_options, **_annotations: given)
    try:
        place.synced(job("before"), config_map("web"), prunes=[live], plan={"namespace_exists": False})
    finally:
        place.client.delete(f"/api/v1/namespaces/{name}")
    assert passed[:8] == ["dry-run"] * 8
    # A hook is let go beside what follows it.
    assert passed.count("hook-finalizer") == 2
    assert " ".join(name for name in passed[8:] if name != "hook-finalizer") == (
        "namespace namespace apply-after hook-create hook-create hook-wait hook-wait wave-end prune-before prune-after "
        "apply-before apply-sent apply-after wave-end"
    )
