"""Carries out what the state machine decides, against a real API server, and tells it what happened."""

import logging
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery, discover
from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.live import get_object
from reconciler.cluster.write import apply_object, delete_object, patch_object
from reconciler.diff.client_side import migrated_ownership
from reconciler.errors import ConflictError, ForbiddenError, NotFoundError, ReconcilerError, SpecError
from reconciler.health import Customizations, assess_readiness, hook_phase
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of, name_of, namespace_of
from reconciler.manifest.typed.validate import validate
from reconciler.sync import events
from reconciler.sync.events import Action, Event
from reconciler.sync.machine import SyncState, ordered_results, step
from reconciler.sync.records import Change, SyncPlan, SyncResult, SyncTask, TaskAction
from reconciler.terms import FINALIZER_HOOK

log = logging.getLogger(__name__)

PARALLEL_WRITES: Final = 8
CONFLICT_RETRIES: Final = 5
ESTABLISH_TIMEOUT_S: Final = 10.0
Place = tuple[ApiResource, str, str]
Clock = Callable[[], datetime]
ChildSync = Callable[[ResourceKey], str]
Listener = Callable[[SyncState, Event], None]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """``timeout_s`` bounds the whole operation, in seconds; None waits for ever, as upstream does.

    ``propagation`` is the deletion policy of prunes: foreground, background or orphan, capitalized.
    """

    timeout_s: float | None = None
    propagation: str = "Foreground"


@dataclass(frozen=True, slots=True)
class Awaited:
    """A task whose object is watched: the one we applied, or, while we wait for its end, the one we deleted."""

    task: SyncTask
    applied_uid: str = ""
    deleted_uid: str = ""


MAX_CONFLICTS: Final = 5
_NOTHING: Final[Mapping[str, Manifest]] = MappingProxyType({})


