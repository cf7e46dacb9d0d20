"""Nulls in the target: the API server puts a scalar that is null back to its default.

An applier that already owned the field may have applied the null before, and live then has the default; so the typed merge
keeps live's value. Where the type's defaults are known, any other value of live is drift.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from reconciler.diff.defaults import is_default, knows_defaults
from reconciler.manifest.openapi import Schema
from reconciler.manifest.typed.elements import element_of


def with_nulls_reset(schema: Schema, target: Any, live: Any, predicted: Any) -> Any:
    """The prediction without the scalars that the target puts back to a default which live has not."""
    return _reset(schema, target, live, predicted) if _may_have_null(target) else predicted


def _may_have_null(value: Any) -> bool:
    try:
        # Many times faster than a walk; a text that says so costs a walk for nothing.
        return b"null" in orjson.dumps(value)
    except TypeError:
        # Numbers beyond 64 bits.
        return True


def _reset(schema: Schema, target: Any, live: Any, predicted: Any) -> Any:
    if isinstance(target, Mapping) and isinstance(live, Mapping) and isinstance(predicted, Mapping):
        if schema.map_atomic:
            return predicted
        changed = {}
        for name, value in target.items():
            if name not in live or name not in predicted:
                continue
            if value is not None:
                changed[name] = _reset(schema.child(name), value, live[name], predicted[name])
            elif _is_reset(schema, name, live) and predicted[name] == live[name]:
                changed[name] = None
        kept = {name: changed.get(name, value) for name, value in predicted.items()}
        return {name: value for name, value in kept.items() if value is not None or predicted[name] is None}
    if (
        isinstance(target, list)
        and isinstance(live, list)
        and isinstance(predicted, list)
        and schema.list_type == "map"
    ):
        mine = {element_of(schema, item): item for item in target}
        theirs = {element_of(schema, item): item for item in live}
        return [
            _reset(schema.item, mine[element], theirs[element], item) if element in mine and element in theirs else item
            for item in predicted
            for element in [element_of(schema, item)]
        ]
    return predicted


def _is_reset(schema: Schema, name: str, live: Mapping[str, Any]) -> bool:
    child = schema.child(name)
    scalar = child.scalar and not child.is_map and not child.is_list
    return bool(scalar) and knows_defaults(schema) and not is_default(schema, name, live[name], live)
