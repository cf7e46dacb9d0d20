"""Live objects that bear an Application's mark and that its project does not permit: never shown, touched or pruned."""

import json

import pytest

from reconciler.errors import ReconcilerError
from reconciler.sync.records import PlanOptions
from reconciler.terms import HealthStatus, SyncStatus
from tests.attacks.fenced import ARGO, FORBIDDEN, Fenced, annotated
from tests.reconciler.engine.places import config_map, named

PRUNE = PlanOptions(prune=True)
CANARY = "c4n4ry-in-the-cluster"
NO_SECRETS = {"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}


def secret(value: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": value}}


def put_secret(fenced: Fenced, **labels: str) -> dict[str, str]:
    """A Secret of the project's namespace with the Application's mark; what its status says of it."""
    shop = fenced.shop
    marked = annotated(secret(CANARY), tracking_id=f"{shop.name}:/Secret:{shop.namespace}/db")
    marked["metadata"]["labels"] = {"told": CANARY, **labels}
    shop.client.create(shop.path("secrets"), marked).expect(201)
    return {"group": "", "version": "v1", "kind": "Secret", "name": "db", "namespace": shop.namespace}


@pytest.mark.parametrize("automated", [False, True], ids=["asked for", "automated"])
@pytest.mark.parametrize("wrong", FORBIDDEN)
def test_an_extra_object_is_not_shown_and_not_pruned(fenced: Fenced, wrong: str, automated: bool) -> None:
    obj = fenced.forbidden(wrong)
    status = {"resources": [{**fenced.put(obj), "status": "OutOfSync", "requiresPruning": True}]}
    fenced.shop.write(config_map("inside"))
    policy = {"syncPolicy": {"automated": {"prune": True}}} if automated else {}
    application, engine = fenced.application(status=status, **policy), fenced.shop.engine
    assert [entry.key.name for entry in engine.compare(application).resources] == ["inside"]
    if automated:
        (run,) = engine.reconcile_automated([application])
        assert run.decision == "synced", run.message
    else:
        outcome = engine.sync(engine.reconcile(application), options=PRUNE)
        assert [entry.key.name for entry in outcome.result.results] == ["inside"]
    assert fenced.is_there(obj)
    assert engine.compare(application).status is SyncStatus.SYNCED
    written = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()["status"]
    assert [entry["name"] for entry in written["resources"]] == ["inside"]


def test_an_object_of_git_is_as_if_it_were_not_there(fenced: Fenced) -> None:
    status = {"resources": [put_secret(fenced)]}
    fenced.shop.write(config_map("inside"), secret("of-git"))
    fenced.project(**NO_SECRETS)
    engine, application = fenced.shop.engine, fenced.application(status=status)
    reconciliation = engine.reconcile(application)
    comparison = reconciliation.comparison
    found = named(comparison, "db")
    assert (found.status, found.reason) == (SyncStatus.UNKNOWN, "resource :Secret is not permitted in project team")
    assert (found.live, found.predicted, found.differences, found.shared_with) == (None, None, (), "")
    assert found.health is not None
    assert found.health.status is HealthStatus.MISSING
    assert (comparison.status, comparison.reason) == (SyncStatus.OUT_OF_SYNC, ""), "as Argo CD has it"
    assert found.key not in reconciliation.live
    assert CANARY not in repr(comparison)
    for options in (PRUNE, PlanOptions(prune=True, apply_out_of_sync_only=True)):
        result = engine.sync(reconciliation, options=options).result
        assert not result.succeeded
        assert "db is not permitted: resource :Secret is not permitted in project team" in result.message
    live = fenced.shop.client.get(fenced.shop.path("secrets", "db")).expect()
    assert live["metadata"]["labels"] == {"told": CANARY}
    assert fenced.names() == []
    # What is permitted may still be synced by itself.
    chosen = PlanOptions(prune=True, resources=(fenced.key("ConfigMap", "inside"),))
    assert engine.sync(engine.reconcile(application), options=chosen).result.succeeded


def test_nothing_else_tells_of_it_either(fenced: Fenced) -> None:
    status = {"resources": [put_secret(fenced)]}
    fenced.shop.write(config_map("inside"))
    fenced.project(**NO_SECRETS)
    engine, application = fenced.shop.engine, fenced.application(status=status)
    reconciliation = engine.reconcile(application)
    assert [key.name for key in reconciliation.live] == []
    shown = [
        engine.tree(application),
        engine.actions(application),
        engine.events(application),
        reconciliation.comparison,
    ]
    assert not any(CANARY in repr(each) or "Secret" in repr(each) for each in shown)
    plan = engine.plan(reconciliation, options=PRUNE)
    assert [task.key.name for task in plan.tasks] == ["inside"]


def test_a_project_that_changes_is_asked_anew(fenced: Fenced) -> None:
    """The same objects at the same versions, compared before and after."""
    status = {"resources": [put_secret(fenced)]}
    fenced.shop.write(config_map("inside"))
    engine = fenced.shop.engine
    application = fenced.application(status=status)
    for rules, expected in ((NO_SECRETS, ["inside"]), ({}, ["inside", "db"]), (NO_SECRETS, ["inside"])):
        fenced.project(**{"namespaceResourceBlacklist": [], **rules})
        assert [entry.key.name for entry in engine.compare(application).resources] == expected
        (many,) = engine.compare_all([application])
        assert [entry.key.name for entry in many.resources] == expected


def test_what_cannot_be_listed_and_is_not_permitted_says_nothing(fenced: Fenced) -> None:
    """A kind whose API is gone would make the Application Unknown, were it the Application's."""
    gone = {"group": "gone.example.com", "version": "v1", "kind": "Gizmo", "name": "x", "namespace": fenced.away}
    fenced.shop.write(config_map("inside"))
    application = fenced.application(status={"resources": [gone]})
    comparison = fenced.shop.engine.compare(application)
    assert [entry.key.name for entry in comparison.resources] == ["inside"]
    assert comparison.status is SyncStatus.OUT_OF_SYNC


@pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
def test_a_status_says_what_is_not_permitted(fenced: Fenced) -> None:
    put_secret(fenced)
    fenced.shop.write(secret("of-git"))
    fenced.project(**NO_SECRETS)
    application = fenced.application(syncPolicy={"automated": {}, "retry": {"limit": 0}})
    (run,) = fenced.shop.engine.reconcile_automated([application])
    assert run.failed
    status = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()["status"]
    assert status["sync"]["status"] == "OutOfSync"
    (entry,) = status["resources"]
    assert (entry["name"], entry["status"], entry["health"]["status"]) == ("db", "Unknown", "Missing")
    assert CANARY not in json.dumps(status)


@pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
def test_without_the_project_nothing_is_compared(fenced: Fenced) -> None:
    put_secret(fenced)
    with pytest.raises(ReconcilerError, match="project nobody which does not exist"):
        fenced.shop.engine.compare(fenced.application(project="nobody"))
