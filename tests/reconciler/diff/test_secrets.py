"""Masks: a secret value is nowhere to be read, and equal stays equal."""

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.records import ABSENT, Masked
from reconciler.diff.secrets import Masker
from reconciler.manifest.objects import is_secret
from reconciler.manifest.typed.paths import FieldPath

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
CANARY = "hunter2-canary"
ENCODED = base64.b64encode(CANARY.encode()).decode()
MASKER = Masker(b"the key of one run")


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "type": "Opaque", **fields}


def masked(value: Any) -> str:
    return str(MASKER.mask(value))


def test_a_mask_shows_a_digest_and_nothing_else() -> None:
    mask = MASKER.mask(CANARY)
    assert str(mask) == "(masked eed8462a)"
    assert mask == MASKER.mask(CANARY)
    assert mask != MASKER.mask(CANARY + "x")


def test_another_run_gives_another_digest() -> None:
    assert Masker(b"another key").mask(CANARY) != MASKER.mask(CANARY)


def test_what_is_absent_stays_absent_and_a_mask_stays_a_mask() -> None:
    assert MASKER.mask(ABSENT) is ABSENT
    assert MASKER.mask(MASKER.mask("a")) == MASKER.mask("a")


def test_what_is_no_text_is_masked_too() -> None:
    assert len({masked(value) for value in (None, 5, True, [CANARY], {"a": CANARY}, "")}) == 6
    assert masked({"a": 1, "b": 2}) == masked({"b": 2, "a": 1})


OBJECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "values, not names": (
        secret(data={"user": ENCODED, "tls.crt": ""}, stringData={"token": CANARY}),
        secret(data={"user": masked(ENCODED), "tls.crt": masked("")}, stringData={"token": masked(CANARY)}),
    ),
    "a value of another type": (secret(data={"port": 5432}), secret(data={"port": masked(5432)})),
    "a value that is a map": (secret(data={"a": {"b": CANARY}}), secret(data={"a": masked({"b": CANARY})})),
    "a null value": (secret(data={"a": None}), secret(data={"a": masked(None)})),
    "data that is a list": (secret(data=[CANARY]), secret(data=masked([CANARY]))),
    "data that is text": (secret(data=CANARY), secret(data=masked(CANARY))),
    "null data": (secret(data=None), secret(data=None)),
    "no data": (secret(), secret()),
    "a live value that imitates a mask": (
        secret(data={"a": masked("x"), "b": "++++++++"}),
        secret(data={"a": masked(masked("x")), "b": masked("++++++++")}),
    ),
    "misspelt fields": (
        secret(stringdata={"user": CANARY}, dates=[CANARY], password=CANARY, spec={"a": {"b": CANARY}}, port=5432),
        secret(
            stringdata={"user": masked(CANARY)},
            dates=masked([CANARY]),
            password=masked(CANARY),
            spec={"a": masked({"b": CANARY})},
            port=masked(5432),
        ),
    ),
    "what is no value of it": (secret(immutable=True), secret(immutable=True)),
    "indented too far": (
        secret(
            metadata={"name": "db", "data": {"user": ENCODED}, "labels": {"app": "db", "stringData": {"a": CANARY}}}
        ),
        secret(
            metadata={
                "name": "db",
                "data": {"user": masked(ENCODED)},
                "labels": {"app": "db", "stringData": masked({"a": CANARY})},
            }
        ),
    ),
    "a kind of that name in another group": (
        {"apiVersion": "example.com/v1", "kind": "Secret", "data": {"a": "b"}},
        {"apiVersion": "example.com/v1", "kind": "Secret", "data": {"a": "b"}},
    ),
    "a ConfigMap": (
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
    ),
}


@pytest.mark.parametrize(("obj", "expected"), OBJECTS.values(), ids=OBJECTS)
def test_objects(obj: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy(obj)
    assert MASKER.mask_object(obj) == expected
    assert obj == before


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap", "Deployment"])
def test_what_kubectl_repeats_in_its_annotation_is_masked_on_every_kind(kind: str) -> None:
    text = json.dumps(secret(stringData={"token": CANARY}))
    obj = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"annotations": {LAST_APPLIED: text, "team": "a"}, "name": "x"},
    }
    shown = MASKER.mask_object(obj)
    assert shown["metadata"] == {"annotations": {LAST_APPLIED: masked(text), "team": "a"}, "name": "x"}
    assert CANARY not in json.dumps(shown)


