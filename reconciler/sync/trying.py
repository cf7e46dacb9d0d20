"""Dry-runs: nothing of a plan is written before the API server has accepted all of it."""

import threading

from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import get_object
from reconciler.cluster.write import apply_object, create_object, delete_object, replace_object
from reconciler.errors import ConflictError, InvalidObjectError, ReconcilerError, SpecError
from reconciler.kill_points import reach
from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of
from reconciler.sync.context import OperationContext
from reconciler.sync.hooks import is_created_by
from reconciler.sync.leaving import is_leaving
from reconciler.sync.options import resource_options
from reconciler.sync.order import is_namespace
from reconciler.sync.records import SyncTask, TaskAction
from reconciler.sync.writing import Writer, keeps_instances, validation_of


class DryRuns:
    """Tries the tasks of one plan; any thread may."""

    def __init__(self, context: OperationContext, writer: Writer) -> None:
        self._context = context
        self._writer = writer
        self._made = {
            str(metadata_of(manifest).get("name") or "")
            for manifest in context.manifests.values()
            if manifest.get("kind") == "Namespace" and manifest.get("apiVersion") == "v1"
        }
        self._lock = threading.Lock()
        self._coming: dict[str, bool] = {}

    def attempt(self, task: SyncTask) -> str:
        """Why the task would fail, empty when it would not.

        A kind that only comes with the sync, an object in a namespace that does, and a hook whose earlier run is still there
        cannot be tried by the API server: of them only the schema is asked, where there is one.
        """
        reach("dry-run")
        try:
            kinds = self._context.kinds
            if kinds.find(task) is None and kinds.comes_later(task):
                return ""
            self._try(task, kinds.resource(task))
        except ReconcilerError as error:
            return str(error)
        reach("dry-run")
        return ""

    def _try(self, task: SyncTask, resource: ApiResource) -> None:
        options = resource_options(task.options)
        if task.action is TaskAction.PRUNE:
            self._try_deletion(task, resource)
            return
        manifest = self._context.manifest(task)
        if (task.is_hook and task.live is not None) or self._namespace_comes(task):
            self._check(task)
        elif task.is_hook:
            self._try_creation(task, resource, manifest)
        elif options.replace:
            self._try_replacing(task, resource, manifest)
        else:
            self._try_apply(task, resource, manifest)

    def _try_creation(self, task: SyncTask, resource: ApiResource, manifest: Manifest) -> None:
        connection, validation = self._context.connection, validation_of(resource_options(task.options))
        try:
            create_object(connection, resource, manifest, validation=validation, dry_run=True)
        except ConflictError:
            # A name made for this operation is not looked for by the comparison: what an interrupted run created of it.
            live = get_object(connection, resource, namespace=task.key.namespace, name=task.key.name)
            operation_id = self._context.operation_id
            if live is None or not is_created_by(live, operation_id=operation_id, phase=task.phase):
                raise

    def _try_deletion(self, task: SyncTask, resource: ApiResource) -> None:
        try:
            propagation = self._context.options.propagation
            delete_object(self._context.connection, resource, task.live or {}, propagation=propagation, dry_run=True)
        except ConflictError:
            # Another object has its name by now, which the prune leaves alone.
            return

    def _try_apply(self, task: SyncTask, resource: ApiResource, manifest: Manifest) -> None:
        options = resource_options(task.options)
        try:
            apply_object(self._context.connection, resource, manifest, validation=validation_of(options), dry_run=True)
        except (InvalidObjectError, ConflictError):
            if not options.force or keeps_instances(task.key) or self._writer.violations(task):
                raise
            # What cannot be changed will be made anew, which cannot be tried beside the object that is there.
            if get_object(self._context.connection, resource, namespace=task.key.namespace, name=task.key.name) is None:
                raise

    def _try_replacing(self, task: SyncTask, resource: ApiResource, manifest: Manifest) -> None:
        connection, options = self._context.connection, resource_options(task.options)
        live = get_object(connection, resource, namespace=task.key.namespace, name=task.key.name)
        if live is None:
            create_object(connection, resource, manifest, validation=validation_of(options), dry_run=True)
        elif options.force and not keeps_instances(task.key):
            self._check(task)
        else:
            try:
                replace_object(connection, resource, manifest, live, validation=validation_of(options), dry_run=True)
            except ConflictError:
                # It changes just now; replacing reads it again.
                return

    def _check(self, task: SyncTask) -> None:
        violations = self._writer.violations(task)
        if violations:
            raise SpecError(str(task.key), violations)

    def _namespace_comes(self, task: SyncTask) -> bool:
        """Whether the task's namespace will be made by this plan."""
        name = task.key.namespace
        if name not in self._made or is_namespace(task.key):
            return False
        with self._lock:
            if name not in self._coming:
                self._coming[name] = self._is_missing(name)
            return self._coming[name]

    def _is_missing(self, name: str) -> bool:
        core = self._context.kinds.known(GroupVersionKind("", "v1", "Namespace"))
        if core is None:
            return False
        live = get_object(self._context.connection, core, namespace="", name=name)
        return live is None or is_leaving(live)
