"""Objects that are to go: what holds them, and waiting until they are gone."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.follow import Follower, Sighting
from reconciler.errors import SyncError
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of, name_of, namespace_of

_LOOK_UP_S: Final = 0.5
_HOLDS: Final = ("NamespaceContentRemaining", "NamespaceFinalizersRemaining")


def uid_of(obj: Mapping[str, Any] | None) -> str:
    return str(metadata_of(obj or {}).get("uid") or "")


def is_leaving(obj: Mapping[str, Any]) -> bool:
    """Whether the object is being deleted."""
    return metadata_of(obj).get("deletionTimestamp") is not None


def held_by(obj: Mapping[str, Any]) -> str:
    """What keeps an object that is being deleted, with the names of its finalizers; empty when nothing says so."""
    return "; ".join(_holds(obj)) if is_leaving(obj) else ""


def wait_gone(
    connection: Connection, resource: ApiResource, live: Manifest, *, timeout_s: float, stopping: threading.Event
) -> None:
    """Wait until exactly this object is gone.

    Raises
    ------
    SyncError
        When it is not after ``timeout_s`` seconds, with what holds it, or when ``stopping`` was set.
    """
    key = ResourceKey.of(live)
    sightings = queue.SimpleQueue[Sighting]()
    limit, newest = time.monotonic() + timeout_s, live
    with Follower(connection, sightings.put) as follower:
        follower.follow([(resource, namespace_of(live), name_of(live))])
        while time.monotonic() < limit and not stopping.is_set():
            try:
                seen = sightings.get(timeout=_LOOK_UP_S)
            except queue.Empty:
                continue
            if seen.error is None and uid_of(seen.object) != uid_of(live):
                return
            newest = seen.object or newest
    if stopping.is_set():
        raise SyncError(f"{key} was still being deleted when the operation was stopped")
    held = held_by(newest)
    raise SyncError(
        f"{key} is still being deleted after {timeout_s:g} s{f': {held}' if held else ''}; "
        "take away what it waits for, then sync again"
    )


def _holds(obj: Mapping[str, Any]) -> Iterator[str]:
    finalizers = metadata_of(obj).get("finalizers")
    if isinstance(finalizers, list) and finalizers:
        plural = "s" if len(finalizers) > 1 else ""
        yield f"held by the finalizer{plural} {', '.join(map(str, finalizers))}"
    status = obj.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    for entry in conditions if isinstance(conditions, list) else ():
        if isinstance(entry, Mapping) and entry.get("type") in _HOLDS and entry.get("status") == "True":
            yield str(entry.get("message") or entry["type"])
