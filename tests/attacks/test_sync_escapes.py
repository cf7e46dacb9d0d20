"""Ways out of a project that an Application tries, by every path on which something is written, through the engine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.engine.actions import ActionRequest
from reconciler.errors import AccessDeniedError
from reconciler.sync.records import PlanOptions, SyncResult
from reconciler.terms import OperationPhase, ResultCode, SyncStatus
from tests.attacks.fenced import ARGO, BATCH, FORBIDDEN, HERE, Fenced, annotated, job
from tests.reconciler.engine.places import Manifest, config_map

pytestmark = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
DELETION_HOOKS = ["PreDelete", "PostDelete"]
HOOKS = ["PreSync", "Sync", "PostSync", "SyncFail", *DELETION_HOOKS]


def sync(fenced: Fenced, *, prune: bool = False, **application: Any) -> SyncResult:
    engine = fenced.shop.engine
    options = PlanOptions(prune=prune)
    return engine.sync(engine.reconcile(fenced.application(**application)), options=options).result


def expect_refused(fenced: Fenced, result: SyncResult) -> None:
    """Failed with the reason for each, and none of them is touched."""
    assert result.phase is OperationPhase.FAILED
    for wrong in FORBIDDEN:
        assert (
            f"{fenced.forbidden(wrong)['metadata']['name']} is not permitted: {fenced.reason(wrong)}" in result.message
        )
    assert {entry.code for entry in result.results} == {ResultCode.SYNC_FAILED}
    record = fenced.shop.engine.history(fenced.shop.name)[0]
    assert (record.phase, record.message) == ("Failed", result.message)


def outside(fenced: Fenced, **annotations: str) -> list[Manifest]:
    return [annotated(fenced.forbidden(wrong), **annotations) for wrong in FORBIDDEN]


@pytest.mark.parametrize(
    "options", [[], ["Replace=true"], ["Force=true", "Replace=true"]], ids=["apply", "put", "anew"]
)
def test_an_object_outside_stops_the_sync_before_anything_is_written(fenced: Fenced, options: list[str]) -> None:
    fenced.shop.write(config_map("inside"), *outside(fenced))
    expect_refused(fenced, sync(fenced, syncPolicy={"syncOptions": options}))
    assert not any(map(fenced.is_there, outside(fenced)))
    assert fenced.names() == []


@pytest.mark.parametrize("phase", HOOKS)
def test_a_hook_outside_is_not_created_in_any_phase(fenced: Fenced, phase: str) -> None:
    """Those of a deletion count when they would run: the deletion is refused before anything is deleted."""
    fenced.shop.write(config_map("inside"), *outside(fenced, hook=phase))
    if phase in DELETION_HOOKS:
        assert sync(fenced).succeeded
        result, inside = fenced.shop.engine.delete(fenced.shop.engine.application(fenced.shop.name)), ["inside"]
    else:
        result, inside = sync(fenced), []
    expect_refused(fenced, result)
    assert not any(map(fenced.is_there, outside(fenced)))
    assert fenced.names() == inside
    application = fenced.shop.client.get(fenced.shop.path("applications", fenced.shop.name, api=ARGO)).expect()
    assert "deletionTimestamp" not in application["metadata"]
    assert not application["metadata"].get("finalizers")


@pytest.mark.parametrize("phase", HOOKS)
def test_an_object_outside_is_not_deleted_to_make_room_for_a_hook(fenced: Fenced, phase: str) -> None:
    for wrong in FORBIDDEN:
        fenced.put(fenced.forbidden(wrong))
    fenced.shop.write(*outside(fenced, hook=phase, hook_delete_policy="BeforeHookCreation,HookSucceeded,HookFailed"))
    if phase in DELETION_HOOKS:
        assert sync(fenced).succeeded
        result = fenced.shop.engine.delete(fenced.shop.engine.application(fenced.shop.name))
    else:
        result = sync(fenced)
    expect_refused(fenced, result)
    assert all(map(fenced.is_there, outside(fenced)))


def test_what_lies_outside_is_neither_pruned_nor_deleted(fenced: Fenced) -> None:
    """Even where it bears the Application's mark and its status names it."""
    status = {"resources": [fenced.put(fenced.forbidden(wrong)) for wrong in FORBIDDEN]}
    fenced.shop.write()
    result = sync(fenced, prune=True, status=status)
    deleted = fenced.shop.engine.delete(fenced.application(status=status))
    assert deleted.succeeded, deleted.message
    assert result.results == (), "a comparison does not even show it"
    assert {entry.code for entry in deleted.results} == {ResultCode.PRUNE_SKIPPED}
    assert {entry.message for entry in deleted.results} == {fenced.reason(wrong) for wrong in FORBIDDEN}
    assert all(map(fenced.is_there, outside(fenced)))


def test_the_destination_is_not_made_where_namespaces_are_not_permitted(fenced: Fenced) -> None:
    fenced.project(destinations=[{"server": HERE, "namespace": f"{fenced.shop.namespace}*"}])
    made = fenced.forbidden("new-namespace")
    fenced.shop.write(config_map("inside"))
    destination = {"server": HERE, "namespace": made["metadata"]["name"]}
    result = sync(fenced, destination=destination, syncPolicy={"syncOptions": ["CreateNamespace=true"]})
    assert result.phase is OperationPhase.FAILED
    assert fenced.reason("new-namespace") in result.message
    assert not fenced.is_there(made)


