"""What is done for single tasks, in worker threads, and the event that answers it."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from reconciler.errors import ReconcilerError
from reconciler.health import assess_health
from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.sync import events
from reconciler.sync.context import OperationContext
from reconciler.sync.events import Event
from reconciler.sync.hook_objects import HookObjects
from reconciler.sync.inbox import Inbox
from reconciler.sync.leaving import uid_of
from reconciler.sync.order import is_crd
from reconciler.sync.records import SyncTask
from reconciler.sync.trying import DryRuns
from reconciler.sync.watching import Awaited, Purpose, Watcher
from reconciler.sync.writing import Writer
from reconciler.terms import HealthStatus


class Tasks:
    """The work of one operation's tasks."""

    def __init__(
        self, context: OperationContext, watcher: Watcher, inbox: Inbox, *, clock: Callable[[], datetime]
    ) -> None:
        self._context = context
        self._watcher = watcher
        self._inbox = inbox
        self._clock = clock
        self._writer = Writer(context)
        self._hooks = HookObjects(context)
        self._written: dict[str, tuple[str, str]] = {}
        self.attempt = DryRuns(context, self._writer).attempt

    def apply(self, task: SyncTask) -> Event | None:
        """Write the object, or create the hook; a definition is answered when it is established."""
        message, written = self._hooks.create(task) if task.is_hook else self._writer.write(task)
        version = str(metadata_of(written).get("resourceVersion") or "")
        self._written[task.id] = (uid_of(written), version)
        if is_crd(task.key) and not task.is_hook and not _is_established(written):
            self._await_established(task, message)
            return None
        return events.TaskDone(self._clock(), task.id, message)

    def _await_established(self, task: SyncTask, message: str) -> None:
        limit = self._context.options.established_s
        entry = self._awaited(task, Purpose.ESTABLISHED, message=message)

        def overdue() -> Event | None:
            if not self._watcher.still_awaits(entry):
                return None
            health = assess_health(self._watcher.newest(entry) or {})
            reason = f": {health.message}" if health and health.message else ""
            return events.TaskFailed(self._clock(), task.id, f"not established after {limit:g} s{reason}")

        self._watcher.watch([entry])
        self._inbox.call_after(limit, overdue)

    def watch(self, tasks: Sequence[SyncTask]) -> None:
        """Follow what was written."""
        entries: list[Awaited] = []
        for task in tasks:
            try:
                entries.append(self._awaited(task, Purpose.READY))
            except ReconcilerError as error:
                self._inbox.put(events.TaskFailed(self._clock(), task.id, str(error)))
        self._watcher.watch(entries)

    def _awaited(self, task: SyncTask, purpose: Purpose, *, message: str = "") -> Awaited:
        uid, version = self._written[task.id]
        return Awaited(task, self._context.kinds.resource(task), purpose, uid, version, message)

    def delete(self, task: SyncTask, *, before_creation: bool) -> Awaited | None:
        """Delete the object; what is waited for to be gone, None when there is nothing to wait for."""
        live = self._hooks.delete(task, before_creation=before_creation)
        if live is None:
            self._inbox.put(events.ObjectGone(self._clock(), task.id))
            return None
        return Awaited(task, self._context.kinds.resource(task), Purpose.GONE, uid_of(live))

    def follow(self, entries: Sequence[Awaited]) -> None:
        self._watcher.watch(entries)

    def release(self, task: SyncTask) -> None:
        """Remove our finalizer from a hook whose outcome is recorded."""
        self._hooks.release(task, self._written.get(task.id, ("", ""))[0])


class Deletions:
    """Deletes several objects and then follows them together: one watch for each kind and namespace, not one an object."""

    def __init__(self, tasks: Tasks, number: int, *, before_creation: bool) -> None:
        self._tasks = tasks
        self._left = number
        self._before_creation = before_creation
        self._lock = threading.Lock()
        self._entries: list[Awaited] = []

    def delete(self, task: SyncTask) -> Event | None:
        """Delete one; the watch tells when it is really gone."""
        entry: Awaited | None = None
        try:
            entry = self._tasks.delete(task, before_creation=self._before_creation)
        finally:
            with self._lock:
                self._left -= 1
                self._entries += [entry] if entry is not None else []
                entries = self._entries if self._left == 0 else []
            self._tasks.follow(entries)
        return None


def _is_established(obj: Manifest) -> bool:
    health = assess_health(obj)
    return health is not None and health.status is HealthStatus.HEALTHY
