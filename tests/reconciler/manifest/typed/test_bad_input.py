"""Broken and outsized input: a clear error or the right answer, never a crash and never a hang."""

import json
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest import OpenApi, Ownership, migrate_client_side_apply, predict_apply, predict_update

LIMIT_S = 20


def config(**more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, **more}


def owned(managed_fields: Any) -> dict[str, Any]:
    return config(metadata={"name": "c", "namespace": "n", "managedFields": managed_fields}, data={"a": "x"})


def entry(**more: Any) -> dict[str, Any]:
    fields = {"f:data": {"f:a": {}}}
    plain = {"manager": "m", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields}
    return {**plain, **more}


def apply(openapi: OpenApi, live: Any, target: Any) -> dict[str, Any]:
    prediction = predict_apply(live, target, field_manager="ann", force=True, openapi=openapi)
    assert prediction.object is not None
    return prediction.object


BROKEN = {
    "not a list": ("text", "metadata.managedFields: not a list of entries"),
    "a mapping": ({"a": 1}, "metadata.managedFields: not a list of entries"),
    "an entry that is none": ([None], "metadata.managedFields: not a list of entries"),
    "no operation": ([entry(operation=None)], "operation must be `Apply` or `Update`"),
    "unknown operation": ([entry(operation="Delete")], "operation must be `Apply` or `Update`"),
    "no version": ([entry(apiVersion="")], "apiVersion must not be empty"),
    "a version that is no text": ([entry(apiVersion=1)], "apiVersion must not be empty"),
    "another type of fields": ([entry(fieldsType="FieldsV2")], "invalid fieldsType 'FieldsV2'"),
    "fields that are a list": ([entry(fieldsV1=["f:a"])], "fieldsV1 is not an object"),
    "a field that is a number": ([entry(fieldsV1={"f:data": 1})], "fieldsV1 holds 'f:data' that is not an object"),
    "a key that is no JSON": ([entry(fieldsV1={"k:{bad": {}})], "fieldsV1 holds 'k:{bad', which is not a path element"),
    "a key that is a list": ([entry(fieldsV1={"k:[1]": {}})], "fieldsV1 holds 'k:[1]', which is not a path element"),
    "a value that is no JSON": ([entry(fieldsV1={"v:x": {}})], "fieldsV1 holds 'v:x', which is not a path element"),
    "an index that is a text": ([entry(fieldsV1={'i:"1"': {}})], "which is not a path element"),
    "an element without a kind": ([entry(fieldsV1={"data": {}})], "fieldsV1 holds 'data', which is not a path element"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_managed_fields_that_cannot_be_read_are_refused_in_one_line(openapi: OpenApi, case: str) -> None:
    managed_fields, message = BROKEN[case]
    live = owned(managed_fields)
    for attempt in (
        lambda: apply(openapi, live, config(data={"a": "y"})),
        lambda: Ownership(live, openapi),
        lambda: migrate_client_side_apply(live, to_manager="ann"),
    ):
        with pytest.raises(SpecError) as caught:
            attempt()
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_update_of_such_an_object_begins_anew(openapi: OpenApi) -> None:
    after = predict_update(owned("text"), config(data={"a": "y"}), field_manager="ann", openapi=openapi)
    assert after == config(data={"a": "y"})


def test_fields_that_the_schema_does_not_know_are_kept_as_they_are(openapi: OpenApi) -> None:
    fields = {"f:data": {"f:a": {}}, "f:never": {"f:heard": {'k:{"of":1}': {".": {}}}}, "z:odd": {}}
    after = apply(openapi, owned([entry(fieldsV1=fields)]), config(data={"a": "x"}))
    (kept,) = [each for each in after["metadata"]["managedFields"] if each["manager"] == "m"]
    assert kept["fieldsV1"] == {"f:data": {"f:a": {}}, "f:never": {"f:heard": {'k:{"of":1}': {}}}}


@pytest.mark.timeout(LIMIT_S)
def test_managed_fields_of_a_megabyte(openapi: OpenApi) -> None:
    fields = {"f:data": {f"f:key-{number:06}": {} for number in range(60_000)}}
    live = owned([entry(fieldsV1=fields)])
    assert len(json.dumps(live)) > 1_000_000
    after = apply(openapi, live, config(data={"a": "y"}))
    assert after["data"] == {"a": "y"}
    assert len(after["metadata"]["managedFields"]) == 2


def test_managed_fields_nested_beyond_all_measure(openapi: OpenApi) -> None:
    fields: dict[str, Any] = {}
    for _ in range(5000):
        fields = {"f:x": fields}
    with pytest.raises(SpecError, match=r"^ConfigMap n/c: nested too deeply to merge; flatten it$"):
        apply(openapi, owned([entry(fieldsV1=fields)]), config(data={"a": "y"}))


@pytest.mark.parametrize("metadata", [None, "text", [1]])
def test_an_object_whose_metadata_is_none(openapi: OpenApi, metadata: Any) -> None:
    live = {**config(data={"a": "x"}), "metadata": metadata}
    assert apply(openapi, live, config(data={"a": "y"}))["data"] == {"a": "y"}


@pytest.mark.parametrize("metadata", ["text", [1]])
def test_a_target_whose_metadata_is_none(openapi: OpenApi, metadata: Any) -> None:
    with pytest.raises(SpecError, match=r"^ConfigMap : \$\.metadata: expected a mapping, got "):
        apply(openapi, None, {**config(), "metadata": metadata})


def test_a_kind_without_a_schema_is_deduced() -> None:
    target = config(data={"a": "x"}, list=[{"name": "a"}, {"name": "a"}], deep={"er": {"still": None}})
    once = apply(OpenApi(), None, target)
    assert apply(OpenApi(), once, target) is once
    assert once["list"] == target["list"]


def documented(schema: dict[str, Any], **more: Any) -> OpenApi:
    named = {name: {"type": "string"} for name in ("apiVersion", "kind")}
    if "properties" in schema:
        schema = {**schema, "properties": {**named, **schema["properties"]}}
    kind = {"x-kubernetes-group-version-kind": [{"group": "e.com", "version": "v1", "kind": "Odd"}]}
    return OpenApi({"apis/e.com/v1": {"components": {"schemas": {"com.e.v1.Odd": {**kind, **schema}, **more}}}})


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


CYCLIC = {
    "a field of its own type": documented(
        {"type": "object", "properties": {"spec": reference("com.e.v1.Odd")}},
    ),
    "items of its own type": documented(
        {"type": "object", "properties": {"spec": {"type": "array", "items": reference("com.e.v1.Odd")}}},
    ),
    "values of its own type": documented(
        {"type": "object", "properties": {"spec": {"additionalProperties": reference("com.e.v1.Odd")}}}
    ),
    "itself": documented(reference("com.e.v1.Odd")),
    "itself by way of another": documented({"allOf": [reference("B")]}, B={"allOf": [reference("com.e.v1.Odd")]}),
    "two that refer to each other": documented(
        {"type": "object", "properties": {"spec": reference("B")}},
        B={"type": "object", "properties": {"spec": reference("com.e.v1.Odd"), "a": {"type": "string"}}},
    ),
    "one that is not there": documented({"type": "object", "properties": {"spec": reference("Nowhere")}}),
}


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("case", CYCLIC)
def test_schemas_that_refer_to_themselves(case: str) -> None:
    openapi = CYCLIC[case]
    inner: Any = [] if case == "items of its own type" else {}
    target = {"apiVersion": "e.com/v1", "kind": "Odd", "spec": inner}
    once = apply(openapi, None, target)
    assert apply(openapi, once, target) is once


def test_a_root_that_preserves_unknown_fields() -> None:
    openapi = documented({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    target = {"apiVersion": "e.com/v1", "kind": "Odd", "metadata": {"name": "o"}, "any": {"thing": [1]}}
    once = apply(openapi, None, target)
    assert once["any"] == {"thing": [1]}
    assert apply(openapi, once, {**target, "any": {}}).get("any") in ({}, None)


def large_deployment() -> dict[str, Any]:
    containers = [
        {"name": f"c{number}", "image": "i", "env": [{"name": f"V{each}", "value": "x" * 40} for each in range(1000)]}
        for number in range(24)
    ]
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": spec}


LARGE = {
    "a map of many keys": config(data={f"key-{number:06}": "x" * 80 for number in range(17_000)}),
    "one long text": config(data={"a": "x" * 1_500_000}),
    "lists by key": large_deployment(),
}


@pytest.mark.timeout(LIMIT_S)
@pytest.mark.parametrize("case", LARGE)
def test_objects_of_a_megabyte_and_a_half(openapi: OpenApi, case: str) -> None:
    target = LARGE[case]
    assert len(json.dumps(target)) > 1_400_000
    live = apply(openapi, None, target)
    assert apply(openapi, live, target) is live
    other = predict_apply(live, target, field_manager="bob", force=False, openapi=openapi).object
    assert other is not None
    bare = {key: target[key] for key in ("apiVersion", "kind", "metadata")}
    gone = apply(openapi, live, bare)
    assert not gone.get("data")
    assert not gone.get("spec")


def test_a_live_object_nested_beyond_all_measure_where_nothing_is_applied(openapi: OpenApi) -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"x": deep}
    live = {"apiVersion": "typed.example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"free": deep}}
    target = {**live, "spec": {"text": "x"}}
    with pytest.raises(SpecError, match=r"^Widget w: nested too deeply to merge; flatten it$"):
        apply(openapi, live, target)
