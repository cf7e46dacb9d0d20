"""Which kinds an API server serves, and under which paths."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from reconciler.cluster.connection import Connection
from reconciler.errors import ClusterError, InvalidObjectError
from reconciler.manifest.objects import GroupVersionKind, Manifest, name_of, namespace_of

AGGREGATED: Final = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json"
)


@dataclass(frozen=True, slots=True)
class ApiResource:
    """A kind at one version, and where its objects live."""

    gvk: GroupVersionKind
    plural: str
    namespaced: bool
    verbs: frozenset[str]
    subresources: frozenset[str] = frozenset()

    @property
    def openapi_path(self) -> str:
        """Key of the kind's document under ``/openapi/v3``."""
        return f"apis/{self.gvk.api_version}" if self.gvk.group else f"api/{self.gvk.version}"

    def path(self, *, namespace: str = "", name: str = "") -> str:
        """Request path of the collection, or of one object.

        Raises
        ------
        InvalidObjectError
            For a namespace or name that cannot be part of a path (apimachinery, pkg/api/validation/path/name.go).
        """
        parts = [f"/{self.openapi_path}"]
        if self.namespaced and namespace:
            parts.append(f"namespaces/{_segment(namespace)}")
        parts.append(self.plural)
        if name:
            parts.append(_segment(name))
        return "/".join(parts)

    def path_of(self, obj: Manifest) -> str:
        return self.path(namespace=namespace_of(obj), name=name_of(obj))


def _segment(name: str) -> str:
    # A client would resolve the dots and reach another object than the one that is named.
    if name in (".", "..") or "/" in name or "%" in name:
        raise InvalidObjectError(f"{name!r} cannot be a name or namespace: it may not be . or .. nor contain / or %")
    return quote(name, safe="")


class Discovery:
    """All kinds of a cluster.

    Groups that answered nothing (an aggregated API that is down) are in ``stale_groups``: their kinds are unknown, which is
    not the same as absent.
    """

    def __init__(
        self, resources: Iterable[ApiResource], *, stale_groups: Iterable[str] = (), kube_version: str = ""
    ) -> None:
        self.resources = tuple(resources)
        self.stale_groups = frozenset(stale_groups)
        self.kube_version = kube_version
        self._by_gvk = {resource.gvk: resource for resource in self.resources}
        self._by_kind: dict[tuple[str, str], ApiResource] = {}
        for resource in self.resources:
            self._by_kind.setdefault((resource.gvk.group, resource.gvk.kind), resource)

    def equals(self, other: "Discovery") -> bool:
        """Whether both know the same kinds of the same version of Kubernetes."""
        return (self.resources, self.stale_groups, self.kube_version) == (
            other.resources,
            other.stale_groups,
            other.kube_version,
        )

    def find(self, gvk: GroupVersionKind) -> ApiResource | None:
        """The kind at exactly this version."""
        return self._by_gvk.get(gvk)

    def preferred(self, group: str, kind: str) -> ApiResource | None:
        """The kind at the version that the server prefers."""
        return self._by_kind.get((group, kind))

    def why_unknown(self, gvk: GroupVersionKind) -> str:
        """Why a kind is not found, and what to do: absent, or of a group whose API server does not answer."""
        if gvk.group in self.stale_groups:
            return (
                f"the API server behind the group {gvk.group} does not answer, so that {gvk} is not known; see "
                "kubectl get apiservices"
            )
        return f"the cluster does not know the kind {gvk}; install its CustomResourceDefinition first"

    @property
    def api_versions(self) -> tuple[str, ...]:
        """``apps/v1`` and ``apps/v1/Deployment``, sorted: what Helm's ``Capabilities.APIVersions`` asks for."""
        groups = {resource.gvk.api_version for resource in self.resources}
        kinds = {f"{resource.gvk.api_version}/{resource.gvk.kind}" for resource in self.resources}
        return tuple(sorted(groups | kinds))


def discover(connection: Connection) -> Discovery:
    """Read the aggregated discovery documents: three requests, whatever the number of groups."""
    core = connection.get("/api", accept=AGGREGATED)
    groups = connection.get("/apis", accept=AGGREGATED)
    version = connection.get("/version")
    if "items" not in core or "items" not in groups:
        raise ClusterError(
            f"{connection.server} does not answer aggregated discovery; Kubernetes 1.27 or newer is needed"
        )
    resources, stale = parse_discovery([core, groups])
    return Discovery(resources, stale_groups=stale, kube_version=str(version.get("gitVersion", "")))


def parse_discovery(documents: Iterable[Mapping[str, Any]]) -> tuple[list[ApiResource], list[str]]:
    """Resources of APIGroupDiscoveryList documents in the server's order of preference, and the groups that are stale."""
    resources: list[ApiResource] = []
    stale: list[str] = []
    for document in documents:
        for group in document.get("items") or ():
            name = str(group.get("metadata", {}).get("name") or "")
            for version in group.get("versions") or ():
                if version.get("freshness") == "Stale":
                    stale.append(name)
                resources += [_resource(name, version["version"], entry) for entry in version.get("resources") or ()]
    return resources, stale


def _resource(group: str, version: str, entry: Mapping[str, Any]) -> ApiResource:
    kind = entry.get("responseKind") or {}
    return ApiResource(
        gvk=GroupVersionKind(kind.get("group") or group, kind.get("version") or version, kind.get("kind") or ""),
        plural=entry["resource"],
        namespaced=entry.get("scope") == "Namespaced",
        verbs=frozenset(entry.get("verbs") or ()),
        subresources=frozenset(part["subresource"] for part in entry.get("subresources") or ()),
    )
