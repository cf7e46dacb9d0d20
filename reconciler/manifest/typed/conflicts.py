"""Conflicts between field managers, in the API server's words.

Source: k8s.io/apimachinery v0.37 (util/managedfields/internal/conflict).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.manifest.typed.fieldset import FieldSet, iterate
from reconciler.manifest.typed.ownership import ManagerEntry, Operation
from reconciler.manifest.typed.paths import FieldPath


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that an apply would change while another manager owns it."""

    manager: str
    operation: Operation
    api_version: str
    subresource: str
    path: FieldPath

    @property
    def owner(self) -> str:
        """The other manager: ``"kubectl-edit" using apps/v1``; a version is named for updaters only."""
        text = json.dumps(self.manager, ensure_ascii=False)
        if self.subresource:
            text += f" with subresource {json.dumps(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == "Update" else text

    @property
    def message(self) -> str:
        """``conflict with "kubectl-edit" using apps/v1: .spec.replicas``."""
        return f"conflict with {self.owner}: {self.path.server_text()}"


def conflicts_of(conflicting: Iterable[tuple[ManagerEntry, FieldSet]]) -> tuple[FieldConflict, ...]:
    """One conflict a field, by manager and then by path."""
    ordered = sorted(conflicting, key=lambda pair: _identifier(pair[0]))
    return tuple(
        FieldConflict(entry.manager, entry.operation, entry.api_version, entry.subresource, FieldPath.of(path))
        for entry, fields in ordered
        for path in iterate(fields)
    )


def _identifier(entry: ManagerEntry) -> str:
    """The text by which the API server tells managers apart, and sorts them."""
    manager, operation, api_version, subresource = entry.key
    parts = {"manager": manager, "operation": operation, "apiVersion": api_version, "subresource": subresource}
    return json.dumps({name: value for name, value in parts.items() if value}, ensure_ascii=False)


def conflict_message(conflicts: Sequence[FieldConflict]) -> str:
    """The message of the API server's 409 answer; several lines when there are several conflicts."""
    if not conflicts:
        return ""
    if len(conflicts) == 1:
        return f"Apply failed with 1 conflict: {conflicts[0].message}"
    lines: list[str] = []
    for conflict in conflicts:
        heading = f"conflicts with {conflict.owner}:"
        if heading not in lines:
            lines.append(heading)
        lines.append(f"- {conflict.path.server_text()}")
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
