"""Live state held by watches: answers as from lists, never older than our own writes, cheap while nothing changes."""

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.cluster.connection import WRITES, Connection, Stream
from reconciler.engine import Reconciler
from reconciler.engine.following import Followed
from reconciler.engine.listing import Listed
from reconciler.errors import ForbiddenError
from reconciler.sync.records import PlanOptions
from reconciler.terms import SyncStatus
from tests.reconciler.cluster.servers import CONFIG_MAPS, Answer, Query, config_map, event, failure, listing, serving
from tests.reconciler.engine.places import Shop, named
from tests.reconciler.engine.places import config_map as target

NOW = datetime(2026, 11, 1, 10, tzinfo=UTC)
LATE_S = 0.03


class Recorded(Connection):
    """Notes the lists that are asked for, and tells of changes late."""

    def __init__(self, connection: Connection, *, late_s: float = 0.0) -> None:
        super().__init__(connection._access, name=connection.name)
        self.lists: list[str] = []
        self._late_s = late_s

    def get_bytes(self, path: str, **how: Any) -> bytes:
        self.lists.append(path)
        return super().get_bytes(path, **how)

    def stream(self, path: str, **how: Any) -> Stream:
        stream = super().stream(path, **how)
        lines, closed = stream.lines, threading.Event()

        def late() -> Iterator[bytes]:
            for line in lines():
                closed.wait(self._late_s)
                yield line

        stream.lines = late  # type: ignore[method-assign]
        return stream


def following(shop: Shop, *, late_s: float = 0.0) -> tuple[Reconciler, Recorded]:
    connection = Recorded(connect(kubeconfig=shop.client.kubeconfig), late_s=late_s)
    engine = Reconciler(
        connection, sources=shop.engine.sources, namespace=shop.namespace, clock=lambda: NOW, follow=True
    )
    return engine, connection


def listing_engine(shop: Shop) -> Reconciler:
    return Reconciler(
        connect(kubeconfig=shop.client.kubeconfig),
        sources=shop.engine.sources,
        namespace=shop.namespace,
        clock=lambda: NOW,
    )


def until_told(engine: Reconciler, holds: Callable[[], bool]) -> None:
    """Others' changes are seen when the watch tells of them."""
    followed = engine.comparer.followed
    assert followed is not None
    while True:
        seen = followed.state.revision
        if holds():
            return
        assert followed.state.wait_for_change(seen, timeout_s=10) > seen, "nothing was told for ten seconds"


def tracked(shop: Shop, name: str, **data: str) -> dict[str, Any]:
    """An object that bears the Application's mark."""
    mark = {"argocd.argoproj.io/tracking-id": f"shop:/ConfigMap:{shop.namespace}/{name}"}
    return {"metadata": {"name": name, "annotations": mark}, "data": data}


