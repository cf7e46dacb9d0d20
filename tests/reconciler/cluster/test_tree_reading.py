"""The tree of what lives in a cluster, the sandbox's and a real one's."""

import json
from pathlib import Path
from typing import Any

from reconciler.cluster import connect, discover, get_object
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.orphans import OrphanSearch
from reconciler.cluster.tree import ResourceTree
from reconciler.cluster.tree_reading import TreeRequest, read_tree
from reconciler.health import assess_health
from reconciler.manifest.objects import GroupVersionKind, ResourceKey
from reconciler.terms import HealthStatus
from tests.conformance.client import Client
from tests.reconciler.cluster.servers import CONFIG_MAPS, Answer, Query, config_map, failure, listing, serving, text

TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "m", "image": "example.com/m:1"}]}}
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
SELECTOR = {"matchLabels": {"app": "web"}}


def create(client: Client, namespace: str) -> list[tuple[str, str, str]]:
    core, apps = f"/api/v1/namespaces/{namespace}", f"/apis/apps/v1/namespaces/{namespace}"
    deployment = {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}
    stateful = {
        "replicas": 1,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {**TEMPLATE, "metadata": {"labels": {"app": "db"}}},
        "volumeClaimTemplates": [CLAIM],
    }
    client.create(f"{apps}/deployments", {"metadata": {"name": "web"}, "spec": deployment}).expect(201)
    client.create(f"{apps}/statefulsets", {"metadata": {"name": "db"}, "spec": stateful}).expect(201)
    service = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    client.create(f"{core}/services", {"metadata": {"name": "web"}, "spec": service}).expect(201)
    client.create(f"{core}/configmaps", {"metadata": {"name": "lost"}}).expect(201)
    client.wait_for(f"{apps}/deployments", "web", lambda obj: obj.get("status", {}).get("readyReplicas") == 2)
    client.wait_for(f"{apps}/statefulsets", "db", lambda obj: obj.get("status", {}).get("readyReplicas") == 1)
    return [("apps", "Deployment", "web"), ("apps", "StatefulSet", "db"), ("", "Service", "web")]


def kinds(tree: ResourceTree) -> list[str]:
    return [
        f"{depth} {node.key.kind}" for node, depth in tree.walk() if node.key.kind not in ("Endpoints", "EndpointSlice")
    ]


def test_the_tree_down_to_pods(client: Client, namespace: str, cluster_kubeconfig: Path) -> None:
    managed = create(client, namespace)
    connection = connect(kubeconfig=cluster_kubeconfig)
    discovery = discover(connection)
    objects = []
    for group, kind, name in managed:
        resource = discovery.preferred(group, kind)
        assert resource is not None
        found = get_object(connection, resource, namespace=namespace, name=name)
        assert found is not None
        objects.append(found)
    gone = ResourceKey("", "Secret", namespace, "in-git-only")
    request = TreeRequest(objects, missing=[(gone, "v1")], assess=assess_health, orphans=OrphanSearch(namespace))
    tree = read_tree(connection, discovery, request)
    assert tree.gaps == ()
    assert kinds(tree) == [
        "0 ConfigMap",
        "0 Secret",
        "0 Service",
        "0 Deployment",
        "1 ReplicaSet",
        "2 Pod",
        "2 Pod",
        "0 StatefulSet",
        "1 PersistentVolumeClaim",
        "1 Pod",
        "1 ControllerRevision",
    ]
    assert [node.key.name for node in tree.orphaned] == ["lost"]
    assert [node.key.name for node in tree.managed] == ["in-git-only", "web", "web", "db"]
    missing = tree.find(gone)
    assert missing is not None
    assert missing.health is not None
    assert (missing.uid, missing.health.status) == ("", HealthStatus.MISSING)
    pods = [node for node in tree.nodes if node.key.kind == "Pod"]
    assert {node.health.status for node in pods if node.health} == {HealthStatus.HEALTHY}
    assert {(item.name, item.value) for node in pods for item in node.info} >= {
        ("Status Reason", "Running"),
        ("Containers", "1/1"),
    }
    assert {node.images for node in pods} == {("example.com/m:1",)}
    slices = [node for node in tree.nodes if node.key.kind == "EndpointSlice"]
    assert [node.parents for node in slices] == [(ResourceKey("", "Service", namespace, "web"),)]


# What goes wrong, one fault at a time.


