from typing import Any

from reconciler.diff.records import ABSENT, Masked
from reconciler.diff.revisions import compare_revisions
from reconciler.diff.secrets import Masker
from reconciler.manifest import OpenApi
from reconciler.sandbox.documents import load_document
from reconciler.terms import SyncStatus

MASKER = Masker(b"0" * 32)


def deployment(*images: str, replicas: int = 1) -> dict[str, Any]:
    containers = [{"name": image.partition(":")[0], "image": image} for image in images]
    spec = {"replicas": replicas, "template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def secret(value: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": value}}


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def test_objects_are_matched_by_key_and_items_of_lists_by_theirs() -> None:
    openapi = OpenApi({"apis/apps/v1": load_document("apis/apps/v1")})
    before = [deployment("a:1", "b:1"), config_map("gone"), config_map("same")]
    after = [config_map("new"), config_map("same"), deployment("b:2", "a:1", replicas=3)]
    compared = compare_revisions(before, after, openapi=openapi, masker=MASKER)
    assert [(entry.key.name, entry.status, entry.live is None, entry.target is None) for entry in compared] == [
        ("gone", SyncStatus.OUT_OF_SYNC, False, True),
        ("new", SyncStatus.OUT_OF_SYNC, True, False),
        ("same", SyncStatus.SYNCED, False, False),
        ("web", SyncStatus.OUT_OF_SYNC, False, False),
    ]
    assert [(change.path, change.live, change.target) for change in compared[-1].differences] == [
        ("$.spec.replicas", 1, 3),
        ('$.spec.template.spec.containers[name="b"].image', "b:1", "b:2"),
    ]
    assert [(change.path, change.live, change.target) for change in compared[0].differences] == [
        ("$", "present", ABSENT)
    ]


def test_secret_values_are_masked_on_both_sides() -> None:
    (compared,) = compare_revisions([secret("first-4711")], [secret("second-4711")], openapi=OpenApi(), masker=MASKER)
    assert "first-4711" not in str(compared)
    assert "second-4711" not in str(compared)
    (change,) = compared.differences
    assert isinstance(change.live, Masked)
    assert isinstance(change.target, Masked)
    assert change.live != change.target


def test_a_secret_that_becomes_one_is_masked_too() -> None:
    plain = secret("one") | {"apiVersion": "v1", "kind": "Secret", "data": {"k": "b25l"}}
    (compared,) = compare_revisions([], [plain], openapi=OpenApi(), masker=MASKER)
    assert "b25l" not in str(compared)


def test_objects_that_the_server_names_are_paired_in_their_order() -> None:
    def job(image: str) -> dict[str, Any]:
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "migrate-"}, "image": image}

    compared = compare_revisions([job("1"), job("2")], [job("1"), job("3")], openapi=OpenApi(), masker=MASKER)
    assert [entry.status for entry in compared] == [SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC]
