import pytest

from reconciler.errors import SpecError
from reconciler.manifest import GroupVersionKind, OpenApi, Schema
from reconciler.manifest.schema import DEDUCED, UNTYPED

DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
WIDGET = GroupVersionKind("typed.example.com", "v1", "Widget")


def at(openapi: OpenApi, gvk: GroupVersionKind, *path: str) -> Schema:
    schema = openapi.schema(gvk)
    assert schema is not None
    for step in path:
        schema = schema.item if step == "[]" else schema.child(step)
    return schema


POD = ("spec", "template", "spec")


def test_scalars(openapi: OpenApi) -> None:
    assert at(openapi, DEPLOYMENT, "spec", "replicas").scalar == "numeric"
    assert at(openapi, DEPLOYMENT, "spec", "paused").scalar_types == {bool}
    assert at(openapi, DEPLOYMENT, "kind").scalar_types == {str}
    surge = at(openapi, DEPLOYMENT, "spec", "strategy", "rollingUpdate", "maxSurge")
    assert surge.scalar_types == {int, float, str, bool}
    assert at(openapi, DEPLOYMENT, "metadata", "creationTimestamp").scalar == "untyped"
    limit = at(openapi, DEPLOYMENT, *POD, "containers", "[]", "resources", "limits", "cpu")
    assert (limit.format, limit.scalar) == ("quantity", "untyped")


def test_lists(openapi: OpenApi) -> None:
    ports = at(openapi, DEPLOYMENT, *POD, "containers", "[]", "ports")
    assert (ports.list_type, ports.keys) == ("map", ("containerPort", "protocol"))
    assert ports.item.defaults == {"containerPort": 0, "protocol": "TCP"}
    assert at(openapi, DEPLOYMENT, *POD, "containers", "[]", "args").list_type == "atomic"
    assert at(openapi, DEPLOYMENT, *POD, "tolerations").list_type == "atomic"
    assert at(openapi, DEPLOYMENT, "metadata", "finalizers").list_type == "set"
    assert at(openapi, WIDGET, "spec", "whole").list_type == "atomic"


def test_maps(openapi: OpenApi) -> None:
    assert at(openapi, DEPLOYMENT, "spec", "selector").map_atomic
    assert not at(openapi, DEPLOYMENT, "spec").map_atomic
    assert at(openapi, WIDGET, "spec", "unit").map_atomic
    labels = at(openapi, DEPLOYMENT, "metadata", "labels")
    assert labels.element is not None
    assert (dict(labels.fields), labels.element.scalar) == ({}, "string")
    assert at(openapi, DEPLOYMENT, "spec").element is None


def test_free_form(openapi: OpenApi) -> None:
    free = at(openapi, WIDGET, "spec", "free")
    assert (free.scalar, free.is_map, free.is_list, free.element) == ("untyped", True, True, DEDUCED)
    assert at(openapi, WIDGET, "spec", "embedded", "data").element is DEDUCED
    assert at(openapi, WIDGET, "spec", "nested", "empty").element is DEDUCED
    assert (DEDUCED.element, DEDUCED.item, UNTYPED.element) == (DEDUCED, UNTYPED, UNTYPED)
    assert (DEDUCED.map_atomic, UNTYPED.map_atomic) == (False, True)


def test_cyclic_types_are_compiled_as_far_as_they_are_looked_at() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"allOf": [{"$ref": "#/components/schemas/x.Node"}], "x-kubernetes-map-type": "atomic"}},
        "x-kubernetes-group-version-kind": [{"group": "x", "version": "v1", "kind": "Node"}],
    }
    openapi = OpenApi({"apis/x/v1": {"components": {"schemas": {"x.Node": node}}}})
    inner = at(openapi, GroupVersionKind("x", "v1", "Node"), *["next"] * 50)
    assert inner.name == "x.Node"
    assert inner.map_atomic
    assert not at(openapi, GroupVersionKind("x", "v1", "Node")).map_atomic


