"""What controllers see of the cluster: objects, owners, and writes under their own field manager."""

from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import Cluster
from reconciler.sandbox.deletion import DeleteOptions, delete_object
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import StatusError, unknown_path
from reconciler.sandbox.store import Event, GroupResource, ObjectName, object_name
from reconciler.sandbox.strategy import clone
from reconciler.sandbox.writes import WriteOptions, Writer

MANAGER: Final = "kube-controller-manager"


class OwnerIndex:
    """Which objects name which owner, by the owner's uid."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._dependents: dict[str, dict[tuple[GroupResource, ObjectName], None]] = {}
        cluster.store.subscribe(self._on_event)

    def dependents(self, uid: str) -> list[tuple[GroupResource, Manifest]]:
        """The objects that name ``uid`` among their owners, in the order in which they came."""
        found = []
        for resource, name in tuple(self._dependents.get(uid, ())):
            obj = self._cluster.store.get(resource, name)
            if obj is not None:
                found.append((resource, obj))
        return found

    def _on_event(self, event: Event) -> None:
        key = (event.resource, event.name)
        before = _owner_uids(event.before) if event.before is not None else frozenset()
        after = _owner_uids(event.object) if event.type != "DELETED" else frozenset()
        for uid in before - after:
            entries = self._dependents.get(uid, {})
            entries.pop(key, None)
            if not entries:
                self._dependents.pop(uid, None)
        for uid in after - before:
            self._dependents.setdefault(uid, {})[key] = None


def _owner_uids(obj: Manifest) -> frozenset[str]:
    return frozenset(str(reference["uid"]) for reference in obj["metadata"].get("ownerReferences") or ())


class Client:
    """Reads and writes of the controllers."""

    def __init__(self, cluster: Cluster, writer: Writer, owners: OwnerIndex) -> None:
        self.cluster = cluster
        self.owners = owners
        self._writer = writer

    def get(self, storage: GroupResource, name: ObjectName) -> Manifest | None:
        return self.cluster.store.get(storage, name)

    def objects(self, storage: GroupResource, namespace: str = "") -> list[Manifest]:
        return self.cluster.store.objects(storage, namespace)

    def controlled(self, storage: GroupResource, owner: Manifest) -> list[Manifest]:
        """The objects of a resource whose controller is ``owner``, oldest first."""
        uid = owner["metadata"]["uid"]
        return [
            obj for resource, obj in self.owners.dependents(uid) if resource == storage and controller_uid(obj) == uid
        ]

    def create(
        self, storage: GroupResource, namespace: str, obj: Manifest, *, manager: str = MANAGER
    ) -> Manifest | None:
        """Create an object; None when it exists already, or its namespace is going away."""
        try:
            return self._writer.create(self._resource(storage), namespace, obj, WriteOptions(manager)).object
        except StatusError as error:
            if error.reason in ("AlreadyExists", "Forbidden"):
                return None
            raise

    def write_status(
        self,
        storage: GroupResource,
        obj: Manifest,
        status: Manifest,
        *,
        annotations: Mapping[str, str] | None = None,
        manager: str = MANAGER,
    ) -> None:
        """Replace an object's status; nothing is written where nothing changes or the object is gone."""
        live = self._same(storage, obj)
        if live is None:
            return

        def change(current: Manifest) -> Manifest:
            current["status"] = clone(status)
            if annotations:
                current["metadata"]["annotations"] = {**(current["metadata"].get("annotations") or {}), **annotations}
            return current

        wanted = annotations or {}
        present = live["metadata"].get("annotations") or {}
        if live.get("status") == status and all(present.get(key) == value for key, value in wanted.items()):
            return
        options = WriteOptions(manager)
        self._writer.update(self._resource(storage), object_name(live), change, options, subresource="status")

    def write(self, storage: GroupResource, obj: Manifest, *, manager: str = MANAGER, subresource: str = "") -> None:
        """Replace an object by a changed copy of it."""
        if self._same(storage, obj) is not None:
            options = WriteOptions(manager)
            body = {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}}
            resource = self._resource(storage)
            name = object_name(obj)
            self._writer.update(resource, name, lambda live: body, options, subresource=subresource, patched=True)

    def delete(
        self, storage: GroupResource, obj: Manifest, *, grace_s: int | None = None, propagation: str = ""
    ) -> None:
        """Delete an object if it is still the same one."""
        if self._same(storage, obj) is not None:
            options = DeleteOptions(grace_s=grace_s, propagation=propagation, uid=obj["metadata"]["uid"])
            delete_object(self.cluster, self._resource(storage), object_name(obj), options)

    def remove_finalizer(self, storage: GroupResource, obj: Manifest, finalizer: str) -> None:
        live = self._same(storage, obj)
        if live is not None and finalizer in (live["metadata"].get("finalizers") or ()):
            kept = [name for name in live["metadata"]["finalizers"] if name != finalizer]
            self.write(storage, {**live, "metadata": {**live["metadata"], "finalizers": kept}})

    def _same(self, storage: GroupResource, obj: Manifest) -> Manifest | None:
        live = self.cluster.store.get(storage, object_name(obj))
        return live if live is not None and live["metadata"]["uid"] == obj["metadata"]["uid"] else None

    def _resource(self, storage: GroupResource) -> Resource:
        resource = self.cluster.catalog.by_storage(storage)
        if resource is None:
            raise unknown_path()
        return resource


def controller_reference(owner: Manifest) -> Manifest:
    """The owner reference that marks ``owner`` as an object's controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Manifest) -> Manifest | None:
    """The owner reference of an object's controller."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Manifest = reference
            return found
    return None


def controller_uid(obj: Manifest) -> str:
    reference = controller_of(obj)
    return str(reference["uid"]) if reference is not None else ""


def own_and_controller(event: Event, storage: GroupResource, kind: str, *dependents: GroupResource) -> list[ObjectName]:
    """The objects of ``storage`` that an event concerns: itself, or the controller of a dependent."""
    if event.resource == storage:
        return [event.name]
    if event.resource in dependents:
        reference = controller_of(event.object)
        if reference is not None and reference["kind"] == kind:
            return [ObjectName(event.name.namespace, reference["name"])]
    return []


def set_condition(
    conditions: list[Manifest],
    kind: str,
    status: str,
    reason: str,
    message: str,
    now: str,
    *,
    with_update: bool = False,
) -> list[Manifest]:
    """Conditions with one set: untouched where status and reason stay, else replaced at the end of the list."""
    before = next((condition for condition in conditions if condition["type"] == kind), None)
    unchanged = before is not None and before["status"] == status and before.get("reason") == reason
    if unchanged and not (with_update and before is not None and before.get("message") != message):
        return conditions
    changed = before["lastTransitionTime"] if before is not None and before["status"] == status else now
    condition: Manifest = {"type": kind, "status": status}
    if with_update:
        condition["lastUpdateTime"] = now
    condition.update(lastTransitionTime=changed, reason=reason, message=message)
    return [*(entry for entry in conditions if entry["type"] != kind), condition]


def pod_ready(pod: Manifest) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def pod_active(pod: Manifest) -> bool:
    """Neither ended nor being deleted."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and not pod["metadata"].get("deletionTimestamp")


def template_pod(template: Mapping[str, Any], owner: Manifest) -> Manifest:
    """A new pod from a template, controlled by ``owner``."""
    source = template.get("metadata") or {}
    metadata: Manifest = {key: clone(source[key]) for key in ("labels", "annotations", "finalizers") if source.get(key)}
    metadata["ownerReferences"] = [controller_reference(owner)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": clone(template.get("spec") or {})}
