"""Which kinds the sandbox serves: the recorded discovery of a real API server, plus the custom resources defined at run time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.store import GroupResource

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A sub-resource, such as ``status`` or ``scale``, with the kind that it speaks."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind in one version, as discovery describes it. ``crd`` is the definition's name for custom resources."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    crd: str = ""

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage(self) -> GroupResource:
        """Where objects lie, whatever version they are asked in."""
        return GroupResource(self.group, self.plural)

    @property
    def has_status(self) -> bool:
        return self.subresource("status") is not None

    def subresource(self, name: str) -> Subresource | None:
        return next((entry for entry in self.subresources if entry.name == name), None)


class Catalog:
    """Groups, versions and resources in discovery's order; the core group is ``""``."""

    def __init__(self) -> None:
        self._versions: dict[str, list[str]] = {}
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self.generation = 0

    def add_discovery(self, document: Mapping[str, Any]) -> None:
        """Add every resource of an aggregated discovery document (``APIGroupDiscoveryList``)."""
        for group in document["items"]:
            name = group.get("metadata", {}).get("name", "")
            for version in group["versions"]:
                self._declare(name, version["version"])
                for entry in version["resources"]:
                    self.add(resource_of(name, version["version"], entry))

    def add(self, resource: Resource) -> None:
        self._declare(resource.group, resource.version)
        self._resources[resource.group, resource.version, resource.plural] = resource
        self.generation += 1

    def remove_crd(self, crd: str) -> None:
        """Forget the resources that a CustomResourceDefinition declared, and groups left empty by that."""
        self._resources = {key: resource for key, resource in self._resources.items() if resource.crd != crd}
        kept = {(group, version) for group, version, _ in self._resources}
        for group, versions in list(self._versions.items()):
            self._versions[group] = [version for version in versions if (group, version) in kept]
            if not self._versions[group]:
                del self._versions[group]
        self.generation += 1

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        return self._resources.get((group, version, plural))

    def by_kind(self, group: str, kind: str, version: str = "") -> Resource | None:
        """The resource of a kind, in ``version`` or else in the group's preferred one."""
        for candidate in (version,) if version else self._versions.get(group, ()):
            for resource in self.in_version(group, candidate):
                if resource.kind == kind:
                    return resource
        return None

    def by_storage(self, storage: GroupResource) -> Resource | None:
        """The resource in its group's most preferred version."""
        for version in self._versions.get(storage.group, ()):
            found = self.find(storage.group, version, storage.resource)
            if found is not None:
                return found
        return None

    def in_version(self, group: str, version: str) -> list[Resource]:
        return [entry for key, entry in self._resources.items() if key[0] == group and key[1] == version]

    def groups(self) -> list[str]:
        return list(self._versions)

    def versions(self, group: str) -> list[str]:
        """A group's versions, the preferred first; empty for an unknown group."""
        return list(self._versions.get(group, ()))

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._resources.values()))

    def _declare(self, group: str, version: str) -> None:
        versions = self._versions.setdefault(group, [])
        if version not in versions:
            versions.append(version)
            versions.sort(key=version_priority)


def resource_of(group: str, version: str, entry: Mapping[str, Any]) -> Resource:
    """A resource from its ``APIResourceDiscovery`` entry; empty groups and versions there mean the entry's own."""
    kind = entry["responseKind"]["kind"]
    subresources = [
        Subresource(
            sub["subresource"],
            sub["responseKind"]["group"] or group,
            sub["responseKind"]["version"] or version,
            sub["responseKind"]["kind"],
            tuple(sub["verbs"]),
        )
        for sub in entry.get("subresources", ())
    ]
    return Resource(
        group,
        version,
        entry["resource"],
        entry["singularResource"],
        kind,
        f"{kind}List" if kind != "Endpoints" else "EndpointsList",
        entry["scope"] == "Namespaced",
        tuple(entry["verbs"]),
        tuple(entry.get("shortNames", ())),
        tuple(entry.get("categories", ())),
        tuple(subresources),
    )


def crd_resources(crd: Manifest) -> list[Resource]:
    """The resources that a CustomResourceDefinition serves, one a version.

    Source: apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go.
    """
    spec = crd["spec"]
    names = spec["names"]
    resources = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subresources = []
        declared = version.get("subresources") or {}
        if "scale" in declared:
            subresources.append(Subresource("scale", "autoscaling", "v1", "Scale", ("get", "patch", "update")))
        if "status" in declared:
            entry = Subresource("status", spec["group"], version["name"], names["kind"], ("get", "patch", "update"))
            subresources.append(entry)
        resources.append(
            Resource(
                spec["group"],
                version["name"],
                names["plural"],
                names.get("singular") or names["kind"].lower(),
                names["kind"],
                names.get("listKind") or f"{names['kind']}List",
                spec["scope"] == "Namespaced",
                ALL_VERBS,
                tuple(names.get("shortNames") or ()),
                tuple(names.get("categories") or ()),
                tuple(subresources),
                crd["metadata"]["name"],
            )
        )
    return resources


def storage_version(crd: Manifest) -> str:
    """The version a definition stores."""
    return str(next(version["name"] for version in crd["spec"]["versions"] if version.get("storage")))


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sort key: GA before beta before alpha, higher numbers first, anything else last by name.

    Source: k8s.io/apimachinery/pkg/version/helpers.go.
    """
    stages = {"": 0, "beta": 1, "alpha": 2}
    head = version.removeprefix("v")
    number = head[: len(head) - len(head.lstrip("0123456789"))]
    rest = head[len(number) :]
    stage = rest.rstrip("0123456789")
    if not version.startswith("v") or not number or stage not in stages:
        return (3, 0, 0, version)
    return (stages[stage], -int(number), -int(rest[len(stage) :] or 0), version)


def supported_kinds(resources: Sequence[Resource]) -> list[str]:
    """The kinds of some resources, sorted."""
    return sorted({resource.kind for resource in resources})
