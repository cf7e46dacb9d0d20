"""Validation by a structural schema, with the words of the API server.

Source: k8s.io/kube-openapi/pkg/validation and k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype, v0.37.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import orjson

from reconciler.sandbox.status import Cause, duplicate, invalid_value, not_supported, quote, required, type_invalid

INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_JSON_TYPES: Final = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))


def validate_by_schema(value: Any, schema: Mapping[str, Any], path: str = "") -> list[Cause]:
    """Check a value; ``path`` is its field path, empty at the root."""
    if value is None and (schema.get("nullable") or not path):
        return []
    causes = _type(value, schema, path)
    if causes:
        return causes
    causes += _enum(value, schema, path)
    if isinstance(value, dict):
        causes += _object(value, schema, path)
    elif isinstance(value, list):
        causes += _array(value, schema, path)
    elif isinstance(value, str):
        causes += _string(value, schema, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        causes += _number(value, schema, path)
    return causes + _combinations(value, schema, path)


def json_type(value: Any) -> str:
    """The JSON Schema type of a value; a float without a fraction is still a number here."""
    if isinstance(value, dict):
        return "object"
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "null")


def _type(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    actual = json_type(value)
    if schema.get(INT_OR_STRING):
        fits = actual in ("integer", "string")
        wanted = "integer,string"
    else:
        wanted = str(schema.get("type") or "")
        whole = isinstance(value, float) and value.is_integer()
        fits = not wanted or actual == wanted or (wanted == "number" and actual == "integer")
        fits = fits or (wanted == "integer" and whole)
    if fits:
        return []
    return [type_invalid(path, actual, f'{path} in body must be of type {wanted}: "{actual}"')]


def _enum(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    allowed = schema.get("enum")
    if not allowed or value in allowed:
        return []
    return [not_supported(path, value, [item if isinstance(item, str) else str(item) for item in allowed])]


def _object(value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> list[Cause]:
    properties = schema.get("properties") or {}
    values = schema.get("additionalProperties")
    causes = [required(_join(path, key)) for key in schema.get("required") or () if key not in value]
    for key, inner in value.items():
        if not path and key in ("apiVersion", "kind", "metadata"):
            continue
        if key in properties:
            causes += validate_by_schema(inner, properties[key], _join(path, key))
        elif isinstance(values, Mapping):
            causes += validate_by_schema(inner, values, _join(path, key))
    limit = schema.get("maxProperties")
    if limit is not None and len(value) > limit:
        causes.append(_too_many(path, len(value), limit))
    least = schema.get("minProperties")
    if least is not None and len(value) < least:
        text = f"{path} in body should have at least {least} properties"
        causes.append(invalid_value(path, len(value), text))
    return causes


def _array(value: list[Any], schema: Mapping[str, Any], path: str) -> list[Cause]:
    items = schema.get("items") or {}
    causes = [
        cause for index, item in enumerate(value) for cause in validate_by_schema(item, items, f"{path}[{index}]")
    ]
    limit, least = schema.get("maxItems"), schema.get("minItems")
    if limit is not None and len(value) > limit:
        causes.append(_too_many(path, len(value), limit))
    if least is not None and len(value) < least:
        causes.append(invalid_value(path, len(value), f"{path} in body should have at least {least} items"))
    return causes + _unique(value, schema, path)


def _unique(value: list[Any], schema: Mapping[str, Any], path: str) -> list[Cause]:
    kind = schema.get("x-kubernetes-list-type")
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    seen = set()
    causes = []
    for index, item in enumerate(value):
        if kind == "map" and isinstance(item, dict):
            identity: Any = {key: item.get(key) for key in keys}
        elif kind == "set":
            identity = item
        else:
            continue
        packed = orjson.dumps(identity, option=orjson.OPT_SORT_KEYS)
        if packed in seen:
            causes.append(duplicate(f"{path}[{index}]", identity))
        seen.add(packed)
    return causes


def _string(value: str, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes = []
    limit, least, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    if limit is not None and len(value) > limit:
        causes.append(Cause("FieldValueTooLong", f"Too long: may not be more than {limit} bytes", path))
    if least is not None and len(value) < least:
        causes.append(invalid_value(path, value, f"{path} in body should be at least {least} chars long"))
    if pattern and not _pattern(pattern).search(value):
        causes.append(invalid_value(path, value, f"{path} in body should match '{pattern}'"))
    if schema.get("format") == "date-time" and not _is_time(value):
        causes.append(invalid_value(path, value, f"{path} in body must be of type date-time: {quote(value)}"))
    return causes


def _number(value: float, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes = []
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and (value < least or (value == least and schema.get("exclusiveMinimum"))):
        words = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        causes.append(invalid_value(path, value, f"{path} in body should be {words} {least}"))
    if most is not None and (value > most or (value == most and schema.get("exclusiveMaximum"))):
        words = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        causes.append(invalid_value(path, value, f"{path} in body should be {words} {most}"))
    step = schema.get("multipleOf")
    if step and value % step:
        causes.append(invalid_value(path, value, f"{path} in body should be a multiple of {step}"))
    return causes


def _combinations(value: Any, schema: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    for part in schema.get("allOf") or ():
        causes += validate_by_schema(value, part, path)
    for keyword, words in (("anyOf", "at least one schema (anyOf)"), ("oneOf", "one and only one schema (oneOf)")):
        options = schema.get(keyword)
        if not options or (keyword == "anyOf" and schema.get(INT_OR_STRING)):
            continue
        results = [validate_by_schema(value, option, path) for option in options]
        valid = sum(not result for result in results)
        if valid == 0 or (keyword == "oneOf" and valid > 1):
            found = (
                f". Found {valid} valid alternatives" if valid else ". Found none valid" if keyword == "oneOf" else ""
            )
            causes.append(
                Cause("FieldValueInvalid", f'Invalid value: "": "{path}" must validate {words}{found}', "<nil>")
            )
            causes += results[0] if not valid else []
    if schema.get("not") and not validate_by_schema(value, schema["not"], path):
        causes.append(
            Cause("FieldValueInvalid", f'Invalid value: "": "{path}" must not validate the schema (not)', "<nil>")
        )
    return causes


def _too_many(path: str, actual: int, limit: int) -> Cause:
    noun = "item" if limit == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {actual}: must have at most {limit} {noun}", path)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error:
        # Go knows a few constructs that Python does not; such a pattern then excludes nothing.
        return re.compile("")


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return "T" in value.upper()
