"""Creating and changing objects: the steps of a write, from the body to the store.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go and pkg/endpoints/handlers, v0.37.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.allocation import SERVICES
from reconciler.sandbox.cluster import CRDS, NAMESPACES, Cluster
from reconciler.sandbox.custom.definitions import establish, validate_definition
from reconciler.sandbox.decode_object import (
    check_unknown,
    decode_applied,
    decode_object,
    invalid_patch,
    validate_schema,
)
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import (
    Cause,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    invalid_value,
    not_found,
    plain_error,
    stale_version,
)
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.strategy import (
    CONDITIONAL_UPDATE,
    KEEPS_STATUS,
    changed,
    clone,
    prepare_create,
    prepare_status_update,
    prepare_update,
)
from reconciler.sandbox.validation import validate_create, validate_metadata, validate_update

Change = Callable[[Manifest], Any]


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What a write request asks for. ``validation`` is Strict, Warn or Ignore, for unknown members."""

    manager: str = "unknown"
    validation: str = "Warn"
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write; ``created`` decides between 200 and 201."""

    object: Manifest
    created: bool = False
    warnings: tuple[str, ...] = ()


class Writer:
    """Writes objects to a cluster under the rules of the API server."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def create(self, resource: Resource, namespace: str, body: Any, options: WriteOptions) -> Written:
        """Create an object. Raises StatusError."""
        decoded = decode_object(self._cluster, resource, body)
        warnings = check_unknown(resource, decoded, options.validation)
        obj = _place(resource, decoded.object, namespace)
        if obj["metadata"].get("resourceVersion"):
            raise plain_error("resourceVersion should not be set on objects to be created")
        if resource.has_status and resource.storage not in KEEPS_STATUS:
            obj.pop("status", None)
        obj = self._owned(None, obj, options.manager, "")
        return self._store_new(resource, obj, options, warnings)

    def update(
        self,
        resource: Resource,
        name: ObjectName,
        change: Change,
        options: WriteOptions,
        *,
        subresource: str = "",
        patched: bool = False,
    ) -> Written:
        """Replace an object by what ``change`` makes of a copy of the live one. Raises StatusError.

        ``patched`` says that the request was a patch: some refusals are other ones then.
        """
        live = self._live(resource, name)
        body = change(clone(live))
        try:
            decoded = decode_object(self._cluster, resource, body)
            warnings = check_unknown(resource, decoded, options.validation)
        except StatusError as error:
            raise (invalid_patch(resource, error) if patched else error) from None
        obj = _place(resource, decoded.object, name.namespace)
        if isinstance(body.get("metadata"), dict) and body["metadata"].get("managedFields") == []:
            # Decoding drops what is empty; here it means that no one owns anything any more.
            obj["metadata"]["managedFields"] = []
        self._check_identity(resource, obj, live, name, patched=patched)
        self._prepare(resource, obj, live, subresource)
        obj = self._owned(live, obj, options.manager, subresource)
        return self._store_changed(resource, obj, live, options, warnings)

    def apply(
        self,
        resource: Resource,
        name: ObjectName,
        target: Any,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Written:
        """Server-side apply. Raises StatusError."""
        given = target
        target = _apply_target(resource, given, name, subresource)
        live = self._cluster.store.get(resource.storage, name)
        if live is None and subresource:
            raise not_found(resource.group, resource.plural, name.name)
        uid = target["metadata"].get("uid")
        if live is None and uid:
            why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            raise conflict(resource.group, resource.plural, name.name, why)
        if live is not None:
            live = as_version(resource, live)
            self._check_identity(resource, target, live, name, patched=True)
        elif not (given.get("metadata") or {}).get("name"):
            text = f"the name of the object ({name.name} based on URL) was undeterminable: name must be provided"
            raise bad_request(text)
        merged = self._cluster.ownership.applied(
            live,
            target,
            manager=options.manager,
            subresource=subresource,
            force=options.force,
            now=self._cluster.clock(),
            given=given,
        )
        decoded = decode_applied(self._cluster, resource, merged, given)
        obj = _place(resource, decoded.object, name.namespace)
        if live is None:
            self._require_namespace(resource, obj)
            return self._store_new(resource, obj, options, [])
        self._prepare(resource, obj, live, subresource)
        return self._store_changed(resource, obj, live, options, [])

    def _prepare(self, resource: Resource, obj: Manifest, live: Manifest, subresource: str) -> None:
        if subresource == "status":
            prepare_status_update(resource, obj, live)
        else:
            prepare_update(self._cluster, resource, obj, live)

    def _live(self, resource: Resource, name: ObjectName) -> Manifest:
        live = self._cluster.store.get(resource.storage, name)
        if live is None:
            raise not_found(resource.group, resource.plural, name.name)
        return as_version(resource, live)

    def _owned(self, live: Manifest | None, obj: Manifest, manager: str, subresource: str) -> Manifest:
        return self._cluster.ownership.updated(
            live, obj, manager=manager, subresource=subresource, now=self._cluster.clock()
        )

    def _store_new(self, resource: Resource, obj: Manifest, options: WriteOptions, warnings: list[str]) -> Written:
        obj = clone(obj)
        prepare_create(self._cluster, resource, obj)
        self._require_namespace(resource, obj)
        causes = validate_metadata(resource, obj)
        causes += validate_schema(self._cluster, resource, obj)
        causes += validate_create(resource.storage, obj)
        if resource.storage == CRDS:
            causes += validate_definition(obj)
        if resource.storage == SERVICES and not causes:
            causes += self._cluster.allocations.allocate(obj, None)
        _refuse(resource, obj, causes, warnings)
        name = ObjectName(obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        if self._cluster.store.get(resource.storage, name) is not None:
            raise already_exists(resource.group, resource.plural, name.name)
        if resource.storage == CRDS:
            establish(obj, self._cluster.timestamp())
        if not options.dry_run:
            obj = self._cluster.store.put(resource.storage, obj)
        return Written(obj, created=True, warnings=tuple(warnings))

    def _store_changed(
        self, resource: Resource, obj: Manifest, live: Manifest, options: WriteOptions, warnings: list[str]
    ) -> Written:
        causes = validate_metadata(resource, obj)
        causes += validate_schema(self._cluster, resource, obj)
        causes += validate_update(resource.storage, obj, live)
        causes += _metadata_update(obj, live)
        if resource.storage == CRDS:
            causes += validate_definition(obj)
            establish(obj, self._cluster.timestamp())
        if resource.storage == SERVICES and not causes:
            causes += self._cluster.allocations.allocate(obj, live)
        _refuse(resource, obj, causes, warnings)
        obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if changed(obj, live) and not options.dry_run:
            obj = self._keep(resource, obj)
        return Written(obj, warnings=tuple(warnings))

    def _keep(self, resource: Resource, obj: Manifest) -> Manifest:
        """Store a changed object, or remove it when its deletion waited for the finalizers that are now gone."""
        stored = self._cluster.store.put(resource.storage, obj)
        metadata = stored["metadata"]
        waits = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
        if resource.storage == NAMESPACES:
            waits = waits or (stored.get("spec") or {}).get("finalizers")
        if metadata.get("deletionTimestamp") and not waits:
            self._cluster.store.remove(resource.storage, ObjectName(metadata.get("namespace", ""), metadata["name"]))
        return stored

    def _check_identity(
        self, resource: Resource, obj: Manifest, live: Manifest, name: ObjectName, *, patched: bool
    ) -> None:
        metadata, before = obj["metadata"], live["metadata"]
        if metadata.setdefault("name", name.name) != name.name:
            text = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name.name})"
            raise bad_request(text)
        uid = metadata.get("uid")
        if uid and uid != before["uid"]:
            if patched:
                cause = invalid_value("metadata.uid", uid, "field is immutable")
                raise invalid(resource.group, resource.kind, name.name, [cause])
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['uid']}"
            raise conflict(resource.group, resource.plural, name.name, why)
        version = metadata.get("resourceVersion")
        if version and version != before["resourceVersion"]:
            if not version.isdigit():
                raise plain_error(f'strconv.ParseUint: parsing "{version}": invalid syntax')
            raise stale_version(resource.group, resource.plural, name.name)
        if not version and not patched and (resource.crd or resource.storage in CONDITIONAL_UPDATE):
            text = "Invalid value: 0: must be specified for an update"
            cause = Cause("FieldValueInvalid", text, "metadata.resourceVersion")
            raise invalid(resource.group, resource.plural, name.name, [cause])

    def _require_namespace(self, resource: Resource, obj: Manifest) -> None:
        if not resource.namespaced:
            return
        namespace = obj["metadata"].get("namespace", "")
        found = self._cluster.store.get(NAMESPACES, ObjectName("", namespace))
        if found is None:
            raise not_found("", "namespaces", namespace)
        if found["metadata"].get("deletionTimestamp"):
            name = obj["metadata"].get("name", "")
            cause = Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise forbidden(resource.group, resource.plural, name, why, [cause])


