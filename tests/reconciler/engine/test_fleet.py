"""Many Applications in one run, on the sandbox and once on the real API server."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.cluster.connection import Connection
from reconciler.engine import Reconciler
from reconciler.engine.automating import BY_PARENT
from reconciler.engine.fleet import ApplicationRun, sync_applications
from reconciler.engine.operation import SyncOperation
from reconciler.engine.places import Places, Ticket
from reconciler.engine.requests import SyncRequest
from reconciler.errors import SyncError, UsageError
from reconciler.history import HistoryStore, open_store
from reconciler.manifest.yaml import load_document
from reconciler.model import Application, parse_application
from reconciler.source import RenderCache, RepositoryCache, Sources
from reconciler.sync import events
from reconciler.sync.records import PlanOptions, SyncPlan
from reconciler.sync.state import Stage, SyncState
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.reconciler.engine.families import APPLICATIONS, Family, application_text, config_text, family
from tests.repositories import GitRepository

__all__ = ["family"]

AUTOMATED = "automated: {}"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/argocd/leases"


class Counting(Connection):
    """Counts requests by method and the end of their path."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection._access, name=connection.name)
        self.seen: Counter[str] = Counter()

    def request(self, method: str, path: str, **how: Any) -> Any:
        dry = "dry " if "dryRun" in (how.get("query") or {}) else ""
        self.seen[f"{dry}{method} {path.partition('/namespaces/')[2].partition('/')[2] or path}"] += 1
        return super().request(method, path, **how)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    with open_store(f"sqlite:///{tmp_path}/history.db") as made:
        yield made


@pytest.fixture
def shops(family: Family, store: HistoryStore) -> Family:
    """Applications a, b and c, each of one ConfigMap of its name; the engine records and counts."""
    url = family.origin.url
    family.write({f"{name}/config.yaml": config_text(name, "one") for name in "abc"})
    for name in "abc":
        family.create(application_text(name, url, name))
    family.engine = Reconciler(Counting(family.engine.connection), sources=family.engine.sources, store=store)
    return family


def ask(_application: Application, _found: object) -> SyncRequest:
    return SyncRequest(initiated_by="ada")


def named(family: Family, *names: str) -> list[Application]:
    return [family.engine.application(name) for name in names]


