"""Target manifests as they will be applied."""

import copy
from typing import Any

import pytest

from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.manifest.objects import GroupVersionKind, ResourceKey
from reconciler.sync.prepare import PreparedTarget, prepare_target
from reconciler.terms import ConditionType

TRACKING, HOOK = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/hook"
VERBS = frozenset({"get", "list", "watch", "patch", "delete"})
DISCOVERY = Discovery(
    [
        ApiResource(GroupVersionKind("", "v1", "ConfigMap"), "configmaps", True, VERBS),
        ApiResource(GroupVersionKind("", "v1", "Namespace"), "namespaces", False, VERBS),
        ApiResource(GroupVersionKind("batch", "v1", "Job"), "jobs", True, VERBS),
        ApiResource(
            GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
            "customresourcedefinitions",
            False,
            VERBS,
        ),
    ]
)


def obj(kind: str, name: str = "a", api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def prepare(*manifests: dict[str, Any]) -> PreparedTarget:
    before = copy.deepcopy(manifests)
    prepared = prepare_target(manifests, DISCOVERY, application="guestbook", namespace="web")
    assert manifests == before, "the input is left as it is"
    return prepared


def definition(scope: str = "Namespaced", **spec: Any) -> dict[str, Any]:
    whole = {"group": "zoo", "names": {"kind": "Zebra"}, "scope": scope, **spec}
    return {**obj("CustomResourceDefinition", "zebras.zoo", "apiextensions.k8s.io/v1"), "spec": whole}


PLACES: dict[str, tuple[dict[str, Any], str, str]] = {
    "the destination fills in": (obj("ConfigMap"), "ConfigMap web/a", "guestbook:/ConfigMap:web/a"),
    "its own namespace stays": (obj("ConfigMap", namespace="db"), "ConfigMap db/a", "guestbook:/ConfigMap:db/a"),
    "an empty namespace is none": (obj("ConfigMap", namespace=""), "ConfigMap web/a", "guestbook:/ConfigMap:web/a"),
    "a null namespace is none": (obj("ConfigMap", namespace=None), "ConfigMap web/a", "guestbook:/ConfigMap:web/a"),
    "a cluster-scoped object loses its own": (
        obj("Namespace", namespace="db"),
        "Namespace a",
        "guestbook:/Namespace:web/a",
    ),
    "a kind of a group": (obj("Job", api_version="batch/v1"), "Job.batch web/a", "guestbook:batch/Job:web/a"),
}


@pytest.mark.parametrize(("manifest", "key", "tracking"), PLACES.values(), ids=PLACES)
def test_place_and_mark(manifest: dict[str, Any], key: str, tracking: str) -> None:
    prepared = prepare(manifest)
    ((found, placed),) = prepared.resources.items()
    assert str(found) == key
    assert placed["metadata"]["annotations"] == {TRACKING: tracking}
    assert found == ResourceKey.of(placed)
    assert set(prepared.kinds) == {found}


def test_a_definition_is_not_marked() -> None:
    (placed,) = prepare(definition()).resources.values()
    assert "annotations" not in placed["metadata"]


@pytest.mark.parametrize(
    ("scope", "key"),
    [("Namespaced", "Zebra.zoo web/z"), ("Cluster", "Zebra.zoo z")],
    ids=["namespaced", "cluster-scoped"],
)
def test_objects_of_a_kind_that_the_manifests_define(scope: str, key: str) -> None:
    prepared = prepare(obj("Zebra", "z", "zoo/v1", namespace=None), definition(scope))
    assert key in [str(found) for found in prepared.resources]
    assert not prepared.unknown


def test_a_kind_that_nobody_knows() -> None:
    prepared = prepare(obj("Zebra", "z", "zoo/v1"), obj("ConfigMap", api_version="v2"))
    assert [str(key) for key in prepared.unknown] == ["Zebra.zoo web/z", "ConfigMap web/a"]
    assert set(prepared.unknown) == set(prepared.resources)
    assert not prepared.kinds


def test_the_last_of_two_wins_with_a_warning() -> None:
    prepared = prepare(obj("ConfigMap", labels={"n": "1"}), obj("ConfigMap", labels={"n": "2"}, namespace="web"))
    (placed,) = prepared.resources.values()
    assert placed["metadata"]["labels"] == {"n": "2"}
    said = "ConfigMap web/a appears more than once among the manifests; the last one wins"
    assert prepared.warnings == (said,)
    assert prepared.conditions == ((ConditionType.REPEATED_RESOURCE, said),)


def test_an_excluded_kind_is_left_out_with_a_warning() -> None:
    prepared = prepare_target(
        [obj("ConfigMap")], DISCOVERY, application="shop", namespace="web", is_excluded=lambda *_: True
    )
    said = "Resource /ConfigMap a is excluded in the settings"
    assert (dict(prepared.resources), prepared.conditions) == ({}, ((ConditionType.EXCLUDED_RESOURCE, said),))


def test_hooks_stand_apart_and_skipped_objects_are_gone() -> None:
    prepared = prepare(
        obj("Job", "migrate", "batch/v1", annotations={HOOK: "PreSync"}),
        obj("Job", "garbage", "batch/v1", annotations={HOOK: "Garbage"}),
        obj("ConfigMap", "skipped", annotations={HOOK: "Skip"}),
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "m-", "annotations": {HOOK: "Sync"}}},
    )
    assert not prepared.resources
    assert [(hook["metadata"].get("name"), hook["metadata"]["namespace"]) for hook in prepared.hooks] == [
        ("migrate", "web"),
        ("garbage", "web"),
        (None, "web"),
    ]
    assert prepared.hooks[0]["metadata"]["annotations"] == {
        HOOK: "PreSync",
        TRACKING: "guestbook:batch/Job:web/migrate",
    }


@pytest.mark.parametrize(
    "spec",
    [None, "text", [1], {}, {"names": "Zebra", "group": "zoo"}, {"names": [], "group": 5}, {"names": {"kind": None}}],
    ids=["null", "text", "a list", "empty", "names are text", "names are a list", "no kind"],
)
def test_a_malformed_definition_stops_nothing_else(spec: Any) -> None:
    prepared = prepare({**definition(), "spec": spec}, obj("ConfigMap"))
    assert [str(key) for key in prepared.resources] == [
        "CustomResourceDefinition.apiextensions.k8s.io zebras.zoo",
        "ConfigMap web/a",
    ]


@pytest.mark.parametrize("annotations", [["a"], "text", 5], ids=["a list", "text", "a number"])
def test_malformed_annotations_stay_for_the_api_server_to_refuse(annotations: Any) -> None:
    prepared = prepare(obj("ConfigMap", annotations=annotations), obj("ConfigMap", "b"))
    assert prepared.resources[ResourceKey("", "ConfigMap", "web", "a")]["metadata"]["annotations"] == annotations
    assert len(prepared.resources) == 2


def test_one_annotation_that_is_no_text_stays_beside_our_mark() -> None:
    (placed,) = prepare(obj("ConfigMap", annotations={"replicas": 3})).resources.values()
    assert placed["metadata"]["annotations"] == {"replicas": 3, TRACKING: "guestbook:/ConfigMap:web/a"}
