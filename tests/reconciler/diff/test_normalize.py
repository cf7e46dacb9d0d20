"""What is set aside before two objects are compared."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.normalize import SERVER_METADATA, comparable, normalize_target

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVER = dict.fromkeys(SERVER_METADATA, "set by the server")


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, **fields}


SECRETS = {
    "text is encoded": ({"stringData": {"user": "ada"}}, {"data": {"user": "YWRh"}}),
    "text wins over data": (
        {"stringData": {"user": "ada"}, "data": {"user": "Ym9i", "port": "MQ=="}},
        {"data": {"user": "YWRh", "port": "MQ=="}},
    ),
    "letters of other scripts": ({"stringData": {"user": "ä"}}, {"data": {"user": "w6Q="}}),
    "empty text": ({"stringData": {"user": ""}}, {"data": {"user": ""}}),
    "no text": ({"stringData": {}}, {"data": {}}),
    "null data": ({"stringData": {"user": "ada"}, "data": None}, {"data": {"user": "YWRh"}}),
    "null text": ({"stringData": None, "data": {"user": "YWRh"}}, {"stringData": None, "data": {"user": "YWRh"}}),
    "what is no text stays for the schema to refuse": (
        {"stringData": {"user": "ada", "port": 5432}},
        {"data": {"user": "YWRh"}, "stringData": {"port": 5432}},
    ),
    "text that is a list stays": ({"stringData": ["ada"]}, {"stringData": ["ada"]}),
    "data that is a list stays": (
        {"stringData": {"user": "ada"}, "data": ["x"]},
        {"stringData": {"user": "ada"}, "data": ["x"]},
    ),
    "data only": ({"data": {"user": "YWRh"}}, {"data": {"user": "YWRh"}}),
}


@pytest.mark.parametrize(("given_", "expected"), SECRETS.values(), ids=SECRETS)
def test_secrets(given_: dict[str, Any], expected: dict[str, Any]) -> None:
    document = secret(**given_)
    before = copy.deepcopy(document)
    assert normalize_target(document) == secret(**expected)
    assert document == before


def test_another_kind_keeps_a_field_of_that_name() -> None:
    document = {"apiVersion": "example.com/v1", "kind": "Secret", "stringData": {"user": "ada"}}
    assert normalize_target(document) == document


def test_what_only_the_server_sets_is_dropped_from_the_target() -> None:
    kept = {"name": "a", "labels": {"a": "b"}, "annotations": {LAST_APPLIED: "{}"}, "finalizers": ["x"]}
    document = {"kind": "ConfigMap", "metadata": {**kept, **SERVER}, "status": {"x": 1}}
    assert normalize_target(document) == {"kind": "ConfigMap", "metadata": kept, "status": {"x": 1}}


@pytest.mark.parametrize("metadata", [None, [], "text"], ids=["null", "a list", "text"])
def test_metadata_of_another_shape_stays(metadata: Any) -> None:
    document = {"kind": "ConfigMap", "metadata": metadata}
    assert normalize_target(document) == comparable(document) == document


def test_what_takes_part_in_a_comparison() -> None:
    document = {
        "kind": "Deployment",
        "metadata": {"name": "a", **SERVER, "annotations": {LAST_APPLIED: "{}", "team": "a"}, "ownerReferences": []},
        "spec": {"status": 1},
        "status": {"replicas": 1},
    }
    before = copy.deepcopy(document)
    expected = {
        "kind": "Deployment",
        "metadata": {"name": "a", "annotations": {"team": "a"}, "ownerReferences": []},
        "spec": {"status": 1},
    }
    assert comparable(document) == expected
    assert comparable(document, keep_status=True) == {**expected, "status": {"replicas": 1}}
    assert document == before


NAMES = st.sampled_from(
    ["name", "labels", "annotations", "data", "stringData", "status", "uid", "managedFields", LAST_APPLIED]
)
VALUES = st.recursive(
    st.none() | st.integers(0, 2) | st.text(max_size=3),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=2),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {"apiVersion": st.just("v1"), "kind": st.sampled_from(["Secret", "ConfigMap"])},
    optional=dict.fromkeys(("metadata", "data", "stringData", "status", "spec"), VALUES),
)


@given(OBJECTS)
def test_normalizing_twice_changes_nothing(obj: dict[str, Any]) -> None:
    once = normalize_target(obj)
    assert normalize_target(once) == once
    assert comparable(comparable(obj)) == comparable(obj)


@given(OBJECTS)
def test_the_input_is_left_as_it_is(obj: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    normalize_target(obj)
    comparable(obj)
    assert obj == before
