"""Request bodies in Kubernetes' protobuf encoding, which typed clients such as ``kubectl create`` send.

The field numbers are facts of the built-in types, recorded with `reconciler.sandbox.documents.load_facts`. Answers are
always JSON: these clients accept both.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding and protobuf's wire format.
"""

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.sandbox.documents import META, Documents, load_facts
from reconciler.sandbox.status import StatusError, bad_request

PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
_MAGIC: Final = b"k8s\x00"
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def decode_protobuf(body: bytes, documents: Documents) -> Manifest:
    """The object in a protobuf body, as JSON data.

    Raises
    ------
    StatusError
        400 for a body that cannot be read or whose kind is unknown.
    """
    if not body.startswith(_MAGIC):
        raise bad_request("provided data does not appear to be a protobuf message, expected prefix k8s")
    try:
        envelope = _fields(body[len(_MAGIC) :])
        type_meta = _fields(_last(envelope, 1, b""))
        version, kind = (_last(type_meta, number, b"").decode() for number in (1, 2))
        gvk = GroupVersionKind.of({"apiVersion": version, "kind": kind})
        component = documents.schema_name(gvk.group, gvk.version, gvk.kind)
        if component is None or kind == "DeleteOptions":
            component = _other_component(gvk)
        if component not in load_facts():
            raise bad_request(f'no kind "{kind}" is registered for version "{version}"')
        return {"apiVersion": version, "kind": kind, **_message(_last(envelope, 2, b""), component)}
    except (IndexError, UnicodeDecodeError, struct.error, ValueError) as error:
        if isinstance(error, StatusError):
            raise
        raise bad_request(f"the protobuf body cannot be read: {type(error).__name__}") from None


def _other_component(gvk: GroupVersionKind) -> str:
    """The component of a kind that belongs to sub-resources of another group version, or to all of them."""
    if gvk.kind == "DeleteOptions":
        return f"{META}.DeleteOptions"
    return f"io.k8s.api.{gvk.group.partition('.')[0] or 'core'}.{gvk.version}.{gvk.kind}"


Field = tuple[int, Any]


def _fields(data: bytes) -> dict[int, list[Any]]:
    """The values of a message by field number: integers, or bytes."""
    fields: dict[int, list[Any]] = {}
    for number, value in _walk(data):
        fields.setdefault(number, []).append(value)
    return fields


def _walk(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif wire == _LENGTH:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("a field is longer than its message")
            yield tag >> 3, data[at : at + size]
            at += size
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            raise ValueError("an unknown wire type")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")


def _last(fields: dict[int, list[Any]], number: int, default: Any) -> Any:
    return fields[number][-1] if number in fields else default


def _message(data: bytes, component: str) -> Manifest:
    wire = load_facts().get(component, {}).get("wire", {})
    result: Manifest = {}
    for number, values in _fields(data).items():
        known = wire.get(str(number))
        if known is None:
            continue
        name, kind = known
        decoded = _member(values, kind)
        if not name:
            result.update(decoded)
        elif decoded is not None:
            result[name] = decoded
    return result


def _member(values: list[Any], kind: str) -> Any:
    if kind.startswith("[]"):
        return [_value(value, kind[2:]) for value in values]
    if kind.startswith("{}"):
        entries = {}
        for value in values:
            entry = _fields(value)
            inner = _last(entry, 2, b"")
            entries[_last(entry, 1, b"").decode()] = _value(inner, kind[2:])
        return entries
    return _value(values[-1], kind)


def _value(value: Any, kind: str) -> Any:
    if kind.startswith("m:"):
        return _message(value, kind[2:])
    if kind.startswith("items:"):
        return [_value(item, kind[6:]) for item in _fields(value).get(1, [])]
    return _SCALARS[kind](value)


def _integer(value: int | bytes) -> int:
    """Negative numbers are sent as their 64-bit complement."""
    number = value if isinstance(value, int) else 0
    return number - 2**64 if number >= 2**63 else number


def _text(value: bytes) -> str:
    return value.decode()


def _time(value: bytes) -> str | None:
    return _moment(value, fraction=False)


def _micro_time(value: bytes) -> str | None:
    return _moment(value, fraction=True)


def _moment(value: bytes, *, fraction: bool) -> str | None:
    fields = _fields(value)
    if not fields:
        return None
    seconds, nanos = (_integer(_last(fields, number, 0)) for number in (1, 2))
    moment = datetime.fromtimestamp(seconds, UTC)
    text = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos // 1000:06d}Z" if fraction else f"{text}Z"


def _int_or_string(value: bytes) -> Any:
    fields = _fields(value)
    if _integer(_last(fields, 1, 0)) == 0:
        return _integer(_last(fields, 2, 0))
    return _text(_last(fields, 3, b""))


def _raw(value: bytes) -> Any:
    raw = _last(_fields(value), 1, b"")
    return orjson.loads(raw) if raw else None


_JSON_SCHEMA: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"


def _schema_or_list(value: bytes) -> Any:
    fields = _fields(value)
    if 1 in fields:
        return _message(fields[1][-1], _JSON_SCHEMA)
    return [_message(item, _JSON_SCHEMA) for item in fields.get(2, [])]


def _schema_or_bool(value: bytes) -> Any:
    fields = _fields(value)
    if 2 in fields:
        return _message(fields[2][-1], _JSON_SCHEMA)
    return bool(_last(fields, 1, 0))


def _schema_or_strings(value: bytes) -> Any:
    fields = _fields(value)
    if 1 in fields:
        return _message(fields[1][-1], _JSON_SCHEMA)
    return [_text(item) for item in fields.get(2, [])]


_SCALARS: Final[dict[str, Any]] = {
    "string": _text,
    "bool": bool,
    "int": _integer,
    "double": lambda value: struct.unpack("<d", value)[0],
    "bytes": lambda value: base64.b64encode(value).decode(),
    "quantity": lambda value: _text(_last(_fields(value), 1, b"")),
    "time": _time,
    "microtime": _micro_time,
    "duration": lambda value: _integer(_last(_fields(value), 1, 0)),
    "raw": _raw,
    "intstr": _int_or_string,
    "proporarray": _schema_or_list,
    "proporbool": _schema_or_bool,
    "proporstrings": _schema_or_strings,
}
