"""CustomResourceDefinitions: their status, their rules, and the OpenAPI documents of what they define.

Source: k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder and pkg/apis/apiextensions/validation, v0.37.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import CRDS, Cluster
from reconciler.sandbox.custom.structural import EMBEDDED
from reconciler.sandbox.custom.validation import INT_OR_STRING
from reconciler.sandbox.documents import GVK_EXTENSION, META, document_path, load_document
from reconciler.sandbox.resources import crd_resources
from reconciler.sandbox.status import Cause, invalid_value, not_supported, required
from reconciler.sandbox.store import Event

_META_SCHEMAS: Final = (
    "DeleteOptions",
    "FieldsV1",
    "ListMeta",
    "ManagedFieldsEntry",
    "ObjectMeta",
    "OwnerReference",
    "Preconditions",
    "Time",
)
_PATCH_TYPES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
)


def establish(crd: Manifest, now: str) -> None:
    """Set in place the status of a definition that is served: here that happens with its creation."""
    spec = crd["spec"]
    status = crd.get("status") or {}
    before = {condition["type"]: condition for condition in status.get("conditions") or ()}
    texts = {
        "NamesAccepted": ("NoConflicts", "no conflicts found"),
        "Established": ("InitialNamesAccepted", "the initial names have been accepted"),
    }
    conditions = [
        before.get(kind)
        or {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}
        for kind, (reason, message) in texts.items()
    ]
    conditions += [condition for kind, condition in before.items() if kind not in texts]
    stored = [str(version["name"]) for version in spec["versions"] if version.get("storage")]
    versions = list(dict.fromkeys([*(status.get("storedVersions") or ()), *stored]))
    crd["status"] = {"conditions": conditions, "acceptedNames": spec["names"], "storedVersions": versions}


def validate_definition(crd: Manifest) -> list[Cause]:
    """Check a CustomResourceDefinition."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    causes = []
    wanted = f"{names.get('plural', '')}.{spec.get('group', '')}"
    if crd["metadata"].get("name") != wanted:
        name = crd["metadata"].get("name")
        causes.append(invalid_value("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    if not spec.get("group"):
        causes.append(required("spec.group"))
    if not spec.get("scope"):
        causes.append(required("spec.scope"))
    elif spec["scope"] not in ("Cluster", "Namespaced"):
        causes.append(not_supported("spec.scope", spec["scope"], ["Cluster", "Namespaced"]))
    versions = spec.get("versions") or []
    if sum(bool(version.get("storage")) for version in versions) != 1:
        why = "must have exactly one version marked as storage version"
        causes.append(invalid_value("spec.versions", versions or None, why))
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            causes.append(required(f"spec.versions[{index}].schema.openAPIV3Schema"))
    return causes + [
        required(f"spec.names.{key}") for key in ("plural", "singular", "kind", "listKind") if not names.get(key)
    ]


def schema_of(crd: Manifest, version: str) -> Mapping[str, Any]:
    """The structural schema of one version of a definition."""
    for entry in crd["spec"]["versions"]:
        if entry["name"] == version:
            schema: Mapping[str, Any] = (entry.get("schema") or {}).get("openAPIV3Schema") or {}
            return schema
    return {}


def serve_definitions(cluster: Cluster) -> None:
    """Keep catalog and documents in step with the definitions in the store, from now on."""

    def on_event(event: Event) -> None:
        if event.resource != CRDS:
            return
        if event.before is not None and event.before["spec"] == event.object["spec"] and event.type == "MODIFIED":
            return
        cluster.catalog.remove_crd(event.object["metadata"]["name"])
        if event.type != "DELETED":
            for resource in crd_resources(event.object):
                cluster.catalog.add(resource)
        versions = {entry["name"] for entry in event.object["spec"]["versions"]}
        if event.before is not None:
            versions |= {entry["name"] for entry in event.before["spec"]["versions"]}
        for version in versions:
            publish(cluster, event.object["spec"]["group"], version)

    cluster.store.subscribe(on_event)


def publish(cluster: Cluster, group: str, version: str) -> None:
    """Publish, or withdraw, the OpenAPI document of a group version of custom resources."""
    path = document_path(group, version)
    served = [
        crd
        for crd in cluster.store.objects(CRDS)
        if crd["spec"]["group"] == group
        and any(entry["name"] == version and entry.get("served") for entry in crd["spec"]["versions"])
    ]
    if served:
        cluster.documents.put(path, lambda: build_document(served, group, version))
    else:
        cluster.documents.remove(path)


def build_document(crds: Iterable[Manifest], group: str, version: str) -> Manifest:
    """The OpenAPI v3 document of one group version."""
    core = load_document("api/v1")["components"]["schemas"]
    schemas: Manifest = {f"{META}.{name}": core[f"{META}.{name}"] for name in _META_SCHEMAS}
    paths: Manifest = {}
    for crd in crds:
        names = crd["spec"]["names"]
        prefix = ".".join([*reversed(group.split(".")), version])
        name = f"{prefix}.{names['kind']}"
        schemas[name] = _component(schema_of(crd, version), group, version, names["kind"])
        schemas[f"{name}List"] = _list_component(name, group, version, names["listKind"])
        scope = "namespaces/{namespace}/" if crd["spec"]["scope"] == "Namespaced" else ""
        path = f"/apis/{group}/{version}/{scope}{names['plural']}/{{name}}"
        paths[path] = _path(group, version, names["kind"])
        entry = next(entry for entry in crd["spec"]["versions"] if entry["name"] == version)
        for subresource in entry.get("subresources") or ():
            paths[f"{path}/{subresource}"] = {"patch": {"responses": {"200": {"description": ""}}}}
    info = {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _component(schema: Mapping[str, Any], group: str, version: str, kind: str) -> Manifest:
    published: Manifest = _published(schema)
    reference = {"$ref": f"#/components/schemas/{META}.ObjectMeta"}
    properties = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"allOf": [reference]}}
    published["properties"] = {**(published.get("properties") or {}), **properties}
    published[GVK_EXTENSION] = [{"group": group, "kind": kind, "version": version}]
    return published


def _published(schema: Any) -> Any:
    """A structural schema as OpenAPI shows it: int-or-strings spelled out, embedded resources with their metadata."""
    if isinstance(schema, list):
        return [_published(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {
        key: value if key in ("default", "enum", "example") else _published(value) for key, value in schema.items()
    }
    if schema.get(INT_OR_STRING) is True:
        result.pop("type", None)
        result["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get(EMBEDDED) is True:
        reference = {"$ref": f"#/components/schemas/{META}.ObjectMeta"}
        own = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"allOf": [reference]}}
        result["properties"] = {**(result.get("properties") or {}), **own}
    return result


def _list_component(name: str, group: str, version: str, kind: str) -> Manifest:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
            "kind": {"type": "string"},
            "metadata": {"allOf": [{"$ref": f"#/components/schemas/{META}.ListMeta"}]},
        },
        GVK_EXTENSION: [{"group": group, "kind": kind, "version": version}],
    }


def _path(group: str, version: str, kind: str) -> Manifest:
    """The one operation that clients look for: patch, whose parameters tell what the server supports."""
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "boolean" if name == "force" else "string"}}
        for name in ("dryRun", "fieldManager", "fieldValidation", "force")
    ]
    operation = {
        "parameters": parameters,
        "requestBody": {"content": {media_type: {} for media_type in _PATCH_TYPES}},
        "responses": {"200": {"description": ""}},
        "x-kubernetes-action": "patch",
        GVK_EXTENSION: {"group": group, "kind": kind, "version": version},
    }
    return {"patch": operation}
