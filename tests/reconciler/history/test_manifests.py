"""Manifests as content."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.secrets import Masker
from reconciler.errors import StoreError
from reconciler.history import DamagedStoreError
from reconciler.history.manifests import pack_manifests, unpack_manifests

CONFIG = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"color": "blue"}}


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "web"}, **fields}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["apiVersion", "metadata", "spec", "data"]), JSON), max_size=4))
def test_what_is_packed_is_unpacked(manifests: list[dict[str, Any]]) -> None:
    packed = pack_manifests(manifests)
    assert unpack_manifests(packed) == manifests
    assert pack_manifests([dict(reversed(manifest.items())) for manifest in manifests]).digest == packed.digest


def test_the_order_of_objects_is_content() -> None:
    other = CONFIG | {"kind": "Service"}
    assert pack_manifests([CONFIG, other]).digest != pack_manifests([other, CONFIG]).digest


def test_it_is_compressed() -> None:
    packed = pack_manifests([CONFIG] * 200)
    assert len(packed.body) < packed.size / 20


@pytest.mark.parametrize(
    ("manifest", "path"),
    [
        (secret(data={"password": "aHVudGVyMg=="}), "data.password"),
        (secret(data={"user": "(masked 0011aabb)", "password": "aHVudGVyMg=="}), "data.password"),
        (secret(stringData={"password": "hunter2"}), "stringData.password"),
        (secret(data="aHVudGVyMg=="), "data"),
        (secret(data={"password": "(masked 0011aabb) hunter2"}), "data.password"),
        (secret(data={"password": {"nested": "hunter2"}}), "data.password"),
        ({"kind": "List", "apiVersion": "v1", "items": [secret(data={"password": "hunter2"})]}, "data.password"),
    ],
    ids=["data", "one-of-two", "stringData", "no-mapping", "mask-in-front", "nested", "in-a-list"],
)
def test_an_unmasked_secret_is_refused(manifest: dict[str, Any], path: str) -> None:
    with pytest.raises(StoreError) as caught:
        pack_manifests([CONFIG, manifest])
    message = f"Secret web/db: {path} is not masked; mask Secrets before their manifests are stored"
    assert str(caught.value) == message


@pytest.mark.parametrize("others", [{}, {"odd": 7}], ids=["alone", "beside-an-invalid-one"])
def test_an_unmasked_last_applied_annotation_is_refused(others: dict[str, Any]) -> None:
    leaking = secret()
    leaking["metadata"] |= {
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": '{"data":{}}', **others}
    }
    with pytest.raises(StoreError, match=r"metadata\.annotations\[kubectl.+\] is not masked"):
        pack_manifests([leaking])


@pytest.mark.parametrize(
    "manifest",
    [secret(), secret(data=None), secret(data={}), secret(data={"empty": "", "null": None}), secret(type="Opaque")],
    ids=["no-data", "null", "no-keys", "empty-values", "type"],
)
def test_a_secret_without_values_is_kept(manifest: dict[str, Any]) -> None:
    assert unpack_manifests(pack_manifests([manifest])) == [manifest]


def test_masks_of_two_runs_are_one_content() -> None:
    live = secret(data={"password": "aHVudGVyMg=="}, stringData={"user": "root"})
    live["metadata"] |= {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(live)}}
    first, second = (pack_manifests([Masker(key).mask_object(live)]) for key in (b"one", b"two"))
    assert first == second
    (stored,) = unpack_manifests(first)
    assert stored["data"] == {"password": "(masked)"}
    assert "aHVudGVyMg" not in json.dumps(stored)


def test_damage_is_found() -> None:
    packed = pack_manifests([CONFIG])
    other = pack_manifests([CONFIG | {"kind": "Service"}])
    damaged = [
        replace(packed, body=other.body, size=other.size),
        replace(packed, body=b"nonsense"),
        replace(packed, body=packed.body[:-6]),
        replace(packed, encoding="gzip"),
        replace(packed, size=packed.size - 2),
        replace(packed, size=-9),
    ]
    for bad in damaged:
        with pytest.raises(DamagedStoreError, match=f"the stored manifests {packed.digest} are damaged"):
            unpack_manifests(bad)


def test_a_flipped_bit_is_found_or_changes_nothing() -> None:
    """A few bits of a compressed text mean nothing."""
    packed = pack_manifests([CONFIG])
    found = 0
    for place in range(len(packed.body)):
        for bit in range(8):
            flipped = bytes([packed.body[place] ^ (1 << bit)])
            body = packed.body[:place] + flipped + packed.body[place + 1 :]
            try:
                assert unpack_manifests(replace(packed, body=body)) == [CONFIG]
            except DamagedStoreError:
                found += 1
    assert found > 0.9 * 8 * len(packed.body[:-4])


def test_a_body_larger_than_said_is_not_unpacked() -> None:
    large = pack_manifests([CONFIG] * 10_000)
    with pytest.raises(DamagedStoreError):
        unpack_manifests(replace(large, size=100))
