"""Deletion of Applications: hooks before and after, waves from the highest down, finalizers, and what stays."""

from typing import Any

import pytest

from reconciler.engine.deleting import plan_deletion
from reconciler.engine.requests import Deletion, SyncRequest
from reconciler.errors import SyncError
from reconciler.model import Application
from reconciler.sync.records import PlanOptions, SyncResult
from tests.argo import install_argo
from tests.reconciler.engine.places import Manifest, Shop, config_map

APPLICATIONS = "/apis/argoproj.io/v1alpha1"
JOBS = "/apis/batch/v1"


def annotated(manifest: Manifest, **annotations: str) -> Manifest:
    named = {f"argocd.argoproj.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": named}}


def job(name: str, hook: str) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/job:v1"}]}
    return annotated(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"template": {"spec": pod}, "backoffLimit": 0},
        },
        hook=hook,
    )


def in_cluster(shop: Shop, **metadata: Any) -> Application:
    """The Application as an object of the cluster."""
    install_argo(shop.client)
    body = shop.application().model_dump(by_alias=True, exclude_unset=True, mode="json")
    body["metadata"] |= metadata
    shop.client.create(shop.path("applications", api=APPLICATIONS), body).expect(201)
    shop.engine.begin_run()
    return shop.engine.application("shop")


def names(shop: Shop, collection: str = "configmaps", *, api: str = "/api/v1") -> list[str]:
    items = shop.client.get(shop.path(collection, api=api)).expect()["items"]
    return sorted(item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt")


def order(result: SyncResult) -> list[tuple[str, str]]:
    return [(str(entry.phase), entry.key.name) for entry in result.results]


def test_objects_go_from_the_highest_wave_down_and_the_application_last(shop: Shop) -> None:
    shop.write(config_map("a"), annotated(config_map("b"), sync_wave="2"), annotated(config_map("c"), sync_wave="-1"))
    shop.synced()
    application = in_cluster(shop)
    result = shop.engine.delete(application)
    assert (result.succeeded, result.message) == (True, "successfully deleted")
    assert order(result) == [("Sync", "b"), ("Sync", "a"), ("Sync", "c")]
    assert names(shop) == []
    assert shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).status == 404
    record = shop.engine.history("shop", limit=1)[0]
    assert (record.phase, record.message) == ("Succeeded", "successfully deleted")


def test_hooks_run_before_and_after_and_leave_nothing(shop: Shop) -> None:
    shop.write(job("before", "PreDelete"), job("after", "PostDelete"), config_map("a"))
    shop.synced()
    assert names(shop, "jobs", api=JOBS) == []
    result = shop.engine.delete(in_cluster(shop))
    assert result.succeeded, result.message
    assert order(result) == [("PreDelete", "before"), ("Sync", "a"), ("PostDelete", "after")]
    assert names(shop, "jobs", api=JOBS) == []
    assert shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).status == 404


def test_what_stays(shop: Shop) -> None:
    shop.write(
        config_map("goes"),
        annotated(config_map("stays"), sync_options="Delete=false"),
        {**config_map("kept"), "metadata": {"name": "kept", "annotations": {"helm.sh/resource-policy": "keep"}}},
    )
    shop.synced()
    foreign = config_map("foreign")
    shop.client.create(shop.path("configmaps"), foreign).expect(201)
    result = shop.engine.delete(in_cluster(shop))
    assert result.succeeded, result.message
    assert names(shop) == ["foreign", "kept", "stays"]


def test_without_cascade_only_the_application_goes(shop: Shop) -> None:
    shop.write(config_map("a"))
    shop.synced()
    application = in_cluster(shop, finalizers=["resources-finalizer.argocd.argoproj.io"])
    assert shop.engine.delete(application, Deletion(cascade=False)).succeeded
    assert names(shop) == ["a"]
    assert shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).status == 404


def test_a_dry_run_deletes_nothing(shop: Shop) -> None:
    shop.write(config_map("a"), job("before", "PreDelete"))
    shop.synced()
    application = in_cluster(shop)
    result = shop.engine.delete(application, request=SyncRequest(options=PlanOptions(dry_run=True)))
    assert result.succeeded, result.message
    assert names(shop) == ["a"]
    live = shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).expect(200)
    assert "deletionTimestamp" not in live["metadata"]


