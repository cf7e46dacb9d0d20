"""A Secret's value is in no output of a comparison: not in data, annotations, managedFields, predictions or reasons."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.compare import compare_resource
from reconciler.diff.records import ABSENT, Masked, ResourceComparison
from reconciler.diff.revisions import compare_revisions
from reconciler.diff.rules import CompareRules, IgnoreRule, RuleForm
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer
from reconciler.formatting import plain_value
from reconciler.jq.evaluate import JqEvaluator
from reconciler.manifest import OpenApi, predict_apply
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.sandbox.documents import load_document
from reconciler.terms import ANNOTATION_LAST_APPLIED, SyncStatus

MASKER = Masker(b"1" * 32)
OPENAPI = OpenApi({"api/v1": load_document("api/v1")})
KEY = ResourceKey("", "Secret", "shop", "db")
# Longer than anything that a digest or a path could hold by chance.
VALUES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789(): ", min_size=12, max_size=30)
NAMES = st.sampled_from(["user", "password", "tls.crt"])
MAPS = st.dictionaries(NAMES, VALUES, max_size=3)


def encoded(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def secret(values: dict[str, str], *, text: bool = False) -> Manifest:
    body: dict[str, Any] = (
        {"stringData": values} if text else {"data": {name: encoded(value) for name, value in values.items()}}
    )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": "db", "namespace": "shop"},
        **body,
    }


def stored(values: dict[str, str], extra: dict[str, str]) -> Manifest:
    """A live Secret with every place where its values could be repeated."""
    live = predict_apply(None, secret(values), field_manager="argocd-controller", force=True, openapi=OPENAPI).object
    assert live is not None
    text = json.dumps(secret({**values, **extra}))
    live["metadata"]["annotations"] = {ANNOTATION_LAST_APPLIED: text}
    paths = {f'v:"{encoded(value)}"': {} for value in (*values.values(), *extra.values())}
    entry = {
        "manager": "crafted",
        "operation": "Update",
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:data": {".": {}, "f:user": paths, **paths}},
    }
    live["metadata"]["managedFields"] = [*live["metadata"].get("managedFields", []), entry]
    return live


def outputs(result: ResourceComparison) -> str:
    return f"{result!r} {json.dumps(plain_value(result), default=str)}"


def assert_hidden(result: ResourceComparison, *maps: dict[str, str]) -> None:
    shown = outputs(result)
    for value in (value for values in maps for value in values.values()):
        assert value not in shown
        assert encoded(value) not in shown


@given(MAPS, MAPS, MAPS, st.booleans(), st.booleans())
def test_pairs_of_secrets(
    mine: dict[str, str], theirs: dict[str, str], extra: dict[str, str], text: bool, asked: bool
) -> None:
    target, live = secret(mine, text=text), stored(theirs, extra)
    answer = None
    if asked:
        predicted = predict_apply(live, secret(mine), field_manager="argocd-controller", force=True, openapi=OPENAPI)
        answer = ServerAnswer(predicted.object)
    result = compare_resource(KEY, "v1", target, live, openapi=OPENAPI, masker=MASKER, answer=answer)
    assert result.reason == ""
    assert_hidden(result, mine, theirs, extra)
    by_path = {entry.path: entry for entry in result.differences}
    for name, value in mine.items():
        path = f"$.data.{name}" if "." not in name else f'$.data["{name}"]'
        if theirs.get(name) == value:
            assert path not in by_path
        elif "$.data" not in by_path:
            change = by_path[path]
            assert isinstance(change.target, Masked)
            assert change.live is ABSENT if name not in theirs else isinstance(change.live, Masked)
            assert change.target != change.live


@given(MAPS, MAPS)
def test_pairs_of_revisions(before: dict[str, str], after: dict[str, str]) -> None:
    old, new = stored(before, {}), stored(after, {})
    (result,) = compare_revisions([old], [new], openapi=OPENAPI, masker=MASKER)
    assert_hidden(result, before, after)


def test_last_applied_is_masked_between_revisions_of_any_kind() -> None:
    value = "c4n4ry-c4n4ry"
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {"x": "1"}}}
    other = {**obj, "metadata": {"name": "a", "annotations": {ANNOTATION_LAST_APPLIED: value}}}
    bare = {**obj, "metadata": {"name": "a"}}
    for before, after in ((obj, other), (other, obj), (bare, other), (other, bare)):
        (result,) = compare_revisions([before], [after], openapi=OPENAPI, masker=MASKER)
        assert value not in outputs(result)


def test_a_live_value_that_imitates_a_mask_is_masked() -> None:
    target = secret({"user": "ada-lovelace-1815"})
    mask = str(MASKER.mask(target["data"]["user"]))
    live = {**target, "data": {"user": mask}}
    result = compare_resource(KEY, "v1", target, live, openapi=OPENAPI, masker=MASKER)
    assert result.status is SyncStatus.OUT_OF_SYNC
    (change,) = result.differences
    assert change.target != change.live
    assert result.live is not None
    assert result.live["data"]["user"] != mask


def test_digests_of_two_runs_tell_nothing_about_each_other() -> None:
    assert Masker(b"1" * 32).mask("a") != Masker(b"2" * 32).mask("a")


@pytest.mark.parametrize(
    "expression",
    [
        "error(.data.password)",
        ".data.password | error",
        ".data | tostring",
        "@base64d",
        ".data.password | tonumber",
        ".data | keys | .x",
    ],
)
def test_an_expression_cannot_speak_of_a_secret(expression: str) -> None:
    values = {"password": "c4n4ry-c4n4ry-c4n4ry"}
    rule = IgnoreRule(RuleForm.JQ, expression, "spec.ignoreDifferences[0]", "", "Secret")
    rules = CompareRules(ignore=(rule,))
    result = compare_resource(
        KEY, "v1", secret(values), stored(values, {}), openapi=OPENAPI, masker=MASKER, rules=rules, jq=JqEvaluator()
    )
    assert result.status is SyncStatus.UNKNOWN
    assert "fails on this object" in result.reason
    assert_hidden(result, values)


def test_an_ignored_secret_value_stays_masked() -> None:
    mine, theirs = {"password": "c4n4ry-one-one"}, {"password": "c4n4ry-two-two"}
    rule = IgnoreRule(RuleForm.JSON_POINTER, "/data/password", "spec.ignoreDifferences[0]", "", "Secret")
    rules = CompareRules(ignore=(rule,))
    live = stored(theirs, {})
    result = compare_resource(KEY, "v1", secret(mine, text=True), live, openapi=OPENAPI, masker=MASKER, rules=rules)
    assert (result.status, [entry.ignored_by for entry in result.differences]) == (SyncStatus.SYNCED, [rule.label])
    assert_hidden(result, mine, theirs)


@pytest.mark.parametrize(
    "fields",
    [
        {"data": {"user": 12345678901234}},
        {"data": ["c4n4ry-c4n4ry"]},
        {"stringData": {"a": ["c4n4ry-c4n4ry"]}},
        {"data": "c4n4ry-c4n4ry"},
    ],
    ids=["a number", "a list", "a list inside", "text"],
)
def test_a_secret_of_another_shape_is_unknown_without_its_values(fields: dict[str, Any]) -> None:
    target = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"}, **fields}
    result = compare_resource(KEY, "v1", target, stored({}, {}), openapi=OPENAPI, masker=MASKER)
    assert result.status is SyncStatus.UNKNOWN
    assert "c4n4ry" not in outputs(result)
    assert "12345678901234" not in outputs(result)
