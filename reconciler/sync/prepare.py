"""Target manifests as they will be applied: namespace filled in, marked with their application, kinds looked up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.tracking import DEFAULT_TRACKING, TrackingSettings, with_tracking
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of, name_of, namespace_of
from reconciler.sync.hooks import is_hook, is_skipped
from reconciler.sync.order import is_crd
from reconciler.terms import ConditionType


@dataclass(frozen=True, slots=True)
class PreparedTarget:
    """``resources`` and ``hooks`` ready to apply; ``unknown`` are objects whose kind the cluster does not know.

    ``conditions`` are warnings, each of the type that it has in Argo CD.
    """

    resources: Mapping[ResourceKey, Manifest]
    hooks: tuple[Manifest, ...]
    unknown: Mapping[ResourceKey, Manifest]
    conditions: tuple[tuple[ConditionType, str], ...]
    kinds: Mapping[ResourceKey, ApiResource] = field(repr=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the ``conditions`` say."""
        return tuple(message for _, message in self.conditions)


def prepare_target(
    manifests: Iterable[Manifest],
    discovery: Discovery,
    *,
    application: str,
    namespace: str,
    tracking: TrackingSettings = DEFAULT_TRACKING,
    is_excluded: Callable[[str, str], bool] = lambda _group, _kind: False,
) -> PreparedTarget:
    """Prepare the manifests of one application.

    ``namespace`` is the destination's: it fills namespaced objects that have none, and cluster-scoped objects lose theirs.
    Objects of an excluded kind (``resource.exclusions``) are left out with a warning. The last of two objects with one key
    wins, with a warning (controller/state.go NormalizeTargetObjects).
    """
    documents = list(manifests)
    scopes = _defined_scopes(documents)
    resources: dict[ResourceKey, Manifest] = {}
    unknown: dict[ResourceKey, Manifest] = {}
    kinds: dict[ResourceKey, ApiResource] = {}
    hooks: list[Manifest] = []
    conditions: list[tuple[ConditionType, str]] = []
    for document in documents:
        if is_skipped(document):
            continue
        gvk = GroupVersionKind.of(document)
        if is_excluded(gvk.group, gvk.kind):
            said = f"Resource {gvk.group}/{gvk.kind} {name_of(document)} is excluded in the settings"
            conditions.append((ConditionType.EXCLUDED_RESOURCE, said))
            continue
        resource = discovery.find(gvk)
        namespaced = resource.namespaced if resource else scopes.get((gvk.group, gvk.kind), True)
        obj = with_tracking(
            _placed(document, namespace if namespaced else ""),
            application=application,
            namespace=namespace,
            settings=tracking,
        )
        if is_hook(document):
            hooks.append(obj)
            continue
        key = ResourceKey.of(obj)
        if key in resources:
            said = f"{key} appears more than once among the manifests; the last one wins"
            conditions.append((ConditionType.REPEATED_RESOURCE, said))
        resources[key] = obj
        if resource is not None:
            kinds[key] = resource
        elif (gvk.group, gvk.kind) not in scopes:
            unknown[key] = obj
    return PreparedTarget(resources, tuple(hooks), unknown, tuple(conditions), kinds)


def _placed(obj: Manifest, namespace: str) -> Manifest:
    metadata = dict(metadata_of(obj))
    if not namespace:
        metadata.pop("namespace", None)
    elif not namespace_of(obj):
        metadata["namespace"] = namespace
    return {**obj, "metadata": metadata}


def _defined_scopes(documents: Iterable[Manifest]) -> dict[tuple[str, str], bool]:
    """Whether the kinds that the manifests themselves define are namespaced."""
    scopes: dict[tuple[str, str], bool] = {}
    for document in documents:
        spec = document.get("spec")
        # A kind of that name in a group of somebody's own defines nothing, and must not say what a kind's scope is.
        if is_crd(ResourceKey.of(document)) and isinstance(spec, Mapping):
            names = spec.get("names")
            kind = names.get("kind") if isinstance(names, Mapping) else None
            scopes[(str(spec.get("group", "")), str(kind or ""))] = spec.get("scope") == "Namespaced"
    return scopes
