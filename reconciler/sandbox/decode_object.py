"""From a request's body to the object in the form that is stored, and the warnings that this earns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.manifest.objects import Manifest, name_of, namespace_of
from reconciler.sandbox.cluster import CRDS, Cluster
from reconciler.sandbox.custom.definitions import schema_of
from reconciler.sandbox.custom.structural import apply_schema_defaults, drop_nulls, prune
from reconciler.sandbox.custom.validation import validate_by_schema
from reconciler.sandbox.decoding import Decoder
from reconciler.sandbox.defaults import apply_defaults
from reconciler.sandbox.documents import META, load_document
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.status import Cause, StatusError, bad_request, invalid, invalid_value, plain_error
from reconciler.sandbox.store import ObjectName
from reconciler.sandbox.strategy import clone


@dataclass(frozen=True, slots=True)
class Decoded:
    """An object as stored, and the paths of the members that were dropped from it."""

    object: Manifest
    unknown: tuple[str, ...] = ()


def decode_object(cluster: Cluster, resource: Resource, body: Any, *, kind: str = "") -> Decoded:
    """Decode, prune and default an object; the input stays as it is.

    Raises
    ------
    StatusError
        400 for another kind, or a value of the wrong type.
    """
    wanted = kind or resource.kind
    obj = _typed(resource, body, wanted)
    try:
        if resource.crd:
            return _decode_custom(cluster, resource, obj)
        return _decode_built_in(cluster, resource, obj)
    except StatusError as error:
        if error.status == 400:
            raise _cannot_handle(resource, wanted, str(error)) from None
        raise


def decode_applied(cluster: Cluster, resource: Resource, merged: Manifest, given: Mapping[str, Any]) -> Decoded:
    """Decode the result of an apply; ``given`` is the target as it was sent.

    Raises
    ------
    StatusError
        500 for a value that the kind cannot hold: the apply has come too far for a better one.
    """
    try:
        return decode_object(cluster, resource, merged)
    except StatusError as error:
        if error.status != 400:
            raise
        why = str(error).partition(f"cannot be handled as a {resource.kind}: ")[2] or str(error)
        kind = f"{resource.group_version if resource.group else '/' + resource.version}, Kind={resource.kind}"
        what = f"failed to convert new object ({namespace_of(given)}/{name_of(given)}; {kind}) to proper version"
        text = f"{what}: unable to convert unstructured object to {kind}: error decoding from json: {why}"
        raise plain_error(text) from None


def invalid_patch(resource: Resource, error: StatusError) -> StatusError:
    """A patch whose result cannot be decoded; the real server repeats the whole result, which may hold secrets."""
    if error.status != 400 or "cannot be handled as a" not in str(error):
        return error
    why = str(error).partition(f"cannot be handled as a {resource.kind}: ")[2] or str(error)
    cause = Cause("FieldValueInvalid", f'Invalid value: "{{…}}": {why}', "patch")
    details = {"causes": [cause.to_json()]}
    return StatusError(422, "Invalid", f' "" is invalid: patch: {cause.message}', details)


def check_unknown(resource: Resource, decoded: Decoded, mode: str) -> list[str]:
    """The warnings for dropped members; in mode ``Strict`` the refusal.

    Raises
    ------
    StatusError
        400 in strict mode.
    """
    texts = [f'unknown field "{path}"' for path in decoded.unknown]
    if texts and mode == "Strict":
        raise _cannot_handle(resource, resource.kind, f"strict decoding error: {', '.join(texts)}")
    return [] if mode == "Ignore" else texts


def validate_schema(cluster: Cluster, resource: Resource, obj: Manifest) -> list[Cause]:
    """Check a custom resource by its schema; built-in kinds have theirs in the decoder."""
    return validate_by_schema(obj, _schema(cluster, resource)) if resource.crd else []


def _cannot_handle(resource: Resource, kind: str, why: str) -> StatusError:
    return bad_request(f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {why}')


def _typed(resource: Resource, body: Any, kind: str) -> Manifest:
    if not isinstance(body, dict):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): couldn't get version/kind")
    if resource.crd and not body.get("kind"):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind}): Object 'Kind' is missing")
    version = body.get("apiVersion") or resource.group_version
    actual = body.get("kind") or kind
    if version != resource.group_version:
        why = f"the API version in the data ({version}) does not match the expected API version ({resource.group_version})"
        raise bad_request(why)
    if actual != kind:
        if resource.crd:
            name = str((body.get("metadata") or {}).get("name", ""))
            raise invalid(resource.group, actual, name, [invalid_value("kind", actual, f"must be {kind}")])
        why = f"converting ({resource.version}.{actual}) to ({resource.group or 'core'}.{kind}): unknown conversion"
        raise bad_request(f'{actual} in version "{resource.version}" cannot be handled as a {kind}: {why}')
    return {**body, "apiVersion": resource.group_version, "kind": kind, "metadata": body.get("metadata") or {}}


def _decode_built_in(cluster: Cluster, resource: Resource, obj: Manifest) -> Decoded:
    component = cluster.documents.schema_name(resource.group, resource.version, resource.kind)
    if component is None:
        return Decoded(clone(obj))
    decoder = Decoder(cluster.documents.schemas(resource.group, resource.version))
    result = decoder.decode(clone(obj), component)
    result = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": {}, **result}
    apply_defaults(resource.storage, result)
    return Decoded(result, tuple(decoder.unknown))


def _decode_custom(cluster: Cluster, resource: Resource, obj: Manifest) -> Decoded:
    schema = _schema(cluster, resource)
    decoder = Decoder(load_document("api/v1")["components"]["schemas"])
    metadata = decoder.decode(obj["metadata"], f"{META}.ObjectMeta")
    pruned, dropped = prune({**obj, "metadata": {}}, schema)
    result: Manifest = clone(drop_nulls(pruned, schema))
    apply_schema_defaults(result, schema)
    result["metadata"] = metadata
    unknown = [f"metadata.{path}" for path in decoder.unknown] + dropped
    return Decoded(result, tuple(unknown))


def _schema(cluster: Cluster, resource: Resource) -> Mapping[str, Any]:
    crd = cluster.store.get(CRDS, ObjectName("", resource.crd))
    return schema_of(crd, resource.version) if crd is not None else {}