class SyncRunner:
    """Runs one plan.

    Parameters
    ----------
    manifests
        The objects to write, by task id: a plan shows its secrets masked, so it cannot be written from.
    clock
        Gives the present time, aware of its zone.
    sync_child
        Syncs a child Application that the plan has applied and says why it failed; called from a worker thread.
    customizations
        Health scripts by kind.
    taken_over
        Live objects by task id: what other managers of ours, such as kubectl's client-side apply, own there is moved to
        this one before the apply, so that a field which left Git goes.
    on_event
        Called with the new state after every event, in the thread that runs the plan.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        openapi: OpenApi,
        manifests: Mapping[str, Manifest],
        *,
        clock: Clock,
        on_event: Listener = lambda _state, _event: None,
        options: RunOptions = RunOptions(),
        sync_child: ChildSync = lambda _key: "",
        customizations: Customizations | None = None,
        taken_over: Mapping[str, Manifest] = _NOTHING,
    ) -> None:
        self.connection = connection
        self.discovery = discovery
        self.openapi = openapi
        self.manifests = manifests
        self.clock = clock
        self.on_event = on_event
        self.options = options
        self.sync_child = sync_child
        self.customizations = customizations
        self.taken_over = taken_over
        self.interrupted = False
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._places: dict[Place, Awaited] = {}
        self._applied: dict[str, str] = {}
        self._follower = Follower(connection, self._seen)
        self._pool = ThreadPoolExecutor(PARALLEL_WRITES)

    def run(self, plan: SyncPlan, *, initiated_by: str = "") -> SyncResult:
        """Run the plan to its end and say what happened.

        An interrupt ends the operation in order: nothing new is begun and ``interrupted`` is set. It is for the caller to
        record the outcome and to end.
        """
        started = self.clock()
        deadline = None if self.options.timeout_s is None else time.monotonic() + self.options.timeout_s
        state = SyncState(plan)
        self._events.put(events.Started(started))
        with self._follower, self._pool:
            while not state.finished:
                try:
                    event = self._next(deadline)
                except KeyboardInterrupt:
                    self.interrupted = True
                    event = events.Stopped(self.clock(), "interrupted")
                if isinstance(event, events.Stopped):
                    # What follows is only cleaning up, which has its own short limit.
                    deadline = time.monotonic() + 5 if deadline is None or self.interrupted else deadline + 5
                state, actions = step(state, event)
                self.on_event(state, event)
                for action in actions:
                    self._do(action)
        return SyncResult(
            application=plan.application,
            namespace=plan.namespace,
            revisions=plan.revisions,
            phase=state.phase,
            message=state.message,
            started_at=started,
            finished_at=self.clock(),
            results=tuple(ordered_results(state)),
            options=plan.options,
            initiated_by=initiated_by,
            warnings=plan.warnings,
        )

    def _next(self, deadline: float | None) -> Event:
        try:
            return self._events.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return events.Stopped(self.clock(), f"not done after {self.options.timeout_s:g} s")

    def _do(self, action: Action) -> None:
        match action:
            case events.DryRun(tasks=tasks):
                self._pool.submit(self._dry_run, tasks)
            case events.Apply(tasks=tasks):
                for task in tasks:
                    self._pool.submit(self._answer, task, self._apply)
            case events.Prune(tasks=tasks) | events.DeleteHooks(tasks=tasks):
                for task in tasks:
                    self._pool.submit(self._answer, task, self._delete)
            case events.ReleaseHooks(tasks=tasks):
                for task in tasks:
                    self._pool.submit(self._release, task)
            case events.Watch(tasks=tasks):
                self._pool.submit(self._watch, tasks)

    def _answer(self, task: SyncTask, work: Callable[[SyncTask], Event | None]) -> None:
        """Do the work of one task in a worker thread; whatever goes wrong becomes the task's failure."""
        try:
            event = work(task)
        except ReconcilerError as error:
            event = events.TaskFailed(self.clock(), task.id, str(error))
        except Exception as error:  # noqa: BLE001 - a thread that dies silently would leave the operation waiting for ever
            event = events.TaskFailed(self.clock(), task.id, f"internal error: {type(error).__name__}")
        if event is not None:
            self._events.put(event)

    def _resource(self, task: SyncTask) -> ApiResource:
        """The task's kind; looked up again when a custom resource definition has come since."""
        gvk = GroupVersionKind(task.key.group, task.version, task.key.kind)
        found = self.discovery.find(gvk)
        limit = time.monotonic() + ESTABLISH_TIMEOUT_S
        while found is None and self._defined_by_plan(task.key) and time.monotonic() < limit:
            self.discovery = discover(self.connection)
            found = self.discovery.find(gvk)
            if found is None:
                time.sleep(0.05)
        if found is None:
            raise NotFoundError(f"the cluster does not know the kind {gvk}; install its CustomResourceDefinition first")
        return found

    def _defined_by_plan(self, key: ResourceKey) -> bool:
        for manifest in self.manifests.values():
            spec = manifest.get("spec") or {}
            if manifest.get("kind") == "CustomResourceDefinition" and spec.get("group") == key.group:
                return bool((spec.get("names") or {}).get("kind") == key.kind)
        return False

    def _dry_run(self, tasks: tuple[SyncTask, ...]) -> None:
        failures: dict[str, str] = {}
        with ThreadPoolExecutor(PARALLEL_WRITES) as pool:
            for task, message in zip(tasks, pool.map(self._try, tasks), strict=True):
                if message:
                    failures[task.id] = message
        self._events.put(events.DryRunFinished(self.clock(), failures))

    def _try(self, task: SyncTask) -> str:
        """Why the task would fail, empty when it would not."""
        try:
            gvk = GroupVersionKind(task.key.group, task.version, task.key.kind)
            if self.discovery.find(gvk) is None and self._defined_by_plan(task.key):
                return ""
            resource = self._resource(task)
            if task.action is TaskAction.PRUNE:
                delete_object(
                    self.connection, resource, task.live or {}, propagation=self.options.propagation, dry_run=True
                )
            elif (task.is_hook and task.live is not None) or self._namespace_comes(task):
                # The API server cannot try these: the namespace is not there yet, or the earlier hook still is.
                self._check(task)
            else:
                apply_object(self.connection, resource, self.manifests[task.id], dry_run=True)
        except ReconcilerError as error:
            return str(error)
        return ""

    def _check(self, task: SyncTask) -> None:
        """Try an object by the cluster's schema alone."""
        schema = self.openapi.schema(GroupVersionKind(task.key.group, task.version, task.key.kind))
        violations = validate(schema, self.manifests[task.id]) if schema else []
        if violations:
            raise SpecError(str(task.key), violations)

    def _namespace_comes(self, task: SyncTask) -> bool:
        """Whether the task's namespace will be made by this plan."""
        namespaces = (
            entry
            for entry in self.manifests.values()
            if entry.get("kind") == "Namespace" and entry.get("apiVersion") == "v1"
        )
        if task.key.namespace not in {metadata_of(entry).get("name") for entry in namespaces}:
            return False
        core = self.discovery.find(GroupVersionKind("", "v1", "Namespace"))
        return core is not None and get_object(self.connection, core, namespace="", name=task.key.namespace) is None

    def _apply(self, task: SyncTask) -> Event:
        resource = self._resource(task)
        manifest = self.manifests[task.id]
        self._take_over(task, resource)
        self._applied[task.id] = _uid(apply_object(self.connection, resource, manifest))
        group = f".{task.key.group}" if task.key.group else ""
        name = f"{resource.plural}{group}/{task.key.name}"
        text = (
            "created" if task.change is Change.CREATE else "unchanged" if task.change is Change.UNCHANGED else "applied"
        )
        return events.TaskDone(self.clock(), task.id, f"{name} {text}")

    def _take_over(self, task: SyncTask, resource: ApiResource) -> None:
        """Move the fields of client-side applies to our manager; of an object that changes meanwhile, the newest ones."""
        live = self.taken_over.get(task.id)
        for attempt in range(MAX_CONFLICTS):
            migrated = migrated_ownership(live, self.openapi) if live is not None else None
            if live is None or migrated is None or migrated is live:
                return
            metadata = {
                "managedFields": metadata_of(migrated).get("managedFields"),
                "resourceVersion": metadata_of(live).get("resourceVersion"),
            }
            try:
                patch_object(self.connection, resource, live, {"metadata": metadata})
                return
            except ConflictError:
                if attempt == MAX_CONFLICTS - 1:
                    raise
                live = get_object(self.connection, resource, namespace=task.key.namespace, name=task.key.name)

    def _delete(self, task: SyncTask) -> Event | None:
        """Delete and leave the answer to the watch, which reports when the object is really gone."""
        resource = self._resource(task)
        live = get_object(self.connection, resource, namespace=task.key.namespace, name=task.key.name)
        same = task.action is not TaskAction.PRUNE or _uid(live) == _uid(task.live)
        if live is None or not same:
            return events.ObjectGone(self.clock(), task.id)
        if task.is_hook:
            self._strip_finalizer(resource, live)
        delete_object(self.connection, resource, live, propagation=self.options.propagation)
        place = (resource, task.key.namespace, task.key.name)
        self._places[place] = Awaited(task, deleted_uid=_uid(live))
        self._follower.follow([place])
        return None

    def _release(self, task: SyncTask) -> None:
        """Remove our finalizer in a worker thread; what stays of it the next sync removes."""
        try:
            resource = self._resource(task)
            live = get_object(self.connection, resource, namespace=task.key.namespace, name=task.key.name)
            if live is not None:
                self._strip_finalizer(resource, live)
        except ReconcilerError as error:
            log.warning("%s: the hook finalizer could not be removed: %s", task.key, error)

    def _strip_finalizer(self, resource: ApiResource, live: Manifest) -> None:
        """Remove our finalizer from exactly the list that was read; whoever changes the object meanwhile goes first."""
        for _ in range(CONFLICT_RETRIES):
            finalizers = metadata_of(live).get("finalizers") or []
            if FINALIZER_HOOK not in finalizers:
                return
            rest = [entry for entry in finalizers if entry != FINALIZER_HOOK]
            patch = {"metadata": {"finalizers": rest or None, "resourceVersion": metadata_of(live)["resourceVersion"]}}
            try:
                patch_object(self.connection, resource, live, patch)
            except NotFoundError:
                return
            except ConflictError:
                again = get_object(self.connection, resource, namespace=namespace_of(live), name=name_of(live))
                if again is None:
                    return
                live = again
            else:
                return
        raise ConflictError(f"{name_of(live)} changes faster than its finalizer can be removed; sync again")

    def _watch(self, tasks: Sequence[SyncTask]) -> None:
        """Follow the objects, a watch for each kind and namespace; child Applications are synced instead."""
        places: list[Place] = []
        for task in tasks:
            if task.is_child:
                self._pool.submit(self._answer, task, self._child)
                continue
            try:
                place = (self._resource(task), task.key.namespace, task.key.name)
            except ReconcilerError as error:
                self._events.put(events.TaskFailed(self.clock(), task.id, str(error)))
                continue
            self._places[place] = Awaited(task, applied_uid=self._applied[task.id])
            places.append(place)
        self._follower.follow(places)

    def _child(self, task: SyncTask) -> Event:
        failure = self.sync_child(task.key)
        if failure:
            return events.TaskFailed(self.clock(), task.id, failure)
        # Whatever health it has now is its own: it was waited for, or it waits for somebody to sync it.
        return events.HealthSeen(self.clock(), task.id, None)

    def _seen(self, sighting: Sighting) -> None:
        """What the watch saw, as an event; called from the watching threads."""
        place = (sighting.resource, sighting.namespace, sighting.name)
        awaited = self._places.get(place)
        if awaited is None:
            return
        if isinstance(sighting.error, ForbiddenError):
            self._events.put(events.TaskFailed(self.clock(), awaited.task.id, str(sighting.error)))
        elif sighting.error is None:
            self._answer(awaited.task, lambda task: self._judge(task, awaited, place, sighting.object))

    def _judge(self, task: SyncTask, awaited: Awaited, place: Place, obj: Manifest | None) -> Event | None:
        now = self.clock()
        if awaited.deleted_uid:
            return events.ObjectGone(now, task.id) if _uid(obj) != awaited.deleted_uid else None
        if obj is None or _uid(obj) != awaited.applied_uid:
            # A watch may lag behind: only the API server's own answer makes an object gone, or another one.
            obj = get_object(self.connection, place[0], namespace=place[1], name=place[2])
            if obj is None or _uid(obj) != awaited.applied_uid:
                return events.ObjectLost(now, task.id)
        if task.is_hook:
            phase, message = hook_phase(obj, customizations=self.customizations)
            return events.HookSeen(now, task.id, phase, message)
        health = assess_readiness(obj, customizations=self.customizations)
        return events.HealthSeen(now, task.id, health.status if health else None, health.message if health else "")


def _uid(obj: Manifest | None) -> str:
    return str(metadata_of(obj or {}).get("uid") or "")
