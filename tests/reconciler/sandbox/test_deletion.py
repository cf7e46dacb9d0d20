import pytest

from tests.reconciler.sandbox.clusters import TestCluster, config_map, deployment

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
PODS = "/api/v1/namespaces/default/pods"


def held(name: str, *finalizers: str) -> dict[str, object]:
    return {"metadata": {"name": name, "finalizers": list(finalizers)}}


def owned(name: str, owner: dict[str, object], *, block: bool = True) -> dict[str, object]:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["metadata"]["name"],  # type: ignore[index]
        "uid": owner["metadata"]["uid"],  # type: ignore[index]
        "blockOwnerDeletion": block,
    }
    return {"metadata": {"name": name, "ownerReferences": [reference]}}


def names(cluster: TestCluster, path: str) -> list[str]:
    return [
        item["metadata"]["name"]
        for item in cluster.get(path)["items"]
        if item["metadata"]["name"] != "kube-root-ca.crt"
    ]


def test_finalizers_hold_an_object_back(cluster: TestCluster) -> None:
    cluster.create(MAPS, held("a", "example.com/hold"))
    marked = cluster.delete(f"{MAPS}/a")
    assert marked["metadata"]["deletionTimestamp"] == "2026-05-04T03:02:03Z"
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    text = "Forbidden: no new finalizers can be added if the object is being deleted"
    assert text in cluster.refuse(422, "PUT", f"{MAPS}/a", held("a", "example.com/hold", "example.com/more"))
    cluster.patch(f"{MAPS}/a", {"metadata": {"finalizers": None}})
    assert cluster.send("GET", f"{MAPS}/a").status == 404


@pytest.mark.parametrize(
    ("preconditions", "words"),
    [
        ({"uid": "other"}, "the UID in the precondition (other) does not match the UID in record"),
        ({"resourceVersion": "1"}, "the ResourceVersion in the precondition (1) does not match"),
    ],
)
def test_preconditions(cluster: TestCluster, preconditions: dict[str, str], words: str) -> None:
    created = cluster.create(MAPS, config_map("a"))
    told = cluster.refuse(409, "DELETE", f"{MAPS}/a", {"preconditions": preconditions})
    assert told.startswith(f'Operation cannot be fulfilled on ConfigMap "a": {words}')
    cluster.delete(f"{MAPS}/a", {"preconditions": {"uid": created["metadata"]["uid"]}})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"propagationPolicy": "Sideways"}, "propagationPolicy"),
        ({"dryRun": ["Some"]}, "dryRun"),
        ({"propagationPolicy": "Orphan", "orphanDependents": True}, "propagationPolicy"),
    ],
)
def test_options_that_cannot_be(cluster: TestCluster, options: dict[str, object], field: str) -> None:
    cluster.create(MAPS, config_map("a"))
    told = cluster.refuse(422, "DELETE", f"{MAPS}/a", options)
    assert told.startswith('DeleteOptions.meta.k8s.io "" is invalid: ' + field)


def test_a_collection_is_deleted_as_selected(cluster: TestCluster) -> None:
    for name in ("a", "b"):
        cluster.create(MAPS, {"metadata": {"name": name, "labels": {"n": name}}})
    assert [item["metadata"]["name"] for item in cluster.delete(MAPS, labelSelector="n=a")["items"]] == ["a"]
    assert names(cluster, MAPS) == ["b"]


def test_dependents_go_with_their_owner_in_the_background(living: TestCluster) -> None:
    owner = living.create(MAPS, config_map("owner"))
    other = living.create(MAPS, config_map("other"))
    living.create(MAPS, owned("mine", owner))
    shared = owned("shared", owner)
    shared["metadata"]["ownerReferences"].append(owned("x", other)["metadata"]["ownerReferences"][0])  # type: ignore[index]
    living.create(MAPS, shared)
    living.delete(f"{MAPS}/owner")
    living.advance(1)
    assert names(living, MAPS) == ["other", "shared"]
    references = living.get(f"{MAPS}/shared")["metadata"]["ownerReferences"]
    assert [reference["name"] for reference in references] == ["other"]


