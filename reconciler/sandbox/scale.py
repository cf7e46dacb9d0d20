"""The scale sub-resource: a count of replicas, read from and written to the object that it belongs to."""

from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.cluster import CRDS, Cluster
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.selectors import selector_text
from reconciler.sandbox.status import bad_request, not_found
from reconciler.sandbox.store import ObjectName

_COPIED: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def read_scale(cluster: Cluster, resource: Resource, obj: Manifest) -> Manifest:
    """An object as its ``Scale``."""
    spec_path, status_path, selector_path = _paths(cluster, resource)
    metadata = {key: obj["metadata"][key] for key in _COPIED if key in obj["metadata"]}
    spec = _get(obj, spec_path)
    status: Manifest = {"replicas": _get(obj, status_path) or 0}
    selector = _get(obj, selector_path)
    if isinstance(selector, Mapping):
        plain = "matchLabels" not in selector and "matchExpressions" not in selector
        selector = selector_text({"matchLabels": selector} if plain else dict(selector))
    if selector:
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": spec} if spec else {},
        "status": status,
    }


def write_scale(cluster: Cluster, resource: Resource, obj: Manifest, scale: Any) -> Manifest:
    """A copy of ``obj`` with the replicas that a ``Scale`` asks for.

    Raises
    ------
    StatusError
        400 for a body that is no Scale.
    """
    if not isinstance(scale, dict) or not isinstance(scale.get("spec", {}), dict):
        raise bad_request("the object provided is unrecognized (must be of type Scale)")
    metadata = scale.get("metadata") or {}
    if metadata.get("name", obj["metadata"]["name"]) != obj["metadata"]["name"]:
        raise bad_request("the name of the object does not match the name on the URL")
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    changed: Manifest = _set(obj, _paths(cluster, resource)[0], replicas)
    version = metadata.get("resourceVersion")
    if version:
        changed = {**changed, "metadata": {**changed["metadata"], "resourceVersion": version}}
    return changed


def _paths(cluster: Cluster, resource: Resource) -> tuple[list[str], list[str], list[str]]:
    if not resource.crd:
        return ["spec", "replicas"], ["status", "replicas"], ["spec", "selector"]
    crd = cluster.store.get(CRDS, ObjectName("", resource.crd))
    versions = crd["spec"]["versions"] if crd is not None else ()
    for version in versions:
        scale = (version.get("subresources") or {}).get("scale")
        if version["name"] == resource.version and scale:
            names = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
            found = [str(scale.get(name) or "").strip(".").split(".") for name in names]
            return found[0], found[1], found[2]
    raise not_found(resource.group, resource.plural, "scale")


def _get(obj: Any, path: list[str]) -> Any:
    for step in path:
        obj = obj.get(step) if isinstance(obj, Mapping) else None
    return obj


def _set(obj: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    inner = obj.get(path[0]) if isinstance(obj, Mapping) else None
    return {**(obj or {}), path[0]: _set(inner, path[1:], value)}
