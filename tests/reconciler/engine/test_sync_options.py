"""Sync options of an Application and of its objects, through the engine.

What each option does to an object is tested with the runner (tests/reconciler/sync/test_writing.py).
"""

from typing import Any

import pytest

from reconciler.sync.records import PlanOptions
from reconciler.terms import SyncStatus
from tests.reconciler.engine.places import Manifest, Shop, config_map, result_of

OPTIONS = "argocd.argoproj.io/sync-options"


def marked(obj: Manifest, options: str) -> Manifest:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {OPTIONS: options}}}


def data(shop: Shop, name: str = "settings") -> dict[str, Any]:
    found: dict[str, Any] = shop.client.get(shop.path("configmaps", name)).expect(200).get("data") or {}
    return found


def test_what_was_replaced_is_in_sync_and_goes_when_it_leaves_git(shop: Shop) -> None:
    shop.write(marked(config_map(a="1", b="1"), "Replace=true"))
    shop.synced()
    shop.write(marked(config_map(a="2", b="1"), "Replace=true"))
    assert result_of(shop.synced(), "settings").message == "configmaps/settings replaced"
    assert shop.compare().status is SyncStatus.SYNCED
    shop.write(config_map(a="2"))
    assert shop.compare().status is SyncStatus.OUT_OF_SYNC
    shop.synced()
    assert data(shop) == {"a": "2"}
    assert shop.compare().status is SyncStatus.SYNCED


def test_the_object_s_word_wins(shop: Shop) -> None:
    shop.write(marked(config_map("own"), "Replace=false"), config_map("other"))
    shop.synced()
    outcome = shop.synced(options=("Replace=true",))
    assert result_of(outcome, "other").message == "configmaps/other replaced"
    assert result_of(outcome, "own").message == "configmaps/own unchanged"


def test_what_cannot_be_changed_is_made_anew_where_it_is_asked_for(shop: Shop) -> None:
    shop.write({**config_map(a="1"), "immutable": True})
    shop.synced()
    shop.write({**config_map(a="2"), "immutable": True})
    refused = shop.sync().result
    assert not refused.succeeded
    assert "immutable" in refused.message
    assert result_of(shop.synced(options=("Force=true",)), "settings").message == "configmaps/settings recreated"
    assert data(shop) == {"a": "2"}


def test_shared_resources_are_a_warning_or_a_failure(shop: Shop) -> None:
    other = config_map(a="1")
    identity = f"other:/ConfigMap:{shop.namespace}/settings"
    other["metadata"]["annotations"] = {"argocd.argoproj.io/tracking-id": identity}
    shop.client.create(shop.path("configmaps"), other).expect(201)
    shop.write(config_map(a="2"))
    text = f"ConfigMap/settings is part of applications {shop.namespace}/shop and other"
    refused = shop.sync(options=("FailOnSharedResource=true",)).result
    assert not refused.succeeded
    assert refused.message == f"one or more synchronization tasks are not valid: shared resource found: {text}"
    assert data(shop) == {"a": "1"}
    shop.engine.begin_run()
    assert text in shop.synced().result.warnings
    assert data(shop) == {"a": "2"}


def test_options_that_mean_nothing_are_warnings_of_the_plan(shop: Shop) -> None:
    shop.write(marked(config_map(), "Colour=red"))
    application = shop.application(options=("Rebase=true", "ServerSideApply=false"))
    plan = shop.engine.plan(shop.engine.reconcile(application))
    assert plan.warnings == (
        "spec.syncPolicy.syncOptions: sync option Rebase=true is ignored: there is no option Rebase",
        "spec.syncPolicy.syncOptions: ServerSideApply=false changes nothing: every apply is a server-side one",
        f"ConfigMap {shop.namespace}/settings: sync option Colour=red is ignored: there is no option Colour",
    )


def test_the_sync_s_own_options_win(shop: Shop) -> None:
    shop.write(config_map())
    shop.synced()
    reconciliation = shop.engine.reconcile(shop.application(options=("Replace=false",)))
    outcome = shop.engine.sync(reconciliation, options=PlanOptions(sync_options=("Replace=true",)))
    assert result_of(outcome, "settings").message == "configmaps/settings replaced"


@pytest.mark.parametrize("asked", [True, False], ids=["prune", "no prune"])
def test_a_dry_run_of_a_prune_that_needs_a_word_waits_for_nobody(shop: Shop, asked: bool) -> None:
    shop.write(config_map("kept"), marked(config_map("old"), "Prune=confirm"))
    shop.synced()
    shop.write(config_map("kept"))
    application = shop.application()
    options = PlanOptions(dry_run=True, prune=asked)
    outcome = shop.engine.sync(shop.engine.reconcile(application), options=options)
    assert result_of(outcome, "old").message == ("delete (dry run)" if asked else "ignored (requires pruning)")
    assert data(shop, "old") == {}
