"""A group whose aggregated API server does not answer: its kinds are unknown, which is not the same as gone.

The API server's own discovery is tried in `test_aggregation`; here it says that a group is stale, which on a shared cluster
would keep every namespace from being deleted.
"""

import pytest

from reconciler.cluster import Connection, Discovery, discover
from reconciler.engine import comparing
from reconciler.model import parse_application
from reconciler.terms import SyncStatus
from tests.reconciler.engine.places import Shop, config_map, named

GROUP = "down.example.com"
REASON = f"the API server behind the group {GROUP} does not answer"


@pytest.fixture(autouse=True)
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_a_stale_group(connection: Connection) -> Discovery:
        found = discover(connection)
        return Discovery(found.resources, stale_groups=[GROUP], kube_version=found.kube_version)

    monkeypatch.setattr(comparing, "discover", with_a_stale_group)


def test_its_objects_are_unknown_with_that_reason_and_all_others_right(shop: Shop) -> None:
    gauge = {"apiVersion": f"{GROUP}/v1", "kind": "Gauge", "metadata": {"name": "one"}}
    shop.write(config_map("a", x="1"), gauge)
    compared = shop.compare()
    entry = named(compared, "one")
    assert (compared.status, entry.status) == (SyncStatus.UNKNOWN, SyncStatus.UNKNOWN)
    assert entry.reason.startswith(REASON)
    assert named(compared, "a").status is SyncStatus.OUT_OF_SYNC


def test_an_object_that_left_git_is_not_taken_for_gone(shop: Shop) -> None:
    shop.write(config_map("a", x="1"))
    shop.synced()
    held = {"group": GROUP, "version": "v1", "kind": "Gauge", "namespace": shop.namespace, "name": "one"}
    body = shop.application().model_dump(by_alias=True, exclude_none=True) | {"status": {"resources": [held]}}
    shop.engine.begin_run()
    compared = shop.engine.compare(parse_application(body))
    assert compared.status is SyncStatus.UNKNOWN
    assert REASON in compared.reason
    assert named(compared, "a").status is SyncStatus.SYNCED
