"""When only the API server can tell what a sync would leave: a manager wrote fields that the target's version has not."""

from typing import Any

import pytest

from reconciler.diff.server_side import needs_server
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import Manifest
from reconciler.sandbox.documents import load_document

PORTS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "properties": {"name": {"type": "string"}, "number": {"type": "integer"}}},
}
SPEC = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "ports": PORTS,
        "free": {"type": "object", "additionalProperties": True},
    },
}
KIND = {"group": "example.com", "version": "v1", "kind": "Gadget"}
GADGET = {"type": "object", "properties": {"spec": SPEC}, "x-kubernetes-group-version-kind": [KIND]}
DOCUMENT = {"openapi": "3.0.0", "paths": {}, "components": {"schemas": {"com.example.v1.Gadget": GADGET}}}
OPENAPI = OpenApi({"apis/example.com/v1": DOCUMENT, "apis/apps/v1": load_document("apis/apps/v1")})
PORT = 'k:{"name":"a"}'


def live(fields: Any, **entry: Any) -> Manifest:
    found = {"manager": "m", "operation": "Update", "apiVersion": "example.com/v2", "fieldsType": "FieldsV1", **entry}
    metadata = {"name": "one", "managedFields": [{**found, "fieldsV1": fields}]}
    return {"apiVersion": "example.com/v1", "kind": "Gadget", "metadata": metadata}


def spec(fields: Any) -> dict[str, Any]:
    return {"f:spec": {".": {}, **fields}}


@pytest.mark.parametrize(
    ("found", "needed"),
    [
        (live(spec({"f:size": {}})), False),
        (live(spec({"f:replicas": {}})), True),
        (live(spec({"f:replicas": {}}), apiVersion="example.com/v1"), False),
        (live({"f:status": {"f:replicas": {}}}, subresource="status"), False),
        (live(spec({"f:replicas": {}}), subresource="scale"), True),
        (live(spec({"f:ports": {PORT: {".": {}, "f:number": {}}}})), False),
        (live(spec({"f:ports": {PORT: {".": {}, "f:port": {}}}})), True),
        (live(spec({"f:size": {PORT: {}}})), True),
        (live(spec({"f:free": {"f:anything": {"f:below": {}}}})), False),
        (live("not a set of fields"), False),
    ],
    ids=[
        "the same name",
        "another name",
        "another name at the same version",
        "a status",
        "another sub-resource",
        "an item",
        "a field of an item",
        "an item of no list",
        "a free-form map",
        "nonsense",
    ],
)
def test_a_custom_resource(found: Manifest, needed: bool) -> None:
    assert needs_server(found, found, OPENAPI) is needed


def test_entries_that_are_none_and_kinds_that_are_built_in_need_no_server() -> None:
    broken = live({})
    broken["metadata"]["managedFields"] = "broken"
    assert not needs_server(broken, broken, OPENAPI)
    deployment = {
        **live(spec({"f:unknown": {}}), apiVersion="apps/v1beta1"),
        "apiVersion": "apps/v1",
        "kind": "Deployment",
    }
    assert not needs_server(deployment, deployment, OPENAPI)
    stranger = {**live(spec({"f:unknown": {}})), "kind": "Stranger"}
    assert not needs_server(stranger, stranger, OPENAPI)
