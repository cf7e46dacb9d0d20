"""Live state that stays current: over cuts, silence, forgotten versions and kinds that vanish."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect, discover
from reconciler.cluster.discovery import ApiResource
from reconciler.cluster.live_state import LiveState
from reconciler.cluster.raw import RawListing, parse_object
from reconciler.cluster.reflector import Pace
from reconciler.errors import ClusterError, ForbiddenError
from reconciler.manifest.objects import GroupVersionKind, ResourceKey
from tests.conformance.client import Client
from tests.reconciler.cluster.servers import (
    CONFIG_MAPS,
    Answer,
    Query,
    config_map,
    event,
    failure,
    listing,
    serving,
    text,
)

QUICK = Pace(idle_s=5, watch_s=60, pause_s=0.01, longest_pause_s=0.05)
PLACE = (CONFIG_MAPS, "web")
BOOKMARK = event("BOOKMARK", {"metadata": {"resourceVersion": "50"}})


def until(state: LiveState, holds: Callable[[], bool]) -> None:
    """Wait for changes until something holds."""
    seen = -1
    while not holds():
        revision = state.wait_for_change(seen, timeout_s=10)
        assert revision > seen or holds(), "nothing changed for ten seconds"
        seen = revision


def names(state: LiveState) -> list[str]:
    return [obj.name for obj in state.held(*PLACE)]


class Script:
    """Answers lists and watches in turn; the last of each stays."""

    def __init__(self, lists: list[Answer], watches: list[Answer]) -> None:
        self._lists = lists
        self._watches = watches
        self._lock = threading.Lock()

    def __call__(self, path: str, query: Query) -> Answer:
        with self._lock:
            waiting = self._watches if "watch" in query else self._lists
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_a_watch_keeps_the_list_current() -> None:
    watch = Answer(
        lines=[
            event("ADDED", config_map("b", 11)),
            event("MODIFIED", config_map("a", 12, k="2")),
            event("DELETED", config_map("b", 13)),
            event("ADDED", config_map("c", 14)),
        ],
        hold=True,
    )
    told: list[ResourceKey | None] = []
    with (
        serving(Script([listing(10, config_map("a", 5, k="1"))], [watch])) as (connection, seen),
        LiveState(connection, on_change=told.append, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["a", "c"])
        assert state.get(CONFIG_MAPS, namespace="web", name="a") == {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            **config_map("a", 12, k="2"),
        }
        (found,) = state.listings([PLACE])
        assert (found.resource_version, found.error) == ("14", None)
        assert seen[1].query["resourceVersion"] == "10"
        assert seen[1].query["allowWatchBookmarks"] == "true"
    assert told[0] is None
    assert told[1:] == [ResourceKey("", "ConfigMap", "web", name) for name in ("b", "a", "b", "c")]


def test_a_cut_watch_goes_on_from_the_last_bookmark() -> None:
    watches = [
        Answer(lines=[event("ADDED", config_map("b", 20)), BOOKMARK]),
        Answer(lines=[event("ADDED", config_map("c", 60))], hold=True),
    ]
    with (
        serving(Script([listing(10)], watches)) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["b", "c"])
    assert [ask.query.get("resourceVersion") for ask in seen] == [None, "10", "50"]


def test_a_silent_watch_counts_as_cut() -> None:
    watches = [Answer(lines=[BOOKMARK], hold=True), Answer(lines=[event("ADDED", config_map("c", 60))], hold=True)]
    with (
        serving(Script([listing(10)], watches)) as (connection, seen),
        LiveState(connection, pace=replace(QUICK, idle_s=0.2)) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["c"])
    assert [ask.query.get("resourceVersion") for ask in seen[:3]] == [None, "10", "50"]


GONE = {
    "as the answer": failure(410, "too old resource version"),
    "as an event in a stream": Answer(
        lines=[text({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}) + b"\n"]
    ),
}


@pytest.mark.parametrize("gone", GONE.values(), ids=GONE)
def test_a_version_that_is_too_old_is_answered_by_a_new_list(gone: Answer) -> None:
    lists = [listing(10, config_map("old", 5)), listing(90, config_map("new", 80))]
    after = Answer(lines=[event("ADDED", config_map("newer", 91))], hold=True)
    with (
        serving(Script(lists, [gone, after])) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["new", "newer"])
    assert [("watch" in ask.query, ask.query.get("resourceVersion")) for ask in seen[:4]] == [
        (False, None),
        (True, "10"),
        (False, None),
        (True, "90"),
    ]


def test_what_was_seen_already_changes_nothing() -> None:
    watch = Answer(
        lines=[
            event("MODIFIED", config_map("a", 30, k="new")),
            event("MODIFIED", config_map("a", 20, k="old")),
            event("DELETED", config_map("a", 25)),
            event("ADDED", config_map("last", 31)),
        ],
        hold=True,
    )
    with (
        serving(Script([listing(10, config_map("a", 5))], [watch])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["a", "last"])
        found = state.get(CONFIG_MAPS, namespace="web", name="a")
    assert found is not None
    assert found["data"] == {"k": "new"}


def test_versions_are_numbers_not_texts() -> None:
    watch = Answer(lines=[event("MODIFIED", config_map("a", 100, k="new")), BOOKMARK], hold=True)
    with (
        serving(Script([listing(10, config_map("a", 99, k="old"))], [watch])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: (state.get(CONFIG_MAPS, namespace="web", name="a") or {}).get("data") == {"k": "new"})


def test_a_kind_that_vanishes_leaves_nothing_and_may_come_back() -> None:
    lists = [listing(10, config_map("a", 5)), failure(404, "no such kind"), listing(70, config_map("b", 70))]
    with (
        serving(Script(lists, [failure(404), Answer(hold=True)])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["b"])
        assert state.listings([PLACE])[0].error is None


def test_what_cannot_be_listed_says_why_and_recovers() -> None:
    lists = [failure(403, "configmaps is forbidden"), failure(403, "configmaps is forbidden"), listing(7)]
    with (
        serving(Script(lists, [Answer(hold=True)])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        (first,) = state.listings([PLACE])
        assert isinstance(first.error, ForbiddenError)
        assert (str(first.error), first.objects) == ("configmaps is forbidden", ())
        until(state, lambda: state.listings([PLACE])[0].error is None)


def test_what_may_be_listed_but_not_watched_is_listed_again() -> None:
    lists = [listing(7), listing(8, config_map("a", 8)), listing(9, config_map("b", 9))]
    with (
        serving(Script(lists, [failure(403, "no watch")])) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["b"])
        assert state.listings([PLACE])[0].error is None
    assert ["watch" in ask.query for ask in seen].count(True) == 1


def test_a_failing_server_is_asked_ever_more_seldom() -> None:
    with serving(Script([failure(500, "boom")], [Answer()])) as (connection, seen):
        with LiveState(connection, pace=replace(QUICK, pause_s=0.05, longest_pause_s=30)) as state:
            (found,) = state.listings([PLACE])
            assert str(found.error) == "boom"
            state.wait_for_change(state.revision, timeout_s=0.4)
        assert len(seen) <= 4


def test_one_kind_that_fails_keeps_no_other_back() -> None:
    secrets = ApiResource(GroupVersionKind("", "v1", "Secret"), "secrets", True, frozenset({"list", "watch"}))

    def script(path: str, query: Query) -> Answer:
        if path.endswith("/secrets"):
            return failure(503, "the server is currently unable to handle the request")
        return Answer(hold=True) if "watch" in query else listing(3, config_map("a", 2))

    with serving(script) as (connection, _), LiveState(connection, pace=QUICK) as state:
        down, up = state.listings([(secrets, "web"), PLACE])
    assert str(down.error) == "the server is currently unable to handle the request"
    assert [obj.name for obj in up.objects] == ["a"]


def test_pages_that_expire_are_listed_in_one() -> None:
    def script(path: str, query: Query) -> Answer:
        if "watch" in query:
            return Answer(hold=True)
        if "continue" in query:
            return failure(410, "the provided continue parameter is too old")
        if "limit" in query:
            return listing(1, config_map("a", 1), token="more")
        return listing(2, config_map("a", 1), config_map("b", 2))

    with serving(script) as (connection, _), LiveState(connection, pace=QUICK) as state:
        (found,) = state.listings([PLACE])
    assert [obj.name for obj in found.objects] == ["a", "b"]


def newest(version: int, *objects: dict[str, Any]) -> RawListing:
    raws = tuple(parse_object(text(obj)) for obj in objects)
    return RawListing(*PLACE, objects=raws, resource_version=str(version))


CAUGHT_UP = {
    "a change": newest(12, config_map("a", 12), config_map("gone", 8)),
    "an object that came": newest(13, config_map("a", 12), config_map("gone", 8), config_map("new", 13)),
    "an object that went": newest(14, config_map("a", 12), config_map("new", 13)),
    "an object that came and went since": newest(
        14, config_map("a", 12), config_map("new", 13), config_map("brief", 14)
    ),
    "nothing, after all": newest(9, config_map("a", 9), config_map("gone", 8)),
}


@pytest.mark.parametrize("listed", CAUGHT_UP.values(), ids=CAUGHT_UP)
def test_catching_up_waits_until_the_watch_has_told_what_a_list_shows(listed: RawListing) -> None:
    watch = Answer(
        lines=[
            event("MODIFIED", config_map("a", 12)),
            event("ADDED", config_map("new", 13)),
            event("ADDED", config_map("brief", 14)),
            event("DELETED", config_map("brief", 15)),
            event("DELETED", config_map("gone", 16)),
        ],
        hold=True,
    )
    first = listing(10, config_map("a", 9), config_map("gone", 8))
    with (
        serving(Script([first], [watch])) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        assert state.catch_up([listed], timeout_s=10) == []
        (found,) = state.listings([PLACE])
        held = {obj.name: int(obj.version) for obj in found.objects}
        assert int(held["a"]) >= max(int(obj.version) for obj in listed.objects if obj.name == "a")
        shown = {obj.name for obj in listed.objects}
        assert set(held) - shown <= ({"new", "brief"} if int(listed.resource_version) < 14 else set())
        assert len([ask for ask in seen if "watch" not in ask.query]) == 1


def test_a_watch_that_tells_nothing_of_what_a_list_shows_is_begun_anew() -> None:
    lists = [listing(10, config_map("a", 9)), listing(20, config_map("a", 12))]
    with (
        serving(Script(lists, [Answer(hold=True)])) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.listings([PLACE])
        assert state.catch_up([newest(12, config_map("a", 12))], timeout_s=0.05) == []
        assert [obj.version for obj in state.held(*PLACE)] == ["12"]
        assert len([ask for ask in seen if "watch" not in ask.query]) == 2


def test_what_cannot_be_seen_is_not_waited_for() -> None:
    with (
        serving(Script([failure(403, "configmaps is forbidden")], [Answer()])) as (connection, _),
        LiveState(connection, pace=replace(QUICK, longest_pause_s=30, pause_s=30)) as state,
    ):
        state.listings([PLACE])
        failed = RawListing(*PLACE, error=ClusterError("no answer"))
        assert state.catch_up([newest(12, config_map("a", 12)), failed], timeout_s=10) == [
            newest(12, config_map("a", 12)),
            failed,
        ]


def test_the_whole_cluster_is_held_once_for_all_namespaces() -> None:
    other = {**config_map("b", 4), "metadata": {**config_map("b", 4)["metadata"], "namespace": "other"}}
    watch = Answer(lines=[event("MODIFIED", config_map("a", 12))], hold=True)
    with (
        serving(Script([listing(10, config_map("a", 5), other)], [watch])) as (connection, seen),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([(CONFIG_MAPS, "")])
        until(state, lambda: [obj.version for obj in state.held(*PLACE)] == ["12"])
        one, two = state.listings([PLACE, (CONFIG_MAPS, "other")])
        assert [obj.name for obj in one.objects] == ["a"]
        assert [obj.name for obj in two.objects] == ["b"]
        assert [obj.name for obj in state.held(CONFIG_MAPS)] == ["b", "a"]
        # Who asks again can tell by this alone that nothing has changed.
        assert state.listings([PLACE])[0].objects is one.objects
        assert state.places == ((CONFIG_MAPS, ""),)
    assert len(seen) == 2


def test_what_is_dropped_is_forgotten_and_listed_anew_when_it_is_wanted_again() -> None:
    lists = [listing(10, config_map("a", 5)), listing(20, config_map("b", 20))]
    with (
        serving(Script(lists, [Answer(hold=True)])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.listings([PLACE])
        state.drop([PLACE, (CONFIG_MAPS, "never-followed")])
        assert (state.places, state.held(*PLACE)) == ((), ())
        (found,) = state.listings([PLACE])
        assert [obj.name for obj in found.objects] == ["b"]


def test_a_slow_first_list_is_unknown_not_empty() -> None:
    with (
        serving(lambda _path, _query: Answer(hold=True)) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        (found,) = state.listings([PLACE], timeout_s=0.05)
        assert str(found.error) == "v1 ConfigMap is not listed yet: scripted takes too long"


def test_a_fault_of_a_listener_ends_no_watch(caplog: pytest.LogCaptureFixture) -> None:
    def listener(_key: ResourceKey | None) -> None:
        raise ValueError("mine")

    watch = Answer(lines=[event("ADDED", config_map("b", 20))], hold=True)
    with (
        serving(Script([listing(10)], [watch])) as (connection, _),
        LiveState(connection, on_change=listener, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        until(state, lambda: names(state) == ["b"])
    assert "a listener of the live state failed" in caplog.text


def test_close_ends_all_threads_and_all_waiting() -> None:
    watch = Answer(lines=[event("ADDED", config_map("b", 20))], hold=True)
    with serving(Script([listing(10)], [watch])) as (connection, _):
        before = set(threading.enumerate())
        state = LiveState(connection, pace=QUICK)
        places = [(CONFIG_MAPS, f"ns-{number}") for number in range(12)]
        state.listings(places)
        until(state, lambda: all(state.held(*place) for place in places))
        watching = [thread for thread in threading.enumerate() if thread.name.startswith("gitops-nb-watch")]
        assert len([thread for thread in watching if thread not in before]) == 12
        state.close()
        assert not any(thread.is_alive() for thread in watching)
        assert state.wait_for_change(state.revision, timeout_s=10) == state.revision
        with pytest.raises(ClusterError, match="this live state is closed; make a new one"):
            state.follow([PLACE])


def test_the_same_on_both_clusters(client: Client, namespace: str, cluster_kubeconfig: Path) -> None:
    connection = connect(kubeconfig=cluster_kubeconfig)
    resource = discover(connection).preferred("", "ConfigMap")
    assert resource is not None
    path = f"/api/v1/namespaces/{namespace}/configmaps"

    def present(state: LiveState) -> dict[str, Any]:
        held = {obj.name: obj.load(resource).get("data") for obj in state.held(resource, namespace)}
        return {name: data for name, data in held.items() if name != "kube-root-ca.crt"}

    with LiveState(connection) as state:
        assert state.listings([(resource, namespace)])[0].error is None
        client.create(path, {"metadata": {"name": "one"}, "data": {"k": "1"}}).expect(201)
        client.create(path, {"metadata": {"name": "two"}}).expect(201)
        until(state, lambda: set(present(state)) == {"one", "two"})
        client.patch(f"{path}/one", {"data": {"k": "2"}}).expect()
        until(state, lambda: present(state)["one"] == {"k": "2"})
        client.delete(f"{path}/two").expect()
        until(state, lambda: present(state) == {"one": {"k": "2"}})


def test_a_kind_that_is_deleted_on_both_clusters(client: Client, namespace: str, cluster_kubeconfig: Path) -> None:
    group = f"{namespace}.example.com"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "metadata": {"name": f"gauges.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Gauge", "plural": "gauges"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    client.create(definitions, definition).expect(201)

    def established(obj: dict[str, Any]) -> bool:
        conditions = obj.get("status", {}).get("conditions") or []
        return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)

    client.wait_for(definitions, f"gauges.{group}", established)
    resource = ApiResource(
        GroupVersionKind(group, "v1", "Gauge"), "gauges", True, frozenset({"get", "list", "watch", "create"})
    )
    body = {"apiVersion": f"{group}/v1", "kind": "Gauge", "metadata": {"name": "one"}}
    with LiveState(connect(kubeconfig=cluster_kubeconfig), pace=replace(QUICK, idle_s=30)) as state:
        # The API server may answer 404 for a moment after the kind is established.
        state.follow([(resource, namespace)])
        until(state, lambda: client.create(resource.path(namespace=namespace), body).status in (201, 409))
        until(state, lambda: bool(state.held(resource, namespace)))
        client.delete(f"{definitions}/gauges.{group}").expect()
        until(state, lambda: not state.held(resource, namespace))
        (found,) = state.listings([(resource, namespace)])
        assert found.objects == ()
