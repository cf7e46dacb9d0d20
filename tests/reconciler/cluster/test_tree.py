"""Who owns whom, and the order in which a tree tells it."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.cluster.owners import Owner, is_claim_of, owners_of
from reconciler.cluster.tree import (
    Forest,
    ResourceTree,
    TreeGap,
    TreeNode,
    arrange,
    make_node,
    missing_node,
    with_status,
)
from reconciler.diff.records import Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus


def obj(kind: str, name: str, *owners: dict[str, Any], namespace: str = "web", **more: Any) -> dict[str, Any]:
    """``kind`` is ``apps/v1/Deployment``; the uid is made from the name."""
    version, _, short = kind.rpartition("/")
    metadata = {"name": name, "namespace": namespace, "uid": f"uid-{short}-{name}", "ownerReferences": list(owners)}
    return {"apiVersion": version, "kind": short, "metadata": metadata | more.pop("metadata", {}), **more}


def ref(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = of["metadata"]
    return {
        "apiVersion": of["apiVersion"],
        "kind": of["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        **more,
    }


def key(of: dict[str, Any]) -> ResourceKey:
    return ResourceKey.of(of)


DEPLOYMENT = obj("apps/v1/Deployment", "front")
REPLICA_SET = obj("apps/v1/ReplicaSet", "front-1", ref(DEPLOYMENT))
POD = obj("v1/Pod", "front-1-x", ref(REPLICA_SET))
SERVICE = obj("v1/Service", "front")
SLICE_LABELS = {"labels": {"kubernetes.io/service-name": "front"}}
TOKEN_MARKS = {"kubernetes.io/service-account.name": "robot", "kubernetes.io/service-account.uid": "uid-robot"}

INFERRED = {
    "endpoints": (obj("v1/Endpoints", "front"), (Owner("", "Service", "front"),)),
    "endpoints that somebody owns": (
        obj("v1/Endpoints", "front", ref(DEPLOYMENT)),
        (Owner("apps", "Deployment", "front", "uid-Deployment-front"),),
    ),
    "a slice by its label": (
        obj("discovery.k8s.io/v1/EndpointSlice", "front-a", metadata=SLICE_LABELS),
        (Owner("", "Service", "front"),),
    ),
    "a slice of nobody": (obj("discovery.k8s.io/v1/EndpointSlice", "front-a"), ()),
    "a token": (
        obj("v1/Secret", "t", metadata={"annotations": TOKEN_MARKS}),
        (Owner("", "ServiceAccount", "robot", "uid-robot"),),
    ),
    "another secret": (obj("v1/Secret", "t"), ()),
    "an operator's version": (
        obj("operators.coreos.com/v1/ClusterServiceVersion", "v", metadata={"annotations": {"olm.operatorGroup": "g"}}),
        (Owner("operators.coreos.com", "OperatorGroup", "g"),),
    ),
    "only the controller": (
        obj(
            "v1/Pod",
            "p",
            ref(DEPLOYMENT),
            ref(SERVICE, controller=True),
            metadata={"annotations": {"argocd.argoproj.io/sync-options": "Prune=false, ControllerReferencesOnly=true"}},
        ),
        (Owner("", "Service", "front", "uid-Service-front"),),
    ),
    "broken references": (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "ownerReferences": [7, None, {}]}},
        (Owner("", "", ""),),
    ),
    "references that are no list": (
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "ownerReferences": "a"}},
        (),
    ),
}


@pytest.mark.parametrize(("child", "owners"), INFERRED.values(), ids=INFERRED)
def test_owners(child: dict[str, Any], owners: tuple[Owner, ...]) -> None:
    assert owners_of(child) == owners


SET = obj("apps/v1/StatefulSet", "db", spec={"volumeClaimTemplates": [{"metadata": {"name": "data"}}, 7]})
CLAIMS = {
    "data-db-0": True,
    "data-db-12": True,
    "data-db-x": False,
    "data-db-": False,
    "log-db-0": False,
    "data-db2-0": False,
}


@pytest.mark.parametrize(("name", "belongs"), CLAIMS.items())
def test_claims_of_a_stateful_set(name: str, belongs: bool) -> None:
    assert is_claim_of(ResourceKey("", "PersistentVolumeClaim", "web", name), SET) is belongs


def test_claims_of_another_namespace_or_kind_are_not_its_own() -> None:
    assert not is_claim_of(ResourceKey("", "PersistentVolumeClaim", "other", "data-db-0"), SET)
    assert not is_claim_of(ResourceKey("", "ConfigMap", "web", "data-db-0"), SET)
    assert not is_claim_of(
        ResourceKey("", "PersistentVolumeClaim", "web", "data-db-0"), obj("apps/v1/StatefulSet", "db")
    )


def test_all_that_is_owned_and_nothing_else() -> None:
    stranger = obj("v1/Pod", "stranger")
    forest = Forest([POD, SERVICE, stranger, REPLICA_SET, DEPLOYMENT])
    assert forest.owned_by([key(DEPLOYMENT)]) == {key(DEPLOYMENT), key(REPLICA_SET), key(POD)}
    assert forest.parents[key(POD)] == (key(REPLICA_SET),)
    assert set(forest.tops()) == {key(DEPLOYMENT), key(SERVICE), key(stranger)}


def test_an_earlier_object_of_the_same_name_owns_nothing_of_the_new_one() -> None:
    late = obj("v1/Pod", "late", ref(DEPLOYMENT) | {"uid": "uid-of-another"})
    forest = Forest([DEPLOYMENT, late])
    assert forest.owned_by([key(DEPLOYMENT)]) == {key(DEPLOYMENT)}
    assert key(late) not in set(forest.tops())


def test_no_owner_in_another_namespace_but_a_cluster_scoped_one() -> None:
    elsewhere = obj("v1/Pod", "p", ref(DEPLOYMENT), namespace="other")
    root = obj("example.com/v1/Tenant", "t", namespace="")
    below = obj("v1/ConfigMap", "c", ref(root), namespace="other")
    forest = Forest([DEPLOYMENT, elsewhere, root, below])
    assert forest.owned_by([key(DEPLOYMENT)]) == {key(DEPLOYMENT)}
    assert forest.owned_by([key(root)]) == {key(root), key(below)}


def tree_of(*objects: dict[str, Any]) -> ResourceTree:
    forest = Forest(objects)
    return arrange(make_node(entry, parents=forest.parents[key(entry)]) for entry in objects)


def shape(tree: ResourceTree) -> list[str]:
    return [f"{'  ' * depth}{node.key.kind} {node.key.name}" for node, depth in tree.walk()]


def test_the_order_is_that_of_keys_whatever_came_first() -> None:
    second = obj("v1/Pod", "front-1-a", ref(REPLICA_SET))
    objects = [POD, DEPLOYMENT, SERVICE, REPLICA_SET, second, obj("v1/Endpoints", "front")]
    expected = [
        "Service front",
        "  Endpoints front",
        "Deployment front",
        "  ReplicaSet front-1",
        "    Pod front-1-a",
        "    Pod front-1-x",
    ]
    for seed in range(5):
        random.Random(seed).shuffle(objects)
        tree = tree_of(*objects)
        assert shape(tree) == expected
        assert [f"{node.key.kind} {node.key.name}" for node in tree.nodes] == [line.strip() for line in expected]


def test_a_node_with_two_owners_stands_below_the_first() -> None:
    both = obj("v1/Pod", "both", ref(DEPLOYMENT), ref(SERVICE))
    tree = tree_of(DEPLOYMENT, SERVICE, both)
    assert shape(tree) == ["Service front", "  Pod both", "Deployment front"]
    assert [node.key.name for node in tree.children(key(DEPLOYMENT))] == ["both"]


def test_owners_that_own_each_other_end_nowhere() -> None:
    one, two = obj("v1/ConfigMap", "one"), obj("v1/ConfigMap", "two")
    one["metadata"]["ownerReferences"] = [ref(two), ref(one)]
    two["metadata"]["ownerReferences"] = [ref(one)]
    tree = tree_of(one, two)
    assert shape(tree) == ["ConfigMap one", "  ConfigMap two"]
    assert Forest([one, two]).owned_by([key(one)]) == {key(one), key(two)}


def test_a_chain_may_be_as_deep_as_it_likes() -> None:
    chain = [obj("v1/ConfigMap", "c0000")]
    for number in range(1, 3000):
        chain.append(obj("v1/ConfigMap", f"c{number:04}", ref(chain[-1])))
    tree = tree_of(*chain)
    assert max(depth for _, depth in tree.walk()) == 2999


def test_a_node_says_what_it_is() -> None:
    healthy = Health(HealthStatus.HEALTHY)
    found = make_node(
        obj(
            "apps/v1/Deployment",
            "front",
            metadata={"creationTimestamp": "2026-11-23T10:00:00Z", "resourceVersion": "7", "deletionTimestamp": "x"},
        ),
        assess=lambda _obj: healthy,
    )
    assert found == TreeNode(
        ResourceKey("apps", "Deployment", "web", "front"),
        "v1",
        uid="uid-Deployment-front",
        resource_version="7",
        created_at=datetime(2026, 11, 23, 10, tzinfo=UTC),
        deleting=True,
        health=healthy,
    )


def test_a_comparison_gives_status_and_reasons() -> None:
    other = missing_node(ResourceKey("", "ConfigMap", "web", "lost"), "v1")
    tree = arrange([make_node(DEPLOYMENT), make_node(SERVICE), other], [TreeGap("a", "B", "", "down")])
    compared = [
        ResourceComparison(key(DEPLOYMENT), "v1", SyncStatus.OUT_OF_SYNC, health=Health(HealthStatus.DEGRADED, "no")),
        ResourceComparison(other.key, "v1", SyncStatus.UNKNOWN, reason="not known"),
        ResourceComparison(key(SERVICE), "v1", SyncStatus.SYNCED, hook=True),
    ]
    found = with_status(tree, compared)
    assert [(node.key.name, node.sync, node.managed, node.reason) for node in found.nodes] == [
        ("lost", SyncStatus.UNKNOWN, True, "not known"),
        ("front", None, False, ""),
        ("front", SyncStatus.OUT_OF_SYNC, True, ""),
    ]
    assert found.find(key(DEPLOYMENT)) == replace(
        make_node(DEPLOYMENT), managed=True, sync=SyncStatus.OUT_OF_SYNC, health=Health(HealthStatus.DEGRADED, "no")
    )
    assert found.gaps == tree.gaps
    assert tree.nodes[0].sync is None
