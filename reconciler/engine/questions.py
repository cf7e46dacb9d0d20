"""Applications that are ready to be compared, and what has to be listed for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reconciler.cluster import Discovery
from reconciler.engine.settings import EngineSettings
from reconciler.engine.views import Wanted
from reconciler.manifest.objects import GroupVersionKind, namespace_of
from reconciler.model import Application
from reconciler.source import SourcedManifest, Target
from reconciler.sync.prepare import PreparedTarget


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
