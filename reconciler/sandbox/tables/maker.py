"""The tables that ``kubectl get`` prints.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go and apiextensions' tableconvertor, v1.37.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.sandbox.cluster import CRDS, Cluster, parse_time
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.tables.cells import human_duration
from reconciler.sandbox.tables.others import NAME_AND_CREATED, OTHER_CELLS
from reconciler.sandbox.tables.workloads import WORKLOAD_CELLS

_NAME: Final = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}
_TYPES: Final = {"#": "integer", "?": "boolean", "@": "date"}
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\['([^']*)'\]|\[(\d+|\*)\]|\.?\[\?\(@\.([^=)]+)==\"([^\"]*)\"\)\]")


@dataclass(frozen=True, slots=True)
class TableMaker:
    """Columns of a kind, and what fills them."""

    columns: Sequence[Manifest]
    cells: Callable[[Manifest, datetime], list[Any]]

    def table(self, objects: Sequence[Manifest], metadata: Mapping[str, Any], include: str, now: datetime) -> Manifest:
        """A ``Table``; ``include`` says how much of each object a row carries: None, Metadata or Object."""
        return {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": dict(metadata),
            "columnDefinitions": list(self.columns),
            "rows": [_row(obj, self.cells(obj, now), include) for obj in objects],
        }


def table_maker(cluster: Cluster, resource: Resource) -> TableMaker:
    """How the objects of a resource are shown."""
    if resource.crd:
        return _custom(cluster, resource)
    columns, cells = (WORKLOAD_CELLS | OTHER_CELLS).get(resource.storage, NAME_AND_CREATED)
    return TableMaker([_NAME, *map(_column, columns)], lambda obj, now: [obj["metadata"]["name"], *cells(obj, now)])


def partial(obj: Manifest) -> Manifest:
    """An object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _row(obj: Manifest, cells: list[Any], include: str) -> Manifest:
    row: Manifest = {"cells": cells}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial(obj)
    return row


def _column(text: str) -> Manifest:
    """A column from its name: a trailing ``+`` shows it only in wide output; ``#``, ``?`` and ``@`` give its type."""
    name = text.strip("#?@+")
    kind = _TYPES.get(text[0], "string")
    priority = 1 if text.endswith("+") else 0
    return {"name": name, "type": kind, "format": "", "description": "", "priority": priority}


def _custom(cluster: Cluster, resource: Resource) -> TableMaker:
    crd = cluster.store.get(CRDS, ObjectName("", resource.crd))
    versions = crd["spec"]["versions"] if crd is not None else ()
    entry: Manifest = next((version for version in versions if version["name"] == resource.version), {})
    declared = entry.get("additionalPrinterColumns") or [
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    ]
    columns = [
        _NAME,
        *(
            {
                "name": column["name"],
                "type": column["type"],
                "format": column.get("format", ""),
                "description": column.get("description", ""),
                "priority": column.get("priority", 0),
            }
            for column in declared
        ),
    ]

    def cells(obj: Manifest, now: datetime) -> list[Any]:
        values = [_custom_cell(obj, column, now) for column in declared]
        return [metadata_of(obj).get("name"), *values]

    return TableMaker(columns, cells)


def _custom_cell(obj: Manifest, column: Mapping[str, Any], now: datetime) -> Any:
    found = json_path(obj, column["jsonPath"])
    if not found:
        return None
    value = found[0]
    if column["type"] == "date":
        try:
            return human_duration((now - parse_time(value)).total_seconds())
        except (TypeError, ValueError):
            return "<invalid>"
    if column["type"] == "string":
        return value if isinstance(value, str) else _plain(value)
    return value


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        import json

        return json.dumps(value, separators=(",", ":"))
    return str(value)


def json_path(obj: Any, path: str) -> list[Any]:
    """What a simple JSONPath finds: members, indexes, ``[*]`` and equality filters, as printer columns use them."""
    values = [obj]
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            return []
        position = match.end()
        member = match[1] if match[1] is not None else match[2]
        if member is not None:
            values = [value[member] for value in values if isinstance(value, dict) and member in value]
        elif match[3] is not None:
            values = [item for value in values if isinstance(value, list) for item in _pick(value, match[3])]
        else:
            key, wanted = match[4], match[5]
            lists = [value for value in values if isinstance(value, list)]
            values = [item for value in lists for item in value if isinstance(item, dict) and item.get(key) == wanted]
    return values


def _pick(value: list[Any], index: str) -> list[Any]:
    if index == "*":
        return value
    return value[int(index) : int(index) + 1]
