"""What a cluster refuses: a sync ends Failed with its words for each object, and the next one goes on where this one ended."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.sync.run_options import RunOptions
from reconciler.terms import HealthStatus, OperationPhase, ResultCode, SyncStatus
from tests.argo import DEFINITIONS
from tests.conformance.client import Client
from tests.reconciler.engine.places import Manifest, Shop, config_map, named, result_of

SAME, DIFFERS, UNKNOWN = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC, SyncStatus.UNKNOWN
real = pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)


def in_wave(wave: int, manifest: Manifest) -> Manifest:
    annotations = {"argocd.argoproj.io/sync-wave": str(wave)}
    return {**manifest, "metadata": {**manifest["metadata"], "annotations": annotations}}


def secret(name: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"a": "c4n4ry"}}


@real
def test_a_quota_that_is_used_up_in_the_middle(shop: Shop) -> None:
    """A dry-run counts each object alone, so that only the apply finds out."""
    quotas = shop.path("resourcequotas")
    limit = {"count/secrets": "1"}
    shop.client.create(quotas, {"metadata": {"name": "few"}, "spec": {"hard": limit}}).expect(201)
    shop.client.wait_for(quotas, "few", lambda quota: (quota.get("status") or {}).get("hard") == limit)
    shop.write(secret("first"), in_wave(1, secret("second")), in_wave(2, secret("third")))
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    said = (
        'secrets "second" is forbidden: exceeded quota: few, requested: count/secrets=1, used: count/secrets=1, '
        "limited: count/secrets=1"
    )
    assert [(entry.key.name, entry.code, entry.message) for entry in outcome.result.results] == [
        ("first", ResultCode.SYNCED, "secrets/first created"),
        ("second", ResultCode.SYNC_FAILED, said),
    ]
    assert said in outcome.result.message
    more = {"count/secrets": "3"}
    shop.client.patch(f"{quotas}/few", {"spec": {"hard": more}}).expect()
    shop.client.wait_for(quotas, "few", lambda quota: quota["status"]["hard"] == more)
    assert [entry.key.name for entry in shop.synced().result.results] == ["first", "second", "third"]
    assert shop.compare().status is SAME


@real
def test_server_side_diff_tells_a_quota_from_a_missing_right(shop: Shop) -> None:
    """Both are answered with 403; only one is mended by a role."""
    quotas = shop.path("resourcequotas")
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"type": "ClusterIP", "ports": [{"port": 80}]},
    }
    shop.write(pod)
    shop.synced()
    limit = {"services.nodeports": "0"}
    shop.client.create(quotas, {"metadata": {"name": "none"}, "spec": {"hard": limit}}).expect(201)
    shop.client.wait_for(quotas, "none", lambda quota: (quota.get("status") or {}).get("hard") == limit)
    shop.write({**pod, "spec": {**pod["spec"], "type": "NodePort"}})
    entry = named(shop.compare("ServerSideDiff=true"), "web")
    assert entry.status is UNKNOWN
    assert entry.reason.startswith(
        'server-side diff was refused: services "web" is forbidden: exceeded quota: none, requested: services.nodeports=1'
    )


def deployment(label: str) -> Manifest:
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": label}},
        "template": {
            "metadata": {"labels": {"app": label}},
            "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        },
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def test_an_immutable_field(shop: Shop) -> None:
    """Found by the dry-run, so that nothing else is applied either."""
    shop.write(deployment("old"), config_map(a="1"))
    shop.synced()
    shop.write(deployment("new"), config_map(a="2"))
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    failed = result_of(outcome, "web")
    assert failed.code is ResultCode.SYNC_FAILED
    assert failed.message.startswith('Deployment.apps "web" is invalid: spec.selector: Invalid value: ')
    assert failed.message.endswith("field is immutable")
    assert [entry.key.name for entry in outcome.result.results] == ["web"]
    assert shop.client.get(shop.path("configmaps", "settings")).expect()["data"] == {"a": "1"}
    shop.write(deployment("old"), config_map(a="2"))
    shop.synced()
    assert shop.compare().status is SAME


def test_an_immutable_config_map_and_what_goes_on_beside_it(shop: Shop) -> None:
    fixed = {**config_map("fixed", a="1"), "immutable": True}
    shop.write(fixed, config_map(a="1"))
    shop.synced()
    shop.write({**fixed, "data": {"a": "2"}}, config_map(a="2"))
    outcome = shop.sync()
    said = result_of(outcome, "fixed").message
    assert said == 'ConfigMap "fixed" is invalid: data: Forbidden: field is immutable when `immutable` is set'
    compared = shop.compare()
    assert [(entry.key.name, entry.status) for entry in compared.resources] == [
        ("fixed", DIFFERS),
        ("settings", DIFFERS),
    ]


def terminate_with_content(shop: Shop) -> None:
    """Delete the namespace, which an object with a finalizer keeps."""
    held = {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    shop.client.create(shop.path("configmaps"), held).expect(201)
    shop.write(config_map("new", a="1"))
    shop.client.delete(f"/api/v1/namespaces/{shop.namespace}")


def test_a_namespace_whose_content_keeps_it(shop: Shop) -> None:
    terminate_with_content(shop)
    try:
        assert_terminating(shop)
    finally:
        shop.client.patch(shop.path("configmaps", "held"), {"metadata": {"finalizers": None}})


@pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
def test_a_namespace_whose_content_let_go_of_it(shop: Shop) -> None:
    """A real controller looks again after many seconds only."""
    terminate_with_content(shop)
    shop.client.patch(shop.path("configmaps", "held"), {"metadata": {"finalizers": None}}).expect()
    assert_goes_on(shop)


@real
def test_a_namespace_whose_own_finalizer_keeps_it(shop: Shop) -> None:
    path = f"/api/v1/namespaces/{shop.namespace}"
    namespace = shop.client.get(path).expect()
    shop.client.update(f"{path}/finalize", namespace | {"spec": {"finalizers": ["example.com/hold"]}}).expect()
    shop.client.delete(path)
    shop.write(config_map("new", a="1"))
    try:
        assert_terminating(shop)
    finally:
        # The controller writes its conditions meanwhile, which are not in the way of an update without a version.
        metadata = {"name": shop.namespace}
        shop.client.update(f"{path}/finalize", {"metadata": metadata, "spec": {"finalizers": []}}).expect()
    assert_goes_on(shop)


def assert_terminating(shop: Shop) -> None:
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    (failed,) = outcome.result.results
    said = (
        f'configmaps "new" is forbidden: unable to create new content in namespace {shop.namespace} because it is being '
        "terminated"
    )
    assert (failed.key.name, failed.code, failed.message) == ("new", ResultCode.SYNC_FAILED, said)
    assert said in outcome.result.message


def assert_goes_on(shop: Shop) -> None:
    """Once the namespace is gone, the next sync makes it anew where it may."""
    shop.client.wait_gone("/api/v1/namespaces", shop.namespace)
    shop.engine.begin_run()
    outcome = shop.synced(options=("CreateNamespace=true",))
    assert [entry.key.kind for entry in outcome.result.results] == ["Namespace", "ConfigMap"]
    assert shop.compare().status is SAME


@pytest.fixture
def definitions(client: Client) -> Iterator[Callable[[str, str, str], Manifest]]:
    """Make definitions of a group of the test's own; they go at the end."""
    made: list[str] = []

    def make(group: str, plural: str, kind: str) -> Manifest:
        made.append(f"{plural}.{group}")
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [
                    {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
                ],
            },
        }

    yield make
    for name in made:
        client.delete(f"{DEFINITIONS}/{name}")


