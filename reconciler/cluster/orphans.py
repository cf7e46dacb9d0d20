"""Objects of a namespace that no application manages: what a project's ``orphanedResources`` asks for.

Source: docs/user-guide/orphaned-resources.md and isKnownOrphanedResourceExclusion (controller/appcontroller.go) of
Argo CD 3.6.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from reconciler.cluster.tracking import DEFAULT_TRACKING, TrackingSettings, application_of
from reconciler.cluster.tree import Forest
from reconciler.globs import glob_matches
from reconciler.manifest.objects import ResourceKey
from reconciler.model.project import AppProject

_EVERYWHERE: Final = frozenset({("", "ServiceAccount", "default"), ("", "ConfigMap", "kube-root-ca.crt")})
_KUBERNETES: Final = ResourceKey("", "Service", "default", "kubernetes")


@dataclass(frozen=True, slots=True)
class IgnoredOrphan:
    """A rule of ``orphanedResources.ignore``, each part a glob; an empty kind or name means any, an empty group only core."""

    group: str = ""
    kind: str = ""
    name: str = ""

    def matches(self, key: ResourceKey) -> bool:
        return (
            (not self.kind or glob_matches(self.kind, key.kind))
            and glob_matches(self.group, key.group)
            and (not self.name or glob_matches(self.name, key.name))
        )


@dataclass(frozen=True, slots=True)
class OrphanSearch:
    """What counts as orphaned in ``namespace``.

    ``is_application`` says whether an Application of the name that an object is marked with exists; ``permits`` whether
    the project may manage a group and kind, since what it may not manage is none of its business.
    """

    namespace: str
    ignore: tuple[IgnoredOrphan, ...] = ()
    tracking: TrackingSettings = DEFAULT_TRACKING
    is_application: Callable[[str], bool] = bool
    permits: Callable[[str, str], bool] = lambda _group, _kind: True


def ignored_orphans(project: AppProject) -> tuple[IgnoredOrphan, ...]:
    """The project's ignore rules; none where it does not look for orphans."""
    rules = project.spec.orphaned_resources
    return tuple(IgnoredOrphan(rule.group, rule.kind, rule.name) for rule in rules.ignore) if rules is not None else ()


def is_exempt(key: ResourceKey, ignore: Iterable[IgnoredOrphan] = ()) -> bool:
    """Whether Kubernetes itself keeps the object in every namespace, or a rule names it."""
    always = (key.group, key.kind, key.name) in _EVERYWHERE or key == _KUBERNETES
    return always or any(rule.matches(key) for rule in ignore)


def find_orphans(forest: Forest, managed: Iterable[ResourceKey], search: OrphanSearch) -> set[ResourceKey]:
    """The orphaned objects among those of the forest, with what they own.

    Orphans begin at objects without an owner; what an application's objects own is no orphan, however it is marked.
    """
    ours = forest.owned_by(managed)

    def counts(key: ResourceKey) -> bool:
        if key.namespace != search.namespace or key in ours or is_exempt(key, search.ignore):
            return False
        application = application_of(forest.objects[key], search.tracking)
        marked = bool(application) and search.is_application(application)
        return not marked and search.permits(key.group, key.kind)

    found: set[ResourceKey] = set()
    waiting = [key for key in forest.tops() if counts(key)]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            # A branch ends at what belongs to somebody else.
            waiting += [child for child in forest.children(key) if counts(child)]
    return found
