"""What may not begin is in the history, as an operation that ended Error with the reason; the cluster stays as it is."""

import json
from typing import Any

import pytest

from reconciler.engine.requests import SyncRequest
from reconciler.errors import AccessDeniedError, ReconcilerError, SpecError, SyncError
from reconciler.history import SyncRecord
from reconciler.model import Application
from reconciler.sync.records import PlanOptions
from reconciler.terms import ConditionType
from tests.attacks.fenced import ARGO, Fenced, fenced
from tests.reconciler.engine.places import config_map, shop

__all__ = ["fenced", "shop"]

pytestmark = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
ELSEWHERE = {"server": "https://kubernetes.default.svc", "namespace": "kube-system"}
AUTOMATED = {"automated": {"prune": True}}
CLOSED = [{"kind": "deny", "schedule": "* * * * *", "duration": "24h", "applications": ["*"], "manualSync": False}]
BY_ADA = SyncRequest(PlanOptions(prune=True), initiated_by="ada")


def records(fenced: Fenced) -> list[SyncRecord]:
    return fenced.shop.engine.history(fenced.shop.name, namespace=fenced.shop.namespace)


def refused(fenced: Fenced, application: Application, request: SyncRequest = BY_ADA) -> ReconcilerError:
    engine = fenced.shop.engine
    before = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()
    with pytest.raises(ReconcilerError) as caught:
        engine.run_sync(engine.reconcile(application, request=request), request)
    assert fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect() == before
    assert fenced.names() == []
    return caught.value


def test_what_the_project_refuses(fenced: Fenced) -> None:
    fenced.shop.write(config_map("inside"))
    error = refused(fenced, fenced.application(destination=ELSEWHERE))
    assert isinstance(error, AccessDeniedError)
    assert (error.condition, error.exit_status) == (ConditionType.INVALID_SPEC, 3)
    (record,) = records(fenced)
    assert (record.phase, record.message, record.refused) == ("Error", str(error), "project")
    assert "namespace 'kube-system' do not match any of the allowed destinations" in record.message
    assert (record.project, record.initiated_by, record.prune, record.dry_run) == ("team", "ada", True, False)
    assert (record.revisions, record.resources, record.target_revision) == ((), (), "HEAD")
    assert json.loads(record.request)["prune"] is True
    assert fenced.shop.engine.store is not None
    assert fenced.shop.engine.store.verify().ok


def test_each_attempt_of_somebody_is_a_record(fenced: Fenced) -> None:
    application = fenced.application(destination=ELSEWHERE)
    for _ in range(2):
        refused(fenced, application)
    assert [record.refused for record in records(fenced)] == ["project", "project"]


def test_a_dry_run_and_a_comparison_are_no_attempts(fenced: Fenced) -> None:
    application = fenced.application(destination=ELSEWHERE)
    refused(fenced, application, SyncRequest(PlanOptions(dry_run=True), initiated_by="ada"))
    with pytest.raises(AccessDeniedError):
        fenced.shop.engine.compare(application)
    assert records(fenced) == []


def test_a_destination_that_nobody_knows(fenced: Fenced) -> None:
    error = refused(fenced, fenced.application(destination={"server": "https://10.0.0.9:1", "namespace": "a"}))
    assert isinstance(error, SpecError)
    (record,) = records(fenced)
    assert (record.phase, record.message) == ("Error", str(error))


def test_a_deletion_that_the_project_refuses(fenced: Fenced) -> None:
    application = fenced.application(destination=ELSEWHERE)
    with pytest.raises(AccessDeniedError):
        fenced.shop.engine.delete(application, request=BY_ADA)
    (record,) = records(fenced)
    assert (record.refused, json.loads(record.request)["delete"]) == ("project", True)


@pytest.mark.parametrize(
    ("project", "said"),
    [({"syncWindows": CLOSED}, "window"), ({}, "namespace {} is not there")],
    ids=["a window", "a namespace that is not there"],
)
def test_what_a_gate_refuses(fenced: Fenced, project: dict[str, Any], said: str) -> None:
    destination = {"server": "https://kubernetes.default.svc", "namespace": f"{fenced.shop.namespace}-none"}
    fenced.project(destinations=[{"server": "*", "namespace": "*"}], **project)
    fenced.shop.write(config_map("inside"))
    application = fenced.application() if project else fenced.application(destination=destination)
    error = refused(fenced, application)
    assert isinstance(error, SyncError if project else SpecError)
    assert said.format(destination["namespace"]) in str(error)
    (record,) = records(fenced)
    assert (record.phase, record.message, record.refused) == ("Error", str(error), "gate")
    assert len(record.revisions) == 1


def test_what_a_policy_asks_for_is_recorded_once(fenced: Fenced) -> None:
    fenced.shop.write(config_map("inside"))
    engine = fenced.shop.engine
    for _ in range(2):
        (run,) = engine.reconcile_automated([fenced.application(destination=ELSEWHERE, syncPolicy=AUTOMATED)])
        assert run.failed
    (record,) = records(fenced)
    assert (record.refused, record.initiated_by) == ("project", "")
    assert record.message in run.message
    status = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()["status"]
    (condition,) = status["conditions"]
    assert (condition["type"], condition["message"]) == ("InvalidSpecError", record.message)
    assert status["sync"]["status"] == "Unknown"
    # Another reason is another refusal.
    engine.reconcile_automated([fenced.application(project="nobody", syncPolicy=AUTOMATED)])
    assert ["does not exist" in each.message for each in records(fenced)] == [True, False]


def test_what_no_policy_asks_for_is_no_attempt(fenced: Fenced) -> None:
    fenced.shop.engine.reconcile_automated([fenced.application(destination=ELSEWHERE)])
    assert records(fenced) == []


def test_one_of_many(fenced: Fenced) -> None:
    fenced.shop.write(config_map("inside"))
    application = fenced.application(destination=ELSEWHERE)
    (run,) = fenced.shop.engine.sync_all([application], lambda *_: BY_ADA, request=BY_ADA)
    assert run.failed
    (record,) = records(fenced)
    assert (record.refused, record.initiated_by) == ("project", "ada")
    assert record.message in run.message
