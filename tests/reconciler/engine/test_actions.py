"""Resource actions against both clusters: what is listed, what is written, what is refused."""

from typing import Any

import pytest

from reconciler.cluster import Connection, Discovery, connect, discover
from reconciler.diff.records import ABSENT
from reconciler.diff.secrets import Masker
from reconciler.engine.action_writes import ActionChange, ActionWrite
from reconciler.engine.actions import ActionRequest, DisabledActionError
from reconciler.engine.selection import Selection
from reconciler.errors import AccessDeniedError, ConflictError, NotFoundError, ReconcilerError, SpecError, UsageError
from reconciler.health import ActionParameter
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.model import parse_project
from reconciler.scripts import ScriptError
from reconciler.terms import SyncStatus
from tests.argo import DEFINITIONS, is_established
from tests.conformance.client import MERGE_PATCH
from tests.reconciler.engine.places import Shop, config_map

APPS = "/apis/apps/v1"
BATCH = "/apis/batch/v1"
LABELS = {"app": "web"}
POD = {"containers": [{"name": "web", "image": "nginx:1"}], "restartPolicy": "Never"}


def deployment(replicas: int = 0) -> Manifest:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": POD["containers"]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def cron_job() -> Manifest:
    template = {"spec": {"template": {"spec": POD}}}
    spec = {"schedule": "0 3 * * *", "suspend": True, "jobTemplate": template}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}


def key(shop: Shop, kind: str, name: str, group: str = "") -> ResourceKey:
    return ResourceKey(group, kind, shop.namespace, name)


def configure(shop: Shop, kind: str, *, discovery: str = "return {}", merge: bool = False, **actions: str) -> None:
    """Actions of a kind by ``argocd-cm``."""
    text = f"mergeBuiltinActions: {str(merge).lower()}\ndiscovery.lua: |\n{_indented(discovery, 2)}definitions:\n"
    for name, script in actions.items():
        text += f"- name: {name}\n  action.lua: |\n{_indented(script, 4)}"
    labels = {"app.kubernetes.io/part-of": "argocd"}
    metadata = {"name": "argocd-cm", "labels": labels}
    body = {"metadata": metadata, "data": {f"resource.customizations.actions.{kind}": text}}
    shop.client.create(shop.path("configmaps"), body).expect(201)
    shop.engine.begin_run()


def _indented(text: str, width: int) -> str:
    return "".join(f"{' ' * width}{line}\n" for line in text.strip().splitlines())


def owned_by(obj: Manifest, manager: str) -> list[Any]:
    return [entry["fieldsV1"] for entry in obj["metadata"]["managedFields"] if entry["manager"] == manager]


def test_what_there_is_to_do(shop: Shop) -> None:
    shop.write(deployment(), cron_job(), config_map())
    shop.synced()
    found = {entry.key.name: entry for entry in shop.engine.actions(shop.application())}
    assert set(found) == {"web", "nightly"}
    assert {action.name: action.disabled for action in found["web"].actions} == {
        "pause": False,
        "restart": False,
        "resume": True,
        "scale": False,
    }
    assert found["web"].actions[-1].parameters == (ActionParameter("replicas", default="0"),)
    (only,) = shop.engine.actions(shop.application(), Selection(kind="CronJob"))
    assert [action.name for action in only.actions if not action.disabled] == ["create-job", "resume"]


def test_a_failing_discovery_is_told_and_hides_no_other(shop: Shop) -> None:
    shop.write(deployment(), cron_job())
    shop.synced()
    configure(shop, "apps_Deployment", discovery="error('broken', 0)")
    web, cron = shop.engine.actions(shop.application())
    assert (cron.key.name, web.actions) == ("nightly", ())
    assert web.reason == "argocd-cm resource.customizations.actions.apps_Deployment discovery.lua: broken"


def test_only_what_the_action_changes_is_sent(shop: Shop) -> None:
    shop.write(deployment())
    shop.synced()
    web, path = key(shop, "Deployment", "web", "apps"), shop.path("deployments", "web", api=APPS)
    before = shop.client.get(path).expect(200)
    request = ActionRequest("scale", {"replicas": "2"}, dry_run=True)
    tried = shop.engine.run_action(shop.application(), web, request)
    assert shop.client.get(path).expect(200)["metadata"]["generation"] == before["metadata"]["generation"]
    done = shop.engine.run_action(shop.application(), web, ActionRequest("scale", {"replicas": "2"}))
    assert (tried.dry_run, done.dry_run, tried.outcomes) == (True, False, done.outcomes)
    (outcome,) = done.outcomes
    assert (str(outcome.operation), outcome.key, outcome.changes) == (
        "patch",
        web,
        (ActionChange("$.spec.replicas", 0, 2),),
    )
    after = shop.client.get(path).expect(200)
    assert after["spec"] == {**before["spec"], "replicas": 2}
    assert owned_by(after, "argocd-server") == [{"f:spec": {"f:replicas": {}}}]