@pytest.mark.parametrize("metadata", [None, [], "text", {"annotations": None}, {"annotations": [LAST_APPLIED]}])
def test_malformed_metadata(metadata: Any) -> None:
    assert MASKER.mask_object(secret(metadata=metadata))["metadata"] == metadata


VALUES = {
    "one key": (("data", "user"), ENCODED, MASKER.mask(ENCODED)),
    "a key with dots": (("data", "tls.crt"), ENCODED, MASKER.mask(ENCODED)),
    "the path of a comparison": (FieldPath(("data", "tls.crt")), ENCODED, MASKER.mask(ENCODED)),
    "all of data": (("data",), {"user": ENCODED}, {"user": MASKER.mask(ENCODED)}),
    "all of stringData": (("stringData",), {"user": CANARY}, {"user": MASKER.mask(CANARY)}),
    "deeper than a Secret goes": (("data", "user", "name"), CANARY, MASKER.mask(CANARY)),
    "a map where text belongs": (("data", "user"), {"a": CANARY}, MASKER.mask({"a": CANARY})),
    "a misspelt field": (("dates",), {"user": CANARY}, {"user": MASKER.mask(CANARY)}),
    "below a misspelt field": (("dates", "user"), CANARY, MASKER.mask(CANARY)),
    "a misspelt field that is no map": (("password",), CANARY, MASKER.mask(CANARY)),
    "indented too far": (("metadata", "data", "user"), ENCODED, MASKER.mask(ENCODED)),
    "all of the metadata": (
        ("metadata",),
        {"name": "db", "data": {"user": ENCODED}},
        {"name": "db", "data": {"user": MASKER.mask(ENCODED)}},
    ),
    "absent": (("data", "user"), ABSENT, ABSENT),
    "another field": (("type",), "Opaque", "Opaque"),
    "a label called data": (("metadata", "labels", "data"), "x", "x"),
    "the whole object": ((), secret(data={"user": ENCODED}), secret(data={"user": masked(ENCODED)})),
    "the object's absence": ((), ABSENT, ABSENT),
}


@pytest.mark.parametrize(("path", "value", "expected"), VALUES.values(), ids=VALUES)
def test_values_by_their_path(path: tuple[Any, ...], value: Any, expected: Any) -> None:
    assert MASKER.mask_value(path, value) == expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"apiVersion": "v1", "kind": "Secret"}, True),
        ({"apiVersion": "v1", "kind": "SecretList"}, False),
        ({"apiVersion": "example.com/v1", "kind": "Secret"}, False),
        ({"apiVersion": "v2", "kind": "Secret"}, True),
        ({"apiVersion": "/v1", "kind": "Secret"}, True),
        ({"kind": "Secret"}, True),
        ({"apiVersion": "v1", "kind": "secret "}, True),
        ({}, False),
    ],
    ids=[
        "a Secret",
        "a list",
        "another group",
        "another version",
        "an empty group",
        "no version",
        "misspelt",
        "nothing",
    ],
)
def test_is_secret(obj: dict[str, Any], expected: bool) -> None:
    assert is_secret(obj) is expected


TEXTS = st.text(min_size=6, max_size=12)
SECRETS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.dictionaries(st.sampled_from(["a", "b.c"]), TEXTS | st.lists(TEXTS, max_size=2))
        | TEXTS
        | st.lists(TEXTS),
        "stringData": st.dictionaries(st.sampled_from(["a", "b.c"]), TEXTS) | TEXTS,
        "dates": st.dictionaries(st.sampled_from(["a", "b.c"]), TEXTS | st.lists(TEXTS, max_size=2)) | TEXTS,
        "password": TEXTS,
    },
)


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value


@given(SECRETS)
def test_no_value_of_a_secret_is_left(fields: dict[str, Any]) -> None:
    shown = MASKER.mask_object(secret(**fields))
    left = set(leaves({name: shown.get(name) for name in ("data", "stringData", "dates", "password")}))
    assert all(text.startswith("(masked ") and len(text) == 17 for text in left)
    assert not left & set(leaves(fields))


@given(TEXTS, TEXTS)
def test_masks_are_equal_where_the_values_are(one: str, other: str) -> None:
    assert (MASKER.mask(one) == MASKER.mask(other)) == (one == other)
    assert isinstance(MASKER.mask(one), Masked)
