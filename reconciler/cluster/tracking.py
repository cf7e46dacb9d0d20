"""Which application an object belongs to: by annotation, by label, or by both (util/argo/resource_tracking.go)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from reconciler.errors import SpecError, Violation
from reconciler.manifest.objects import Manifest, ResourceKey, annotations_of, metadata_of
from reconciler.terms import ANNOTATION_INSTALLATION_ID, ANNOTATION_TRACKING_ID

INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
LABEL_LENGTH: Final = 63
"""Longest value of a label."""

_LABEL_KEY: Final = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


class TrackingMethod(StrEnum):
    """Values of ``application.resourceTrackingMethod``."""

    ANNOTATION = "annotation"
    ANNOTATION_AND_LABEL = "annotation+label"
    LABEL = "label"


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """How objects are marked; ``installation_id`` keeps several Argo CDs of one cluster apart."""

    method: TrackingMethod = TrackingMethod.ANNOTATION
    label_key: str = INSTANCE_LABEL
    installation_id: str = ""


DEFAULT_TRACKING: Final = TrackingSettings()


def parse_tracking_settings(data: Mapping[str, str]) -> TrackingSettings:
    """The settings in the data of ``argocd-cm``.

    Source: ``application.resourceTrackingMethod`` (annotation since 3.0), ``application.instanceLabelKey`` and
    ``installationID`` in docs/user-guide/resource_tracking.md of Argo CD 3.6.

    Raises
    ------
    SpecError
        For a method or a label key that cannot be.
    """
    violations = []
    text = str(data.get("application.resourceTrackingMethod") or TrackingMethod.ANNOTATION)
    if text not in list(TrackingMethod):
        known = ", ".join(TrackingMethod)
        violations.append(Violation("application.resourceTrackingMethod", f"{text!r} is not one of {known}"))
    label_key = str(data.get("application.instanceLabelKey") or INSTANCE_LABEL)
    if not _LABEL_KEY.fullmatch(label_key):
        violations.append(Violation("application.instanceLabelKey", f"{label_key!r} cannot be the key of a label"))
    if violations:
        raise SpecError("argocd-cm", violations)
    return TrackingSettings(TrackingMethod(text), label_key, str(data.get("installationID") or ""))


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


def tracked_by(obj: Mapping[str, Any], settings: TrackingSettings = DEFAULT_TRACKING) -> TrackingId | None:
    """The tracking annotation of a live object; None for objects of another installation, which are not ours to see."""
    annotations = annotations_of(obj)
    if annotations.get(ANNOTATION_INSTALLATION_ID, "") != settings.installation_id:
        return None
    return parse_tracking_id(annotations.get(ANNOTATION_TRACKING_ID, ""))


def application_of(obj: Mapping[str, Any], settings: TrackingSettings = DEFAULT_TRACKING) -> str:
    """The name of the application that a live object is marked with, empty when with none.

    Only the method ``label`` reads the label; it knows of no installations (GetAppName).
    """
    if settings.method is TrackingMethod.LABEL:
        labels = metadata_of(obj).get("labels")
        value = labels.get(settings.label_key) if isinstance(labels, Mapping) else None
        return value if isinstance(value, str) else ""
    tracking = tracked_by(obj, settings)
    return tracking.application if tracking is not None else ""


def is_managed_by(
    obj: Mapping[str, Any],
    application: str,
    settings: TrackingSettings = DEFAULT_TRACKING,
    *,
    target: Mapping[str, Any] | None = None,
) -> bool:
    """Whether a live object is the application's to compare and to prune, not only marked with its name.

    A mark that names another object is a copy's: such an object is shown and otherwise left alone. Where the target holds
    the object, its present group and kind count, so that one that moved to another API group stays managed. A label names
    no object, so that every object with the label is managed.

    Source: isSelfReferencedObj, controller/state.go of Argo CD 37ee009.
    """
    if application_of(obj, settings) != application:
        return False
    if settings.method is TrackingMethod.LABEL:
        return True
    tracking = tracked_by(obj, settings)
    if tracking is None:
        return False
    return is_self_referencing(obj, tracking) or (target is not None and is_self_referencing(target, tracking))


def is_self_referencing(obj: Mapping[str, Any], tracking: TrackingId) -> bool:
    """Whether the annotation names the object that carries it.

    A copy made by a controller or a person carries the annotation of its origin: it is shown, never compared or pruned.
    A cluster-scoped object may carry the destination's namespace.
    """
    key = ResourceKey.of(obj)
    same_kind = (tracking.key.group, tracking.key.kind, tracking.key.name) == (key.group, key.kind, key.name)
    return same_kind and (not key.namespace or tracking.key.namespace == key.namespace)


def with_tracking(
    obj: Manifest, *, application: str, namespace: str, settings: TrackingSettings = DEFAULT_TRACKING
) -> Manifest:
    """A copy of the object that names its application; ``namespace`` stands in where the object has none.

    Custom resource definitions are never marked, as upstream. With an installation id the copy names that too, without
    one it loses such a mark. A label beside an annotation is cut to what a label may hold; alone it is not, so that the
    API server refuses a name that would not be found again.
    """
    key = ResourceKey.of(obj)
    if (key.group, key.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        return obj
    metadata = dict(metadata_of(obj))
    if settings.method is not TrackingMethod.LABEL:
        annotations = metadata.get("annotations") or {}
        if not isinstance(annotations, Mapping):
            # The API server will refuse the object and say why.
            return obj
        identity = TrackingId(application, ResourceKey(key.group, key.kind, key.namespace or namespace, key.name))
        kept = {name: value for name, value in annotations.items() if name != ANNOTATION_INSTALLATION_ID}
        own = {ANNOTATION_INSTALLATION_ID: settings.installation_id} if settings.installation_id else {}
        metadata["annotations"] = {**kept, **own, ANNOTATION_TRACKING_ID: str(identity)}
    if settings.method is not TrackingMethod.ANNOTATION:
        labels = metadata.get("labels") or {}
        if not isinstance(labels, Mapping):
            return obj
        value = application if settings.method is TrackingMethod.LABEL else label_value(application)
        metadata["labels"] = {**labels, settings.label_key: value}
    return {**obj, "metadata": metadata}


def label_value(text: str) -> str:
    """The longest beginning of the text that a label may hold, at most 63 characters."""
    cut = text[:LABEL_LENGTH]
    while cut and not _LABEL_VALUE.fullmatch(cut):
        cut = cut[:-1]
    return cut