def test_a_restart_is_no_drift_and_outlives_a_sync(shop: Shop) -> None:
    shop.write(deployment())
    shop.synced()
    web = key(shop, "Deployment", "web", "apps")
    (outcome,) = shop.engine.run_action(shop.application(), web, ActionRequest("restart")).outcomes
    assert [change.before for change in outcome.changes] == [ABSENT]
    assert shop.compare().status is SyncStatus.SYNCED
    shop.synced()
    template = shop.client.get(shop.path("deployments", "web", api=APPS)).expect(200)["spec"]["template"]
    assert list(template["metadata"]["annotations"]) == ["kubectl.kubernetes.io/restartedAt"]


def test_an_action_that_changes_nothing_sends_nothing(shop: Shop) -> None:
    shop.write(deployment())
    shop.synced()
    web, path = key(shop, "Deployment", "web", "apps"), shop.path("deployments", "web", api=APPS)
    shop.engine.run_action(shop.application(), web, ActionRequest("scale", {"replicas": "0"}))
    after = shop.client.get(path).expect(200)
    assert owned_by(after, "argocd-server") == []


def test_a_job_is_created_from_a_cron_job(shop: Shop) -> None:
    shop.write(cron_job())
    shop.synced()
    cron = key(shop, "CronJob", "nightly", "batch")
    (outcome,) = shop.engine.run_action(shop.application(), cron, ActionRequest("create-job")).outcomes
    assert (str(outcome.operation), outcome.changes) == ("create", ())
    job = shop.client.get(shop.path("jobs", outcome.key.name, api=BATCH)).expect(200)
    assert [owner["name"] for owner in job["metadata"]["ownerReferences"]] == ["nightly"]
    assert shop.compare().status is SyncStatus.SYNCED
    (job_actions,) = shop.engine.tree(shop.application()).children(cron)
    assert job_actions.key == outcome.key


def test_every_action_of_a_job_is_accepted(shop: Shop) -> None:
    spec = {
        "suspend": True,
        "template": {"spec": {**POD, "containers": [{"name": "a", "image": "b", "command": ["sleep", "9"]}]}},
    }
    metadata = {"name": "once", "annotations": {"argocd.argoproj.io/ignore-healthcheck": "true"}}
    shop.write({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
    shop.synced()
    once = key(shop, "Job", "once", "batch")
    paths = []
    for action in ("resume", "suspend", "resume", "terminate"):
        (outcome,) = shop.engine.run_action(shop.application(), once, ActionRequest(action)).outcomes
        paths += [change.path for change in outcome.changes]
    assert paths == ["$.spec.suspend", "$.spec.suspend", "$.spec.suspend", "$.spec.activeDeadlineSeconds"]
    after = shop.client.get(shop.path("jobs", "once", api=BATCH)).expect(200)["spec"]
    assert (after["suspend"], after["activeDeadlineSeconds"]) == (False, 1)


BOTH = """
local made = {apiVersion = "v1", kind = "ConfigMap", metadata = {NAME}, data = {from = obj.metadata.name}}
obj.data = {seen = "yes"}
return {{operation = "patch", resource = obj}, {operation = "create", resource = made}}
"""


def test_nothing_is_patched_when_something_cannot_be_created(shop: Shop) -> None:
    shop.write(config_map())
    shop.synced()
    configure(
        shop,
        "ConfigMap",
        taken=BOTH.replace("NAME", "name = 'argocd-cm'"),
        free=BOTH.replace("NAME", "generateName = 'made-'"),
    )
    settings = key(shop, "ConfigMap", "settings")
    with pytest.raises(ConflictError, match='configmaps "argocd-cm" already exists'):
        shop.engine.run_action(shop.application(), settings, ActionRequest("taken"))
    assert "data" not in shop.client.get(shop.path("configmaps", "settings")).expect(200)
    patched, created = shop.engine.run_action(shop.application(), settings, ActionRequest("free")).outcomes
    assert patched.changes == (ActionChange("$.data", ABSENT, {"seen": "yes"}),)
    assert created.key.name.startswith("made-")
    assert created.key.namespace == shop.namespace
    assert shop.client.get(shop.path("configmaps", created.key.name)).expect(200)["data"] == {"from": "settings"}


@pytest.mark.parametrize("subresource", [True, False])
def test_status_is_written_where_it_is_kept(shop: Shop, *, subresource: bool) -> None:
    group = f"{shop.namespace}.example.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "gadgets", "kind": "Gadget"}
    definition = {
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced",
            "versions": [version | ({"subresources": {"status": {}}} if subresource else {})],
        },
    }
    shop.client.create(DEFINITIONS, definition).expect(201)
    try:
        shop.client.wait_for(DEFINITIONS, f"gadgets.{group}", is_established)
        shop.write({"apiVersion": f"{group}/v1", "kind": "Gadget", "metadata": {"name": "a"}, "spec": {"size": 1}})
        shop.synced()
        configure(shop, f"{group}_Gadget", both="obj.status = {steps = {'one'}} obj.spec.size = 2 return obj")
        shop.engine.run_action(shop.application(), key(shop, "Gadget", "a", group), ActionRequest("both"))
        found = shop.client.get(shop.path("gadgets", "a", api=f"/apis/{group}/v1")).expect(200)
        assert (found["spec"], found["status"]) == ({"size": 2}, {"steps": ["one"]})
    finally:
        shop.client.delete(f"{DEFINITIONS}/gadgets.{group}")


def test_a_secret_is_changed_and_never_shown(shop: Shop) -> None:
    shop.write(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"word": "canary-1"}}
    )
    shop.synced()
    configure(shop, "Secret", renew="obj.data.word = 'Y2FuYXJ5LTI=' return obj")
    done = shop.engine.run_action(shop.application(), key(shop, "Secret", "login"), ActionRequest("renew"))
    assert [change.path for change in done.outcomes[0].changes] == ["$.data.word"]
    shown = repr(done)
    assert "Y2FuYXJ5" not in shown
    assert "canary" not in shown
    assert shop.client.get(shop.path("secrets", "login")).expect(200)["data"] == {"word": "Y2FuYXJ5LTI="}


