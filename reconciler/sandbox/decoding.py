"""What decoding into a Go type and encoding it again does to an object: the form in which built-in kinds are stored.

Unknown members are dropped and told, wrong types refused; nulls and the zero values that Go leaves out vanish, members
that Go always writes appear, and quantities become canonical.

Source: k8s.io/apimachinery/pkg/runtime/serializer/json, sigs.k8s.io/json, and the JSON tags of k8s.io/api.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.documents import META, load_facts, reference_of
from reconciler.sandbox.quantity import canonical_quantity
from reconciler.sandbox.status import StatusError, bad_request

_INTEGER_RANGES: Final = {"int32": 2**31, "int64": 2**63}
_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})")
_API: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_TIMES: Final = (f"{META}.Time", f"{META}.MicroTime")
_FREE_FORM: Final = frozenset(
    [
        f"{META}.FieldsV1",
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
        f"{_API}.JSON",
        f"{_API}.JSONSchemaPropsOrArray",
        f"{_API}.JSONSchemaPropsOrBool",
        f"{_API}.JSONSchemaPropsOrStringArray",
    ]
)


class Decoder:
    """Decodes one object by the schemas of its group version; ``unknown`` collects the members that were dropped."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self._facts = load_facts()
        self.unknown: list[str] = []

    def decode(self, obj: Manifest, component: str) -> Manifest:
        """The object as the API server would store and return it.

        Raises
        ------
        StatusError
            400 for a value of the wrong type, with Go's message.
        """
        return self._struct(obj, component, "", "")

    def _struct(self, value: Mapping[str, Any], component: str, path: str, where: str) -> Manifest:
        properties = self._schemas[component].get("properties", {})
        facts = self._facts.get(component, {})
        always, drops = facts.get("always", {}), facts.get("drops", ())
        owner = component.rpartition(".")[2]
        result = {}
        for key, inner in value.items():
            schema = properties.get(key)
            if schema is None:
                self.unknown.append(f"{path}{key}")
                continue
            if inner is None:
                continue
            decoded = self._value(inner, schema, f"{path}{key}", f"{where}{key}", owner)
            if key in drops and not decoded and decoded is not None:
                continue
            if decoded in ([], {}) and key not in always and _is_collection(schema):
                continue
            result[key] = decoded
        for key, empty in always.items():
            if key not in result and key in properties:
                result[key] = _copy(empty)
        return result

    def _value(self, value: Any, schema: Mapping[str, Any], path: str, where: str, owner: str) -> Any:
        component = reference_of(schema)
        if component is not None:
            return self._reference(value, component, path, where, owner)
        kind = schema.get("type")
        if kind == "array":
            return self._array(value, schema, path, where, owner)
        if kind == "object":
            return self._map(value, schema, path, where, owner)
        return _scalar(value, schema, where, owner)

    def _reference(self, value: Any, component: str, path: str, where: str, owner: str) -> Any:
        if component in _FREE_FORM:
            return value
        if component == _QUANTITY:
            return canonical_quantity(value)
        if component == _INT_OR_STRING:
            return _int_or_string(value)
        if component in _TIMES:
            return _time(value)
        if "properties" not in self._schemas[component] and self._schemas[component].get("type") != "object":
            return self._value(value, self._schemas[component], path, where, owner)
        if not isinstance(value, dict):
            raise _mismatch(value, owner, where, _go_name(component))
        return self._struct(value, component, f"{path}.", f"{where}.")

    def _array(self, value: Any, schema: Mapping[str, Any], path: str, where: str, owner: str) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(value, owner, where, go_type(schema))
        items = schema["items"]
        return [
            self._value(_null_item(items) if item is None else item, items, f"{path}[{index}]", where, owner)
            for index, item in enumerate(value)
        ]

    def _map(self, value: Any, schema: Mapping[str, Any], path: str, where: str, owner: str) -> Any:
        if not isinstance(value, dict):
            raise _mismatch(value, owner, where, go_type(schema))
        values = schema.get("additionalProperties")
        if not isinstance(values, Mapping):
            return value
        return {
            key: self._value(_null_item(values) if inner is None else inner, values, f"{path}.{key}", where, owner)
            for key, inner in value.items()
        }


def _null_item(schema: Mapping[str, Any]) -> Any:
    """The zero value that null becomes inside a list or map of a Go type."""
    if schema.get("type") in ("string", "array"):
        return "" if schema["type"] == "string" else []
    if schema.get("type") in ("integer", "number"):
        return 0
    return "0" if reference_of(schema) == _QUANTITY else {}


def _is_collection(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") in ("array", "object") and reference_of(schema) is None


def _scalar(value: Any, schema: Mapping[str, Any], where: str, owner: str) -> Any:
    kind = schema.get("type")
    if kind == "string":
        if not isinstance(value, str):
            raise _mismatch(value, owner, where, "string")
        return _base64(value) if schema.get("format") == "byte" else value
    if kind == "boolean" and not isinstance(value, bool):
        raise _mismatch(value, owner, where, "bool")
    if kind in ("integer", "number"):
        return _number(value, schema, where, owner)
    return value


def _number(value: Any, schema: Mapping[str, Any], where: str, owner: str) -> Any:
    name = go_type(schema)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(value, owner, where, name)
    if schema["type"] == "number":
        return value
    limit = _INTEGER_RANGES.get(str(schema.get("format")), 2**63)
    if value != int(value) or not -limit <= value < limit:
        raise _mismatch(value, owner, where, name, number=f" {value}")
    return int(value)


def _base64(value: str) -> str:
    text = value.replace("\n", "").replace("\r", "")
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode()
    except (binascii.Error, ValueError):
        good = re.match(r"[A-Za-z0-9+/]*", text)
        offset = len(good[0]) if good else 0
        raise bad_request(
            f"illegal base64 data at input byte {offset // 4 * 4 if offset == len(text) else offset}"
        ) from None


def _int_or_string(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise bad_request(f"json: cannot unmarshal {_json_kind(value)} into Go value of type int32")
    return value


def _time(value: Any) -> str:
    if not isinstance(value, str):
        raise bad_request(f"json: cannot unmarshal {_json_kind(value)} into Go value of type string")
    if not _TIME.fullmatch(value):
        raise bad_request(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')
    return value


def _mismatch(value: Any, owner: str, where: str, name: str, *, number: str = "") -> StatusError:
    field = f"{owner}.{where}"
    return bad_request(
        f"json: cannot unmarshal {_json_kind(value)}{number} into Go struct field {field} of type {name}"
    )


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    names = ((str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _go_name(component: str) -> str:
    return ".".join(component.split(".")[-2:])


def go_type(schema: Mapping[str, Any]) -> str:
    """The Go type of a schema, as its decoder names it in messages."""
    component = reference_of(schema)
    if component is not None:
        return _go_name(component)
    kind = schema.get("type")
    if kind == "array":
        return f"[]{go_type(schema['items'])}"
    if kind == "object":
        values = schema.get("additionalProperties")
        if isinstance(values, Mapping) and values.get("format") == "byte":
            return "map[string][]uint8"
        return f"map[string]{go_type(values) if isinstance(values, Mapping) else 'interface {}'}"
    if kind == "integer":
        return str(schema.get("format") or "int64")
    return {"boolean": "bool", "number": "float64"}.get(str(kind), "string")


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return value
