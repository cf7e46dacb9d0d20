"""What an operation waits for, seen by watch and told to the state machine as events."""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.follow import Follower, Place, Sighting
from reconciler.cluster.live import get_object
from reconciler.errors import ForbiddenError, ReconcilerError
from reconciler.health import Customizations, assess_health, assess_readiness, hook_phase
from reconciler.manifest.objects import Manifest, metadata_of
from reconciler.sync import events
from reconciler.sync.events import Event
from reconciler.sync.leaving import held_by, uid_of
from reconciler.sync.records import SyncTask
from reconciler.terms import HealthStatus, OperationPhase


class Purpose(Enum):
    """What an object is watched for."""

    READY = auto()
    GONE = auto()
    ESTABLISHED = auto()


@dataclass(frozen=True, slots=True)
class Awaited:
    """An object that is watched: exactly the one that was written, or that was deleted, and not older than it was then."""

    task: SyncTask
    resource: ApiResource
    purpose: Purpose
    uid: str
    version: str = ""
    message: str = ""

    @property
    def place(self) -> Place:
        return self.resource, self.task.key.namespace, self.task.key.name


class Watcher:
    """Follows objects for an operation until it is closed; ``tell`` is called from the watching threads."""

    def __init__(
        self,
        connection: Connection,
        tell: Callable[[Event], None],
        *,
        clock: Callable[[], datetime],
        customizations: Customizations | None,
    ) -> None:
        self._connection = connection
        self._tell = tell
        self._clock = clock
        self._customizations = customizations
        self._lock = threading.Lock()
        self._awaited: dict[Place, Awaited] = {}
        self._newest: dict[Place, Manifest] = {}
        self._follower = Follower(connection, self._seen)

    def close(self) -> None:
        self._follower.close()

    def watch(self, wanted: Iterable[Awaited]) -> None:
        """Tell of these objects from now on, each at least once."""
        entries = list(wanted)
        with self._lock:
            self._awaited.update((entry.place, entry) for entry in entries)
        self._follower.follow(entry.place for entry in entries)

    def still_awaits(self, entry: Awaited) -> bool:
        with self._lock:
            return self._awaited.get(entry.place) is entry

    def newest(self, entry: Awaited) -> Manifest | None:
        """The object as it was last seen."""
        with self._lock:
            return self._newest.get(entry.place)

    def held(self) -> Iterator[str]:
        """Of what is awaited to be gone: what holds it."""
        with self._lock:
            waiting = [entry for entry in self._awaited.values() if entry.purpose is Purpose.GONE]
            seen = [(entry.task.key, self._newest.get(entry.place)) for entry in waiting]
        for key, obj in seen:
            held = held_by(obj or {})
            if held:
                yield f"{key} is {held}" if held.startswith("held") else f"{key}: {held}"

    def _seen(self, sighting: Sighting) -> None:
        place = (sighting.resource, sighting.namespace, sighting.name)
        with self._lock:
            entry = self._awaited.get(place)
            if entry is None:
                return
            if sighting.object is not None:
                self._newest[place] = sighting.object
        event = self._event(entry, sighting)
        if event is None:
            return
        if _settles(event):
            with self._lock:
                if self._awaited.get(place) is not entry:
                    return
                del self._awaited[place]
            self._follower.forget(place)
        self._tell(event)

    def _event(self, entry: Awaited, sighting: Sighting) -> Event | None:
        """What a sighting says; whatever goes wrong becomes the task's failure."""
        now, task = self._clock(), entry.task
        if sighting.error is not None:
            # Anything else passes: the watch goes on by itself.
            refused = isinstance(sighting.error, ForbiddenError)
            return events.TaskFailed(now, task.id, str(sighting.error)) if refused else None
        try:
            match entry.purpose:
                case Purpose.GONE:
                    return events.ObjectGone(now, task.id) if uid_of(sighting.object) != entry.uid else None
                case Purpose.ESTABLISHED:
                    return self._established(entry, sighting)
                case Purpose.READY:
                    return self._ready(entry, sighting)
        except ReconcilerError as error:
            return events.TaskFailed(now, task.id, str(error))
        except Exception as error:  # noqa: BLE001 - a thread that dies silently would leave the operation waiting for ever
            return events.TaskFailed(now, task.id, f"internal error: {type(error).__name__}")

    def _established(self, entry: Awaited, sighting: Sighting) -> Event | None:
        now, task = self._clock(), entry.task
        obj = self._current(entry, sighting.object)
        if obj is None:
            return events.TaskFailed(now, task.id, "deleted while it was waited for to be established")
        health = assess_health(obj)
        # A definition's conditions do not say of which generation they are: a bad one counts only when it lasts.
        if health is not None and health.status is HealthStatus.HEALTHY:
            return events.TaskDone(now, task.id, entry.message)
        return None

    def _ready(self, entry: Awaited, sighting: Sighting) -> Event | None:
        now, task = self._clock(), entry.task
        obj = self._current(entry, sighting.object)
        if obj is None:
            return self._last_words(entry, sighting) or events.ObjectLost(now, task.id)
        if not task.is_hook:
            health = assess_readiness(obj, customizations=self._customizations)
            return events.HealthSeen(now, task.id, health.status if health else None, health.message if health else "")
        phase, message = hook_phase(obj, customizations=self._customizations)
        if phase.completed:
            # A verdict is final: it is given on the object itself, never on what a watch remembers of it.
            live = self._live(entry)
            if live is not None:
                phase, message = hook_phase(live, customizations=self._customizations)
        return events.HookSeen(now, task.id, phase, message)

    def _current(self, entry: Awaited, seen: Manifest | None) -> Manifest | None:
        """The awaited object, None when it is gone.

        A watch may lag behind, and another API server's even more: what is older than our own write, another object, or none
        is asked for once more.
        """
        if seen is not None and uid_of(seen) == entry.uid and not _is_older(seen, entry.version):
            return seen
        return self._live(entry)

    def _live(self, entry: Awaited) -> Manifest | None:
        resource, namespace, name = entry.place
        live = get_object(self._connection, resource, namespace=namespace, name=name)
        return live if live is not None and uid_of(live) == entry.uid else None

    def _last_words(self, entry: Awaited, sighting: Sighting) -> Event | None:
        """The outcome of a hook that was deleted after it had completed: the watch tells how it was at its end."""
        last = sighting.last
        if not entry.task.is_hook or last is None or uid_of(last) != entry.uid:
            return None
        metadata = {name: value for name, value in metadata_of(last).items() if name != "deletionTimestamp"}
        phase, message = hook_phase({**last, "metadata": metadata}, customizations=self._customizations)
        return events.HookSeen(self._clock(), entry.task.id, phase, message) if _has_status(last, phase) else None


def _has_status(obj: Manifest, phase: OperationPhase) -> bool:
    """Whether the outcome is told by a status: an object without one counts as done as soon as it is there."""
    return phase.completed and bool(obj.get("status"))


def _is_older(obj: Manifest, version: str) -> bool:
    """Whether the object is from before a resource version; unknown where these are no numbers."""
    seen = str(metadata_of(obj).get("resourceVersion") or "")
    return seen.isdecimal() and version.isdecimal() and int(seen) < int(version)


def _settles(event: Event) -> bool:
    """Whether nothing more is to be told of the object."""
    match event:
        case events.HookSeen(phase=phase):
            return phase.completed
        case events.HealthSeen(health=health):
            return health in (None, HealthStatus.HEALTHY, HealthStatus.DEGRADED)
    return True
