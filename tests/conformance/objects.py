"""The objects that the conformance cases create, and what they ask of them."""

import json
from collections.abc import Mapping
from typing import Any

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def config_maps(namespace: str) -> str:
    """The collection's path."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, data: Mapping[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """A ConfigMap; `metadata` adds to its metadata."""
    result: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    return result if data is None else result | {"data": dict(data)}


def deployments(namespace: str) -> str:
    """The collection's path."""
    return f"/apis/apps/v1/namespaces/{namespace}/deployments"


def deployment(name: str, *, replicas: int = 1, image: str = "registry.example/web:1") -> dict[str, Any]:
    """A Deployment of one container."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "web", "image": image, "ports": [{"containerPort": 80}]}],
                },
            },
        },
    }


def jobs(namespace: str) -> str:
    """The collection's path."""
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def job(name: str, *command: str, backoff_limit: int = 0) -> dict[str, Any]:
    """A Job whose pod runs the command once."""
    containers = [{"name": "main", "image": "registry.example/tool:1", "command": list(command)}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "backoffLimit": backoff_limit,
            "template": {"spec": {"restartPolicy": "Never", "containers": containers}},
        },
    }


def owner_reference(owner: Mapping[str, Any], *, block: bool = False) -> dict[str, Any]:
    """A reference to the owner as its controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": block,
    }


def has_condition(obj: Mapping[str, Any], kind: str) -> bool:
    """Whether the condition is there and True."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return any(each["type"] == kind and each["status"] == "True" for each in conditions)


def owners(obj: Mapping[str, Any]) -> dict[tuple[str, str, str], set[str]]:
    """The leaf fields of each entry of managedFields, by manager, operation and sub-resource: `.data.key`."""
    result: dict[tuple[str, str, str], set[str]] = {}
    for entry in obj["metadata"].get("managedFields", ()):
        key = (entry["manager"], entry["operation"], entry.get("subresource", ""))
        result.setdefault(key, set()).update(_leaves(entry["fieldsV1"], ""))
    return result


def _leaves(fields: Mapping[str, Any], path: str) -> set[str]:
    found: set[str] = set()
    for name, child in fields.items():
        if name == ".":
            continue
        step = f".{name[2:]}" if name.startswith("f:") else f"[{_sorted_json(name[2:])}]"
        found |= _leaves(child, path + step) or {path + step}
    return found


def _sorted_json(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def crd(group: str, schema: Mapping[str, Any], *, status: bool = False) -> dict[str, Any]:
    """A namespaced custom resource definition `Gadget` of one version, with that schema for its spec."""
    version: dict[str, Any] = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": dict(schema), "status": _ANYTHING}}},
    }
    if status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "shortNames": ["gdg"]},
            "versions": [version],
        },
    }


_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
