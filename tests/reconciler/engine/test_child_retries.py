"""A child whose sync is tried again does not hold its parent's operation while it waits for its next attempt."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.engine.operation import SyncOperation
from reconciler.engine.requests import SyncRequest
from reconciler.engine.stopping import Stopping
from reconciler.sync.run_options import RunOptions
from reconciler.terms import OperationPhase
from tests.reconciler.engine.families import Family, application_text, config_text, family

__all__ = ["family"]

LATER = config_text("later", "one").replace(
    "{name: later}", '{name: later, annotations: {argocd.argoproj.io/sync-wave: "1"}}'
)
SLOWLY = "automated: {}, retry: {limit: 3, backoff: {duration: 1h}}"


@contextmanager
def patience(seconds: float) -> Iterator[Stopping]:
    """Ends what still waits then: who has to be ended has waited too long."""
    stopping = Stopping()
    timer = threading.Timer(seconds, stopping.tell, ["nobody waits so long"])
    timer.start()
    try:
        yield stopping
    finally:
        timer.cancel()


@pytest.fixture
def failing(family: Family) -> Family:
    """The child web is Healthy as its last sync left it, and its next one fails. Beside it is a later wave of the root."""
    url = family.origin.url
    child = application_text("web", url, "web", policy=SLOWLY)
    family.write({"apps/web.yaml": child, "apps/later.yaml": LATER, "web/config.yaml": config_text("web", "one")})
    family.sync()
    family.client.patch("/api/v1/namespaces/default/configmaps/web", {"immutable": True}).expect()
    family.write({"web/config.yaml": config_text("web", "two"), "apps/later.yaml": LATER.replace("one", "two")})
    return family


@pytest.fixture
def missing(family: Family) -> Family:
    """What the child web holds is refused by the API server, so that nothing of it is there. Beside it is a later wave."""
    url = family.origin.url
    child = application_text("web", url, "web", policy=SLOWLY)
    refused = config_text("web", "one").replace("{name: web}", "{name: web, finalizers: [no good]}")
    family.write({"apps/web.yaml": child, "apps/later.yaml": LATER, "web/config.yaml": refused})
    return family


def test_the_limit_of_the_parent_ends_the_wait_of_its_child(missing: Family) -> None:
    with patience(30) as stopping:
        request = SyncRequest(run_options=RunOptions(timeout_s=3), stopping=stopping)
        outcome = missing.engine.run_sync(missing.engine.reconcile(missing.root()), request)
        assert not stopping.told
    assert outcome.result.phase is OperationPhase.FAILED
    assert outcome.result.message == "not done after 3 s; waiting for Application.argoproj.io argocd/web"
    assert [child.result.phase for child in outcome.children] == [OperationPhase.FAILED]
    assert missing.client.get("/api/v1/namespaces/default/configmaps/later").status == 404


def test_a_healthy_child_that_waits_for_its_next_attempt_lets_the_next_wave_begin(failing: Family) -> None:
    """The run goes on until the child's own end, here by the parent's limit; that the child failed is the outcome's."""
    with patience(30) as stopping:
        request = SyncRequest(run_options=RunOptions(timeout_s=5), stopping=stopping)
        outcome = failing.engine.run_sync(failing.engine.reconcile(failing.root()), request)
        assert not stopping.told
    assert failing.config("later") == "two"
    assert outcome.result.phase is OperationPhase.SUCCEEDED
    assert [child.result.phase for child in outcome.children] == [OperationPhase.FAILED]
    assert not outcome.succeeded


def test_who_ends_the_run_ends_the_wait_of_the_child_that_it_is_left_with(failing: Family) -> None:
    with patience(5) as stopping:
        outcome = failing.engine.run_sync(failing.engine.reconcile(failing.root()), SyncRequest(stopping=stopping))
        assert stopping.told
    assert outcome.result.phase is OperationPhase.SUCCEEDED
    assert not outcome.succeeded


def test_so_many_children_are_at_work_at_a_time(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    url, lock, at_work, most = family.origin.url, threading.Lock(), 0, 0
    together = threading.Barrier(8)

    def sync_child(*_arguments: object, **_options: object) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        # Passes only when eight are in it.
        together.wait(30)
        with lock:
            at_work -= 1

    monkeypatch.setattr(SyncOperation, "_sync_child", sync_child)
    family.write({f"apps/child-{i:02}.yaml": application_text(f"child-{i:02}", url, "none") for i in range(16)})
    outcome = family.engine.run_sync(family.engine.reconcile(family.root()), SyncRequest())
    assert outcome.result.succeeded, outcome.result.message
    assert most == 8
