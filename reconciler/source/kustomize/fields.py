"""Fields of a kustomization in any case: kustomize reads them as Go's encoding/json does, which folds them."""

from collections.abc import Mapping
from typing import Any


def values(mapping: Mapping[str, Any], field: str) -> list[Any]:
    """All values of a field."""
    return [value for key, value in mapping.items() if key.casefold() == field.casefold()]


def texts(mapping: Mapping[str, Any], field: str) -> list[str]:
    """Those that are texts and not empty."""
    return [value for value in values(mapping, field) if isinstance(value, str) and value]


def strings(mapping: Mapping[str, Any], field: str) -> list[str]:
    """The texts in lists."""
    return [
        item for value in values(mapping, field) if isinstance(value, list) for item in value if isinstance(item, str)
    ]


def mappings(mapping: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    """The mappings in lists."""
    return [
        item
        for value in values(mapping, field)
        if isinstance(value, list)
        for item in value
        if isinstance(item, Mapping)
    ]