def test_an_object_that_bears_the_mark_needs_no_repository(shop: Shop) -> None:
    shop.write(deployment(), {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "lone"}})
    shop.synced()
    shop.origin.commit({"app/all.yaml": "not: [a manifest"})
    shop.engine.begin_run()
    done = shop.engine.run_action(shop.application(), key(shop, "Deployment", "web", "apps"), ActionRequest("pause"))
    assert [change.path for change in done.outcomes[0].changes] == ["$.spec.paused"]


def refusal(shop: Shop, kind: str, name: str, action: str, group: str = "", **parameters: str) -> ReconcilerError:
    with pytest.raises(ReconcilerError) as caught:
        shop.engine.run_action(shop.application(), key(shop, kind, name, group), ActionRequest(action, parameters))
    return caught.value


def test_what_is_refused(shop: Shop) -> None:
    shop.write(deployment())
    shop.synced()
    shop.client.create(shop.path("configmaps"), config_map("foreign")).expect(201)
    foreign = refusal(shop, "ConfigMap", "foreign", "x")
    assert isinstance(foreign, UsageError)
    assert str(foreign) == (
        f"ConfigMap {shop.namespace}/foreign is not managed by Application shop; actions are for what Git holds"
    )
    absent = refusal(shop, "Deployment", "none", "restart", "apps")
    assert isinstance(absent, NotFoundError)
    assert str(absent).endswith("/none is not in the cluster; sync it first")
    assert "does not know the kind" in str(refusal(shop, "Gadget", "a", "x", "example.com"))
    assert str(refusal(shop, "Deployment", "web", "explode", "apps")).endswith(
        "has no action 'explode'; it has: pause, restart, resume, scale"
    )
    disabled = refusal(shop, "Deployment", "web", "resume", "apps")
    assert isinstance(disabled, DisabledActionError)
    assert str(disabled) == f"action resume is disabled for Deployment.apps {shop.namespace}/web in its present state"
    assert str(refusal(shop, "Deployment", "web", "scale", "apps", size="2")) == (
        "action scale has no parameter size; it has: replicas"
    )
    failed = refusal(shop, "Deployment", "web", "scale", "apps", replicas="many")
    assert isinstance(failed, ScriptError)
    assert "replicas must be a whole number, not many" in str(failed)


@pytest.mark.parametrize(
    ("script", "error", "message"),
    [
        (
            "return {{operation='create', resource={apiVersion='v1', kind='ConfigMap', metadata={}}}}",
            SpecError,
            "the action creates a ConfigMap without a name; give it metadata.name or generateName",
        ),
        (
            "return {{operation='create', resource={apiVersion='example.com/v1', kind='Gadget', metadata={name='a'}}}}",
            NotFoundError,
            "the cluster does not know the kind example.com/v1 Gadget; install its CustomResourceDefinition first",
        ),
        ("return {{operation='delete', resource=obj}}", SpecError, "operation must be create or patch"),
    ],
)
def test_results_that_cannot_be(shop: Shop, script: str, error: type[Exception], message: str) -> None:
    shop.write(config_map())
    shop.synced()
    configure(shop, "ConfigMap", bad=script)
    refused = refusal(shop, "ConfigMap", "settings", "bad")
    assert isinstance(refused, error)
    assert message in str(refused)