def resource(group: str, kind: str, plural: str) -> ApiResource:
    return ApiResource(GroupVersionKind(group, "v1", kind), plural, True, frozenset({"get", "list", "watch"}))


PODS, SECRETS, EVENTS = resource("", "Pod", "pods"), resource("", "Secret", "secrets"), resource("", "Event", "events")
METRICS = resource("custom.metrics.k8s.io", "Gauge", "gauges")
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", **config_map("owner", 1)}


def owned(name: str, version: int = 2) -> dict[str, Any]:
    obj = config_map(name, version)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "uid-owner"}
    return {"metadata": {**obj["metadata"], "ownerReferences": [reference]}}


def test_kinds_that_cannot_be_listed_are_gaps_and_hide_nothing_else() -> None:
    def script(path: str, _query: Query) -> Answer:
        if path.endswith("/secrets"):
            return failure(403, "secrets is forbidden")
        if path.endswith("/configmaps"):
            return listing(5, owned("child"))
        if path.endswith("/pods/p"):
            return failure(500, "boom")
        return listing(5, owned("p"))

    discovery = Discovery([CONFIG_MAPS, PODS, SECRETS, EVENTS, METRICS], stale_groups=["custom.metrics.k8s.io"])
    with serving(script) as (connection, seen):
        tree = read_tree(connection, discovery, TreeRequest([OWNER]))
    assert [(gap.group, gap.kind, gap.namespace, gap.reason) for gap in tree.gaps] == [
        ("", "Secret", "web", "secrets is forbidden"),
        ("custom.metrics.k8s.io", "", "", "the API server behind the group custom.metrics.k8s.io does not answer"),
    ]
    assert [(node.key.name, node.reason) for node in tree.nodes] == [("owner", ""), ("child", ""), ("p", "boom")]
    asked = {ask.path for ask in seen}
    assert not any("gauges" in path or "events" in path for path in asked)


def test_only_metadata_is_asked_for_and_no_secret_is_read() -> None:
    def script(path: str, _query: Query) -> Answer:
        return listing(5, owned("child")) if path.endswith("/secrets") else listing(5)

    with serving(script) as (connection, seen):
        tree = read_tree(connection, Discovery([CONFIG_MAPS, SECRETS]), TreeRequest([OWNER]))
    assert [node.key.kind for node in tree.nodes] == ["ConfigMap", "Secret"]
    assert [ask.path.rpartition("/")[2] for ask in seen if ask.path.count("/") > 5] == []
    assert all("PartialObjectMetadataList" in ask.headers["Accept"] for ask in seen)


def test_an_object_that_was_replaced_meanwhile_is_not_shown_as_owned() -> None:
    def script(path: str, _query: Query) -> Answer:
        if path.endswith("/pods"):
            return listing(5, owned("p"))
        if path.endswith("/pods/p"):
            other = owned("p")
            other["metadata"]["uid"] = "uid-of-another"
            return Answer(lines=[text({"apiVersion": "v1", "kind": "Pod", **other})])
        return listing(5)

    with serving(script) as (connection, _):
        tree = read_tree(connection, Discovery([CONFIG_MAPS, PODS]), TreeRequest([OWNER]))
    assert [node.key.name for node in tree.nodes] == ["owner"]


def test_many_objects_of_a_kind_are_listed_once() -> None:
    def script(path: str, _query: Query) -> Answer:
        return listing(5, *(owned(f"p{number}") for number in range(9))) if path.endswith("/pods") else listing(5)

    with serving(script) as (connection, seen):
        tree = read_tree(connection, Discovery([CONFIG_MAPS, PODS]), TreeRequest([OWNER]))
    assert len(tree.nodes) == 10
    assert sorted(ask.path.rpartition("/")[2] for ask in seen) == ["configmaps", "pods", "pods"]


def test_a_cluster_that_is_gone_leaves_what_is_known() -> None:
    with serving(lambda _path, _query: failure(500, "boom")) as (connection, _):
        tree = read_tree(connection, Discovery([CONFIG_MAPS]), TreeRequest([OWNER], assess=assess_health))
    assert [node.key.name for node in tree.nodes] == ["owner"]
    assert [gap.reason for gap in tree.gaps] == ["boom"]
    assert json.dumps([str(node.key) for node in tree.managed]) == '["ConfigMap web/owner"]'
