"""Hook objects: created once an operation, kept by our finalizer until their outcome is recorded; and what is deleted."""

import logging
from typing import Final

from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live import get_object
from reconciler.cluster.write import apply_object, create_object, delete_object, patch_object
from reconciler.errors import ConflictError, NotFoundError, ReconcilerError
from reconciler.kill_points import reach
from reconciler.manifest.objects import Manifest, metadata_of, name_of, namespace_of
from reconciler.sync.context import MAX_CONFLICTS, FencedError, OperationContext
from reconciler.sync.hooks import is_created_by, marked_hook
from reconciler.sync.leaving import is_leaving, uid_of, wait_gone
from reconciler.sync.options import resource_options
from reconciler.sync.records import SyncTask, TaskAction
from reconciler.sync.writing import validation_of
from reconciler.terms import FINALIZER_HOOK, HookDeletePolicy

log = logging.getLogger(__name__)

_LONG_TIME: Final = "changes faster than its finalizer can be removed; sync again"


class HookObjects:
    """Creates, adopts, releases and deletes the objects of hooks; prunes as well."""

    def __init__(self, context: OperationContext) -> None:
        self._context = context

    def create(self, task: SyncTask) -> tuple[str, Manifest]:
        """Create the hook's object, or adopt what this operation has created of it; in words, and the object.

        Raises
        ------
        ConflictError
            When an object of that name came since the plan was made.
        """
        context = self._context
        resource = context.kinds.resource(task)
        manifest = marked_hook(context.manifest(task), operation_id=context.operation_id, phase=task.phase)
        validation = validation_of(resource_options(task.options))
        for _ in range(MAX_CONFLICTS):
            context.fence()
            live = get_object(context.connection, resource, namespace=task.key.namespace, name=task.key.name)
            if live is None:
                reach("hook-create")
                try:
                    made = create_object(context.connection, resource, manifest, validation=validation)
                except ConflictError:
                    # The answer to our own request was lost, or somebody was faster.
                    continue
                reach("hook-create")
                self._withdraw_unless_ours(resource, made)
                return f"{task.key.name} created", made
            if is_created_by(live, operation_id=context.operation_id, phase=task.phase):
                return f"{task.key.name} adopted: this operation had created it", live
            if is_leaving(live):
                wait_gone(
                    context.connection, resource, live, timeout_s=context.options.gone_s, stopping=context.stopping
                )
            elif HookDeletePolicy.BEFORE_HOOK_CREATION in task.delete_policies:
                break
            else:
                # A named hook that no policy deletes: it is what the last operation left, and is brought up to date.
                reach("hook-create")
                return f"{task.key.name} applied", apply_object(
                    context.connection, resource, manifest, validation=validation
                )
        raise ConflictError(f"{task.key} exists and is not of this operation; sync again")

    def _withdraw_unless_ours(self, resource: ApiResource, made: Manifest) -> None:
        """Remove at once what was created after another run had taken this operation over: that has run the hook.

        A lock cannot keep a process from being halted between its last check and its request.
        """
        try:
            self._context.fence()
        except FencedError:
            self._strip_finalizer(resource, made)
            delete_object(self._context.connection, resource, made, propagation="Background")
            raise

    def delete(self, task: SyncTask, *, before_creation: bool) -> Manifest | None:
        """Delete a prune's object or a hook's: what is on its way out now, None when nothing is, or nothing of ours.

        ``before_creation``: what this operation itself has created of the hook stays. Else only that is deleted.
        """
        context = self._context
        resource = context.kinds.resource(task)
        for attempt in range(MAX_CONFLICTS):
            context.fence()
            live = get_object(context.connection, resource, namespace=task.key.namespace, name=task.key.name)
            if live is None or not self._may_go(task, live, before_creation=before_creation):
                return None
            try:
                self._delete(task, resource, live)
            except ConflictError:
                # Another object has its name by now, or it changed: decide again.
                if attempt == MAX_CONFLICTS - 1:
                    raise
            else:
                return live
        return None

    def release(self, task: SyncTask, uid: str) -> None:
        """Remove our finalizer from the hook whose outcome is known; what stays of it the next sync removes."""
        context = self._context
        try:
            resource = context.kinds.resource(task)
            live = get_object(context.connection, resource, namespace=task.key.namespace, name=task.key.name)
            same = live is not None and (
                uid_of(live) == uid if uid else is_created_by(live, operation_id=context.operation_id, phase=task.phase)
            )
            if live is not None and same:
                self._strip_finalizer(resource, live)
        except ReconcilerError as error:
            log.warning("%s: the hook finalizer could not be removed: %s", task.key, error)

    def _may_go(self, task: SyncTask, live: Manifest, *, before_creation: bool) -> bool:
        if task.action is TaskAction.PRUNE:
            return uid_of(live) == uid_of(task.live)
        operation_id = self._context.operation_id
        if before_creation:
            return not is_created_by(live, operation_id=operation_id, phase=task.phase)
        return is_created_by(live, operation_id=operation_id)

    def _delete(self, task: SyncTask, resource: ApiResource, live: Manifest) -> None:
        context = self._context
        prunes = task.action is TaskAction.PRUNE
        if not prunes:
            self._strip_finalizer(resource, live)
        if is_leaving(live):
            return
        if prunes:
            reach("prune-before")
        delete_object(context.connection, resource, live, propagation=context.options.propagation)
        if prunes:
            reach("prune-after")

    def _strip_finalizer(self, resource: ApiResource, live: Manifest) -> None:
        """Remove our finalizer from exactly the list that was read; whoever changes the object meanwhile goes first."""
        connection, uid = self._context.connection, uid_of(live)
        for _ in range(MAX_CONFLICTS):
            finalizers = metadata_of(live).get("finalizers") or []
            if FINALIZER_HOOK not in finalizers:
                return
            rest = [entry for entry in finalizers if entry != FINALIZER_HOOK]
            patch = {"metadata": {"finalizers": rest or None, "resourceVersion": metadata_of(live)["resourceVersion"]}}
            reach("hook-finalizer")
            try:
                patch_object(connection, resource, live, patch)
            except NotFoundError:
                return
            except ConflictError:
                again = get_object(connection, resource, namespace=namespace_of(live), name=name_of(live))
                if again is None or uid_of(again) != uid:
                    return
                live = again
            else:
                reach("hook-finalizer")
                return
        raise ConflictError(f"{name_of(live)} {_LONG_TIME}")
