"""Writes one object as its sync options say: by apply, by replacing it, or by making it anew."""

from collections.abc import Callable
from typing import Final

from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import get_object
from reconciler.cluster.write import (
    STRICT,
    apply_object,
    create_object,
    delete_object,
    patch_object,
    replace_object,
)
from reconciler.errors import ClusterError, ConflictError, InvalidObjectError, ReconcilerError, SyncError, Violation
from reconciler.kill_points import reach
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of
from reconciler.manifest.typed.validate import validate
from reconciler.sync.context import MAX_CONFLICTS, OperationContext
from reconciler.sync.leaving import is_leaving, wait_gone
from reconciler.sync.migration import drops_updates, takes_over
from reconciler.sync.options import ResourceOptions, resource_options
from reconciler.sync.order import is_crd, is_namespace
from reconciler.sync.records import Change, SyncTask, TaskAction

_TRANSIENT: Final = ("etcdserver: leader changed", "etcdserver: request timed out", "etcdserver: too many requests")
_SERVER_SET: Final = frozenset(
    {
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
        "selfLink",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    }
)
_CHANGED: Final = {Change.CREATE: "created", Change.UNCHANGED: "unchanged"}


def keeps_instances(key: ResourceKey) -> bool:
    """Whether deleting the object would delete others that nobody spoke of: it is never made anew."""
    return is_namespace(key) or is_crd(key)


def validation_of(options: ResourceOptions) -> str:
    """The API server's field validation for ``Validate=true`` and ``Validate=false``."""
    return STRICT if options.validate else "Ignore"