def at_work(shop: Shop, phase: str | None = "Running") -> None:
    """Argo CD begins an operation of its own, or ends it."""
    state: Manifest = {"phase": phase, "startedAt": "2026-11-23T10:00:00Z", "operation": {"sync": {}}}
    patch = {"status": {"operationState": state if phase else None}}
    shop.client.patch(shop.path("applications", "shop", api=APPLICATIONS), patch).expect(200)


def test_while_argo_cd_is_at_work_nothing_is_deleted(shop: Shop) -> None:
    shop.write(config_map("a"))
    shop.synced()
    application = in_cluster(shop)
    assert plan_deletion(shop.engine, application, Deletion()).problems == ()
    at_work(shop)
    end = "wait for its end, or end it with: gitops-nb app terminate-op shop"
    reason = f"Argo CD is at an operation of its own (Running); {end}"
    plan = plan_deletion(shop.engine, application, Deletion())
    assert plan.problems == (reason,)
    assert [(task.key.name, str(task.change)) for task in plan.tasks] == [("a", "delete")]
    with pytest.raises(SyncError) as caught:
        shop.engine.delete(application)
    assert str(caught.value) == f"shop cannot be deleted: {reason}"
    assert names(shop) == ["a"]
    live = shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).expect(200)
    assert "deletionTimestamp" not in live["metadata"]
    record = shop.engine.history("shop", limit=1)[0]
    assert (record.phase, record.message) == ("Error", str(caught.value))
    assert shop.engine.delete(application, request=SyncRequest(options=PlanOptions(dry_run=True))).succeeded
    at_work(shop, None)
    assert shop.engine.delete(application).succeeded
    assert names(shop) == []


def test_an_application_of_a_file_only(shop: Shop) -> None:
    shop.write(config_map("a"))
    shop.synced()
    assert shop.engine.delete(shop.application()).succeeded
    assert names(shop) == []


def test_a_failed_hook_keeps_the_application_and_is_tried_again(shop: Shop) -> None:
    failing = job("before", "PreDelete")
    failing["spec"]["template"]["spec"]["containers"][0]["command"] = ["false"]
    shop.write(failing, config_map("a"))
    shop.synced()
    application = in_cluster(shop)
    result = shop.engine.delete(application)
    assert not result.succeeded
    assert names(shop) == ["a"]
    live = shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).expect(200)
    assert live["metadata"]["deletionTimestamp"]
    assert live["metadata"]["finalizers"] == [
        "pre-delete-finalizer.argocd.argoproj.io",
        "resources-finalizer.argocd.argoproj.io",
    ]
    assert names(shop, "jobs", api=JOBS) == []
    shop.write(job("before", "PreDelete"), config_map("a"))
    assert shop.engine.delete(shop.engine.application("shop")).succeeded
    assert names(shop) == []
    assert shop.client.get(shop.path("applications", "shop", api=APPLICATIONS)).status == 404


def test_git_is_not_needed_unless_hooks_are_known_to_be_there(shop: Shop) -> None:
    shop.write(config_map("a"))
    shop.synced()
    in_cluster(shop)
    shop.write({"apiVersion": "v1", "kind": "ConfigMap"})
    application = shop.engine.application("shop")
    result = shop.engine.delete(application)
    assert result.succeeded, result.message
    assert names(shop) == []


def test_hooks_that_cannot_be_read_keep_the_application(shop: Shop) -> None:
    shop.write(config_map("a"))
    shop.synced()
    in_cluster(shop, finalizers=["pre-delete-finalizer.argocd.argoproj.io"])
    shop.write({"apiVersion": "v1", "kind": "ConfigMap"})
    application = shop.engine.application("shop")
    with pytest.raises(SyncError, match=r"shop cannot be deleted: its hooks are not known: .*; mend the source"):
        shop.engine.delete(application)
    assert names(shop) == ["a"]