def established(definition: Manifest) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def account_kubeconfig(shop: Shop, folder: Path, rules: list[dict[str, Any]]) -> Path:
    """The kubeconfig of a ServiceAccount that may do what the rules say, in the shop's namespace."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{shop.namespace}"
    shop.client.create(shop.path("serviceaccounts"), {"metadata": {"name": "engine"}}).expect(201)
    role = {"metadata": {"name": "engine"}, "rules": rules}
    shop.client.create(f"{rbac}/roles", role).expect(201)
    binding = {
        "metadata": {"name": "engine"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "engine"},
        "subjects": [{"kind": "ServiceAccount", "name": "engine", "namespace": shop.namespace}],
    }
    shop.client.create(f"{rbac}/rolebindings", binding).expect(201)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = shop.client.create(shop.path("serviceaccounts", "engine/token"), request).expect(201)["status"]["token"]
    config = yaml.safe_load(shop.client.kubeconfig.read_text())
    for user in config["users"]:
        user["user"] = {"token": token}
    path = folder / "account.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


ALL = ["get", "list", "watch", "create", "patch", "delete"]
READ = ["get", "list", "watch"]


def rules(services: list[str]) -> list[dict[str, Any]]:
    return [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ALL},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        {"apiGroups": ["argoproj.io"], "resources": ["*"], "verbs": READ},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "patch"]},
        *([{"apiGroups": [""], "resources": ["services"], "verbs": services}] if services else []),
    ]


SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80}]},
}


@real
def test_one_object_of_many_that_may_not_be_written(shop: Shop, tmp_path: Path) -> None:
    shop.engine = shop.open_engine(account_kubeconfig(shop, tmp_path, rules(READ)))
    shop.write(config_map("a", x="1"), SERVICE, config_map("b", x="1"))
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    user = f"system:serviceaccount:{shop.namespace}:engine"
    said = (
        f'services "web" is forbidden: User "{user}" cannot patch resource "services" in API group "" in the namespace'
    )
    assert [(entry.key.name, entry.code) for entry in outcome.result.results] == [("web", ResultCode.SYNC_FAILED)]
    assert outcome.result.results[0].message == f'{said} "{shop.namespace}"'
    assert shop.client.get(shop.path("configmaps", "a")).status == 404
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{shop.namespace}/roles/engine"
    shop.client.patch(rbac, {"rules": rules(ALL)}).expect()
    # The authorizer follows by watch.
    for _ in range(100):
        outcome = shop.sync()
        if outcome.result.succeeded:
            break
    assert [entry.key.name for entry in outcome.result.results] == ["a", "b", "web"]
    assert shop.compare().status is SAME


@real
def test_a_kind_that_may_not_be_read_is_unknown_and_the_others_right(shop: Shop, tmp_path: Path) -> None:
    shop.write(config_map("a", x="1"), SERVICE, config_map("b", x="1"))
    shop.synced()
    shop.client.patch(shop.path("configmaps", "b"), {"data": {"x": "2"}}).expect()
    shop.engine = shop.open_engine(account_kubeconfig(shop, tmp_path, rules([])))
    compared = shop.compare()
    assert [(entry.key.name, entry.status) for entry in compared.resources] == [
        ("a", SAME),
        ("b", DIFFERS),
        ("web", UNKNOWN),
    ]
    assert 'cannot list resource "services"' in named(compared, "web").reason


@real
def test_server_side_diff_without_the_right_to_patch_says_which(shop: Shop, tmp_path: Path) -> None:
    shop.write(config_map("a", x="1"), SERVICE)
    shop.synced()
    shop.engine = shop.open_engine(account_kubeconfig(shop, tmp_path, rules(READ)))
    compared = shop.compare("ServerSideDiff=true")
    entry = named(compared, "web")
    assert (named(compared, "a").status, entry.status) == (SAME, UNKNOWN)
    assert entry.reason.startswith('server-side diff is not allowed: services "web" is forbidden: User "system:service')
    assert entry.reason.endswith("; allow the verb patch on services, or leave ServerSideDiff out")


@real
def test_a_definition_that_never_becomes_established(shop: Shop, definitions: Any) -> None:
    """Its own condition is the message, and what waits for it is not begun."""
    group = f"t{uuid.uuid4().hex[:10]}.example.com"
    shop.client.create(DEFINITIONS, definitions(group, "gadgets", "Gadget")).expect(201)
    shop.client.wait_for(DEFINITIONS, f"gadgets.{group}", established)
    clashing = definitions(group, "widgets", "Widget")
    clashing["spec"]["names"]["listKind"] = "GadgetList"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}}
    shop.write(clashing, config_map(a="1"), in_wave(1, widget))
    outcome = shop.sync(run_options=RunOptions(established_s=0.5))
    said = 'names not accepted: "GadgetList" is already in use'
    assert outcome.result.phase is OperationPhase.FAILED
    assert [(entry.key.name, entry.code, entry.message) for entry in outcome.result.results] == [
        ("settings", ResultCode.SYNCED, "configmaps/settings created"),
        (f"widgets.{group}", ResultCode.SYNC_FAILED, f"not established after 0.5 s: {said}"),
    ]
    assert outcome.comparison is not None
    assert outcome.comparison.health.status is HealthStatus.DEGRADED
    health = named(outcome.comparison, f"widgets.{group}").health
    assert health is not None
    assert health.message == said
    # The name becomes free, which the cluster notices by itself.
    shop.client.delete(f"{DEFINITIONS}/gadgets.{group}")
    shop.client.wait_for(DEFINITIONS, f"widgets.{group}", established)
    shop.engine.begin_run()
    assert [entry.key.name for entry in shop.synced().result.results] == ["settings", f"widgets.{group}", "one"]
    assert shop.compare().status is SAME


@real
@pytest.mark.parametrize("alone", [False, True], ids=["with an object in its wave", "alone"])
def test_a_definition_that_never_becomes_established_in_a_sync_of_one_wave(
    shop: Shop, definitions: Any, alone: bool
) -> None:
    group = f"t{uuid.uuid4().hex[:10]}.example.com"
    shop.client.create(DEFINITIONS, definitions(group, "gadgets", "Gadget")).expect(201)
    shop.client.wait_for(DEFINITIONS, f"gadgets.{group}", established)
    clashing: Manifest = definitions(group, "widgets", "Widget")
    clashing["spec"]["names"]["listKind"] = "GadgetList"
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}}
    shop.write(clashing, *([] if alone else [widget]))
    outcome = shop.sync(run_options=RunOptions(established_s=0.5))
    assert outcome.result.phase is OperationPhase.FAILED
    assert '"GadgetList" is already in use' in outcome.result.message


@real
def test_a_definition_that_git_has_mended_is_not_judged_by_its_old_condition(shop: Shop, definitions: Any) -> None:
    group = f"t{uuid.uuid4().hex[:10]}.example.com"
    shop.client.create(DEFINITIONS, definitions(group, "gadgets", "Gadget")).expect(201)
    shop.client.wait_for(DEFINITIONS, f"gadgets.{group}", established)
    good: Manifest = definitions(group, "widgets", "Widget")
    bad = {**good, "spec": {**good["spec"], "names": {**good["spec"]["names"], "listKind": "GadgetList"}}}
    widget = in_wave(1, {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}})
    shop.write(bad, widget)
    assert shop.sync(run_options=RunOptions(established_s=0.5)).result.phase is OperationPhase.FAILED
    shop.write(good, widget)
    shop.synced()
