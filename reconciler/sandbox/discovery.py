"""Discovery documents: legacy lists and the aggregated form.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api.
"""

import hashlib
from typing import Any

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.documents import Documents
from reconciler.sandbox.resources import Catalog, Resource


def aggregated(catalog: Catalog, version: str, *, core: bool) -> Manifest:
    """``APIGroupDiscoveryList`` of the core group, or of all others."""
    items = []
    for group in catalog.groups():
        if (group == "") is not core:
            continue
        versions = [
            {
                "version": name,
                "resources": [_aggregated_resource(resource) for resource in catalog.in_version(group, name)],
                "freshness": "Current",
            }
            for name in catalog.versions(group)
        ]
        items.append({"metadata": {"name": group} if group else {}, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(resource: Resource) -> Manifest:
    entry: Manifest = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.subresources:
        entry["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": {"group": sub.group, "version": sub.version, "kind": sub.kind},
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources
        ]
    return entry


def group_list(catalog: Catalog) -> Manifest:
    """``APIGroupList``: the legacy answer of ``/apis``."""
    groups = [_group(catalog, name) for name in catalog.groups() if name]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(catalog: Catalog, group: str) -> Manifest | None:
    """``APIGroup``: the answer of ``/apis/<group>``; None for an unknown group."""
    if not group or not catalog.versions(group):
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalog, group)}


def _group(catalog: Catalog, group: str) -> Manifest:
    versions = [{"groupVersion": f"{group}/{name}", "version": name} for name in catalog.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def core_versions() -> Manifest:
    """``APIVersions``: the legacy answer of ``/api``."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def resource_list(catalog: Catalog, group: str, version: str) -> Manifest | None:
    """``APIResourceList`` of one group version; None for an unknown one."""
    resources = catalog.in_version(group, version)
    if not resources:
        return None
    entries = [entry for resource in resources for entry in _legacy_resource(resource)]
    group_version = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _legacy_resource(resource: Resource) -> list[Manifest]:
    main: Manifest = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        main["shortNames"] = list(resource.short_names)
    if resource.categories:
        main["categories"] = list(resource.categories)
    digest = hashlib.sha256(f"{resource.group}/{resource.kind}".encode()).digest()
    main["storageVersionHash"] = _base64(digest[:8])
    entries = [main]
    for sub in resource.subresources:
        entry: Manifest = {
            "name": f"{resource.plural}/{sub.name}",
            "singularName": "",
            "namespaced": resource.namespaced,
        }
        if (sub.group, sub.version) != (resource.group, resource.version):
            entry.update(group=sub.group, version=sub.version)
        entries.append({**entry, "kind": sub.kind, "verbs": list(sub.verbs)})
    return entries


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def openapi_index(documents: Documents) -> Manifest:
    """The answer of ``/openapi/v3``: each document's address, with its hash."""
    paths: dict[str, Any] = {
        path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={documents.digest(path)}"} for path in documents.paths()
    }
    return {"paths": paths}


def root_paths(catalog: Catalog) -> Manifest:
    """The answer of ``/``."""
    paths = ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]
    for group in catalog.groups():
        if group:
            paths += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in catalog.versions(group))]
    return {"paths": sorted(paths)}
