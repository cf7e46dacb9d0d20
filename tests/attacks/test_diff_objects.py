"""Objects that are broken, vast or strange: Unknown with a reason for what they touch, and never a wrong Synced."""

import copy
import time
from typing import Any

import pytest

from reconciler.diff.compare import compare_resource
from reconciler.diff.records import ResourceComparison
from reconciler.diff.rules import CompareRules, IgnoreRule, RuleForm
from reconciler.diff.secrets import Masker
from reconciler.jq.evaluate import JqEvaluator
from reconciler.manifest import OpenApi, predict_apply
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sandbox.documents import load_document
from reconciler.terms import ANNOTATION_LAST_APPLIED, SyncStatus

MASKER = Masker(b"1" * 32)
OPENAPI = OpenApi({"api/v1": load_document("api/v1"), "apis/apps/v1": load_document("apis/apps/v1")})


def config_map(**data: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": data}


def applied(target: Manifest) -> Manifest:
    live = predict_apply(None, target, field_manager="argocd-controller", force=True, openapi=OPENAPI).object
    assert live is not None
    return copy.deepcopy(live)


def compared(target: Manifest, live: Manifest, *rules: IgnoreRule, openapi: OpenApi = OPENAPI) -> ResourceComparison:
    key, version = ResourceKey.of(target), GroupVersionKind.of(target).version
    made = CompareRules(ignore=rules)
    return compare_resource(key, version, target, live, openapi=openapi, masker=MASKER, rules=made, jq=JqEvaluator())


ENTRY = {"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}
BROKEN = {
    "an operation": [{**ENTRY, "operation": "Delete"}],
    "a fields type": [{**ENTRY, "fieldsType": "FieldsV9"}],
    "fields": [{**ENTRY, "fieldsV1": {"nonsense": {}}}],
    "a key": [{**ENTRY, "fieldsV1": {"k:{": {}}}],
    "no version": [{**ENTRY, "apiVersion": ""}],
}


@pytest.mark.parametrize("managed", BROKEN.values(), ids=BROKEN)
def test_broken_managed_fields(managed: list[Any]) -> None:
    live = applied(config_map(a="1"))
    live["metadata"]["managedFields"] = managed
    result = compared(config_map(a="2"), live)
    assert result.status is not SyncStatus.SYNCED
    assert (result.status is SyncStatus.UNKNOWN) is bool(result.reason)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"apiVersion": "v2"}', '{"apiVersion": "v1", "data": ["x"]}', "[" * 5000]
)
def test_broken_last_applied(text: str) -> None:
    live = {**config_map(a="1", b="2")}
    live["metadata"] = {**live["metadata"], "annotations": {ANNOTATION_LAST_APPLIED: text}}
    assert compared(config_map(a="1", b="2"), live).status is SyncStatus.SYNCED
    assert compared(config_map(a="9", b="2"), live).status is SyncStatus.OUT_OF_SYNC


def test_an_object_without_a_schema() -> None:
    target = {"apiVersion": "x.example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"a": [{"b": 1}]}}
    live = applied(target)
    assert compared(target, live).status is SyncStatus.SYNCED
    live["spec"]["a"][0]["b"] = True
    assert [entry.path for entry in compared(target, live).differences] == ["$.spec.a[0].b"]


def test_a_large_object_is_compared_and_its_rules_applied() -> None:
    target = config_map(**{f"key{number}": "x" * 1000 for number in range(1500)})
    live = applied(target)
    live["data"]["key7"] = "y"
    rule = IgnoreRule(RuleForm.JQ, ".data.key7", "spec.ignoreDifferences[0]", "", "ConfigMap")
    start = time.process_time()
    result = compared(target, live, rule)
    assert (result.status, len(result.differences)) == (SyncStatus.SYNCED, 1)
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "pointer",
    [
        "",
        "/",
        "//",
        "/data/",
        "/data/-",
        "/data/01",
        "/data/٣",
        "/data/~2",
        "data",
        "/metadata/name/x",
        "/" * 5000,
        "/data/" + "9" * 5000,
    ],
)
def test_pointers_that_lead_nowhere(pointer: str) -> None:
    rule = IgnoreRule(RuleForm.JSON_POINTER, pointer, "spec.ignoreDifferences[0]", "", "ConfigMap")
    result = compared(config_map(a="1"), applied(config_map(a="2")), rule)
    assert (result.status, result.rules_used) == (SyncStatus.OUT_OF_SYNC, ())


def test_duplicate_items_in_live_are_compared() -> None:
    env = [{"name": "A", "value": "1"}]
    spec = {"template": {"spec": {"containers": [{"name": "web", "env": env}]}}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}
    live = applied(target)
    live["spec"]["template"]["spec"]["containers"][0]["env"] = [*env, {"name": "A", "value": "2"}]
    result = compared(target, live)
    assert result.status is not SyncStatus.SYNCED


def cyclic() -> OpenApi:
    node = {
        "type": "object",
        "properties": {
            "child": {"$ref": "#/components/schemas/Node"},
            "items": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
            "value": {"type": "string"},
        },
    }
    kind = {
        "type": "object",
        "properties": {
            "spec": {"$ref": "#/components/schemas/Node"},
            "kind": {"type": "string"},
            "apiVersion": {"type": "string"},
            "metadata": {"type": "object"},
        },
        "x-kubernetes-group-version-kind": [{"group": "x.example.com", "version": "v1", "kind": "Tree"}],
    }
    return OpenApi(
        {"apis/x.example.com/v1": {"openapi": "3.0.0", "components": {"schemas": {"Node": node, "Tree": kind}}}}
    )


def test_a_cyclic_schema() -> None:
    openapi = cyclic()
    spec: dict[str, Any] = {"value": "deep"}
    for _ in range(60):
        spec = {"child": spec, "items": [{"value": "x"}]}
    target = {"apiVersion": "x.example.com/v1", "kind": "Tree", "metadata": {"name": "a"}, "spec": spec}
    live = copy.deepcopy(target)
    assert compared(target, live, openapi=openapi).status is SyncStatus.SYNCED
    inner = live["spec"]
    for _ in range(60):
        inner = inner["child"]
    inner["value"] = "other"
    (difference,) = compared(target, live, openapi=openapi).differences
    assert difference.path == "$.spec" + ".child" * 60 + ".value"


def test_nesting_beyond_reason_is_unknown() -> None:
    spec: dict[str, Any] = {}
    for _ in range(5000):
        spec = {"child": spec}
    target = {"apiVersion": "x.example.com/v1", "kind": "Tree", "metadata": {"name": "a"}, "spec": spec}
    live = {**target, "spec": {"child": {"child": 1}}}
    result = compared(target, live, openapi=cyclic())
    assert result.status is SyncStatus.UNKNOWN
    assert "nested too deeply" in result.reason
