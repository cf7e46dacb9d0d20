from typing import Any

import pytest

from reconciler.model.crds import argo_crds
from reconciler.sandbox.custom.structural import apply_schema_defaults, prune
from reconciler.sandbox.custom.validation import validate_by_schema
from reconciler.sandbox.documents import load_argo_crds
from tests.reconciler.sandbox.clusters import TestCluster, expect

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 5},
        "color": {"type": "string", "default": "red", "enum": ["red", "blue"]},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def crd(*, status: bool = True, **spec: Any) -> dict[str, Any]:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": {"type": "object"}}}},
        "subresources": {"status": {}} if status else {},
    }
    names = {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version], **spec},
    }


def widget(name: str = "w", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {"size": 1, **spec}}


def test_the_recorded_definitions_are_those_of_the_models() -> None:
    refresh = "the models changed: python -m tests.reconciler.sandbox.record_argo_crds"
    assert load_argo_crds() == argo_crds(), refresh


def test_a_definition_is_served_at_once(cluster: TestCluster) -> None:
    created = cluster.create(CRDS, crd())
    assert {entry["type"]: entry["status"] for entry in created["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert created["spec"]["names"]["listKind"] == "WidgetList"
    resources = {entry["name"]: entry for entry in cluster.get("/apis/example.com/v1")["resources"]}
    assert (sorted(resources), resources["widgets"]["shortNames"]) == (["widgets", "widgets/status"], ["wd"])
    assert "apis/example.com/v1" in cluster.get("/openapi/v3")["paths"]
    schemas = cluster.get("/openapi/v3/apis/example.com/v1")["components"]["schemas"]
    assert schemas["com.example.v1.Widget"]["x-kubernetes-group-version-kind"] == [
        {"group": "example.com", "kind": "Widget", "version": "v1"}
    ]


def test_custom_resources_are_pruned_and_defaulted(cluster: TestCluster) -> None:
    cluster.create(CRDS, crd())
    answer = cluster.send("POST", WIDGETS, widget(extra=1, free={"any": 1}, parts=[{"name": "a", "more": 1}]))
    stored = expect(answer, 201)
    assert stored["spec"] == {"size": 1, "color": "red", "free": {"any": 1}, "parts": [{"name": "a"}]}
    assert [value for name, value in answer.headers if name == "Warning"] == [
        '299 - "unknown field \\"spec.extra\\""',
        '299 - "unknown field \\"spec.parts[0].more\\""',
    ]
    assert stored["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
        ({"size": "x"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"color": "green"}, 'spec.color: Unsupported value: "green": supported values: "red", "blue"'),
        ({"parts": [{}]}, "spec.parts[0].name: Required value"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, 'spec.parts[1]: Duplicate value: {"name":"a"}'),
    ],
)
def test_what_the_schema_forbids(cluster: TestCluster, spec: dict[str, Any], message: str) -> None:
    cluster.create(CRDS, crd())
    assert cluster.refuse(422, "POST", WIDGETS, widget(**spec)) == f'Widget.example.com "w" is invalid: {message}'


def test_the_generation_counts_changes_of_the_spec(cluster: TestCluster) -> None:
    cluster.create(CRDS, crd())
    cluster.create(WIDGETS, {**widget(), "status": {"ignored": 1}})
    assert "status" not in cluster.get(f"{WIDGETS}/w")
    labelled = cluster.patch(f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}, "status": {"x": 1}})
    assert (labelled["metadata"]["generation"], "status" in labelled) == (1, False)
    assert cluster.patch(f"{WIDGETS}/w", {"spec": {"size": 2}})["metadata"]["generation"] == 2


