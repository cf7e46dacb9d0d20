"""Record what the sandbox cluster serves as OpenAPI and discovery, from a real kube-apiserver.

Kept are facts only: names, types, list types and merge keys, defaults, enums, formats, required fields. Sentences
(descriptions, summaries, titles) are left out, and of the paths only what kubectl looks up on its own side: which kinds
can be patched, by which patch types, with which query parameters.

Usage: python -m tests.tools.record_openapi --kubeconfig PATH [--into reconciler/sandbox/data/openapi]
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.client import AGGREGATED_DISCOVERY, Client

INTO = Path(__file__).resolve().parents[2] / "reconciler/sandbox/data/openapi"
GROUP_VERSIONS = (
    "v1",
    "admissionregistration.k8s.io/v1",
    "apiextensions.k8s.io/v1",
    "apiregistration.k8s.io/v1",
    "apps/v1",
    "authentication.k8s.io/v1",
    "authorization.k8s.io/v1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "events.k8s.io/v1",
    "networking.k8s.io/v1",
    "node.k8s.io/v1",
    "policy/v1",
    "rbac.authorization.k8s.io/v1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1",
)
_PROSE = frozenset({"description", "summary", "title", "externalDocs", "example"})
_GVK = "x-kubernetes-group-version-kind"
_PATCH_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def main() -> None:
    """Write one file a group-version, and `discovery.json.gz`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--into", type=Path, default=INTO)
    arguments = parser.parse_args()
    arguments.into.mkdir(parents=True, exist_ok=True)
    sizes = []
    for name, document in record(Client(arguments.kubeconfig)):
        text = json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        packed = gzip.compress(text.encode(), compresslevel=9, mtime=0)
        (arguments.into / name).write_bytes(packed)
        sizes.append(len(packed))
    print(f"{len(sizes)} files, {sum(sizes) / 1024:.0f} KiB in {arguments.into}")


def record(client: Client) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents by the names of their files."""
    for group_version in GROUP_VERSIONS:
        root = "api/v1" if group_version == "v1" else f"apis/{group_version}"
        yield f"{root.replace('/', '__')}.json.gz", _reduced(client.get(f"/openapi/v3/{root}").expect())
    yield "discovery.json.gz", _discovery(client)


def _discovery(client: Client) -> dict[str, Any]:
    groups = client.request("GET", "/apis", accept=AGGREGATED_DISCOVERY).expect()
    kept = []
    for item in groups["items"]:
        name = item["metadata"]["name"]
        versions = [version for version in item["versions"] if f"{name}/{version['version']}" in GROUP_VERSIONS]
        if versions:
            kept.append(item | {"versions": versions})
    return {
        "version": client.get("/version").expect(),
        "api": client.request("GET", "/api", accept=AGGREGATED_DISCOVERY).expect(),
        "apis": groups | {"items": kept},
    }


def _reduced(document: Mapping[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    return {
        "openapi": document["openapi"],
        "info": document["info"],
        "paths": dict(sorted(_patchable(document["paths"]))),
        "components": {"schemas": {name: _schema(schemas[name]) for name in sorted(schemas)}},
    }


def _patchable(paths: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The path of each kind's single object, with its PATCH: kubectl asks nothing else of the paths.

    Source: kubectl 1.37 looks for a PATCH operation of the kind, its query parameters (`dryRun`, `fieldValidation`) and
    its media types (`application/strategic-merge-patch+json`).
    """
    for path, operations in paths.items():
        if "patch" in operations and path.endswith("{name}"):
            patch = operations["patch"]
            yield (
                path,
                {
                    "patch": {
                        "operationId": patch["operationId"],
                        "parameters": [
                            {"name": parameter["name"], "in": "query", "schema": {"type": parameter["schema"]["type"]}}
                            for parameter in patch["parameters"]
                            if parameter["name"] in _PATCH_PARAMETERS
                        ],
                        "requestBody": {"content": {kind: {} for kind in sorted(patch["requestBody"]["content"])}},
                        "responses": {"200": {"description": ""}},
                        "x-kubernetes-action": patch["x-kubernetes-action"],
                        _GVK: patch[_GVK],
                    }
                },
            )


def _schema(node: Any) -> Any:
    """A schema without its sentences; a property that is called `description` stays."""
    if isinstance(node, list):
        return [_schema(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    reduced: dict[str, Any] = {}
    for key, value in node.items():
        if key in _PROSE:
            continue
        if key == "properties":
            reduced[key] = {name: _schema(child) for name, child in value.items()}
        elif key == _GVK:
            reduced[key] = _own_kinds(value)
        elif key in {"default", "enum", "required"}:
            reduced[key] = value
        else:
            reduced[key] = _schema(value)
    return reduced


def _own_kinds(kinds: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without the groups that the sandbox does not serve; DeleteOptions and WatchEvent name every group there is."""
    return [kind for kind in kinds if "/".join(filter(None, (kind["group"], kind["version"]))) in GROUP_VERSIONS]


if __name__ == "__main__":
    main()
