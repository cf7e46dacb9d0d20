import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest import FieldPath, Ownership, field_owners, migrate_client_side_apply, predict_apply
from reconciler.manifest.openapi import OpenApi
from reconciler.manifest.typed.ownership import ManagerEntry
from reconciler.manifest.typed.updaters import capped


def entry(manager: str, operation: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    time = "2026-01-02T03:04:05Z"
    base = {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "time": time}
    return {**base, "fieldsType": "FieldsV1", "fieldsV1": fields, **more}


def owned(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "managedFields": list(entries)}}


OBJECT = owned(
    entry(
        "argocd-controller",
        "Apply",
        {"f:spec": {"f:selector": {}, "f:template": {"f:metadata": {"f:labels": {"f:a": {}}}}}},
    ),
    entry("kubectl", "Update", {"f:spec": {"f:template": {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}}}),
    entry("hpa", "Update", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
)


def test_every_field_with_every_owner_in_order_of_paths() -> None:
    assert [(str(owner.path), owner.manager, owner.operation, owner.subresource) for owner in field_owners(OBJECT)] == [
        ("$.spec.replicas", "hpa", "Update", "scale"),
        ("$.spec.selector", "argocd-controller", "Apply", ""),
        ("$.spec.template.metadata.labels", "kubectl", "Update", ""),
        ("$.spec.template.metadata.labels.a", "argocd-controller", "Apply", ""),
        ("$.spec.template.metadata.labels.a", "kubectl", "Update", ""),
    ]
    assert field_owners(OBJECT)[0].time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


ASKED = {
    "$.spec.replicas": ["hpa"],
    "$.spec.selector.matchLabels.app": ["argocd-controller"],
    "$.spec.template.metadata.labels": ["kubectl"],
    "$.spec.template.metadata.labels.a": ["argocd-controller", "kubectl"],
    "$.spec.template.metadata.labels.b": [],
    "$.spec.template": [],
    "$.status": [],
}


@pytest.mark.parametrize("path", ASKED)
def test_owners_of_one_field(path: str) -> None:
    owners = Ownership(OBJECT).owners_of(FieldPath.parse(path))
    assert [owner.manager for owner in owners] == ASKED[path]


def test_owners_below() -> None:
    owners = Ownership(OBJECT).owners_below(FieldPath.parse("$.spec.template"))
    assert [str(owner.path) for owner in owners] == [
        "$.spec.template.metadata.labels",
        "$.spec.template.metadata.labels.a",
        "$.spec.template.metadata.labels.a",
    ]


def test_an_object_without_managers_has_no_owners() -> None:
    assert field_owners({"metadata": {}}) == []
    assert Ownership({}).owners_of(FieldPath.parse("$.spec")) == ()


BROKEN = [
    ({"operation": "Delete"}, "metadata.managedFields: operation must be `Apply` or `Update`"),
    ({"apiVersion": ""}, "metadata.managedFields: apiVersion must not be empty"),
    ({"fieldsType": "FieldsV2"}, "metadata.managedFields: invalid fieldsType 'FieldsV2', expected 'FieldsV1'"),
    ({"fieldsV1": {"x": {}}}, "fieldsV1 holds 'x', which is not a path element"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_entries_that_cannot_be_read(change: dict[str, Any], message: str) -> None:
    broken = owned({**entry("a", "Apply", {"f:a": {}}), **change})
    with pytest.raises(SpecError) as caught:
        field_owners(broken)
    assert str(caught.value) == message


def migrated(*entries: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    before = owned(*entries)
    unchanged = copy.deepcopy(before)
    after = migrate_client_side_apply(before, to_manager="argocd-controller")
    assert before == unchanged
    return [(e["manager"], e["operation"], e["fieldsV1"]) for e in after["metadata"]["managedFields"]]


CLIENT = "kubectl-client-side-apply"


def test_migration_turns_the_client_side_entry_into_an_apply_entry() -> None:
    assert migrated(entry("other", "Update", {"f:z": {}}), entry(CLIENT, "Update", {"f:a": {}})) == [
        ("other", "Update", {"f:z": {}}),
        ("argocd-controller", "Apply", {"f:a": {}}),
    ]


def test_migration_merges_into_the_entry_that_is_there() -> None:
    assert migrated(entry(CLIENT, "Update", {"f:a": {}}), entry("argocd-controller", "Apply", {"f:b": {}})) == [
        ("argocd-controller", "Apply", {"f:a": {}, "f:b": {}})
    ]


def test_migration_drops_entries_of_another_version() -> None:
    old = entry(CLIENT, "Update", {"f:a": {}}, apiVersion="extensions/v1beta1")
    assert migrated(old, entry("argocd-controller", "Apply", {"f:b": {}})) == [
        ("argocd-controller", "Apply", {"f:b": {}})
    ]


def test_migration_leaves_other_operations_and_subresources() -> None:
    entries = [entry(CLIENT, "Apply", {"f:a": {}}), entry(CLIENT, "Update", {"f:b": {}}, subresource="status")]
    before = owned(*entries)
    assert migrate_client_side_apply(before, to_manager="argocd-controller") == before


def test_after_a_migration_what_was_applied_client_side_is_pruned(openapi: OpenApi) -> None:
    fields = {"f:data": {".": {}, "f:gone": {}, "f:kept": {}}}
    live = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "managedFields": [entry(CLIENT, "Update", fields, apiVersion="v1")]},
        "data": {"gone": "x", "kept": "x"},
    }
    target = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"kept": "y"}}
    options: dict[str, Any] = {"field_manager": "argocd-controller", "force": True, "openapi": openapi}
    unmigrated = predict_apply(live, target, **options).object
    assert unmigrated is not None
    assert unmigrated["data"] == {"gone": "x", "kept": "y"}
    after = predict_apply(migrate_client_side_apply(live, to_manager="argocd-controller"), target, **options).object
    assert after is not None
    assert after["data"] == {"kept": "y"}


def updaters(count: int, **more: str) -> list[ManagerEntry]:
    return [
        ManagerEntry(
            f"m{number:02}",
            "Update",
            more.get("version", "v1"),
            "",
            f"2026-01-01T00:00:{number:02}Z",
            {f"f:{number}": {}},
        )
        for number in range(count)
    ]


def test_ten_updaters_are_kept() -> None:
    assert capped(updaters(10)) == updaters(10)


def test_the_oldest_updaters_are_merged() -> None:
    applier = ManagerEntry("a", "Apply", "v1", "", "2020-01-01T00:00:00Z", {"f:x": {}})
    after = capped([*updaters(12), applier])
    assert [e.manager for e in after] == [f"m{number:02}" for number in range(3, 12)] + ["a", "ancient-changes"]
    assert after[-1].fields == {"f:0": {}, "f:1": {}, "f:2": {}}
    assert after[-1].time == "2026-01-01T00:00:02Z"


def test_updaters_are_merged_a_version_at_a_time() -> None:
    old = ManagerEntry("old", "Update", "v1beta1", "", None, {"f:o": {}})
    after = capped([old, *updaters(10)])
    assert [(e.manager, e.api_version) for e in after][:1] == [("old", "v1beta1")]
    assert [e.manager for e in after][-1] == "ancient-changes"
    assert len(after) == 10
