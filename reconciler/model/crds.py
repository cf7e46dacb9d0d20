"""The three custom resource definitions of Argo CD, made from our own models."""

from collections.abc import Mapping
from typing import Any

from reconciler.manifest.objects import Manifest
from reconciler.model.application import ApplicationSpec
from reconciler.model.applicationset import ApplicationSetSpec
from reconciler.model.base import Model
from reconciler.model.project import AppProjectSpec
from reconciler.model.status import ApplicationStatus, Operation
from reconciler.terms import ARGO_GROUP, ARGO_VERSION

ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def argo_crds() -> list[Manifest]:
    """Application, ApplicationSet and AppProject, ready to apply.

    As upstream, only ApplicationSet has a status sub-resource, and names, short names and printer columns are the same.
    """
    return [
        _crd(
            "Application",
            "applications",
            ["app", "apps"],
            {
                "spec": structural(ApplicationSpec),
                "operation": structural(Operation),
                "status": structural(ApplicationStatus),
            },
            columns=[
                {"name": "Sync Status", "type": "string", "jsonPath": ".status.sync.status"},
                {"name": "Health Status", "type": "string", "jsonPath": ".status.health.status"},
                {"name": "Revision", "type": "string", "jsonPath": ".status.sync.revision", "priority": 10},
                {"name": "Project", "type": "string", "jsonPath": ".spec.project", "priority": 10},
            ],
        ),
        _crd(
            "ApplicationSet",
            "applicationsets",
            ["appset", "appsets"],
            {"spec": structural(ApplicationSetSpec), "status": ANYTHING},
            subresources={"status": {}},
        ),
        _crd(
            "AppProject",
            "appprojects",
            ["appproj", "appprojs"],
            {"spec": structural(AppProjectSpec), "status": ANYTHING},
        ),
    ]


def structural(model: type[Model]) -> dict[str, Any]:
    """The model's structural OpenAPI v3 schema: no references, no defaults, no titles."""
    schema = model.model_json_schema(by_alias=True)
    return _inline(schema, schema.get("$defs", {}))


def _inline(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        options = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if len(options) == 1:
            return _inline(options[0], definitions)
        return {"anyOf": [{"type": option["type"]} for option in options], "x-kubernetes-int-or-string": True}
    result: dict[str, Any] = {"type": schema["type"]}
    if schema["type"] == "integer":
        result["format"] = "int64"
    for keyword in ("maxLength", "required", "x-kubernetes-preserve-unknown-fields"):
        if keyword in schema:
            result[keyword] = schema[keyword]
    if "properties" in schema:
        result["properties"] = {name: _inline(inner, definitions) for name, inner in schema["properties"].items()}
    if "items" in schema:
        result["items"] = _inline(schema["items"], definitions)
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping) and values and "x-kubernetes-preserve-unknown-fields" not in schema:
        result["additionalProperties"] = _inline(values, definitions)
    return result


def _crd(
    kind: str,
    plural: str,
    short_names: list[str],
    properties: dict[str, Any],
    *,
    columns: list[dict[str, Any]] | None = None,
    subresources: dict[str, Any] | None = None,
) -> Manifest:
    version: dict[str, Any] = {
        "name": ARGO_VERSION,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["metadata", "spec"],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    **properties,
                },
            }
        },
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    if subresources:
        version["subresources"] = subresources
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{ARGO_GROUP}",
            "labels": {"app.kubernetes.io/name": f"{plural}.{ARGO_GROUP}", "app.kubernetes.io/part-of": "argocd"},
        },
        "spec": {
            "group": ARGO_GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": short_names,
            },
            "versions": [version],
        },
    }
