import copy
from typing import Any

import pytest

from reconciler.diff.records import FieldDifference, ResourceComparison
from reconciler.formatting.ignored import ignored, without_ignored
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import SyncStatus


def compared(live: dict[str, Any], predicted: dict[str, Any], *paths: str) -> ResourceComparison:
    differences = tuple(FieldDifference(path, 1, 2, ignored_by="a rule") for path in paths)
    key = ResourceKey("apps", "Deployment", "shop", "web")
    return ResourceComparison(
        key, "v1", SyncStatus.SYNCED, predicted, live, predicted, (FieldDifference("$.kept", 1, 2), *differences)
    )


CONTAINERS = {"spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}}

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, dict[str, Any]]] = {
    "changed": ({"spec": {"replicas": 5}}, {"spec": {"replicas": 3}}, "$.spec.replicas", {"spec": {"replicas": 5}}),
    "live only": ({"spec": {"paused": True}}, {"spec": {}}, "$.spec.paused", {"spec": {"paused": True}}),
    "live only, with its parents": (
        {"metadata": {"annotations": {"a/b": "x"}}},
        {"metadata": {}},
        '$.metadata.annotations["a/b"]',
        {"metadata": {"annotations": {"a/b": "x"}}},
    ),
    "target only": ({"spec": {}}, {"spec": {"paused": True}}, "$.spec.paused", {"spec": {}}),
    "target only, with its parents": ({}, {"spec": {"strategy": {"type": "x"}}}, "$.spec.strategy.type", {}),
    "in an item of a list map": (
        CONTAINERS,
        {"spec": {"containers": [{"name": "b", "image": "b:2"}, {"name": "a", "image": "a:1"}]}},
        '$.spec.containers[name="b"].image',
        {"spec": {"containers": [{"name": "b", "image": "b:1"}, {"name": "a", "image": "a:1"}]}},
    ),
    "an item that only live has": (
        CONTAINERS,
        {"spec": {"containers": [{"name": "b", "image": "b:1"}]}},
        '$.spec.containers[name="a"]',
        CONTAINERS,
    ),
    "an item that only target has": (
        {"spec": {"containers": [{"name": "a", "image": "a:1"}]}},
        CONTAINERS,
        '$.spec.containers[name="b"]',
        {"spec": {"containers": [{"name": "a", "image": "a:1"}]}},
    ),
    "a value of a set, with its list": (
        {"metadata": {"finalizers": ["x/y"]}},
        {"metadata": {}},
        '$.metadata.finalizers[="x/y"]',
        {"metadata": {"finalizers": ["x/y"]}},
    ),
    "by index": ({"args": ["a", "b"]}, {"args": ["a", "c"]}, "$.args[1]", {"args": ["a", "b"]}),
    "no path": ({"a": 1}, {"a": 2}, "nonsense", {"a": 2}),
    "the whole object": ({"a": 1}, {"a": 2}, "$", {"a": 2}),
}


@pytest.mark.parametrize("case", CASES)
def test_an_ignored_field_is_shown_as_it_is_in_the_cluster(case: str) -> None:
    live, predicted, path, expected = CASES[case]
    before = copy.deepcopy((live, predicted))
    assert without_ignored(compared(live, predicted, path)).predicted == expected
    assert (live, predicted) == before


def test_what_counts_stays() -> None:
    resource = compared({"kept": 2, "a": 1}, {"kept": 1, "a": 2}, "$.a")
    assert without_ignored(resource).predicted == {"kept": 1, "a": 1}
    assert [difference.path for difference in ignored(resource)] == ["$.a"]


def test_without_ignored_fields_the_record_itself_comes_back() -> None:
    resource = compared({"a": 1}, {"a": 2})
    assert without_ignored(resource) is resource