class Changes:
    """Random changes of a cluster and of Git, the same ones for the same seed."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.random = random.Random(seed)
        self.names = ["a", "b", "c", "extra"]

    def one(self) -> str:
        done: str = self.random.choice([self.set, self.set, self.create, self.delete, self.commit, self.label])()
        return done

    def set(self) -> str:
        name, value = self.random.choice(self.names), str(self.random.randrange(3))
        self.shop.client.patch(self.shop.path("configmaps", name), {"data": {"k": value}})
        return f"set {name} to {value}"

    def create(self) -> str:
        name = self.random.choice(self.names)
        self.shop.client.create(self.shop.path("configmaps"), tracked(self.shop, name, k="1"))
        return f"create {name}"

    def delete(self) -> str:
        name = self.random.choice(self.names)
        self.shop.client.delete(self.shop.path("configmaps", name))
        return f"delete {name}"

    def label(self) -> str:
        name = self.random.choice(self.names)
        self.shop.client.patch(
            self.shop.path("configmaps", name), {"metadata": {"labels": {"l": self.random.choice("xyz")}}}
        )
        return f"label {name}"

    def commit(self) -> str:
        names = self.random.sample(["a", "b", "c"], self.random.randint(1, 3))
        self.shop.write(*(target(name, k=str(self.random.randrange(3))) for name in names))
        return f"commit {names}"


@pytest.mark.parametrize("seed", range(3))
def test_the_answers_are_those_of_a_list(shop: Shop, seed: int) -> None:
    changes = Changes(shop, seed)
    shop.write(target("a", k="1"), target("b", k="1"))
    listed, application = listing_engine(shop), shop.application()
    followed, _ = following(shop, late_s=LATE_S)
    statuses, done = set(), []
    with followed:
        for _ in range(15):
            done.append(changes.one())
            # As after a write of our own: strictly as new as the list.
            WRITES.note()
            expected, found = listed.reconcile(application), followed.reconcile(application)
            assert found.comparison == expected.comparison, done
            assert dict(found.live) == dict(expected.live), done
            assert followed.compare_all([application]) == listed.compare_all([application]), done
            statuses.add(expected.comparison.status)
    assert SyncStatus.OUT_OF_SYNC in statuses


def test_a_comparison_after_a_sync_is_never_older_than_it(shop: Shop) -> None:
    """However late the watches tell of it; every second sync takes an object away again."""
    shop.write(target("a", k="odd"))
    odd = shop.origin.head
    shop.write(target("a", k="even"), target("b", k="even"))
    even = shop.origin.head
    engine, _ = following(shop, late_s=LATE_S)
    with engine:
        for number in range(50):
            revision = odd if number % 2 else even
            reconciliation = engine.reconcile(shop.application(), revision=revision)
            assert reconciliation.comparison.status is SyncStatus.OUT_OF_SYNC, number
            outcome = engine.sync(reconciliation, options=PlanOptions(prune=True))
            assert outcome.result.succeeded, outcome.result.message
            assert outcome.comparison is not None
            for comparison in (outcome.comparison, engine.compare(shop.application(), revision=revision)):
                assert comparison.status is SyncStatus.SYNCED, number
                live = {entry.key.name: (entry.live or {}).get("data") for entry in comparison.resources}
                assert live == ({"a": {"k": "odd"}} if number % 2 else {"a": {"k": "even"}, "b": {"k": "even"}})


def test_nothing_is_listed_while_nothing_changes(shop: Shop) -> None:
    shop.write(target("a", k="1"))
    shop.synced()
    engine, connection = following(shop)
    with engine:
        first = engine.compare(shop.application())
        connection.lists.clear()
        engine.begin_run()
        second = engine.compare(shop.application())
        assert connection.lists == []
        assert (first.status, second) == (SyncStatus.SYNCED, first)
        # The very same verdicts: nothing was compared, nor decoded.
        assert all(one is other for one, other in zip(first.resources, second.resources, strict=True))


def test_what_others_change_is_seen_when_the_watch_tells_of_it(shop: Shop) -> None:
    shop.write(target("a", k="1"))
    shop.synced()
    engine, connection = following(shop)
    with engine:
        assert engine.compare(shop.application()).status is SyncStatus.SYNCED
        connection.lists.clear()
        shop.client.patch(shop.path("configmaps", "a"), {"data": {"k": "2"}}).expect()
        until_told(engine, lambda: engine.compare(shop.application()).status is SyncStatus.OUT_OF_SYNC)
        (difference,) = named(engine.compare(shop.application()), "a").differences
        assert (difference.path, difference.live) == ("$.data.k", "2")
        assert connection.lists == []


def test_waiting_looks_at_what_is_held(shop: Shop) -> None:
    shop.write(target("a", k="1"))
    shop.synced()
    shop.client.patch(shop.path("configmaps", "a"), {"data": {"k": "2"}}).expect()
    engine, _ = following(shop, late_s=LATE_S)
    with engine:
        assert engine.compare(shop.application()).status is SyncStatus.OUT_OF_SYNC
        timer = threading.Timer(
            LATE_S, lambda: shop.client.patch(shop.path("configmaps", "a"), {"data": {"k": "1"}}).expect()
        )
        timer.start()
        assert engine.wait(shop.application(), timeout_s=20).status is SyncStatus.SYNCED
        timer.join()


@pytest.mark.parametrize(
    # The sandbox does not default what is stored already.
    "cluster_kubeconfig",
    [pytest.param("controlplane", marks=pytest.mark.controlplane)],
    indirect=True,
)
def test_a_default_that_a_definition_gets_is_seen_although_no_version_changes(shop: Shop) -> None:
    group = f"{shop.namespace}.example.com"
    properties: dict[str, Any] = {"size": {"type": "integer"}}

    def definition() -> dict[str, Any]:
        spec = {"type": "object", "properties": {"spec": {"type": "object", "properties": properties}}}
        version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": spec}}
        names = {"kind": "Gauge", "plural": "gauges"}
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"gauges.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
        }

    gauge = {"apiVersion": f"{group}/v1", "kind": "Gauge", "metadata": {"name": "one"}, "spec": {"size": 1}}
    shop.write(definition(), gauge)
    shop.synced()
    engine, _ = following(shop)
    with engine:
        assert "unit" not in dict(engine.reconcile(shop.application()).live).popitem()[1]["spec"]
        properties["unit"] = {"type": "string", "default": "piece"}
        patch = {"spec": definition()["spec"]}
        definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        shop.client.patch(f"{definitions}/gauges.{group}", patch).expect()

        def defaulted() -> bool:
            engine.begin_run()
            reconciliation = engine.reconcile(shop.application())
            return any("unit" in obj["spec"] for obj in reconciliation.live.values() if obj["kind"] == "Gauge")

        # The API server publishes the schema a little after the definition.
        pause = threading.Event()
        assert any(defaulted() or pause.wait(0.05) for _ in range(200))


def test_close_ends_all_watches_and_what_is_asked_then_is_listed(shop: Shop) -> None:
    shop.write(target("a", k="1"))
    shop.synced()
    before = set(threading.enumerate())
    engine, connection = following(shop)
    with engine:
        engine.compare(shop.application())
        watching = [thread for thread in threading.enumerate() if thread.name.startswith("gitops-nb-watch")]
        assert set(watching) - before
    assert not (set(threading.enumerate()) - before)
    shop.client.patch(shop.path("configmaps", "a"), {"data": {"k": "2"}}).expect()
    connection.lists.clear()
    assert engine.compare(shop.application()).status is SyncStatus.OUT_OF_SYNC
    assert connection.lists != []
    assert not (set(threading.enumerate()) - before)


def test_the_plain_engine_watches_nothing(shop: Shop) -> None:
    shop.write(target("a", k="1"))
    before = set(threading.enumerate())
    listing_engine(shop).compare(shop.application())
    assert not [thread for thread in set(threading.enumerate()) - before if "watch" in thread.name]


NAMESPACES = [f"ns-{number}" for number in range(5)]


def in_namespace(name: str, version: int) -> dict[str, Any]:
    obj = config_map("a", version)
    return {**obj, "metadata": {**obj["metadata"], "namespace": name}}


def test_many_namespaces_are_one_watch() -> None:
    def script(path: str, query: Query) -> Answer:
        if "watch" in query:
            return Answer(hold=True)
        return listing(9, *(in_namespace(name, 5) for name in NAMESPACES))

    with serving(script) as (connection, seen), closing(Followed(connection)) as followed:
        found = followed.listings([(CONFIG_MAPS, name) for name in NAMESPACES])
        assert {namespace: len(listed.objects) for (_, namespace), listed in found.items()} == dict.fromkeys(
            NAMESPACES, 1
        )
        assert followed.state.places == ((CONFIG_MAPS, ""),)
    assert {ask.path for ask in seen} == {"/api/v1/configmaps"}


def test_namespaces_that_become_many_one_after_the_other_are_one_watch_in_the_end() -> None:
    def script(path: str, query: Query) -> Answer:
        if "watch" in query:
            return Answer(hold=True)
        parts = path.split("/")
        names = [parts[4]] if "namespaces" in parts else NAMESPACES
        return listing(9, *(in_namespace(name, 5) for name in names))

    with serving(script) as (connection, _), closing(Followed(connection)) as followed:
        for name in NAMESPACES:
            assert len(followed.listings([(CONFIG_MAPS, name)])[CONFIG_MAPS, name].objects) == 1
        assert followed.state.places == ((CONFIG_MAPS, ""),)


def test_who_may_not_list_the_whole_cluster_follows_the_namespaces() -> None:
    def script(path: str, query: Query) -> Answer:
        if path == "/api/v1/configmaps":
            return failure(403, "configmaps is forbidden at the cluster scope")
        name = path.split("/")[4]
        return Answer(hold=True) if "watch" in query else listing(9, in_namespace(name, 5))

    with serving(script) as (connection, seen), closing(Followed(connection)) as followed:
        wanted = [(CONFIG_MAPS, name) for name in NAMESPACES]
        for _ in range(2):
            assert [len(followed.listings(wanted)[pair].objects) for pair in wanted] == [1] * 5
        assert followed.state.places == tuple(wanted)
        assert [ask.path for ask in seen].count("/api/v1/configmaps") == 1


def test_what_may_not_be_listed_says_so_and_is_asked_for_again() -> None:
    answers: list[Answer] = [failure(403, "no"), failure(403, "no")]

    def script(_path: str, query: Query) -> Answer:
        if "watch" in query:
            return Answer(hold=True)
        return answers.pop() if answers else listing(9, config_map("a", 5))

    with serving(script) as (connection, _), closing(Followed(connection)) as followed:
        place = (CONFIG_MAPS, "web")
        assert isinstance(followed.listings([place])[place].error, ForbiddenError)
        assert [obj.name for obj in followed.listings([place])[place].objects] == ["a"]


def test_what_the_watch_has_lost_for_now_is_listed() -> None:
    lists = iter([listing(9, config_map("a", 5)), failure(500, "boom"), listing(12, config_map("b", 12))])
    watches = iter([Answer(lines=[event("MODIFIED", config_map("a", 10))]), failure(500, "boom")])

    def script(_path: str, query: Query) -> Answer:
        return next(watches, Answer(hold=True)) if "watch" in query else next(lists, listing(13, config_map("b", 12)))

    with serving(script) as (connection, _), closing(Followed(connection)) as followed:
        place = (CONFIG_MAPS, "web")
        followed.listings([place])
        seen = 0
        while followed.state.listings([place])[0].error is None:
            seen = followed.state.wait_for_change(seen, timeout_s=10)
        found: Mapping[Any, Any] = followed.listings([place])
        assert found[place].error is not None or [obj.name for obj in found[place].objects] == ["b"]
        assert [obj.name for obj in followed.listings([place])[place].objects] == ["b"]


def test_a_write_makes_the_next_question_look_again_and_only_that() -> None:
    version = 5

    def script(_path: str, query: Query) -> Answer:
        return Answer(hold=True) if "watch" in query else listing(version, config_map("a", version))

    with serving(script) as (connection, seen), closing(Followed(connection)) as followed:
        place = (CONFIG_MAPS, "web")

        def lists() -> int:
            followed.listings([place])
            return len([ask for ask in seen if "watch" not in ask.query])

        assert (lists(), lists()) == (1, 1)
        WRITES.note()
        assert (lists(), lists()) == (2, 2)
        assert Listed(connection).listings([place])[place].objects[0].version == "5"
