"""Applications that bring an ``operation`` or a ``status`` of their own: believed of nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.errors import SyncError
from reconciler.sync.records import PlanOptions
from reconciler.terms import OperationPhase
from tests.attacks.fenced import ARGO, HERE, Fenced
from tests.reconciler.cli.conftest import Call
from tests.reconciler.engine.places import config_map

pytestmark = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
ANOTHER = "another:/ConfigMap:{namespace}/theirs"
OPERATION = {"initiatedBy": {"username": "mallory"}, "sync": {"revision": "HEAD", "prune": True}}
ASKED = {"operation": OPERATION}
AT_WORK = {
    "status": {"operationState": {"phase": "Running", "operation": OPERATION, "startedAt": "2026-01-01T00:00:00Z"}}
}


def others(fenced: Fenced) -> list[dict[str, str]]:
    """Objects that are not the Application's, as its status may name them."""
    mark = ANOTHER.format(namespace=fenced.shop.namespace)
    theirs = {"metadata": {"name": "theirs", "annotations": {"argocd.argoproj.io/tracking-id": mark}}}
    for body in (theirs, {"metadata": {"name": "nobodys"}}):
        fenced.shop.client.create(fenced.shop.path("configmaps"), body).expect(201)
    away = {"metadata": {"name": "away"}}
    fenced.shop.client.create(f"/api/v1/namespaces/{fenced.away}/configmaps", away).expect(201)
    places = [(fenced.shop.namespace, "theirs"), (fenced.shop.namespace, "nobodys"), (fenced.away, "away")]
    entries = [{"version": "v1", "kind": "ConfigMap", "namespace": where, "name": name} for where, name in places]
    return [*entries, {"version": "v1", "kind": "Namespace", "name": fenced.away}]


def versions(fenced: Fenced) -> list[str]:
    paths = [fenced.shop.path("configmaps", name) for name in ("theirs", "nobodys")]
    paths += [f"/api/v1/namespaces/{fenced.away}/configmaps/away", f"/api/v1/namespaces/{fenced.away}"]
    return [fenced.shop.client.get(path).expect()["metadata"]["resourceVersion"] for path in paths]


@pytest.mark.parametrize("health", ["Missing", "Healthy"])
def test_a_status_that_names_objects_of_others(fenced: Fenced, health: str) -> None:
    named = [
        {**entry, "status": "OutOfSync", "requiresPruning": True, "health": {"status": health}}
        for entry in others(fenced)
    ]
    fenced.project(
        destinations=[{"server": HERE, "namespace": "*"}], clusterResourceWhitelist=[{"group": "*", "kind": "*"}]
    )
    fenced.shop.write(config_map("inside"))
    application, before = fenced.application(status={"resources": named}), versions(fenced)
    engine = fenced.shop.engine
    outcome = engine.sync(engine.reconcile(application), options=PlanOptions(prune=True))
    assert [entry.key.name for entry in outcome.result.results] == ["inside"]
    assert versions(fenced) == before
    status = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()["status"]
    assert [entry["name"] for entry in status["resources"]] == ["inside"]
    result = engine.delete(fenced.application(status={"resources": named}))
    assert [entry.key.name for entry in result.results] == ["inside"]
    assert versions(fenced) == before


@pytest.mark.parametrize("brought", [ASKED, AT_WORK], ids=["operation", "operation state"])
def test_an_operation_that_it_brings_is_not_ours_to_run(fenced: Fenced, brought: dict[str, Any]) -> None:
    """Whoever brought it: the sync is refused, that is recorded, and nothing is pruned as the operation would have it."""
    fenced.shop.write(config_map("inside"), config_map("old"))
    engine = fenced.shop.engine
    assert engine.sync(engine.reconcile(fenced.application())).result.succeeded
    fenced.shop.write(config_map("inside", a="2"))
    application = fenced.application(**brought)
    with pytest.raises(SyncError) as caught:
        engine.sync(engine.reconcile(application))
    assert "Argo CD is at an operation of its own" in str(caught.value)
    assert engine.history(fenced.shop.name)[0].message == str(caught.value)
    assert engine.compare(application).application == fenced.shop.name
    assert engine.reconcile_automated([application])[0].outcome is None
    assert fenced.names() == ["inside", "old"]
    live = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()
    assert live.get("operation") == brought.get("operation")


@pytest.mark.parametrize("brought", [ASKED, AT_WORK], ids=["operation", "operation state"])
def test_a_child_that_brings_one_from_git(fenced: Fenced, brought: dict[str, Any]) -> None:
    """The parent applies it as it is written, as upstream does; nothing is done for the child."""
    child = {**fenced.child(), **brought}
    fenced.shop.write(child)
    engine = fenced.shop.engine
    outcome = engine.sync(engine.reconcile(fenced.application()))
    assert outcome.result.phase is OperationPhase.FAILED
    assert "child cannot be synced: Argo CD is at an operation of its own" in outcome.result.message
    assert fenced.names() == []


JUNK: list[Any] = [
    ASKED | AT_WORK,
    {"operation": 5, "status": "Synced"},
    {"status": {"resources": 7, "operationState": "x"}},
]


@pytest.mark.parametrize("brought", JUNK, ids=["both", "of other types", "within"])
@pytest.mark.parametrize("there", [False, True], ids=["file only", "in the cluster"])
def test_what_a_file_says_of_them_is_left_out(
    fenced: Fenced, call: Call, tmp_path: Path, brought: dict[str, Any], there: bool
) -> None:
    named = others(fenced)
    fenced.shop.write(config_map("inside"))
    application = fenced.application()
    body = application.model_dump(
        by_alias=True, exclude_unset=True, mode="json", include={"api_version", "kind", "spec"}
    )
    if not there:
        fenced.shop.client.delete(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()
    body |= {"metadata": {"name": fenced.shop.name}} | brought
    if isinstance(body.get("status"), dict):
        body["status"] = {"resources": named} | body["status"]
    file = tmp_path / "shop.yaml"
    file.write_text(yaml.safe_dump(body))
    before = versions(fenced)
    words = ("--kubeconfig", str(fenced.shop.client.kubeconfig), "-n", fenced.shop.namespace)
    status, output, errors = call("app", "sync", "-f", str(file), "--prune", *words)
    assert status == 0, output + errors
    assert fenced.names() == ["inside", "nobodys", "theirs"]
    assert versions(fenced) == before
    assert "mallory" not in output + errors
