"""What was authorised is what is sent: the identity of every write request, beside what the project was asked for."""

import threading
import uuid
from typing import Any
from urllib.parse import unquote

import pytest

from reconciler.access import DestinationCluster, Verdict, permits_resource
from reconciler.cluster import Connection, Discovery
from reconciler.cluster.discovery import ApiResource
from reconciler.engine import projects
from reconciler.engine.actions import ActionRequest
from reconciler.errors import SpecError, SyncError
from reconciler.manifest.objects import GroupVersionKind, ResourceKey
from reconciler.model import AppProject
from reconciler.sync.kinds import Kinds
from reconciler.sync.records import Change, PlanOptions, SyncResult, SyncTask, TaskAction
from reconciler.terms import OperationPhase, SyncPhase
from tests.argo import DEFINITIONS
from tests.attacks.fenced import HERE, Fenced, annotated, job
from tests.conformance.client import AGGREGATED_DISCOVERY
from tests.reconciler.engine.places import Manifest, config_map

OWN = {("coordination.k8s.io", "Lease"), ("argoproj.io", "Application")}
"""What an operation writes beside the objects of its plan: its lock, and the Application itself."""
EVERYTHING: dict[str, Any] = {
    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    "destinations": [{"server": HERE, "namespace": "*"}],
    "namespaceResourceBlacklist": [],
}
sandbox_only = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)


class Watchman:
    """Notes what projects permit, and every write that is sent, dry-runs included."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.permitted: set[ResourceKey] = set()
        self.sent: list[tuple[str, str, Any]] = []
        request = Connection.request

        def noted(connection: Connection, method: str, path: str, **how: Any) -> Any:
            if method != "GET":
                self.sent.append((method, path, how.get("body")))
            return request(connection, method, path, **how)

        def judged(project: AppProject, key: ResourceKey, cluster: DestinationCluster, *, namespaced: bool) -> Verdict:
            verdict = permits_resource(project, key, cluster, namespaced=namespaced)
            if verdict.permitted:
                assert namespaced is bool(key.namespace)
                assert cluster.server == HERE
                self.permitted.add(key)
            return verdict

        monkeypatch.setattr(Connection, "request", noted)
        monkeypatch.setattr(projects, "permits_resource", judged)

    def sent_but_own(self) -> list[str]:
        """The paths of all writes but of leases and Applications."""
        return [path for _, path, _ in self.sent if "/leases" not in path and "/applications" not in path]

    def identities(self, fenced: Fenced) -> set[ResourceKey]:
        """Of what was written, from the requests' paths alone."""
        kinds = {
            (group["metadata"].get("name", ""), resource["resource"]): resource["responseKind"]["kind"]
            for root in ("/api", "/apis")
            for group in fenced.shop.client.get(root, accept=AGGREGATED_DISCOVERY).expect()["items"]
            for version in group["versions"]
            for resource in version["resources"]
        }
        found = set()
        for method, path, body in self.sent:
            parts = [unquote(part) for part in path.strip("/").split("/")]
            group = "" if parts.pop(0) == "api" else parts.pop(0)
            del parts[0]
            namespace = ""
            if parts[0] == "namespaces" and len(parts) > 2:
                namespace, parts = parts[1], parts[2:]
            name = body["metadata"]["name"] if method == "POST" else parts[1]
            found.add(ResourceKey(group, kinds[group, parts[0]], namespace, name))
            if isinstance(body, dict) and method != "DELETE":
                written = (body.get("metadata") or {}).get("namespace", namespace)
                assert written == namespace, "the body says another namespace than the path"
        return {key for key in found if (key.group, key.kind) not in OWN}


@pytest.fixture
def watchman(monkeypatch: pytest.MonkeyPatch, fenced: Fenced) -> Watchman:
    return Watchman(monkeypatch)


def sync(fenced: Fenced, *, prune: bool = False, **application: Any) -> SyncResult:
    engine = fenced.shop.engine
    reconciliation = engine.reconcile(fenced.application(**application))
    return engine.sync(reconciliation, options=PlanOptions(prune=prune)).result