def as_version(resource: Resource, obj: Manifest) -> Manifest:
    """An object in the version it is asked in: definitions without a conversion webhook only rename it."""
    if obj.get("apiVersion") == resource.group_version:
        return obj
    return {**obj, "apiVersion": resource.group_version}


def _place(resource: Resource, obj: Manifest, namespace: str) -> Manifest:
    metadata = obj["metadata"]
    if not resource.namespaced:
        return obj
    given = metadata.get("namespace")
    if given and given != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    metadata["namespace"] = namespace
    return obj


def _apply_target(resource: Resource, target: Any, name: ObjectName, subresource: str) -> Manifest:
    if not isinstance(target, dict):
        raise bad_request("error decoding patch: the patch is not an object")
    metadata = target.get("metadata")
    metadata = dict(metadata) if isinstance(metadata, dict) else {}
    if metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    if target.get("apiVersion") != resource.group_version or target.get("kind") != resource.kind:
        version, kind = str(target.get("apiVersion") or ""), target.get("kind") or ""
        raise bad_request(f"invalid object type: {version if '/' in version else '/' + version}, Kind={kind}")
    if metadata.get("name", name.name) != name.name:
        text = f"the name of the object ({metadata['name']}) does not match the name on the URL ({name.name})"
        raise bad_request(text)
    metadata["name"] = name.name
    if resource.namespaced:
        if metadata.get("namespace", name.namespace) != name.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = name.namespace
    result = {**target, "metadata": metadata}
    if subresource == "status":
        keep = {key: metadata[key] for key in ("name", "namespace", "resourceVersion", "uid") if key in metadata}
        result = {key: result[key] for key in ("apiVersion", "kind", "status") if key in result}
        result["metadata"] = keep
    return result


def _metadata_update(obj: Manifest, live: Manifest) -> list[Cause]:
    if not live["metadata"].get("deletionTimestamp"):
        return []
    before = set(live["metadata"].get("finalizers") or ())
    added = [name for name in obj["metadata"].get("finalizers") or () if name not in before]
    if not added:
        return []
    text = "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
    shown = "[]string{" + ", ".join(f'"{name}"' for name in added) + "}"
    return [Cause("FieldValueForbidden", text + shown, "metadata.finalizers")]


def _refuse(resource: Resource, obj: Manifest, causes: list[Cause], warnings: list[str]) -> None:
    if causes:
        refusal = invalid(resource.group, resource.kind, obj["metadata"].get("name", ""), causes)
        refusal.warnings = tuple(warnings)
        raise refusal
