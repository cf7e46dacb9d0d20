"""What the parts of a runner share."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.cluster.connection import Connection
from reconciler.errors import SyncError
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.manifest.typed.validate import without_unknown_fields
from reconciler.sync.kinds import Kinds
from reconciler.sync.options import resource_options
from reconciler.sync.records import SyncTask
from reconciler.sync.run_options import RunOptions

MAX_CONFLICTS: Final = 5
"""How often an object that changes meanwhile is read again and decided upon anew."""


class FencedError(SyncError):
    """The operation may not go on: another one holds the application, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class OperationContext:
    """One operation against one cluster.

    ``manifests`` are the objects to write and ``taken_over`` live objects whose fields of client-side applies are moved, both
    by task id. ``stopping`` is set when nothing new may be begun. ``fence`` raises `FencedError` when the operation has lost
    the right to write.
    """

    connection: Connection
    kinds: Kinds
    openapi: OpenApi
    manifests: Mapping[str, Manifest]
    taken_over: Mapping[str, Manifest]
    options: RunOptions
    operation_id: str
    stopping: threading.Event
    fence: Callable[[], None]

    def manifest(self, task: SyncTask) -> Manifest:
        """The object to write. With ``Validate=false`` it is without fields that its schema does not know: a server-side
        apply refuses them whatever it is told of validation, and a client-side one of kubectl's has them dropped."""
        manifest = self.manifests[task.id]
        if resource_options(task.options).validate:
            return manifest
        schema = self.openapi.schema(GroupVersionKind.of(manifest))
        cleaned: Manifest = without_unknown_fields(schema, manifest) if schema is not None else manifest
        return cleaned
