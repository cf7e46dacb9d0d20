import json
from dataclasses import replace

import pytest

from gitops_nb.widgets import WavePreviewWidget
from reconciler.formatting.tasks import TaskState
from reconciler.terms import OperationPhase
from tests.data.gitops_nb import guestbook

PLAN = guestbook.plan()


def make() -> WavePreviewWidget:
    widget = WavePreviewWidget(PLAN)
    widget.comm.messages.clear()
    return widget


def test_phases_waves_and_tasks_come_in_the_order_in_which_they_run() -> None:
    widget = make()
    assert [phase["name"] for phase in widget.phases] == ["PreSync", "Sync", "PostSync"]
    waves = [(phase["name"], wave["wave"], wave["step"]) for phase in widget.phases for wave in phase["waves"]]
    assert waves == [
        ("PreSync", -1, 1),
        ("PreSync", 0, 2),
        ("Sync", -1, 3),
        ("Sync", 0, 4),
        ("Sync", 1, 5),
        ("PostSync", 0, 6),
    ]
    ids = [task["id"] for phase in widget.phases for wave in phase["waves"] for task in wave["tasks"]]
    assert ids == [task.id for task in PLAN.tasks]
    assert widget.states == {}
    assert widget.running is False


def test_a_hook_tells_when_it_is_deleted_and_a_skipped_prune_why() -> None:
    tasks = {task["id"]: task for phase in make().phases for wave in phase["waves"] for task in wave["tasks"]}
    hook = tasks["PreSync/hook/Job.batch shop/db-migrate"]
    assert (hook["does"], hook["policies"]) == ("hook", ["BeforeHookCreation", "HookSucceeded"])
    kept = tasks["Sync/prune/PersistentVolumeClaim shop/uploads"]
    assert (kept["does"], kept["short"], kept["reason"]) == ("skip", "pvc", "kept: sync option Prune=false")


def test_what_speaks_against_the_plan_is_a_notice() -> None:
    widget = WavePreviewWidget(replace(PLAN, problems=("the kind Widget is not permitted",)))
    assert "A sync would fail: the kind Widget is not permitted" in json.dumps(widget.header)


def test_every_word_of_a_task_is_in_the_header() -> None:
    widget = make()
    assert {task["does"] for phase in widget.phases for wave in phase["waves"] for task in wave["tasks"]} <= set(
        widget.header["kinds"]
    )
    assert set(widget.header["states"]) == {"pending", "running", "succeeded", "failed", "skipped"}


def test_progress_sends_states_and_never_the_plan_again() -> None:
    widget = make()
    first, second = PLAN.tasks[:2]
    widget.show_state(first.id, "succeeded")
    widget.show_state(second.id, TaskState.RUNNING, "waiting\u202e")
    sent = widget.comm.updates()
    assert set(sent) == {"states", "running"}
    assert sent["states"] == {
        first.id: {"state": "succeeded", "message": ""},
        second.id: {"state": "running", "message": "waiting\\u202e"},
    }
    assert widget.running is True


def test_a_state_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'done' is not a valid TaskState"):
        make().show_state(PLAN.tasks[0].id, "done")


def test_the_outcome_of_a_task_finds_its_place_in_the_plan() -> None:
    widget = make()
    for outcome in guestbook.result().results:
        widget.show_task(outcome)
    assert list(widget.states) == [task.id for task in PLAN.tasks[:8]]
    assert widget.states[PLAN.tasks[7].id]["state"] == "failed"


def test_the_result_ends_the_run() -> None:
    widget = make()
    widget.show_state(PLAN.tasks[-1].id, "running")
    widget.show_result(guestbook.result())
    sent = widget.comm.updates()
    assert widget.running is False
    assert sent["header"]["badges"] == [{"sign": "✕", "label": "Failed", "tone": "bad"}]
    assert sent["header"]["notices"][0]["text"] == "one or more objects failed to apply (1 of 13)"
    assert PLAN.tasks[-1].id not in sent["states"]
    assert widget.result == guestbook.result()
    widget.show_result(replace(guestbook.result(), phase=OperationPhase.RUNNING))
    assert widget.running is True


def test_hostile_texts_reach_the_front_end_visible_only() -> None:
    widget = WavePreviewWidget(guestbook.hostile_plan(), guestbook.hostile_result())
    state = {name: value for name, value in widget.get_state().items() if name not in ("_esm", "_css")}
    sent = json.dumps(state, ensure_ascii=False, default=str)
    assert all(character.isprintable() for character in sent)
    assert "\\\\u202e" in sent


def test_shows_as_widget_html_and_text() -> None:
    data, _ = make()._repr_mimebundle_()
    assert sorted(data) == ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
    assert "6 waves: 2 hooks to run" in data["text/html"]
    assert data["text/plain"].startswith("Sync plan of argocd/guestbook")
    ended, _ = WavePreviewWidget(PLAN, guestbook.result())._repr_mimebundle_()
    assert "Phase:        Failed" in ended["text/plain"]
    assert "✕" in ended["text/html"]


def test_the_front_end_s_choices_reach_the_widget() -> None:
    widget = make()
    widget.comm.receive(show_unchanged=True)
    assert widget.show_unchanged is True
