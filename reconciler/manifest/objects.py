"""Kubernetes objects as plain dicts, and the keys that identify them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from reconciler.errors import SpecError, Violation
from reconciler.terms import ARGO_GROUP

Manifest = dict[str, Any]
"""A Kubernetes object as JSON gives it: str keys; str, int, float, bool, None, list, dict values."""


@dataclass(frozen=True, slots=True, order=True)
class GroupVersionKind:
    """``group`` is empty for the core group."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Self:
        group, _, version = str(obj.get("apiVersion", "")).rpartition("/")
        return cls(group, version, str(obj.get("kind", "")))

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.api_version} {self.kind}"


@dataclass(frozen=True, slots=True, order=True)
class ResourceKey:
    """Identity of an object in a cluster; ``namespace`` is empty for cluster-scoped kinds."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> Self:
        gvk = GroupVersionKind.of(obj)
        return cls(gvk.group, gvk.kind, namespace_of(obj), name_of(obj))

    @property
    def is_application(self) -> bool:
        """Whether the object is an Application of Argo CD, a child of the one that holds it."""
        return (self.group, self.kind) == (ARGO_GROUP, "Application")

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


def metadata_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object's metadata, empty where it is missing or not a mapping."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def name_of(obj: Mapping[str, Any]) -> str:
    """``metadata.name``, else ``metadata.generateName``, else empty."""
    metadata = metadata_of(obj)
    return str(metadata.get("name") or metadata.get("generateName") or "")


def namespace_of(obj: Mapping[str, Any]) -> str:
    return str(metadata_of(obj).get("namespace") or "")


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """The annotations; empty when any is not a string, as Kubernetes' own accessor reads them."""
    annotations = metadata_of(obj).get("annotations")
    if not isinstance(annotations, Mapping) or not all(isinstance(value, str) for value in annotations.values()):
        return {}
    return dict(annotations)


def flatten_lists(obj: Manifest) -> Iterator[Manifest]:
    """The object itself, or the items of a ``List`` kind (a null list has none)."""
    if str(obj.get("kind", "")).endswith("List") and "items" in obj:
        for item in obj["items"] or ():
            yield from flatten_lists(item)
    else:
        yield obj


def require_object(obj: Any, where: str) -> Manifest:
    """Check that a parsed document is a Kubernetes object: a mapping with apiVersion, kind and a name.

    Raises
    ------
    SpecError
        With every missing field.
    """
    if not isinstance(obj, dict):
        raise SpecError(f"{where}: not a Kubernetes object but {type(obj).__name__}; expected a mapping with kind")
    violations = [
        Violation(field, "must be a non-empty string")
        for field in ("apiVersion", "kind")
        if not isinstance(obj.get(field), str) or not obj[field]
    ]
    is_list = str(obj.get("kind", "")).endswith("List") and "items" in obj
    if is_list and not isinstance(obj["items"], list | None):
        violations.append(Violation("items", "must be a list"))
    if not is_list and not name_of(obj):
        violations.append(Violation("metadata.name", "must be a non-empty string (or generateName)"))
    if violations:
        raise SpecError(where, violations)
    return obj


def is_secret(obj: Mapping[str, Any]) -> bool:
    """Whether an object is a Secret, or was meant to be: no version and no letter case makes its values fit to be shown."""
    group = str(obj.get("apiVersion", "")).rpartition("/")[0]
    return not group and str(obj.get("kind", "")).strip().casefold() == "secret"


def images_of(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """Container images of a pod, or of any object with a pod template, sorted."""
    spec = obj.get("spec")
    while isinstance(spec, Mapping) and "containers" not in spec:
        # CronJob nests its template once more.
        inner = spec.get("template") or spec.get("jobTemplate")
        spec = inner.get("spec") if isinstance(inner, Mapping) else None
    if not isinstance(spec, Mapping):
        return ()
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return tuple(
        sorted({str(entry["image"]) for entry in containers if isinstance(entry, Mapping) and entry.get("image")})
    )
