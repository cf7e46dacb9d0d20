import threading
from typing import Any

import pytest

from reconciler.cli.family import emit_children, heading
from reconciler.engine.family import ChildChange, compare_children, flatten_children
from reconciler.engine.requests import SyncRequest
from reconciler.engine.stopping import Stopping
from reconciler.errors import SpecError
from reconciler.sync.records import OperationPhase
from tests.reconciler.engine.families import Family, application_text, config_text, family

__all__ = ["family"]

AUTOMATED = "automated: {prune: true}"


@pytest.fixture
def grown(family: Family) -> Family:
    """The root, its automated child web and web's own child deep, all synced; branch v2 has other values."""
    url = family.origin.url
    family.write(
        {
            "apps/web.yaml": application_text("web", url, "web", policy=AUTOMATED),
            "apps/api.yaml": application_text("api", url, "api"),
            "web/config.yaml": config_text("web", "one"),
            "web/deep.yaml": application_text("deep", url, "deep", policy=AUTOMATED),
            "deep/config.yaml": config_text("deep", "one"),
            "api/config.yaml": config_text("api", "one"),
        }
    )
    family.origin.git("checkout", "--quiet", "-b", "v2")
    family.write(
        {
            "web/config.yaml": config_text("web", "two"),
            "web/more.yaml": config_text("more", "new"),
            "web/deep.yaml": application_text("deep", url, "deep", revision="v2", policy=AUTOMATED),
            "deep/config.yaml": config_text("deep", "two"),
        }
    )
    family.origin.git("checkout", "--quiet", "main")
    family.sync()
    return family


def differences(family: Family, revision: str | None = None) -> dict[str, tuple[ChildChange, str]]:
    children = compare_children(family.engine, family.engine.reconcile(family.root(), revision=revision))
    return {child.key.name: (child.change, child.reason) for child in flatten_children(children)}


def branch(family: Family, files: dict[str, str | None]) -> None:
    """A commit on branch ``change``, from main."""
    family.origin.git("checkout", "--quiet", "-B", "change", "main")
    family.write(files)
    family.origin.git("checkout", "--quiet", "main")


def test_children_that_stay_are_left_out(grown: Family) -> None:
    assert grown.config("web") == "one"
    assert differences(grown) == {}


def test_a_change_is_followed_all_the_way_down(grown: Family, capsys: pytest.CaptureFixture[str]) -> None:
    url = grown.origin.url
    branch(grown, {"apps/web.yaml": application_text("web", url, "web", revision="v2", policy=AUTOMATED)})
    (web,) = compare_children(grown.engine, grown.engine.reconcile(grown.root(), revision="change"))
    assert (web.key.name, web.change, web.automated, web.reason) == ("web", ChildChange.CHANGED, True, "")
    assert web.comparison is not None
    assert {entry.key.name for entry in web.comparison.changed} == {"deep", "more", "web"}
    assert web.plan is not None
    assert {task.key.name for task in web.plan.tasks} >= {"more", "web", "deep"}
    (deep,) = web.children
    assert deep.comparison is not None
    assert [entry.key.name for entry in deep.comparison.changed] == ["deep"]
    assert [str(entry.path) for entry in deep.comparison.changed[0].differences] == ["$.data.value"]
    assert grown.config("deep") == "one", "nothing is touched"
    emit_children((web,), "diff")
    text = capsys.readouterr().out
    assert "\nApplication argocd/web: changed, syncs by itself\n" in text
    assert "\n  Application argocd/deep: changed, syncs by itself\n" in text
    assert "+  value: two" in text
    emit_children((web,), "plan")
    assert "more" in capsys.readouterr().out


def test_children_come_and_go(grown: Family) -> None:
    url = grown.origin.url
    branch(grown, {"apps/new.yaml": application_text("new", url, "api"), "apps/api.yaml": None})
    assert differences(grown, "change") == {
        "api": (ChildChange.REMOVED, "its resources stay where they are"),
        "new": (ChildChange.ADDED, ""),
    }
    new = compare_children(grown.engine, grown.engine.reconcile(grown.root(), revision="change"))[1]
    assert heading(new) == "Application argocd/new: added, waits for a sync"


def test_a_child_whose_resources_go_with_it(grown: Family) -> None:
    finalizers = "[resources-finalizer.argocd.argoproj.io]"
    grown.create(
        application_text("held", grown.origin.url, "api", finalizers=finalizers).replace(
            "  namespace: argocd\n",
            "  namespace: argocd\n  annotations:\n    argocd.argoproj.io/tracking-id: "
            "root:argoproj.io/Application:argocd/held\n",
            1,
        )
    )
    grown.engine.begin_run()
    assert differences(grown) == {"held": (ChildChange.REMOVED, "its resources go with it, if it is pruned")}


def test_one_that_cannot_be_compared_says_why_and_keeps_none_back(grown: Family) -> None:
    url = grown.origin.url
    branch(
        grown,
        {
            "apps/web.yaml": application_text("web", url, "web", revision="nowhere"),
            "apps/api.yaml": application_text("api", url, "api", policy=AUTOMATED),
        },
    )
    found = differences(grown, "change")
    assert found["api"] == (ChildChange.CHANGED, "")
    assert found["web"][0] is ChildChange.CHANGED
    assert "'nowhere' is not in" in found["web"][1]


def test_a_cycle_is_an_error(grown: Family) -> None:
    url = grown.origin.url
    branch(
        grown,
        {
            "apps/web.yaml": application_text("web", url, "loop"),
            "loop/deep.yaml": application_text("deep", url, "back"),
            "back/web.yaml": application_text("web", url, "web"),
        },
    )
    grown.origin.git("reset", "--quiet", "--hard", "change")
    grown.engine.begin_run()
    with pytest.raises(
        SpecError, match=r"Application web is its own ancestor \(web → deep → web\); break the cycle in Git"
    ):
        differences(grown)


def test_a_parent_that_holds_itself_is_an_error(family: Family) -> None:
    family.write({"apps/root.yaml": application_text("root", family.origin.url, "apps")})
    with pytest.raises(SpecError, match=r"root is its own ancestor \(root → root\)"):
        differences(family)


def test_what_ends_a_parent_ends_that_it_waits_for_a_child(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    family.write(
        {
            "apps/web.yaml": application_text("web", family.origin.url, "web", policy=AUTOMATED),
            "web/job.yaml": (
                "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web}\n"
                "spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}\n"
            ),
        }
    )
    stopping, wait = Stopping(), family.engine.wait

    def told_while_waiting(*arguments: Any, **options: Any) -> Any:
        threading.Timer(0.05, stopping.tell, ["the operator has enough"]).start()
        return wait(*arguments, **options)

    monkeypatch.setattr(family.engine, "wait", told_while_waiting)
    outcome = family.engine.run_sync(family.engine.reconcile(family.root()), SyncRequest(stopping=stopping))
    assert outcome.result.phase is OperationPhase.FAILED
    assert outcome.result.message == "the operator has enough; waiting for Application.argoproj.io argocd/web"
