"""A child whose sync window is closed is left as it is: its parent goes on where that is healthy, and names the window."""

import re

import pytest

from reconciler.engine.fleet import ApplicationRun
from reconciler.engine.requests import SyncRequest
from reconciler.sync.records import TaskResult
from reconciler.sync.run_options import RunOptions
from reconciler.terms import OperationPhase, SyncStatus
from tests.reconciler.engine.families import APPLICATIONS, Family, application_text, config_text, family
from tests.reconciler.engine.places import result_of

__all__ = ["family"]

AUTOMATED = "automated: {prune: true}, retry: {limit: 0}"
CLOSED = "sync is blocked by an active deny window (deny:* * * * *:1h)"
LATER = "\nmetadata: {name: later, annotations: {argocd.argoproj.io/sync-wave: '1'}}"


@pytest.fixture
def parent(family: Family) -> Family:
    """The root syncs by itself, with a child web and, in the wave after it, a ConfigMap."""
    url = family.origin.url
    family.write(
        {
            "apps/web.yaml": application_text("web", url, "web", policy=AUTOMATED),
            "apps/later.yaml": config_text("later", "one").replace("\nmetadata: {name: later}", LATER),
            "web/config.yaml": config_text("web", "one"),
        }
    )
    policy = {"automated": {}, "retry": {"limit": 0}}
    family.client.patch(f"{APPLICATIONS}/root", {"spec": {"syncPolicy": policy}}).expect(200)
    return family


def close_window(family: Family, *names: str) -> None:
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": list(names)}
    projects = APPLICATIONS.replace("applications", "appprojects")
    family.client.patch(f"{projects}/default", {"spec": {"syncWindows": [window]}}).expect(200)
    family.engine.begin_run()


def passed(family: Family) -> dict[str, ApplicationRun]:
    return {run.application.name: run for run in family.engine.reconcile_automated()}


def child(run: ApplicationRun) -> TaskResult:
    assert run.outcome is not None
    return result_of(run.outcome, "web")


def test_a_healthy_child_lets_its_parent_go_on(parent: Family) -> None:
    assert not any(run.failed for run in passed(parent).values())
    changed = application_text("web", parent.origin.url, "web", policy=AUTOMATED).replace("main", "HEAD")
    later = config_text("later", "two").replace("\nmetadata: {name: later}", LATER)
    parent.write({"web/config.yaml": config_text("web", "two"), "apps/later.yaml": later, "apps/web.yaml": changed})
    close_window(parent, "web")
    runs = passed(parent)
    assert runs["root"].outcome is not None
    assert (runs["root"].decision, runs["root"].outcome.children) == ("synced", ())
    assert child(runs["root"]).message.endswith(f"; web is left unsynced: {CLOSED}")
    assert parent.config("later") == "two"
    assert parent.config("web") == "one"
    web = runs["web"]
    assert (web.decision, web.reason, web.failed) == ("nothing", f"web cannot be synced: {CLOSED}", False)
    assert web.comparison.status is SyncStatus.OUT_OF_SYNC
    status = parent.client.get(f"{APPLICATIONS}/web").expect(200)["status"]
    assert (status["sync"]["status"], status["health"]["status"]) == ("OutOfSync", "Healthy")


def test_a_child_that_is_not_there_yet_ends_its_parent(parent: Family) -> None:
    close_window(parent, "web")
    runs = passed(parent)
    root = runs["root"].outcome
    assert root is not None
    assert root.result.phase is OperationPhase.FAILED
    assert f"web is Missing and left unsynced: {CLOSED}" in root.result.message
    assert child(runs["root"]).message == f"web is Missing and left unsynced: {CLOSED}"
    assert parent.client.get("/api/v1/namespaces/default/configmaps/later").status == 404
    assert parent.client.get("/api/v1/namespaces/default/configmaps/web").status == 404
    assert (runs["web"].decision, runs["web"].reason) == ("nothing", f"web cannot be synced: {CLOSED}")


def test_a_child_that_cannot_be_compared_names_both(parent: Family) -> None:
    parent.write({"apps/web.yaml": application_text("web", parent.origin.url, "nowhere", policy=AUTOMATED)})
    close_window(parent, "web")
    message = child(passed(parent)["root"]).message
    assert re.search(rf"nowhere.*; web is left unsynced: {re.escape(CLOSED)}$", message)


def test_a_sync_that_somebody_asks_for_leaves_the_child_too(parent: Family) -> None:
    parent.engine.reconcile_automated()
    parent.write({"web/config.yaml": config_text("web", "two")})
    close_window(parent, "web")
    outcome = parent.engine.run_sync(parent.engine.reconcile(parent.root()), SyncRequest(initiated_by="ada"))
    assert outcome.result.succeeded
    assert result_of(outcome, "web").message.endswith(f"; web is left unsynced: {CLOSED}")
    assert parent.config("web") == "one"


def test_a_child_on_its_way_is_waited_for(parent: Family) -> None:
    """An object that a finalizer keeps: the wait ends with the time of the parent's operation."""
    path = "/api/v1/namespaces/default/configmaps"
    parent.client.create(path, {"metadata": {"name": "web", "finalizers": ["example.com/hold"]}}).expect(201)
    parent.client.delete(f"{path}/web").expect(200)
    close_window(parent, "web")
    request = SyncRequest(run_options=RunOptions(timeout_s=1.0))
    outcome = parent.engine.run_sync(parent.engine.reconcile(parent.root()), request)
    assert not outcome.result.succeeded
    assert "waiting for Application.argoproj.io argocd/web" in outcome.result.message
    assert result_of(outcome, "web").message.endswith(f"; web is left unsynced: {CLOSED}")
