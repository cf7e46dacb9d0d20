"""The kinds that an operation writes, some of which come only with it."""

import threading
import time
from collections.abc import Mapping

from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import ApiResource, Discovery, discover
from reconciler.errors import NotFoundError, SyncError
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sync.options import resource_options
from reconciler.sync.order import is_crd
from reconciler.sync.records import SyncTask

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 0.5


class Kinds:
    """Looks up kinds; looks again for those that this operation brings along.

    Parameters
    ----------
    manifests
        What the operation writes.
    timeout_s
        How long to look for a kind after its definition was applied: discovery shows it a little later than it is established.
    stopping
        Set when nobody waits any more.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        manifests: Mapping[str, Manifest],
        *,
        timeout_s: float,
        stopping: threading.Event,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._timeout_s = timeout_s
        self._stopping = stopping
        self._lock = threading.Lock()
        self._defined = frozenset(_defined_kinds(manifests))

    def find(self, task: SyncTask) -> ApiResource | None:
        """The task's kind as it is known now."""
        return self._discovery.find(_gvk(task))

    def known(self, gvk: GroupVersionKind) -> ApiResource | None:
        """A kind as it is known now."""
        return self._discovery.find(gvk)

    def comes_later(self, task: SyncTask) -> bool:
        """Whether an unknown kind is expected: the operation defines it, or the object says that something will."""
        return self.is_defined(task.key) or resource_options(task.options).skip_dry_run_on_missing

    def is_defined(self, key: ResourceKey) -> bool:
        """Whether the operation defines the kind."""
        return (key.group, key.kind) in self._defined

    def resource(self, task: SyncTask) -> ApiResource:
        """The task's kind; one that is expected is waited for.

        Raises
        ------
        NotFoundError
            When the cluster does not know it.
        SyncError
            When it has another scope than the task was planned with: a project has judged another object then.
        """
        found = self._await(task)
        if found.namespaced is not bool(task.key.namespace):
            planned, real = ("an object of a namespace", "cluster-scoped")
            if found.namespaced:
                planned, real = ("a cluster-scoped object", "namespaced")
            raise SyncError(f"{task.key} was planned as {planned}, but its kind is {real}; sync again")
        return found

    def _await(self, task: SyncTask) -> ApiResource:
        limit, pause = time.monotonic() + self._timeout_s, _FIRST_PAUSE_S
        while True:
            seen = self._discovery
            found = seen.find(_gvk(task))
            if found is not None:
                return found
            if not self.comes_later(task) or time.monotonic() >= limit or self._stopping.is_set():
                raise NotFoundError(seen.why_unknown(_gvk(task)))
            with self._lock:
                if self._discovery is seen:
                    self._discovery = discover(self._connection)
            if self._discovery.find(_gvk(task)) is None:
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)


def _gvk(task: SyncTask) -> GroupVersionKind:
    return GroupVersionKind(task.key.group, task.version, task.key.kind)


def _defined_kinds(manifests: Mapping[str, Manifest]) -> list[tuple[str, str]]:
    found = []
    for manifest in manifests.values():
        spec = manifest.get("spec")
        names = spec.get("names") if isinstance(spec, Mapping) else None
        if is_crd(ResourceKey.of(manifest)) and isinstance(names, Mapping):
            assert isinstance(spec, Mapping)
            found.append((str(spec.get("group") or ""), str(names.get("kind") or "")))
    return found
