from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.documents import Documents
from reconciler.sandbox.patches import json_patch, merge_patch, strategic_merge
from reconciler.sandbox.status import StatusError

JSON = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        ({"a": 1, "b": 2}, {"a": None, "c": 3}, {"b": 2, "c": 3}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, 5, 5),
    ],
)
def test_merge_patch(value: Any, patch: Any, result: Any) -> None:
    assert merge_patch(value, patch) == result


@given(JSON, st.dictionaries(st.text(max_size=2), JSON, max_size=3))
def test_a_merge_patch_applied_twice_changes_nothing_more(value: Any, patch: Any) -> None:
    once = merge_patch(value, patch)
    assert merge_patch(once, patch) == once


@pytest.mark.parametrize(
    ("operations", "result"),
    [
        ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3], "b": {"c": 1}}),
        ([{"op": "add", "path": "/a/0", "value": 0}], {"a": [0, 1, 2], "b": {"c": 1}}),
        ([{"op": "remove", "path": "/b/c"}], {"a": [1, 2], "b": {}}),
        ([{"op": "replace", "path": "/a/1", "value": 9}], {"a": [1, 9], "b": {"c": 1}}),
        ([{"op": "move", "from": "/b/c", "path": "/d"}], {"a": [1, 2], "b": {}, "d": 1}),
        ([{"op": "copy", "from": "/b", "path": "/x~1y"}], {"a": [1, 2], "b": {"c": 1}, "x/y": {"c": 1}}),
        ([{"op": "test", "path": "/b/c", "value": 1}], {"a": [1, 2], "b": {"c": 1}}),
    ],
)
def test_json_patch(operations: list[dict[str, Any]], result: Any) -> None:
    assert json_patch({"a": [1, 2], "b": {"c": 1}}, operations) == result


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/b", "value": 2},
        {"op": "remove", "path": "/x"},
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "add", "path": "/a/9", "value": 1},
        {"op": "add", "path": "a", "value": 1},
        {"op": "nonsense", "path": "/a"},
        {"path": "/a"},
    ],
)
def test_json_patches_that_cannot_be_done_are_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(StatusError, match="the server rejected our request due to an error in our request") as caught:
        json_patch({"a": [1], "b": 1}, [operation])
    assert caught.value.status == 422


def strategic(value: dict[str, Any], patch: dict[str, Any]) -> Any:
    schemas = Documents().schemas("apps", "v1")
    return strategic_merge(value, patch, schemas["io.k8s.api.core.v1.PodSpec"], schemas)


def test_a_strategic_patch_merges_lists_by_their_keys() -> None:
    value = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    patch = {"containers": [{"name": "b", "image": "2"}, {"name": "c"}, {"name": "a", "$patch": "delete"}]}
    assert strategic(value, patch) == {"containers": [{"name": "b", "image": "2"}, {"name": "c"}]}


def test_a_strategic_patch_orders_deletes_and_replaces() -> None:
    value = {"containers": [{"name": "a"}, {"name": "b"}], "nodeSelector": {"x": "1", "y": "2"}}
    patch = {
        "$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
        "nodeSelector": {"$patch": "replace", "z": "3"},
    }
    assert strategic(value, patch) == {"containers": [{"name": "b"}, {"name": "a"}], "nodeSelector": {"z": "3"}}


def test_a_strategic_patch_replaces_lists_without_keys() -> None:
    value = {"containers": [{"name": "a", "args": ["1", "2"]}]}
    assert strategic(value, {"containers": [{"name": "a", "args": ["3"]}]})["containers"] == [
        {"name": "a", "args": ["3"]}
    ]


def test_a_strategic_patch_adds_to_and_takes_from_sets() -> None:
    schemas = Documents().schemas("", "v1")
    schema = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
    value = {"finalizers": ["a/a", "b/b"]}
    assert strategic_merge(value, {"finalizers": ["c/c", "a/a"]}, schema, schemas) == {
        "finalizers": ["a/a", "b/b", "c/c"]
    }
    patch = {"$deleteFromPrimitiveList/finalizers": ["a/a"]}
    assert strategic_merge(value, patch, schema, schemas) == {"finalizers": ["b/b"]}


def test_retain_keys_drops_what_is_not_named() -> None:
    schemas = Documents().schemas("apps", "v1")
    schema = schemas["io.k8s.api.apps.v1.DeploymentStrategy"]
    value = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    patch = {"$retainKeys": ["type"], "type": "Recreate"}
    assert strategic_merge(value, patch, schema, schemas) == {"type": "Recreate"}
