"""What is said of a run beforehand is what becomes of it."""

from typing import Any

import pytest

from reconciler.engine.automating import BY_PARENT
from reconciler.engine.intentions import Decision, intended_automated
from tests.reconciler.engine.families import APPLICATIONS, Family, application_text, config_text, family

__all__ = ["family"]

AUTOMATED = "automated: {}, retry: {limit: 0}"
DONE = {Decision.SYNC: "synced", Decision.REFUSE: "nothing", Decision.NOTHING: "nothing", Decision.FAIL: "failed"}


def close_window(family: Family, *names: str) -> None:
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": list(names)}
    projects = APPLICATIONS.replace("applications", "appprojects")
    family.client.patch(f"{projects}/default", {"spec": {"syncWindows": [window]}}).expect(200)
    family.engine.begin_run()


def foretold(family: Family, *names: str) -> dict[str, tuple[Decision, str]]:
    """What is intended; it must be what the run then does, and leave everything as it is."""
    applications = [family.engine.application(name) for name in names]
    before = [family.client.get(f"{APPLICATIONS}/{name}").expect(200) for name in names]
    intentions = intended_automated(family.engine, applications)
    assert [family.client.get(f"{APPLICATIONS}/{name}").expect(200) for name in names] == before
    runs = family.engine.reconcile_automated(applications)
    assert [DONE[each.decision] for each in intentions] == [run.decision for run in runs]
    assert [each.reason for each in intentions if not each.failed] == [run.reason for run in runs if not run.failed]
    return {each.comparison.application: (each.decision, each.reason) for each in intentions}


@pytest.fixture
def shops(family: Family) -> Family:
    """Applications a, b and c, automated, each of one ConfigMap of its name."""
    family.write({f"{name}/config.yaml": config_text(name, "one") for name in "abc"})
    for name in "abc":
        family.create(application_text(name, family.origin.url, name, policy=AUTOMATED))
    return family


def test_windows_policies_and_another_reconciler(shops: Family) -> None:
    close_window(shops, "b")
    body: dict[str, Any] = {"status": {"reconciledAt": "2026-11-23T10:00:00Z"}}
    shops.client.patch(f"{APPLICATIONS}/c?fieldManager=argocd-application-controller", body).expect(200)
    shops.create(application_text("broken", shops.origin.url, "nowhere", policy=AUTOMATED))
    found = foretold(shops, "a", "b", "c", "root", "broken")
    assert found["a"] == (Decision.SYNC, "out of sync")
    assert found["b"][0] is Decision.NOTHING
    assert found["b"][1].startswith("b cannot be synced: sync is blocked by an active deny window (")
    assert found["c"][0] is Decision.NOTHING
    assert found["c"][1].startswith("Argo CD's own controller reconciles it (")
    assert found["root"] == (Decision.NOTHING, "no automated sync policy")
    assert found["broken"][0] is Decision.FAIL
    assert found["broken"][1].startswith("broken cannot be synced: ")


def test_a_window_that_is_open(shops: Family) -> None:
    close_window(shops, "other-*")
    assert foretold(shops, "a")["a"] == (Decision.SYNC, "out of sync")


def test_gates_and_plans_that_cannot_be_carried_out(shops: Family) -> None:
    namespaced = {"spec": {"destination": {"namespace": "nowhere"}}}
    shops.client.patch(f"{APPLICATIONS}/a", namespaced).expect(200)
    projects = APPLICATIONS.replace("applications", "appprojects")
    refusing = {"spec": {"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}]}}
    shops.client.patch(f"{projects}/default", refusing).expect(200)
    shops.write({"b/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n"})
    found = foretold(shops, "a", "b")
    assert found["a"][0] is Decision.FAIL
    assert "namespace nowhere is not there" in found["a"][1]
    assert found["b"] == (
        Decision.FAIL,
        "b cannot be synced: Secret default/b is not permitted: resource :Secret is not permitted in project default",
    )


@pytest.fixture
def parents(shops: Family) -> Family:
    """The root, automated, applies a, and a applies b."""
    url = shops.origin.url
    shops.write(
        {
            "apps/a.yaml": application_text("a", url, "a", policy=AUTOMATED),
            "a/b.yaml": application_text("b", url, "b", policy=AUTOMATED),
        }
    )
    shops.client.patch(
        f"{APPLICATIONS}/root", {"spec": {"syncPolicy": {"automated": {}, "retry": {"limit": 0}}}}
    ).expect(200)
    return shops


def test_children_come_with_their_parent(parents: Family) -> None:
    # What was never applied by its parent shows no parent, and may be judged before it.
    parents.engine.reconcile_automated([parents.engine.application(name) for name in ("root", "a", "b")])
    parents.write({"apps/more.yaml": config_text("more", "one"), "b/config.yaml": config_text("b", "two")})
    assert foretold(parents, "b", "c", "a", "root") == {
        "b": (Decision.SYNC, BY_PARENT),
        "c": (Decision.SYNC, "out of sync"),
        "a": (Decision.SYNC, BY_PARENT),
        "root": (Decision.SYNC, "out of sync"),
    }


def test_a_child_s_window_stops_parents_of_a_child_that_is_not_healthy(parents: Family) -> None:
    close_window(parents, "b")
    found = foretold(parents, "b", "a", "root")
    assert found["b"][0] is Decision.NOTHING
    assert found["a"][0] is Decision.FAIL
    assert found["a"][1].startswith(
        "b: b is Missing and left unsynced: sync is blocked by an active deny window (deny:* * * * *:1h"
    )
    assert found["root"] == (Decision.FAIL, f"a: {found['a'][1]}")


def test_a_child_s_window_leaves_one_that_is_healthy_as_it_is(parents: Family) -> None:
    parents.engine.reconcile_automated([parents.engine.application(name) for name in ("root", "a", "b")])
    close_window(parents, "b")
    parents.write({"apps/more.yaml": config_text("more", "one"), "b/config.yaml": config_text("b", "two")})
    found = foretold(parents, "b", "a", "root")
    assert found["b"][0] is Decision.NOTHING
    assert found["b"][1].startswith("b cannot be synced: sync is blocked by an active deny window (")
    assert found["a"] == (Decision.SYNC, BY_PARENT)
    assert found["root"] == (Decision.SYNC, "out of sync")