def generated(name: str, **annotations: str) -> Manifest:
    made = job("", **annotations)
    metadata = {key: value for key, value in made["metadata"].items() if key != "name"}
    return {**made, "metadata": {**metadata, "generateName": name}}


def test_every_write_of_an_operation_was_authorised(fenced: Fenced, watchman: Watchman) -> None:
    """Applies, replacements, objects made anew, a namespace, hooks, prunes, an action and a deletion."""
    fenced.project(**EVERYTHING)
    made = fenced.forbidden("new-namespace")["metadata"]["name"]
    fixed = {**config_map("fixed", a="1"), "immutable": True}
    cron = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": job("x")["spec"]}},
    }
    policy = {"syncOptions": ["CreateNamespace=true"]}
    target = [
        config_map("applied", a="1"),
        annotated(config_map("replaced", a="1"), sync_options="Replace=true"),
        annotated(fixed, sync_options="Force=true"),
        {**config_map("elsewhere"), "metadata": {"name": "elsewhere", "namespace": fenced.away}},
        # A cluster-scoped object has no namespace, whatever it says.
        {
            **fenced.forbidden("cluster"),
            "metadata": {**fenced.forbidden("cluster")["metadata"], "namespace": "default"},
        },
        cron,
        job("before", hook="PreSync", hook_delete_policy="BeforeHookCreation"),
        generated("after-", hook="PostSync", hook_delete_policy="HookSucceeded"),
        job("farewell", hook="PreDelete"),
    ]
    how: dict[str, Any] = {"destination": {"server": HERE, "namespace": made}, "syncPolicy": policy}
    fenced.shop.write(*target, config_map("old"))
    first = sync(fenced, **how)
    assert first.succeeded, first.message
    target[1]["data"] = target[2]["data"] = {"a": "2"}
    fenced.shop.write(*target)
    assert sync(fenced, prune=True, **how).succeeded
    engine, application = fenced.shop.engine, fenced.shop.engine.application(fenced.shop.name)
    engine.run_action(application, ResourceKey("batch", "CronJob", made, "nightly"), ActionRequest("create-job"))
    engine.run_action(application, ResourceKey("batch", "CronJob", made, "nightly"), ActionRequest("suspend"))
    assert engine.delete(application).succeeded
    sent = watchman.identities(fenced)
    assert sent <= watchman.permitted
    names = {"applied", "replaced", "fixed", "elsewhere", "nightly", "before", "farewell", "old", made}
    assert names <= {key.name for key in sent}
    assert {(key.namespace, key.name) for key in sent if key.kind == "ClusterRole"} == {
        ("", f"{fenced.shop.namespace}-escaped")
    }


def definition(group: str, scope: str, kind: str = "Gizmo") -> Manifest:
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "kind": kind},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


DEFINES: dict[str, Any] = {
    "clusterResourceWhitelist": [{"group": "apiextensions.k8s.io", "kind": "CustomResourceDefinition"}]
}


def test_a_kind_of_somebodys_own_does_not_say_what_scope_others_have(fenced: Fenced, watchman: Watchman) -> None:
    """What would be permitted as an object of a namespace is not written as one of the whole cluster."""
    group = f"g{uuid.uuid4().hex[:10]}.example.com"
    fenced.project(**DEFINES)
    look_alike = definition(group, "Namespaced", "CustomResourceDefinition")
    lie = {**definition(group, "Namespaced"), "apiVersion": f"{group}/v1", "metadata": {"name": "lie"}}
    gizmo = {"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": "escaped"}}
    fenced.shop.write(look_alike, definition(group, "Cluster"), annotated(gizmo, sync_wave="1"), lie)
    try:
        result = sync(fenced)
        assert result.phase is OperationPhase.FAILED
        assert f"Gizmo.{group} escaped is not permitted: resource {group}:Gizmo is not permitted" in result.message
        assert watchman.sent_but_own() == []
    finally:
        for plural in ("gizmos", "customresourcedefinitions"):
            fenced.shop.client.delete(f"{DEFINITIONS}/{plural}.{group}")