class Writer:
    """Writes what a plan holds, hooks excepted."""

    def __init__(self, context: OperationContext) -> None:
        self._context = context

    def write(self, task: SyncTask) -> tuple[str, Manifest]:
        """Write the task's object: what was done, in words, and the object as the API server answered it.

        Raises
        ------
        ReconcilerError
            With the API server's message.
        """
        context = self._context
        resource, options = context.kinds.resource(task), resource_options(task.options)
        if task.settled and task.live is not None:
            return f"{_shown(task.key, resource)} unchanged", task.live
        if is_namespace(task.key):
            self._await_namespace(task, resource)
        before, sent = ("namespace", "namespace") if task.action is TaskAction.CREATE_NAMESPACE else _APPLY_POINTS
        reach(before)
        if options.replace:
            word, written = self._replace(task, resource, options)
        else:
            self._take_over(task, resource)
            word, written = self._apply(task, resource, options)
        reach(sent)
        return f"{_shown(task.key, resource)} {word}", written

    def _apply(self, task: SyncTask, resource: ApiResource, options: ResourceOptions) -> tuple[str, Manifest]:
        manifest, validation = self._context.manifest(task), validation_of(options)

        def send() -> Manifest:
            return apply_object(self._context.connection, resource, manifest, validation=validation)

        try:
            return _CHANGED.get(task.change, "applied"), self._repeated(send)
        except (InvalidObjectError, ConflictError) as error:
            if not options.force or keeps_instances(task.key) or self.violations(task):
                raise
            return "recreated", self._recreate(task, resource, validation, error)

    def _replace(self, task: SyncTask, resource: ApiResource, options: ResourceOptions) -> tuple[str, Manifest]:
        """Put the object in the place of the live one, under its version; create it where there is none."""
        connection, manifest = self._context.connection, self._context.manifest(task)
        validation = validation_of(options)
        for attempt in range(MAX_CONFLICTS):
            live = get_object(connection, resource, namespace=task.key.namespace, name=task.key.name)
            try:
                if live is None:
                    word, written = "created", create_object(connection, resource, manifest, validation=validation)
                elif options.force and not keeps_instances(task.key):
                    refusal = SyncError("Force=true makes it anew")
                    return "recreated", self._recreate(task, resource, validation, refusal)
                else:
                    written = replace_object(connection, resource, manifest, live, validation=validation)
                    word = "replaced"
            except ConflictError:
                if attempt == MAX_CONFLICTS - 1:
                    raise
            else:
                return word, self._own(resource, manifest, written, validation)
        raise AssertionError("the last attempt returns or raises")

    def _own(self, resource: ApiResource, manifest: Manifest, written: Manifest, validation: str) -> Manifest:
        """Own as an apply what was replaced: comparisons, and what leaves Git later, go by that."""
        connection = self._context.connection
        applied = apply_object(connection, resource, manifest, validation=validation)
        metadata = drops_updates(applied, self._context.openapi)
        if metadata is None:
            return applied
        try:
            return patch_object(connection, resource, written, {"metadata": metadata})
        except ConflictError:
            # Somebody writes to it at the same time. The next sync moves the rest.
            return applied

    def _recreate(self, task: SyncTask, resource: ApiResource, validation: str, refusal: ReconcilerError) -> Manifest:
        """Delete the object and create it anew; what cannot be created is put back as it was."""
        context, manifest = self._context, self._context.manifest(task)
        live = get_object(context.connection, resource, namespace=task.key.namespace, name=task.key.name)
        if live is None:
            return apply_object(context.connection, resource, manifest, validation=validation)
        context.fence()
        delete_object(context.connection, resource, live, propagation="Background")
        wait_gone(context.connection, resource, live, timeout_s=context.options.gone_s, stopping=context.stopping)
        try:
            return apply_object(context.connection, resource, manifest, validation=validation)
        except ReconcilerError as error:
            back = self._put_back(resource, live)
            raise SyncError(
                f"{refusal}; deleted to be created anew (Force=true), which failed: {error}; {back}"
            ) from error

    def _put_back(self, resource: ApiResource, live: Manifest) -> str:
        metadata = {name: value for name, value in metadata_of(live).items() if name not in _SERVER_SET}
        former = {name: value for name, value in live.items() if name != "status"} | {"metadata": metadata}
        try:
            create_object(self._context.connection, resource, former, validation="Ignore")
        except ReconcilerError as error:
            return f"and it could not be put back: {error}"
        return "the former object has been put back"

    def _repeated(self, send: Callable[[], Manifest]) -> Manifest:
        """An apply means the same however often it is sent: it is repeated where the API server says that it may be."""
        for attempt in range(MAX_CONFLICTS):
            try:
                return send()
            except ClusterError as error:
                passing = error.status == 500 and any(text in str(error) for text in _TRANSIENT)
                if not (passing or isinstance(error, ConflictError)) or attempt == MAX_CONFLICTS - 1:
                    raise
                if self._context.stopping.wait(0.1 * 2**attempt):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _take_over(self, task: SyncTask, resource: ApiResource) -> None:
        """Move the fields of client-side applies to our manager; of an object that changes meanwhile, the newest ones."""
        context, manager = self._context, self._context.options.migration_manager
        live = context.taken_over.get(task.id) if manager else None
        for attempt in range(MAX_CONFLICTS):
            metadata = takes_over(live, context.openapi, manager) if live is not None else None
            if live is None or metadata is None:
                return
            try:
                patch_object(context.connection, resource, live, {"metadata": metadata})
                return
            except ConflictError:
                if attempt == MAX_CONFLICTS - 1:
                    raise
                live = get_object(context.connection, resource, namespace=task.key.namespace, name=task.key.name)

    def _await_namespace(self, task: SyncTask, resource: ApiResource) -> None:
        """A namespace that is being deleted accepts nothing: it comes anew when it is gone."""
        context = self._context
        live = get_object(context.connection, resource, namespace="", name=task.key.name)
        if live is not None and is_leaving(live):
            wait_gone(context.connection, resource, live, timeout_s=context.options.gone_s, stopping=context.stopping)

    def violations(self, task: SyncTask) -> list[Violation]:
        """What the cluster's own schema says against the object."""
        schema = self._context.openapi.schema(GroupVersionKind(task.key.group, task.version, task.key.kind))
        return list(validate(schema, self._context.manifest(task))) if schema else []


_APPLY_POINTS: Final = ("apply-before", "apply-sent")


def _shown(key: ResourceKey, resource: ApiResource) -> str:
    group = f".{key.group}" if key.group else ""
    return f"{resource.plural}{group}/{key.name}"
