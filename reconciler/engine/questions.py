"""Applications that are ready to be compared, and what has to be listed for them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.cluster import Discovery
from reconciler.diff.records import ResourceComparison
from reconciler.engine.settings import EngineSettings
from reconciler.engine.views import LiveObject, Wanted
from reconciler.manifest.objects import GroupVersionKind, ResourceKey, namespace_of
from reconciler.model import Application
from reconciler.source import SourcedManifest, Target
from reconciler.sync.prepare import PreparedTarget
from reconciler.terms import SyncStatus


@dataclass(frozen=True, slots=True)
class Question:
    """An application that is ready to be compared, and what has to be listed for it."""

    application: Application
    target: Target
    prepared: PreparedTarget
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Preparation:
    """A prepared target with what has to be listed for it, and what they were made of."""

    manifests: tuple[SourcedManifest, ...]
    application: Application
    discovery: Discovery
    settings: EngineSettings
    prepared: PreparedTarget
    wanted: tuple[Wanted, ...]

    def is_of_target(
        self, target: Target, application: Application, discovery: Discovery, settings: EngineSettings
    ) -> bool:
        """Whether the target would be prepared so again."""
        return (
            self.manifests is target.manifests
            and self.application.spec.destination.namespace == application.spec.destination.namespace
            and self.discovery is discovery
            and self.settings is settings
        )

    def is_of(self, target: Target, application: Application, discovery: Discovery, settings: EngineSettings) -> bool:
        """Whether the same would be listed, too."""
        return self.application is application and self.is_of_target(target, application, discovery, settings)


def wanted_places(
    application: Application,
    target: PreparedTarget,
    discovery: Discovery,
    *,
    is_excluded: Callable[[str, str], bool],
) -> Iterator[Wanted]:
    """The kinds of the target and of what the application held before, in the namespaces where it did."""
    for obj in [*target.resources.values(), *target.hooks]:
        resource = discovery.find(GroupVersionKind.of(obj))
        if resource is not None:
            yield resource, namespace_of(obj)
    for entry in application.status.get("resources") or ():
        gvk = GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry.get("kind", ""))
        held = discovery.find(gvk) or discovery.preferred(gvk.group, gvk.kind)
        if held is not None and not is_excluded(gvk.group, gvk.kind):
            yield held, entry.get("namespace", "") if held.namespaced else ""


def refused_keys(
    question: Question, tracked: Sequence[LiveObject], permit: Callable[[ResourceKey], str]
) -> dict[ResourceKey, str]:
    """What the project does not permit of all that is compared, and why: its live objects are not looked at.

    Source: CompareAppState in controller/state.go of Argo CD 3.6.
    """
    prepared = question.prepared
    keys = dict.fromkeys((*prepared.resources, *map(ResourceKey.of, prepared.hooks), *(each.key for each in tracked)))
    known: dict[tuple[str, ...], str] = {}
    refused: dict[ResourceKey, str] = {}
    for key in keys:
        # Only an object without a namespace is judged by its name, too.
        place = (key.group, key.kind, key.namespace) if key.namespace else (key.group, key.kind, "", key.name)
        if place not in known:
            known[place] = permit(key)
        if known[place]:
            refused[key] = known[place]
    return refused


def unseen_before(
    application: Application,
    target: PreparedTarget,
    failed: Mapping[tuple[str, str, str], str],
    discovery: Discovery,
    *,
    is_excluded: Callable[[str, str], bool],
) -> Iterator[ResourceComparison]:
    """What the application held before, is not in the target, and cannot be looked for: not taken for gone.

    ``failed`` says of kinds and namespaces why they could not be listed.
    """
    hooks = {ResourceKey.of(hook) for hook in target.hooks}
    for entry in application.status.get("resources") or ():
        gvk = GroupVersionKind(entry.get("group", ""), entry.get("version", ""), entry.get("kind", ""))
        key = ResourceKey(gvk.group, gvk.kind, entry.get("namespace", ""), entry.get("name", ""))
        if key in target.resources or key in hooks or is_excluded(gvk.group, gvk.kind):
            continue
        reason = failed.get((key.group, key.kind, key.namespace), "")
        if gvk.group in discovery.stale_groups:
            reason = discovery.why_unknown(gvk)
        if reason:
            yield ResourceComparison(key, gvk.version, SyncStatus.UNKNOWN, reason=reason, requires_pruning=True)
