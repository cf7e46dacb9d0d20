import re
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest import OpenApi, predict_apply, predict_update
from reconciler.terms import ANNOTATION_LAST_APPLIED

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def widget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "typed.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "namespace": "n"},
        "spec": spec,
    }


def apply(openapi: OpenApi, live: Any, target: Any, **more: Any) -> dict[str, Any]:
    options = {"field_manager": "ann", "force": False, "openapi": openapi, "now": NOW} | more
    prediction = predict_apply(live, target, **options)
    assert prediction.object is not None
    return prediction.object


WRONG = {
    "unknown field": (widget(bogus=1), "$.spec.bogus: field not declared in schema"),
    "unknown field in a list item": (
        widget(parts=[{"name": "a", "bogus": 1}]),
        '$.spec.parts[name="a"].bogus: field not declared in schema',
    ),
    "text for a number": (widget(number="1"), "$.spec.number: expected a number, got a string"),
    "number for a text": (widget(text=1), "$.spec.text: expected a string, got a number"),
    "map for a text": (widget(text={}), "$.spec.text: expected a string, got a mapping"),
    "text for a map": (widget(labels="a"), "$.spec.labels: expected a mapping, got a string"),
    "text for a list": (widget(whole="a"), "$.spec.whole: expected a list, got a string"),
    "text for a boolean": (widget(flag="yes"), "$.spec.flag: expected a boolean, got a string"),
    "wrong type in an atomic list": (widget(whole=["a", 1]), "$.spec.whole[1]: expected a string, got a number"),
    "duplicate key": (
        widget(parts=[{"name": "a"}, {"name": "a"}]),
        '$.spec.parts[name="a"]: duplicate entries for key',
    ),
    "duplicate by default": (
        widget(ports=[{"port": 1}, {"port": 1, "protocol": "TCP"}]),
        '$.spec.ports[port=1,protocol="TCP"]: duplicate entries for key',
    ),
    "duplicate in a set": (widget(words=["a", "a"]), '$.spec.words[="a"]: duplicate entries for key'),
    "item without its key": (widget(parts=[{"size": 1}]), "$.spec.parts[0]: item omits all key fields (name)"),
    "null item": (widget(parts=[None]), "$.spec.parts[0]: an item of a list by keys must be a mapping, got null"),
    "null in a set": (widget(words=[None]), "$.spec.words[0]: an item of a set must be a scalar, got null"),
    "two at once": (
        widget(text=1, flag=2),
        "$.spec.flag: expected a boolean, got a number; $.spec.text: expected a string, got a number",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_refuses_what_does_not_fit_with_every_path(openapi: OpenApi, case: str) -> None:
    target, message = WRONG[case]
    with pytest.raises(SpecError) as caught:
        apply(openapi, None, target)
    assert str(caught.value) == f"Widget n/w: {message}"


def test_the_status_that_is_ignored_is_checked_all_the_same(openapi: OpenApi) -> None:
    with pytest.raises(SpecError, match=re.escape("Widget n/w: $.status.phase: expected a string, got a number")):
        apply(openapi, None, {**widget(text="x"), "status": {"phase": 1}})


def test_lenient_leaves_unknown_fields_out(openapi: OpenApi) -> None:
    target = widget(text="x", bogus=1, parts=[{"name": "a", "bogus": 1}])
    expected = {"text": "x", "parts": [{"name": "a"}], "defaulted": "d"}
    assert apply(openapi, None, target, strict=False)["spec"] == expected
    with pytest.raises(SpecError, match="expected a string"):
        apply(openapi, None, widget(text=1), strict=False)


def test_nesting_beyond_all_measure_is_refused(openapi: OpenApi) -> None:
    deep: Any = {}
    for _ in range(5000):
        deep = {"x": deep}
    with pytest.raises(SpecError, match=r"^Widget n/w: nested too deeply to merge; flatten it$"):
        apply(openapi, None, widget(free=deep))
    with pytest.raises(SpecError, match=r"^Widget n/w: nested too deeply to compare; flatten it$"):
        predict_update(None, widget(free=deep), field_manager="ann", openapi=openapi)


@pytest.mark.parametrize("managed_fields", [[], [{}]])
def test_refuses_managed_fields_in_the_target(openapi: OpenApi, managed_fields: list[Any]) -> None:
    target = widget(text="x")
    target["metadata"]["managedFields"] = managed_fields
    with pytest.raises(SpecError, match=r"^Widget n/w: metadata\.managedFields must be nil; remove it"):
        apply(openapi, None, target)


def test_a_live_object_that_does_not_fit_is_named_as_such(openapi: OpenApi) -> None:
    with pytest.raises(SpecError, match=r"^Widget n/w: the live object does not fit its schema"):
        apply(openapi, widget(parts=[None]), widget(parts=[{"name": "a"}]))


def test_an_apply_that_changes_nothing_gives_the_live_object_itself(openapi: OpenApi) -> None:
    live = apply(openapi, None, widget(text="x", parts=[{"name": "a"}, {"name": "b"}]))
    later = datetime(2027, 1, 1, tzinfo=UTC)
    assert apply(openapi, live, widget(parts=[{"name": "a"}, {"name": "b"}], text="x"), now=later) is live


def test_an_apply_that_changes_something_renews_only_its_own_time(openapi: OpenApi) -> None:
    live = apply(openapi, None, widget(text="x"))
    live = apply(openapi, live, widget(number=1), field_manager="bob")
    later = datetime(2027, 1, 1, tzinfo=UTC)
    after = apply(openapi, live, widget(text="y"), now=later)
    times = {entry["manager"]: entry["time"] for entry in after["metadata"]["managedFields"]}
    assert times == {"ann": "2027-01-01T00:00:00Z", "bob": "2026-01-02T03:04:05Z"}


def test_the_servers_own_metadata_is_not_written(openapi: OpenApi) -> None:
    live = apply(openapi, None, widget(text="x"))
    live["metadata"] |= {
        "uid": "u",
        "resourceVersion": "7",
        "generation": 2,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    target = widget(text="x")
    target["metadata"] |= {"creationTimestamp": None, "generation": 9, "resourceVersion": "1", "uid": "u"}
    assert apply(openapi, live, target) is live
    created = apply(openapi, None, target)
    assert set(created["metadata"]) == {"name", "namespace", "managedFields"}


def test_managers_of_versions_no_longer_served_lose_their_fields(openapi: OpenApi) -> None:
    live = apply(openapi, None, widget(text="x"))
    (entry,) = live["metadata"]["managedFields"]
    live["metadata"]["managedFields"] = [entry, {**entry, "manager": "old", "apiVersion": "typed.example.com/v0"}]
    for served, managers in ((None, ["ann", "old"]), (["typed.example.com/v1"], ["ann"])):
        schemas = OpenApi(group_versions=served)
        after = apply(schemas, live, widget(text="x", number=1))
        assert [entry["manager"] for entry in after["metadata"]["managedFields"]] == managers


def test_the_annotation_of_client_side_apply_has_numbers_as_go_writes_them(openapi: OpenApi) -> None:
    live = widget()
    live["metadata"]["annotations"] = {ANNOTATION_LAST_APPLIED: "{}"}
    after = apply(openapi, live, widget(ratio=2.0, text="<é>"), field_manager="kubectl")
    assert after["metadata"]["annotations"][ANNOTATION_LAST_APPLIED] == (
        '{"apiVersion":"typed.example.com/v1","kind":"Widget","metadata":{"name":"w","namespace":"n"},'
        '"spec":{"ratio":2,"text":"\\u003cé\\u003e"}}\n'
    )


def test_an_empty_manager_name_is_unknown(openapi: OpenApi) -> None:
    applied = apply(openapi, None, widget(text="x"), field_manager="")
    assert applied["metadata"]["managedFields"][0]["manager"] == "unknown"
    updated = predict_update(None, widget(text="x"), field_manager="", openapi=openapi)
    assert updated["metadata"]["managedFields"][0]["manager"] == "unknown"


def test_a_created_deployment_owns_its_defaults_but_not_the_structs_they_lie_in(openapi: OpenApi) -> None:
    new = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"a": "b"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"spec": {"containers": [{"name": "c", "image": "i", "resources": {}}]}},
        },
    }
    created = predict_update(None, new, field_manager="kubectl-create", openapi=openapi, now=NOW)
    assert created["metadata"]["managedFields"] == [
        {
            "manager": "kubectl-create",
            "operation": "Update",
            "apiVersion": "apps/v1",
            "time": "2026-01-02T03:04:05Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
                "f:spec": {
                    "f:replicas": {},
                    "f:selector": {},
                    "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
                    "f:template": {
                        "f:spec": {
                            "f:containers": {
                                'k:{"name":"c"}': {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}
                            }
                        }
                    },
                },
            },
        }
    ]