@pytest.mark.parametrize(("scope", "namespace"), [(True, ""), (False, "team-a")], ids=["namespaced", "cluster"])
def test_a_kind_that_turns_out_to_have_another_scope(scope: bool, namespace: str) -> None:
    """A project has judged another object than the request would be for."""
    gvk = GroupVersionKind("example.com", "v1", "Gizmo")
    key = ResourceKey("example.com", "Gizmo", namespace, "one")
    discovery = Discovery([ApiResource(gvk, "gizmos", scope, frozenset())])
    connection: Any = None
    kinds = Kinds(connection, discovery, {}, timeout_s=0, stopping=threading.Event())
    task = SyncTask(SyncPhase.SYNC, 0, TaskAction.APPLY, key, "v1", Change.CREATE)
    with pytest.raises(SyncError) as caught:
        kinds.resource(task)
    planned, real = (
        ("a cluster-scoped object", "namespaced") if scope else ("an object of a namespace", "cluster-scoped")
    )
    assert str(caught.value) == f"{key} was planned as {planned}, but its kind is {real}; sync again"


@sandbox_only
@pytest.mark.parametrize("phase", ["PreSync", "PostSync"])
def test_a_definition_that_is_a_hook_comes_before_what_uses_it(fenced: Fenced, watchman: Watchman, phase: str) -> None:
    group = f"g{uuid.uuid4().hex[:10]}.example.com"
    fenced.project(**DEFINES)
    gizmo = {"apiVersion": f"{group}/v1", "kind": "Gizmo", "metadata": {"name": "one"}}
    fenced.shop.write(annotated(definition(group, "Namespaced"), hook=phase), gizmo)
    try:
        result = sync(fenced)
        assert result.succeeded, result.message
        assert [entry.key.kind for entry in result.results] == ["CustomResourceDefinition", "Gizmo"]
        assert watchman.identities(fenced) <= watchman.permitted
    finally:
        fenced.shop.client.delete(f"{DEFINITIONS}/gizmos.{group}")


@sandbox_only
@pytest.mark.parametrize(
    "script",
    [
        "obj.metadata.name = 'other'",
        "obj.metadata.namespace = 'kube-system'",
        "obj.kind = 'Secret'",
        "obj.apiVersion = 'apps/v1' obj.kind = 'Deployment'",
    ],
)
def test_an_action_patches_the_object_that_it_was_asked_for(fenced: Fenced, watchman: Watchman, script: str) -> None:
    """Whatever its script makes of the object's name: what is judged is what the request is for."""
    fenced.shop.write(config_map("settings", a="1"))
    assert sync(fenced).succeeded
    text = f"definitions:\n- name: move\n  action.lua: |\n    obj.data.a = '2' {script}\n    return obj\n"
    labels = {"app.kubernetes.io/part-of": "argocd"}
    data = {"resource.customizations.actions.ConfigMap": text}
    fenced.shop.client.create(
        fenced.shop.path("configmaps"), {"metadata": {"name": "argocd-cm", "labels": labels}, "data": data}
    ).expect(201)
    fenced.shop.engine.begin_run()
    watchman.sent.clear()
    with pytest.raises(SpecError) as caught:
        fenced.shop.engine.run_action(
            fenced.shop.engine.application(fenced.shop.name), fenced.key("ConfigMap", "settings"), ActionRequest("move")
        )
    assert "an action may patch only the object it is run on" in str(caught.value)
    assert watchman.sent == []


@sandbox_only
@pytest.mark.parametrize(
    ("destination", "said"),
    [
        ({"name": "prod", "server": HERE}, "server"),
        ({"name": "prod"}, "no cluster prod is known"),
        ({"name": HERE}, f"no cluster {HERE} is known"),
    ],
    ids=["name and server", "a name", "an address as a name"],
)
def test_a_destination_that_says_two_things_is_none(
    fenced: Fenced, watchman: Watchman, destination: dict[str, str], said: str
) -> None:
    """GHSA-3jfq-742w-xg8j: one cluster is judged and asked."""
    fenced.shop.write(config_map("inside"))
    with pytest.raises(SpecError) as caught:
        fenced.shop.engine.reconcile(
            fenced.application(destination={**destination, "namespace": fenced.shop.namespace})
        )
    assert said in str(caught.value)
    assert watchman.sent == []