def test_a_project_that_does_not_permit_a_kind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write(cron_job())
    shop.synced()
    project = parse_project(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "default"},
            "spec": {
                "sourceRepos": ["*"],
                "destinations": [{"server": "*", "namespace": "*"}],
                "namespaceResourceBlacklist": [{"group": "batch", "kind": "Job"}],
            },
        }
    )
    monkeypatch.setattr(shop.engine.projects, "effective", lambda _name: project)
    cron = key(shop, "CronJob", "nightly", "batch")
    with pytest.raises(
        AccessDeniedError, match=r"Application shop may not write Job\.batch .* batch:Job is not permitted"
    ):
        shop.engine.run_action(shop.application(), cron, ActionRequest("create-job"))
    assert shop.client.get(shop.path("jobs", api=BATCH)).expect(200)["items"] == []
    shop.engine.run_action(shop.application(), cron, ActionRequest("resume"))


def test_a_project_that_is_not_there(shop: Shop) -> None:
    shop.write(deployment())
    shop.synced()
    application = shop.application()
    foreign = application.model_copy(update={"spec": application.spec.model_copy(update={"project": "none"})})
    web = key(shop, "Deployment", "web", "apps")
    with pytest.raises(AccessDeniedError) as caught:
        shop.engine.run_action(foreign, web, ActionRequest("pause"))
    assert str(caught.value).startswith("Application shop: Application referencing project none which does not exist; ")


def write_of(discovery: Discovery, live: Manifest, **data: Any) -> ActionWrite:
    resource = discovery.find(GroupVersionKind("", "v1", live["kind"]))
    assert resource is not None
    return ActionWrite(resource, {**live, **data}, live)


def test_a_patch_holds_for_the_object_that_was_seen(shop: Shop) -> None:
    connection = connect(kubeconfig=shop.client.kubeconfig)
    discovery = discover(connection)
    collection = shop.path("configmaps")
    live = shop.client.create(collection, config_map(a="1")).expect(201) | {"apiVersion": "v1", "kind": "ConfigMap"}
    shop.client.patch(f"{collection}/settings", {"data": {"b": "2"}}, MERGE_PATCH).expect(200)
    # Fields beside what others changed meanwhile are merged.
    write_of(discovery, live, data={"a": "3"}).send(connection, dry_run=False)
    assert shop.client.get(f"{collection}/settings").expect(200)["data"] == {"a": "3", "b": "2"}
    shop.client.delete(f"{collection}/settings").expect(200)
    shop.client.create(collection, config_map(a="1")).expect(201)
    with pytest.raises(ConflictError, match=r"ConfigMap .*/settings was made anew since the action saw it"):
        write_of(discovery, live, data={"a": "4"}).send(connection, dry_run=False)
    assert shop.client.get(f"{collection}/settings").expect(200)["data"] == {"a": "1"}


def test_a_list_is_replaced_only_as_it_was_seen(shop: Shop) -> None:
    connection = connect(kubeconfig=shop.client.kubeconfig)
    collection = shop.path("serviceaccounts")
    made = {"metadata": {"name": "robot"}, "imagePullSecrets": [{"name": "a"}]}
    live = shop.client.create(collection, made).expect(201) | {"apiVersion": "v1", "kind": "ServiceAccount"}
    change = {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}
    shop.client.patch(f"{collection}/robot", change, MERGE_PATCH).expect(200)
    write = write_of(discover(connection), live, imagePullSecrets=[{"name": "c"}])
    assert write.changes(Masker(b"k")) == (ActionChange("$.imagePullSecrets", [{"name": "a"}], [{"name": "c"}]),)
    with pytest.raises(ConflictError, match="the object has been modified"):
        write.send(connection, dry_run=False)


def test_an_action_is_begun_anew_when_its_object_changed_meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}})
    shop.synced()
    configure(shop, "ServiceAccount", add="obj.secrets = {{name = obj.metadata.labels.seen}} return obj")
    path, seen = shop.path("serviceaccounts", "robot"), iter(["first", "second", "third"])
    send = ActionWrite.send

    def slowly(write: ActionWrite, connection: Connection, *, dry_run: bool) -> None:
        if label := next(seen, ""):
            shop.client.patch(path, {"metadata": {"labels": {"seen": label}}}, MERGE_PATCH).expect(200)
        send(write, connection, dry_run=dry_run)

    shop.client.patch(path, {"metadata": {"labels": {"seen": "none"}}}, MERGE_PATCH).expect(200)
    monkeypatch.setattr(ActionWrite, "send", slowly)
    shop.engine.run_action(shop.application(), key(shop, "ServiceAccount", "robot"), ActionRequest("add"))
    assert shop.client.get(path).expect(200)["secrets"] == [{"name": "third"}]
