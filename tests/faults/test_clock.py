"""Clocks that are wrong, and that jump (threats.md, row 31); the lock's are in test_lease_lost."""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.terms import SyncStatus
from tests.argo import install_argo
from tests.attacks.fenced import job
from tests.reconciler.engine.places import Shop, config_map

pytestmark = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
SKEW = timedelta(seconds=300)


def set_clock(shop: Shop, skew: timedelta) -> None:
    """Open an engine whose clock is so much ahead of the cluster's."""
    shop.engine = shop.open_engine(shop.client.kubeconfig)
    for part in (shop.engine, shop.engine.comparer):
        part.clock = lambda: datetime.now(UTC) + skew
    shop.engine.begin_run()


@pytest.mark.parametrize(
    "skews",
    [(SKEW, -SKEW), (-SKEW, SKEW), (SKEW, timedelta(), -SKEW), (timedelta(), timedelta(days=-400))],
    ids=["back", "forward", "further back", "a year back"],
)
def test_31_order_is_that_of_the_chain(shop: Shop, skews: tuple[timedelta, ...]) -> None:
    """Whatever time each sync says that it was: the newest record is the last one, and hooks run in each."""
    install_argo(shop.client)
    body = shop.application().model_dump(by_alias=True, exclude_unset=True, mode="json")
    shop.client.create(shop.path("applications", api="/apis/argoproj.io/v1alpha1"), body).expect(201)
    for number, skew in enumerate(skews):
        hook = job("before", hook="PreSync", hook_delete_policy="BeforeHookCreation")
        shop.write(config_map(number=str(number)), hook)
        set_clock(shop, skew)
        outcome = shop.engine.sync(shop.engine.reconcile(shop.engine.application("shop")))
        assert outcome.result.succeeded, outcome.result.message
        assert [entry.key.name for entry in outcome.result.results] == ["before", "settings"]
        assert outcome.comparison is not None
        assert outcome.comparison.status is SyncStatus.SYNCED
        newest = shop.engine.history("shop", limit=1)[0]
        assert newest.revisions == (shop.origin.head,)
        live = shop.engine.application("shop")
        assert live.status["operationState"]["syncResult"]["revision"] == shop.origin.head
        assert live.status["history"][-1]["revision"] == shop.origin.head
    assert shop.engine.store is not None
    assert shop.engine.store.verify().ok
    assert len(shop.engine.history("shop")) == len(skews)
