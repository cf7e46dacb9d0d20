"""Which application an object belongs to: the tracking annotation (util/argo/resource_tracking.go)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.manifest.objects import Manifest, ResourceKey, annotations_of, metadata_of
from reconciler.terms import ANNOTATION_TRACKING_ID


@dataclass(frozen=True, slots=True)
class TrackingId:
    """``<application>:<group>/<kind>:<namespace>/<name>``."""

    application: str
    key: ResourceKey

    def __str__(self) -> str:
        key = self.key
        return f"{self.application}:{key.group}/{key.kind}:{key.namespace}/{key.name}"


def parse_tracking_id(text: str) -> TrackingId | None:
    """The parts of a tracking annotation, None when it does not have that form."""
    parts = text.split(":", 2)
    if len(parts) != 3 or not parts[0]:
        return None
    group, slash, kind = parts[1].partition("/")
    namespace, slash_name, name = parts[2].partition("/")
    if not slash or not slash_name or "/" in kind or "/" in name:
        return None
    return TrackingId(parts[0], ResourceKey(group, kind, namespace, name))


def tracked_by(obj: Mapping[str, Any]) -> TrackingId | None:
    """The tracking id of a live object."""
    return parse_tracking_id(annotations_of(obj).get(ANNOTATION_TRACKING_ID, ""))


def is_self_referencing(obj: Mapping[str, Any], tracking: TrackingId) -> bool:
    """Whether the annotation names the object that carries it.

    A copy made by a controller or a person carries the annotation of its origin: it is shown, never compared or pruned.
    A cluster-scoped object may carry the destination's namespace.
    """
    key = ResourceKey.of(obj)
    same_kind = (tracking.key.group, tracking.key.kind, tracking.key.name) == (key.group, key.kind, key.name)
    return same_kind and (not key.namespace or tracking.key.namespace == key.namespace)


def with_tracking(obj: Manifest, *, application: str, namespace: str) -> Manifest:
    """A copy of the object that names its application; ``namespace`` stands in where the object has none.

    Custom resource definitions are never marked, as upstream.
    """
    key = ResourceKey.of(obj)
    if (key.group, key.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        return obj
    metadata = metadata_of(obj)
    annotations = metadata.get("annotations") or {}
    if not isinstance(annotations, Mapping):
        # The API server will refuse the object and say why.
        return obj
    identity = TrackingId(application, ResourceKey(key.group, key.kind, key.namespace or namespace, key.name))
    marked = {**annotations, ANNOTATION_TRACKING_ID: str(identity)}
    return {**obj, "metadata": {**metadata, "annotations": marked}}
