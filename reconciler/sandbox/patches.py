"""JSON merge patch, JSON patch and strategic merge patch.

Source: RFC 7386, RFC 6902, k8s.io/apimachinery/pkg/util/strategicpatch, v0.37.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reconciler.sandbox.documents import reference_of
from reconciler.sandbox.status import StatusError, bad_request

_DIRECTIVE: Final = "$patch"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"
_ORDER: Final = "$setElementOrder/"
_RETAIN: Final = "$retainKeys"


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, mappings merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for key, inner in patch.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), inner)
    return result


def json_patch(value: Any, operations: Any) -> Any:
    """RFC 6902 on a value that may be changed in place.

    Raises
    ------
    StatusError
        422 when an operation cannot be done or a test fails.
    """
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    for operation in operations:
        if not isinstance(operation, dict):
            raise bad_request("json: cannot unmarshal a patch operation that is not an object")
        value = _operate(value, operation)
    return value


def _operate(value: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), _pointer(operation.get("path"))
    if name == "add":
        return _add(value, path, operation.get("value"))
    if name == "remove":
        return _remove(value, path)[0]
    if name == "replace":
        return _replace(value, path, operation.get("value"))
    if name == "test":
        if _find(value, path) != operation.get("value"):
            raise _rejected()
        return value
    if name in ("move", "copy"):
        source = _pointer(operation.get("from"))
        found = _find(value, source)
        if name == "move":
            value = _remove(value, source)[0]
        return _add(value, path, found)
    raise _rejected()


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise _rejected()
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _find(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise _rejected()
    return value


def _add(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    parent, last = _find(value, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = new
    elif isinstance(parent, list) and (last == "-" or (last.isdigit() and int(last) <= len(parent))):
        parent.insert(len(parent) if last == "-" else int(last), new)
    else:
        raise _rejected()
    return value


def _remove(value: Any, path: Sequence[str]) -> tuple[Any, Any]:
    if not path:
        raise _rejected()
    parent, last = _find(value, path[:-1]), path[-1]
    found = _find(parent, [last])
    if isinstance(parent, dict):
        del parent[last]
    else:
        del parent[int(last)]
    return value, found


def _replace(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    parent, last = _find(value, path[:-1]), path[-1]
    _find(parent, [last])
    if isinstance(parent, dict):
        parent[last] = new
    else:
        parent[int(last)] = new
    return value


def _rejected() -> StatusError:
    message = "the server rejected our request due to an error in our request"
    return StatusError(422, "Invalid", message, {})


def strategic_merge(value: Any, patch: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Merge by the kinds' own patch strategies, read from their schemas.

    Parameters
    ----------
    schema, schemas:
        The schema of ``value``, and the components that it refers to.
    """
    if not isinstance(patch, dict):
        return patch
    if patch.get(_DIRECTIVE) == "replace":
        return {key: inner for key, inner in patch.items() if key != _DIRECTIVE}
    if patch.get(_DIRECTIVE) == "delete":
        return {}
    result = dict(value) if isinstance(value, dict) else {}
    properties = _resolved(schema, schemas).get("properties") or {}
    values = _resolved(schema, schemas).get("additionalProperties")
    if _RETAIN in patch:
        result = {key: inner for key, inner in result.items() if key in patch[_RETAIN]}
    for key, inner in patch.items():
        if key.startswith("$"):
            continue
        member = properties.get(key) or (values if isinstance(values, Mapping) else {})
        if inner is None:
            result.pop(key, None)
        elif isinstance(inner, list):
            result[key] = _merge_list(result.get(key), inner, member, schemas)
        else:
            result[key] = strategic_merge(result.get(key), inner, member, schemas)
    _delete_from_lists(result, patch)
    _order_lists(result, patch, properties)
    return result


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    component = reference_of(schema)
    return schemas.get(component, {}) if component else schema


def _merge_list(live: Any, patch: list[Any], schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> list[Any]:
    strategies = str(schema.get("x-kubernetes-patch-strategy") or "").split(",")
    key = schema.get("x-kubernetes-patch-merge-key")
    before = live if isinstance(live, list) else []
    if "merge" not in strategies:
        return [
            item
            for item in patch
            if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" and len(item) == 1)
        ]
    if key is None:
        return [*before, *(item for item in patch if item not in before)]
    result = [] if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch) else list(before)
    for item in patch:
        if not isinstance(item, dict) or (item.get(_DIRECTIVE) == "replace" and key not in item):
            continue
        index = next((at for at, other in enumerate(result) if other.get(key) == item.get(key)), None)
        if item.get(_DIRECTIVE) == "delete":
            result = [other for other in result if other.get(key) != item.get(key)]
        elif index is None:
            result.append(strategic_merge({}, item, schema.get("items") or {}, schemas))
        else:
            result[index] = strategic_merge(result[index], item, schema.get("items") or {}, schemas)
    return result


def _delete_from_lists(result: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for key, removed in patch.items():
        name = key.removeprefix(_DELETE_FROM)
        if name != key and isinstance(result.get(name), list):
            result[name] = [item for item in result[name] if item not in removed]


def _order_lists(result: dict[str, Any], patch: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Bring merged lists into the order that the patch asks for; items it does not name keep their places among it."""
    for directive, order in patch.items():
        name = directive.removeprefix(_ORDER)
        if name == directive or not isinstance(result.get(name), list):
            continue
        key = (properties.get(name) or {}).get("x-kubernetes-patch-merge-key")
        wanted = [item.get(key) if isinstance(item, dict) else item for item in order]
        named = [item for item in result[name] if _identity(item, key) in wanted]
        named.sort(key=lambda item: wanted.index(_identity(item, key)))
        ordered = iter(named)
        result[name] = [next(ordered) if _identity(item, key) in wanted else item for item in result[name]]


def _identity(item: Any, key: Any) -> Any:
    return item.get(key) if isinstance(item, dict) else item