def status(family: Family, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = family.client.get(f"{APPLICATIONS}/{name}").expect(200).get("status") or {}
    return found


def shown(run: ApplicationRun) -> tuple[str, str, str]:
    phase = run.outcome.result.phase if run.outcome is not None else ""
    return run.application.name, phase, run.comparison.status


def test_results_come_in_the_order_given_and_a_failure_keeps_none_back(shops: Family, store: HistoryStore) -> None:
    shops.create(application_text("broken", shops.origin.url, "nowhere"))
    runs = shops.engine.sync_all(named(shops, "c", "broken", "a", "b"), ask)
    assert [shown(run) for run in runs] == [
        ("c", "Succeeded", "Synced"),
        ("broken", "", "Unknown"),
        ("a", "Succeeded", "Synced"),
        ("b", "Succeeded", "Synced"),
    ]
    assert [run.failed for run in runs] == [False, True, False, False]
    assert str(runs[1].error).startswith("broken cannot be synced: ")
    assert "nowhere" in str(runs[1].error)
    assert [shops.config(name) for name in "abc"] == ["one"] * 3
    assert {record.application for record in store.records()} == {"a", "b", "c"}
    assert status(shops, "a")["sync"]["status"] == "Synced"
    assert status(shops, "a")["operationState"]["operation"]["initiatedBy"] == {"username": "ada"}
    assert status(shops, "a")["history"][0]["id"] == 0
    assert [entry["type"] for entry in status(shops, "broken")["conditions"]] == ["ComparisonError"]
    held = [lease["spec"].get("holderIdentity") for lease in shops.client.get(LEASES).expect(200)["items"]]
    assert held == [""] * 3


def test_no_request_of_its_own_but_for_what_it_writes_and_whether_it_is_free(shops: Family) -> None:
    applications = named(shops, "a", "b", "c")
    connection = shops.engine.connection
    assert isinstance(connection, Counting)
    shops.engine.compare_all(applications)
    connection.seen.clear()
    runs = shops.engine.sync_all(applications, ask)
    assert not any(run.failed for run in runs)
    each = {
        # As it is just before its operation: somebody else may have begun one meanwhile.
        "GET applications/NAME": 1,
        "dry PATCH configmaps/NAME": 1,
        "PATCH configmaps/NAME": 1,
        "POST leases": 1,
        "PATCH leases/gitops-nb.argocd.NAME": 1,
        "PATCH applications/NAME": 1,
    }
    expected = Counter({kind.replace("NAME", name): n for kind, n in each.items() for name in "abc"})
    # The list is for all of the statuses.
    expected |= {"POST leases": 3, "GET applications": 1}
    namespaces = {kind: count for kind, count in connection.seen.items() if "/api/v1/namespaces" in kind}
    assert connection.seen - Counter(namespaces) == expected


def test_what_comes_later_is_rendered_while_operations_are_at_work(
    shops: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.engine.fleet.BATCH", 1)
    rendered, listed = threading.Event(), threading.Event()
    prepare, compare_all = shops.engine.prepare, shops.engine.reconcile_all

    def preparing(application: Application, *, revision: str | None = None) -> None:
        prepare(application, revision=revision)
        if application.name == "c":
            assert not listed.is_set(), "c was compared before there was a place for it"
            rendered.set()

    def comparing(applications: Sequence[Application], *, revision: str | None = None) -> Any:
        if [application.name for application in applications] == ["c"]:
            listed.set()
        return compare_all(applications, revision=revision)

    monkeypatch.setattr(shops.engine, "prepare", preparing)
    monkeypatch.setattr(shops.engine, "reconcile_all", comparing)

    def holding(_application: Application, _found: object) -> SyncRequest:
        def hold(_state: SyncState, _event: events.Event) -> None:
            assert rendered.wait(20), "nothing was rendered beside the operations"

        return SyncRequest(on_event=hold)

    runs = sync_applications(shops.engine, named(shops, *"abc"), holding, parallel=1)
    assert [shown(run) for run in runs] == [(name, "Succeeded", "Synced") for name in "abc"]
    assert listed.is_set()


def test_what_is_not_asked_for_is_only_compared(shops: Family, store: HistoryStore) -> None:
    def only_b(application: Application, _found: object) -> SyncRequest | None:
        if application.name == "c":
            raise UsageError("c: no such resource")
        return SyncRequest() if application.name == "b" else None

    runs = shops.engine.sync_all(named(shops, "a", "b", "c"), only_b)
    assert [shown(run) for run in runs] == [
        ("a", "", "OutOfSync"),
        ("b", "Succeeded", "Synced"),
        ("c", "", "OutOfSync"),
    ]
    assert [str(run.error or "") for run in runs] == ["", "", "c: no such resource"]
    assert [record.application for record in store.records()] == ["b"]
    assert status(shops, "a")["sync"]["status"] == "OutOfSync"
    assert "operationState" not in status(shops, "a")


def test_a_dry_run_leaves_no_trace_in_the_cluster(shops: Family) -> None:
    before = status(shops, "a")
    (run,) = shops.engine.sync_all(named(shops, "a"), lambda *_: SyncRequest(options=PlanOptions(dry_run=True)))
    assert run.outcome is not None
    assert run.outcome.result.succeeded
    assert run.outcome.comparison is None
    assert status(shops, "a") == before
    assert shops.client.get("/api/v1/namespaces/default/configmaps/a").status == 404


def test_an_error_of_ours_is_one_application_s(shops: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    run_one = SyncOperation.run

    def fails_for_b(self: SyncOperation, reconciliation: Any) -> Any:
        if reconciliation.application.name == "b":
            raise RuntimeError("a defect")
        return run_one(self, reconciliation)

    monkeypatch.setattr(SyncOperation, "run", fails_for_b)
    runs = shops.engine.sync_all(named(shops, "a", "b", "c"), ask)
    assert [run.failed for run in runs] == [False, True, False]
    assert str(runs[1].error) == "b: internal error: RuntimeError: a defect"
    assert isinstance(runs[1].error.__cause__ if runs[1].error else None, RuntimeError)


def test_an_interrupt_ends_in_order(shops: Family) -> None:
    asked: list[str] = []

    def interrupted(application: Application, _found: object) -> SyncRequest:
        asked.append(application.name)
        if application.name == "b":
            raise KeyboardInterrupt
        return SyncRequest()

    with pytest.raises(KeyboardInterrupt):
        shops.engine.sync_all(named(shops, "a", "b", "c"), interrupted)
    assert asked == ["a", "b"]
    assert status(shops, "a")["sync"]["status"] == "OutOfSync"
    held = [lease["spec"].get("holderIdentity") for lease in shops.client.get(LEASES).expect(200)["items"]]
    assert not any(held)


@pytest.fixture
def parents(shops: Family) -> Family:
    """The root, automated, applies a, and a, automated, applies b; both are there already, and none is marked."""
    url = shops.origin.url
    shops.write(
        {
            "apps/a.yaml": application_text("a", url, "a", policy=AUTOMATED),
            "a/b.yaml": application_text("b", url, "b", policy=AUTOMATED),
        }
    )
    for name, path in (("root", "apps"), ("a", "a"), ("b", "b")):
        document = load_document(application_text(name, url, path, policy=AUTOMATED), file="a.yaml")
        shops.client.patch(f"{APPLICATIONS}/{name}", {"spec": document["spec"]}).expect(200)
    return shops


def test_children_are_synced_by_their_parent_alone(parents: Family, store: HistoryStore) -> None:
    runs = parents.engine.reconcile_automated(named(parents, "b", "a", "root"))
    assert {run.application.name: (run.failed, run.comparison.status) for run in runs} == {
        "b": (False, "Synced"),
        "a": (False, "Synced"),
        "root": (False, "Synced"),
    }
    assert [run.application.name for run in runs] == ["b", "a", "root"]
    parents.write({"a/config.yaml": config_text("a", "two"), "b/config.yaml": config_text("b", "two")})
    parents.write({"apps/more.yaml": config_text("more", "one"), "a/more.yaml": config_text("other", "one")})
    before = len(store.records())
    runs = parents.engine.reconcile_automated(named(parents, "b", "a", "root"))
    assert {run.application.name: run.reason for run in runs} == {"b": BY_PARENT, "a": BY_PARENT, "root": "out of sync"}
    assert sorted(record.application for record in store.records()[: len(store.records()) - before]) == [
        "a",
        "b",
        "root",
    ]
    assert [parents.config(name) for name in "ab"] == ["two", "two"]


def test_new_children_are_found(shops: Family) -> None:
    url = shops.origin.url
    shops.write(
        {
            "apps/new.yaml": application_text("new", url, "new", policy=AUTOMATED),
            "apps/manual.yaml": application_text("manual", url, "c"),
            "new/config.yaml": config_text("new", "one"),
        }
    )
    shops.client.patch(f"{APPLICATIONS}/root", {"spec": {"syncPolicy": {"automated": {}}}}).expect(200)
    runs = shops.engine.reconcile_automated()
    assert [(run.application.name, run.reason) for run in runs] == [
        ("a", "no automated sync policy"),
        ("b", "no automated sync policy"),
        ("c", "no automated sync policy"),
        ("root", "out of sync"),
        ("manual", "no automated sync policy"),
        ("new", BY_PARENT),
    ]
    assert shops.config("new") == "one"
    assert shops.client.get("/api/v1/namespaces/default/configmaps/a").status == 404
    assert status(shops, "manual")["sync"]["status"] == "OutOfSync"


def automate(family: Family, name: str, **policy: bool) -> None:
    family.client.patch(f"{APPLICATIONS}/{name}", {"spec": {"syncPolicy": {"automated": policy}}}).expect(200)


def test_one_attempt_a_revision_and_its_condition(shops: Family, store: HistoryStore) -> None:
    automate(shops, "a", prune=True)
    shops.write({"a/bad.yaml": config_text("Not_A_Name", "x")})
    policy = {"retry": {"limit": 0}, "automated": {"prune": True}}
    shops.client.patch(f"{APPLICATIONS}/a", {"spec": {"syncPolicy": policy}}).expect(200)
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert shown(run) == ("a", "Failed", "OutOfSync")
    assert "conditions" not in status(shops, "a")
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    revision = shops.origin.git("rev-parse", "main").strip()
    assert run.outcome is None
    assert not run.failed
    assert run.reason.startswith(f"Failed last sync attempt to {revision}: one or more objects failed to apply")
    (condition,) = status(shops, "a")["conditions"]
    assert (condition["type"], condition["message"]) == ("SyncError", run.reason)
    assert len(store.records()) == 1
    shops.write({"a/bad.yaml": None})
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert shown(run) == ("a", "Succeeded", "Synced")
    assert "conditions" not in status(shops, "a")


def test_a_heal_syncs_what_differs_and_no_more(shops: Family) -> None:
    shops.write({"a/second.yaml": config_text("second", "one")})
    automate(shops, "a", selfHeal=True)
    shops.engine.reconcile_automated(named(shops, "a"))
    shops.client.patch("/api/v1/namespaces/default/configmaps/second", {"data": {"value": "drift"}}).expect(200)
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert run.reason == "self-heal"
    assert run.outcome is not None
    assert [result.key.name for result in run.outcome.result.results] == ["second"]
    assert shops.config("second") == "one"
    assert status(shops, "a")["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] == 1
    assert len(status(shops, "a")["history"]) == 1
    shops.client.patch("/api/v1/namespaces/default/configmaps/second", {"data": {"value": "drift"}}).expect(200)
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert run.reason.startswith("healed just now; again in ")
    assert shops.config("second") == "drift"


def test_nothing_is_pruned_without_prune(shops: Family) -> None:
    automate(shops, "a")
    shops.write({"a/second.yaml": config_text("second", "one")})
    shops.engine.reconcile_automated(named(shops, "a"))
    shops.write({"a/second.yaml": None})
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert shown(run) == ("a", "", "OutOfSync")
    assert run.reason == "only pruning is left to do, and automated pruning is off"
    assert shops.config("second") == "one"


def test_a_closed_window_is_no_failure(shops: Family, store: HistoryStore) -> None:
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["*"]}
    projects = APPLICATIONS.replace("applications", "appprojects")
    shops.client.patch(f"{projects}/default", {"spec": {"syncWindows": [window]}}).expect(200)
    automate(shops, "a")
    shops.engine.begin_run()
    (run,) = shops.engine.reconcile_automated(named(shops, "a"))
    assert shown(run) == ("a", "", "OutOfSync")
    assert run.reason.startswith("a cannot be synced: ")
    assert not run.failed
    assert store.records() == []


def waiting(stage: Stage) -> SyncState:
    return replace(SyncState(SyncPlan("a", "argocd", (), ())), stage=stage)


def test_an_operation_that_waits_gives_its_place_to_another() -> None:
    places, event = Places(1), events.Started(datetime(2026, 3, 1, tzinfo=UTC))
    first, second, begun = places.ticket(), places.ticket(), threading.Event()
    operation = SyncOperation.__new__(SyncOperation)

    def other() -> None:
        with second.taken(operation, ()):
            begun.set()
        second.give_back()

    listen = first.listening(lambda _state, _event: None)
    with first.taken(operation, ()):
        thread = threading.Thread(target=other)
        thread.start()
        assert not begun.wait(0.05)
        listen(waiting(Stage.WAIT), event)
        assert begun.wait(5)
        thread.join()
        listen(waiting(Stage.APPLY), event)
        assert places.at_work == 1
    first.give_back()
    assert places.under_way == 0


def test_nothing_begins_after_a_stop() -> None:
    places = Places(1)
    ticket: Ticket = places.ticket()
    places.stop("interrupted")
    with (
        pytest.raises(SyncError, match="not begun: interrupted"),
        ticket.taken(SyncOperation.__new__(SyncOperation), ()),
    ):
        raise AssertionError("it has begun")


@pytest.mark.controlplane
def test_both_clusters_agree(
    client: Client,
    namespace: str,
    cluster_kubeconfig: Path,
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    store: HistoryStore,
    tmp_path: Path,
) -> None:
    install_argo(client)
    names = [f"{namespace}-{index}" for index in range(3)]
    origin = git_repository({f"{name}/config.yaml": config_text(name, "one") for name in names})
    sources = Sources(repositories=RepositoryCache(tmp_path / "mirrors"), cache=RenderCache(persistent=False))
    with sources:
        engine = Reconciler(connect(kubeconfig=str(cluster_kubeconfig)), sources=sources, store=store)
        applications = []
        for name in names:
            text = application_text(name, origin.url, name, policy=AUTOMATED).replace("default}", f"{namespace}}}")
            created = client.create(APPLICATIONS, load_document(text, file="a.yaml")).expect(201)
            applications.append(parse_application(created, where="cluster", from_cluster=True))
        runs = engine.reconcile_automated(applications)
        again = engine.reconcile_automated([engine.application(name) for name in names])
    for name in names:
        client.delete(f"{APPLICATIONS}/{name}")
    assert [shown(run) for run in runs] == [(name, "Succeeded", "Synced") for name in names]
    assert [(run.reason, run.status_problem) for run in again] == [("it is Synced", "")] * 3
    assert len(store.records()) == 3