def test_the_zero_object_has_what_go_never_leaves_out(openapi: OpenApi) -> None:
    assert at(openapi, DEPLOYMENT).zero() == {
        "metadata": {},
        "spec": {
            "selector": None,
            "strategy": {},
            "template": {"metadata": {}, "spec": {"containers": None}},
        },
        "status": {},
    }


def test_subresources(openapi: OpenApi) -> None:
    assert openapi.subresources(WIDGET) == {"status"}
    assert openapi.has_status(WIDGET)
    assert openapi.has_status(DEPLOYMENT)
    assert not openapi.has_status(GroupVersionKind("", "v1", "ConfigMap"))
    assert not openapi.has_status(GroupVersionKind("x", "v1", "Unknown"))


def test_paths_tell_which_kind_of_a_group_has_a_status() -> None:
    def kind(name: str) -> dict[str, object]:
        gvk = {"group": "x", "version": "v1", "kind": name}
        return {"type": "object", "properties": {"status": {}}, "x-kubernetes-group-version-kind": [gvk]}

    def operation(name: str) -> dict[str, object]:
        return {"patch": {"x-kubernetes-group-version-kind": {"group": "x", "version": "v1", "kind": name}}}

    paths = {
        "/apis/x/v1/as/{name}": operation("A"),
        "/apis/x/v1/as/{name}/status": {"patch": {}},
        "/apis/x/v1/as/{name}/scale": {"patch": {}},
        "/apis/x/v1/bs/{name}": operation("B"),
        "/apis/x/v1/watch/bs/{name}": operation("B"),
    }
    schemas = {"io.k8s.api.x.v1.A": kind("A"), "io.k8s.api.x.v1.B": kind("B")}
    openapi = OpenApi({"apis/x/v1": {"paths": paths, "components": {"schemas": schemas}}})
    assert openapi.subresources(GroupVersionKind("x", "v1", "A")) == {"scale", "status"}
    assert openapi.has_status(GroupVersionKind("x", "v1", "A"))
    assert not openapi.has_status(GroupVersionKind("x", "v1", "B"))


def test_a_document_without_paths_tells_status_by_the_type() -> None:
    def kind(name: str) -> dict[str, object]:
        return {
            "type": "object",
            "properties": {"status": {"type": "object"}},
            "x-kubernetes-group-version-kind": [{"group": "x", "version": "v1", "kind": name}],
        }

    openapi = OpenApi({"apis/x/v1": {"components": {"schemas": {"io.k8s.api.x.v1.A": kind("A"), "x.v1.B": kind("B")}}}})
    assert openapi.has_status(GroupVersionKind("x", "v1", "A"))
    assert not openapi.has_status(GroupVersionKind("x", "v1", "B"))


def test_a_changed_document_replaces_its_kinds(openapi: OpenApi) -> None:
    def document(field: str) -> dict[str, object]:
        schema = {
            "type": "object",
            "properties": {field: {"type": "string"}},
            "x-kubernetes-group-version-kind": [{"group": "x", "version": "v1", "kind": "A"}],
        }
        return {"paths": {}, "components": {"schemas": {"x.v1.A": schema}}}

    changing = OpenApi({"apis/x/v1": document("old")})
    changing.add("apis/x/v1", document("new"))
    assert set(at(changing, GroupVersionKind("x", "v1", "A")).fields) == {"new"}


def test_unknown_kinds_have_no_schema(openapi: OpenApi) -> None:
    assert openapi.schema(GroupVersionKind("x", "v1", "Unknown")) is None
    assert DEPLOYMENT in openapi.kinds()
    assert openapi.kinds() == sorted(openapi.kinds())


def test_served_versions() -> None:
    assert OpenApi().serves("extensions/v1beta1")
    assert not OpenApi(group_versions=["apps/v1"]).serves("extensions/v1beta1")


@pytest.mark.parametrize("document", [[], "text", {}, {"swagger": "2.0"}])
def test_refuses_what_is_no_document(document: object) -> None:
    with pytest.raises(SpecError, match=r"^api/v1: not an OpenAPI v3 document; fetch it from /openapi/v3/api/v1$"):
        OpenApi({"api/v1": document})  # type: ignore[dict-item]