def test_an_owner_that_never_was_leaves_no_dependents(living: TestCluster) -> None:
    living.create(MAPS, owned("stray", {"metadata": {"name": "ghost", "uid": "1"}}))
    living.advance(1)
    assert names(living, MAPS) == []


def test_foreground_deletion_waits_for_those_that_block(living: TestCluster) -> None:
    owner = living.create(MAPS, config_map("owner"))
    blocking = owned("blocking", owner)
    blocking["metadata"]["finalizers"] = ["example.com/hold"]  # type: ignore[index]
    living.create(MAPS, blocking)
    living.create(MAPS, owned("free", owner, block=False))
    marked = living.delete(f"{MAPS}/owner", {"propagationPolicy": "Foreground"})
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    living.advance(1)
    assert names(living, MAPS) == ["blocking", "owner"]
    living.patch(f"{MAPS}/blocking", {"metadata": {"finalizers": None}})
    living.advance(1)
    assert names(living, MAPS) == []


def test_orphans_lose_their_reference(living: TestCluster) -> None:
    owner = living.create(MAPS, config_map("owner"))
    living.create(MAPS, owned("kept", owner))
    living.delete(f"{MAPS}/owner", propagationPolicy="Orphan")
    living.advance(1)
    assert names(living, MAPS) == ["kept"]
    assert "ownerReferences" not in living.get(f"{MAPS}/kept")["metadata"]


def test_a_deployment_takes_its_pods_along(living: TestCluster) -> None:
    living.create(DEPLOYMENTS, deployment(replicas=2))
    living.advance(2)
    assert (len(names(living, SETS)), len(names(living, PODS))) == (1, 2)
    living.delete(f"{DEPLOYMENTS}/web")
    living.advance(2)
    assert (names(living, DEPLOYMENTS), names(living, SETS), names(living, PODS)) == ([], [], [])


def test_a_namespace_empties_itself(living: TestCluster) -> None:
    living.create("/api/v1/namespaces", {"metadata": {"name": "gone"}})
    living.advance(1)
    assert living.get("/api/v1/namespaces/gone/serviceaccounts/default")["kind"] == "ServiceAccount"
    assert living.get("/api/v1/namespaces/gone/configmaps/kube-root-ca.crt")["data"] == {"ca.crt": "PEM"}
    living.create("/api/v1/namespaces/gone/configmaps", held("a", "example.com/hold"))
    marked = living.delete("/api/v1/namespaces/gone")
    assert (marked["kind"], marked["status"]["phase"]) == ("Namespace", "Terminating")
    told = living.refuse(403, "POST", "/api/v1/namespaces/gone/configmaps", config_map("late"))
    text = "unable to create new content in namespace gone because it is being terminated"
    assert told == f'configmaps "late" is forbidden: {text}'
    living.advance(1)
    assert living.get("/api/v1/namespaces/gone")["status"]["phase"] == "Terminating"
    living.patch("/api/v1/namespaces/gone/configmaps/a", {"metadata": {"finalizers": None}})
    living.advance(1)
    assert living.send("GET", "/api/v1/namespaces/gone").status == 404


def test_running_pods_are_given_time_and_others_are_not(living: TestCluster) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    living.create(PODS, body)
    assert living.delete(f"{PODS}/p")["metadata"].get("deletionTimestamp") is None
    assert living.send("GET", f"{PODS}/p").status == 404
    living.create(PODS, body)
    living.advance(1)
    marked = living.delete(f"{PODS}/p")["metadata"]
    assert (marked["deletionGracePeriodSeconds"], "deletionTimestamp" in marked) == (30, True)
    living.advance(1)
    assert living.send("GET", f"{PODS}/p").status == 404