OUTSIDE: dict[str, tuple[dict[str, Any], str]] = {
    "source": (
        {"source": {"repoURL": "file:///srv/others", "path": "app"}},
        "application repo file:///srv/others is not",
    ),
    "one of its sources": (
        {"sources": [{"repoURL": "$URL", "path": "app"}, {"repoURL": "file:///srv/others", "ref": "values"}]},
        "application repo file:///srv/others is not permitted",
    ),
    "namespace": ({"destination": {"server": HERE, "namespace": "$AWAY"}}, "and namespace '$AWAY' do not match any"),
    "no namespace": ({"destination": {"server": HERE}}, "and namespace '' do not match any"),
    "project": ({"project": "missing"}, "Application referencing project missing which does not exist"),
    "another's project": ({"project": "others"}, "is not permitted in project 'others'"),
    "server": ({"destination": {"server": "https://prod.example.com", "namespace": "$NS"}}, "server"),
}


def filled(value: Any, fenced: Fenced) -> Any:
    if isinstance(value, dict):
        return {name: filled(entry, fenced) for name, entry in value.items()}
    if isinstance(value, list):
        return [filled(entry, fenced) for entry in value]
    texts = {"$URL": fenced.shop.origin.url, "$AWAY": fenced.away, "$NS": fenced.shop.namespace}
    for name, text in texts.items():
        value = value.replace(name, text)
    return value


@pytest.mark.parametrize("wrong", OUTSIDE)
def test_an_application_outside_may_do_nothing(fenced: Fenced, wrong: str) -> None:
    fenced.project("others", sourceRepos=["https://git.example.com/others"])
    cluster = {
        "metadata": {"name": "prod", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
        "stringData": {"name": "prod", "server": "https://prod.example.com", "config": "{}"},
    }
    fenced.shop.client.create(fenced.shop.path("secrets"), cluster).expect(201)
    fenced.shop.write(config_map("inside"))
    reconciliation = fenced.shop.engine.reconcile(fenced.application())
    changes, reason = filled(OUTSIDE[wrong][0], fenced), filled(OUTSIDE[wrong][1], fenced)
    engine, application = fenced.shop.engine, fenced.application(**changes)
    escaped = replace(reconciliation, application=application)
    calls: list[Callable[[], object]] = [
        lambda: engine.reconcile(application),
        lambda: engine.plan(escaped),
        lambda: engine.sync(escaped),
        lambda: engine.sync(escaped, options=PlanOptions(dry_run=True)),
        lambda: engine.delete(application),
        lambda: engine.tree(application),
        lambda: engine.run_action(application, fenced.key("ConfigMap", "inside"), ActionRequest("restart")),
    ]
    for call in calls:
        with pytest.raises(AccessDeniedError) as caught:
            call()
        assert reason in str(caught.value)
    (compared,) = engine.compare_all([application])
    assert compared.status is SyncStatus.UNKNOWN
    assert reason in compared.reason
    assert fenced.names() == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"project": "missing"}, "Application referencing project missing which does not exist"),
        ({"destination": {"server": HERE, "namespace": "$AWAY"}}, "and namespace '$AWAY' do not match any"),
        ({"source": {"repoURL": "file:///srv/others", "path": "."}}, "application repo file:///srv/others is not"),
    ],
    ids=["project", "namespace", "source"],
)
def test_a_child_that_leaves_its_project_writes_nothing(fenced: Fenced, change: dict[str, Any], reason: str) -> None:
    child = fenced.child(syncPolicy={"automated": {}, "retry": {"limit": 0}}, **filled(change, fenced))
    fenced.shop.write(child)
    result = sync(fenced)
    assert result.phase is OperationPhase.FAILED
    assert filled(reason, fenced) in result.message
    for namespace in (fenced.shop.namespace, fenced.away):
        found = fenced.shop.client.get(f"/api/v1/namespaces/{namespace}/configmaps").expect()["items"]
        assert "of-child" not in [item["metadata"]["name"] for item in found]


def test_an_action_writes_nothing_outside(fenced: Fenced) -> None:
    """A CronJob's ``create-job`` makes a Job, which this project does not permit; nor may an action patch what has left it."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/job:v1"}]}
    spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    cron = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}
    fenced.shop.write(cron)
    assert sync(fenced).succeeded
    key, engine = fenced.key("CronJob", "nightly", "batch"), fenced.shop.engine
    for kind, action in (("Job", "create-job"), ("CronJob", "suspend")):
        fenced.project(namespaceResourceBlacklist=[{"group": "batch", "kind": kind}])
        with pytest.raises(AccessDeniedError) as caught:
            engine.run_action(engine.application(fenced.shop.name), key, ActionRequest(action))
        assert f"resource batch:{kind} is not permitted in project team" in str(caught.value)
    assert fenced.names("jobs", api=BATCH) == []
    assert (
        fenced.shop.client.get(fenced.shop.path("cronjobs", "nightly", api=BATCH)).expect()["spec"]["suspend"] is False
    )


def test_a_hook_that_its_project_permits_still_runs_at_a_deletion(fenced: Fenced) -> None:
    fenced.shop.write(config_map("inside"), job("before", hook="PreDelete"), job("after", hook="PostDelete"))
    assert sync(fenced).succeeded
    result = fenced.shop.engine.delete(fenced.shop.engine.application(fenced.shop.name))
    assert [entry.key.name for entry in result.results] == ["before", "inside", "after"], result.message
    assert fenced.names() == []
