"""Garbage collection by owner references.

Source: k8s.io/kubernetes/pkg/controller/garbagecollector, v1.37.
"""

from collections.abc import Iterable
from typing import Final

from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.sandbox.controllers.client import Client
from reconciler.sandbox.deletion import FOREGROUND, ORPHAN
from reconciler.sandbox.store import Event, GroupResource, ObjectName

_SEPARATOR: Final = "\x00"


class GarbageCollector:
    """Deletes objects whose owners are gone, and carries out foreground and orphaning deletions.

    Its keys name an object's resource and name, for it watches all kinds.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def keys(self, event: Event) -> Iterable[ObjectName]:
        metadata = event.object["metadata"]
        names = []
        if event.type == "DELETED":
            dependents = self._client.owners.dependents(metadata["uid"])
            names += [_key(storage, obj) for storage, obj in dependents]
            # An owner that waits for its dependents may now be free.
            names += [
                key for reference in metadata.get("ownerReferences") or () for key in self._owner_keys(event, reference)
            ]
        elif metadata.get("ownerReferences") or metadata.get("deletionTimestamp"):
            names.append(_key(event.resource, event.object))
        return names

    def sync(self, name: ObjectName) -> float | None:
        storage, target = _parse(name)
        obj = self._client.get(storage, target)
        if obj is None:
            return None
        finalizers = obj["metadata"].get("finalizers") or ()
        if obj["metadata"].get("deletionTimestamp"):
            if ORPHAN in finalizers:
                self._orphan(storage, obj)
            elif FOREGROUND in finalizers:
                self._foreground(storage, obj)
            return None
        self._collect(storage, obj)
        return None

    def _collect(self, storage: GroupResource, obj: Manifest) -> None:
        references = obj["metadata"].get("ownerReferences") or ()
        if not references:
            return
        solid, dangling, waiting = [], [], []
        for reference in references:
            owner = self._owner(obj, reference)
            if owner is None:
                dangling.append(reference)
            elif owner["metadata"].get("deletionTimestamp") and FOREGROUND in (
                owner["metadata"].get("finalizers") or ()
            ):
                waiting.append(reference)
            else:
                solid.append(reference)
        if solid:
            if dangling or waiting:
                metadata = {**obj["metadata"], "ownerReferences": solid}
                self._client.write(storage, {**obj, "metadata": metadata})
        elif waiting and self._client.owners.dependents(obj["metadata"]["uid"]):
            self._client.delete(storage, obj, propagation="Foreground")
        else:
            self._client.delete(storage, obj, propagation="Background")

    def _foreground(self, storage: GroupResource, obj: Manifest) -> None:
        uid = obj["metadata"]["uid"]
        blocking = False
        for kind, dependent in self._client.owners.dependents(uid):
            if not dependent["metadata"].get("deletionTimestamp"):
                self._collect(kind, dependent)
            live = self._client.get(
                kind, ObjectName(dependent["metadata"].get("namespace", ""), dependent["metadata"]["name"])
            )
            references = (live or {"metadata": {}})["metadata"].get("ownerReferences") or ()
            blocking = blocking or any(entry["uid"] == uid and entry.get("blockOwnerDeletion") for entry in references)
        if not blocking:
            self._client.remove_finalizer(storage, obj, FOREGROUND)

    def _orphan(self, storage: GroupResource, obj: Manifest) -> None:
        uid = obj["metadata"]["uid"]
        for kind, dependent in self._client.owners.dependents(uid):
            kept = [entry for entry in dependent["metadata"]["ownerReferences"] if entry["uid"] != uid]
            self._client.write(kind, {**dependent, "metadata": {**dependent["metadata"], "ownerReferences": kept}})
        self._client.remove_finalizer(storage, obj, ORPHAN)

    def _owner(self, obj: Manifest, reference: Manifest) -> Manifest | None:
        """The owner that a reference means: the same uid, in the object's namespace or cluster-wide."""
        storage, namespaced = self._storage(reference)
        if storage is None:
            return None
        namespace = obj["metadata"].get("namespace", "") if namespaced else ""
        owner = self._client.get(storage, ObjectName(namespace, reference["name"]))
        return owner if owner is not None and owner["metadata"]["uid"] == reference["uid"] else None

    def _owner_keys(self, event: Event, reference: Manifest) -> list[ObjectName]:
        owner = self._owner(event.object, reference)
        storage, _ = self._storage(reference)
        if owner is None or storage is None or not owner["metadata"].get("deletionTimestamp"):
            return []
        return [_key(storage, owner)]

    def _storage(self, reference: Manifest) -> tuple[GroupResource | None, bool]:
        gvk = GroupVersionKind.of(reference)
        resource = self._client.cluster.catalog.by_kind(gvk.group, gvk.kind)
        return (resource.storage, resource.namespaced) if resource is not None else (None, False)


def _key(storage: GroupResource, obj: Manifest) -> ObjectName:
    metadata = obj["metadata"]
    return ObjectName(_SEPARATOR.join([*storage, metadata.get("namespace", "")]), metadata["name"])


def _parse(name: ObjectName) -> tuple[GroupResource, ObjectName]:
    group, resource, namespace = name.namespace.split(_SEPARATOR)
    return GroupResource(group, resource), ObjectName(namespace, name.name)
