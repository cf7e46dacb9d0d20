import struct
from typing import Any

import pytest

from reconciler.sandbox.documents import Documents
from reconciler.sandbox.protobuf import PROTOBUF, decode_protobuf
from reconciler.sandbox.status import StatusError
from tests.reconciler.sandbox.clusters import TestCluster, expect

DOCUMENTS = Documents()


def varint(number: int) -> bytes:
    number %= 2**64
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def message(*fields: tuple[int, Any]) -> bytes:
    """A protobuf message: integers as varints, floats as doubles, everything else by length."""
    packed = b""
    for number, value in fields:
        if isinstance(value, float):
            packed += varint(number << 3 | 1) + struct.pack("<d", value)
        elif isinstance(value, int):
            packed += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            packed += varint(number << 3 | 2) + varint(len(data)) + data
    return packed


def envelope(version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + message((1, message((1, version), (2, kind))), (2, raw))


def test_an_object_with_maps_times_and_bytes() -> None:
    metadata = message((1, "s"), (8, message((1, 1_777_863_723))), (11, message((1, "a"), (2, "b"))))
    raw = message((1, metadata), (2, message((1, "k"), (2, b"\x00\x01"))), (3, "Opaque"), (99, "unknown"))
    assert decode_protobuf(envelope("v1", "Secret", raw), DOCUMENTS) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "creationTimestamp": "2026-05-04T03:02:03Z", "labels": {"a": "b"}},
        "data": {"k": "AAE="},
        "type": "Opaque",
    }


def test_inlined_members_int_or_strings_and_quantities() -> None:
    handler = message((2, message((2, message((1, 1), (3, "http"))))))
    limits = message((1, "cpu"), (2, message((1, "500m"))))
    container = message((1, "c"), (8, message((1, limits))), (10, message((1, handler), (2, -1))))
    volume = message((1, "v"), (2, message((2, b""))))
    pod = message((2, message((1, volume), (2, container), (11, 1))))
    spec = decode_protobuf(envelope("v1", "Pod", pod), DOCUMENTS)["spec"]
    assert spec == {
        "volumes": [{"name": "v", "emptyDir": {}}],
        "containers": [
            {
                "name": "c",
                "resources": {"limits": {"cpu": "500m"}},
                "livenessProbe": {"httpGet": {"port": "http"}, "initialDelaySeconds": -1},
            }
        ],
        "hostNetwork": True,
    }


def test_kinds_of_sub_resources() -> None:
    body = envelope("authentication.k8s.io/v1", "TokenRequest", message((2, message((4, 600)))))
    assert decode_protobuf(body, DOCUMENTS)["spec"] == {"expirationSeconds": 600}


def test_delete_options() -> None:
    body = envelope("v1", "DeleteOptions", message((1, 5), (4, "Orphan")))
    assert decode_protobuf(body, DOCUMENTS)["propagationPolicy"] == "Orphan"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "provided data does not appear to be a protobuf message"),
        (envelope("v1", "Nonsense", b""), 'no kind "Nonsense" is registered for version "v1"'),
        (b"k8s\x00\x0a\xff", "the protobuf body cannot be read"),
        (b"k8s\x00" + b"\xff" * 12, "the protobuf body cannot be read"),
        (b"k8s\x00\x0b", "the protobuf body cannot be read"),
    ],
)
def test_what_cannot_be_read(body: bytes, words: str) -> None:
    with pytest.raises(StatusError, match=words) as caught:
        decode_protobuf(body, DOCUMENTS)
    assert caught.value.status == 400


def test_a_request_may_speak_protobuf(cluster: TestCluster) -> None:
    body = envelope("v1", "Namespace", message((1, message((1, "made")))))
    created = expect(cluster.send("POST", "/api/v1/namespaces", body, headers={"content-type": PROTOBUF}), 201)
    assert created["metadata"]["labels"] == {"kubernetes.io/metadata.name": "made"}