def test_a_definition_without_a_status_keeps_it_as_any_field(cluster: TestCluster) -> None:
    cluster.create(CRDS, crd(status=False))
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    cluster.patch(
        f"{CRDS}/widgets.example.com",
        [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status", "value": schema}],
        "application/json-patch+json",
    )
    stored = cluster.create(WIDGETS, {**widget(), "status": {"x": 1}})
    assert stored["status"] == {"x": 1}
    assert cluster.patch(f"{WIDGETS}/w", {"status": {"x": 2}})["metadata"]["generation"] == 2
    assert cluster.send("GET", f"{WIDGETS}/w/status").status == 404


def test_strategic_patches_are_not_for_custom_resources(cluster: TestCluster) -> None:
    cluster.create(CRDS, crd())
    cluster.create(WIDGETS, widget())
    kind = {"content-type": "application/strategic-merge-patch+json"}
    told = cluster.refuse(415, "PATCH", f"{WIDGETS}/w", {}, headers=kind)
    assert told.endswith("application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml")


def test_server_side_apply_knows_the_lists_of_a_definition(cluster: TestCluster) -> None:
    cluster.create(CRDS, crd())
    cluster.apply(f"{WIDGETS}/w", widget(parts=[{"name": "a"}]), "one")
    both = {**widget(parts=[{"name": "b"}]), "spec": {"parts": [{"name": "b"}], "size": 1}}
    merged = expect(cluster.apply(f"{WIDGETS}/w", both, "two"), 200)
    assert merged["spec"]["parts"] == [{"name": "a"}, {"name": "b"}]


def test_a_deleted_definition_takes_its_objects_along(living: TestCluster) -> None:
    living.create(CRDS, crd())
    living.create(WIDGETS, widget())
    marked = living.delete(f"{CRDS}/widgets.example.com")
    assert marked["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    living.advance(1)
    assert living.send("GET", f"{CRDS}/widgets.example.com").status == 404
    assert living.send("GET", WIDGETS).status == 404
    assert living.send("GET", "/apis/example.com").status == 404


def test_several_versions_are_one_object(cluster: TestCluster) -> None:
    body = crd()
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v2", "storage": False})
    cluster.create(CRDS, body)
    cluster.create(WIDGETS, widget())
    newer = cluster.get(WIDGETS.replace("/v1/", "/v2/") + "/w")
    assert (newer["apiVersion"], newer["spec"]["size"]) == ("example.com/v2", 1)
    assert cluster.get("/apis/example.com")["preferredVersion"]["version"] == "v2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"group": "other.com"}, 'must be spec.names.plural+"."+spec.group'),
        ({"versions": []}, "must have exactly one version marked as storage version"),
        ({"scope": "Everywhere"}, 'spec.scope: Unsupported value: "Everywhere"'),
    ],
)
def test_definitions_that_cannot_be(cluster: TestCluster, change: dict[str, Any], message: str) -> None:
    assert message in cluster.refuse(422, "POST", CRDS, crd(**change))


def test_pruning_keeps_what_is_preserved() -> None:
    schema = {
        "properties": {
            "a": {"additionalProperties": {"properties": {"x": {}}}},
            "b": {"x-kubernetes-preserve-unknown-fields": True},
        }
    }
    value = {"apiVersion": "v", "a": {"k": {"x": 1, "y": 2}}, "b": {"c": 1}, "c": 1}
    assert prune(value, schema) == ({"apiVersion": "v", "a": {"k": {"x": 1}}, "b": {"c": 1}}, ["a.k.y", "c"])


def test_defaults_reach_into_lists_and_defaults() -> None:
    inner = {"type": "object", "default": {}, "properties": {"k": {"default": 3}}}
    schema = {"properties": {"l": {"items": {"properties": {"o": inner}}}, "n": {"default": 1, "nullable": True}}}
    value: dict[str, Any] = {"l": [{}, {"o": {"k": 1}}], "n": None}
    apply_schema_defaults(value, schema)
    assert value == {"l": [{"o": {"k": 3}}, {"o": {"k": 1}}], "n": None}


@pytest.mark.parametrize(
    ("schema", "value", "messages"),
    [
        ({"x-kubernetes-int-or-string": True}, 1, []),
        (
            {"x-kubernetes-int-or-string": True},
            True,
            ['Invalid value: "boolean": f in body must be of type integer,string: "boolean"'],
        ),
        ({"type": "integer"}, 2.0, []),
        ({"type": "number"}, 2, []),
        ({"type": "string", "pattern": "^a+$"}, "b", ["Invalid value: \"b\": f in body should match '^a+$'"]),
        ({"type": "string", "maxLength": 1}, "bb", ["Too long: may not be more than 1 bytes"]),
        ({"type": "string", "nullable": True}, None, []),
        ({"type": "array", "maxItems": 1}, [1, 2], ["Too many: 2: must have at most 1 item"]),
        ({"type": "object", "maxProperties": 0}, {"a": 1}, ["Too many: 1: must have at most 0 items"]),
        ({"type": "array", "x-kubernetes-list-type": "set"}, ["a", "a"], ['Duplicate value: "a"']),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "a", []),
        ({"not": {"required": ["a"]}}, {"a": 1}, ['Invalid value: "": "f" must not validate the schema (not)']),
        ({"type": "string", "format": "date-time"}, "2026-05-04T01:02:03Z", []),
        (
            {"type": "string", "format": "date-time"},
            "x",
            ['Invalid value: "x": f in body must be of type date-time: "x"'],
        ),
    ],
)
def test_validation_by_schema(schema: dict[str, Any], value: Any, messages: list[str]) -> None:
    assert [cause.message for cause in validate_by_schema(value, schema, "f")] == messages
