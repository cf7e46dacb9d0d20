"""API servers, and objects in them, that mean harm to who watches."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.cluster import Connection
from reconciler.cluster.connection import Stream
from reconciler.cluster.live_state import LiveState
from reconciler.cluster.raw import parse_event, parse_object
from reconciler.cluster.reflector import Pace
from reconciler.errors import ClusterError
from tests.reconciler.cluster.servers import CONFIG_MAPS, Answer, Query, config_map, event, listing, serving, text

QUICK = Pace(idle_s=5, watch_s=60, pause_s=0.01, longest_pause_s=0.05)
PLACE = (CONFIG_MAPS, "web")
CANARY = "hunter2-canary"

GARBAGE = {
    "no JSON": f"<html>{CANARY}</html>\n".encode(),
    "half an event": b'{"type":"ADDED","object":{"metadata"\n',
    "a list": b"[]\n",
    "an event without an object": b'{"type":"ADDED"}\n',
    "an object without metadata": b'{"type":"ADDED","object":{}}\n',
    "metadata that is a text": b'{"type":"ADDED","object":{"metadata":"x"}}\n',
    "a name that is a number": b'{"type":"ADDED","object":{"metadata":{"name":7}}}\n',
    "bytes that are no text": b"\xff\xfe\x00\n",
    "an error without a status": b'{"type":"ERROR","object":[]}\n',
    "deep nesting": b'{"type":"ADDED","object":{"metadata":{"name":"a"},"x":' + b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
def test_garbage_in_a_watch_is_an_error_without_its_content(line: bytes) -> None:
    with pytest.raises(ClusterError) as caught:
        parse_event(line.rstrip(b"\n"))
    assert str(caught.value) == "the API server sent a watch event that cannot be read" or "metadata" in str(
        caught.value
    )
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
def test_after_garbage_the_state_is_listed_anew(line: bytes) -> None:
    lists: Iterator[Answer] = iter([listing(1, config_map("a", 1)), *[listing(9, config_map("b", 9))] * 50])
    watches: Iterator[Answer] = iter([Answer(lines=[line]), *[Answer(hold=True)] * 50])
    lock = threading.Lock()

    def script(_path: str, query: Query) -> Answer:
        with lock:
            return next(watches if "watch" in query else lists)

    with serving(script) as (connection, _), LiveState(connection, pace=QUICK) as state:
        state.follow([PLACE])
        seen = -1
        while [obj.name for obj in state.held(*PLACE)] != ["b"]:
            after = state.wait_for_change(seen, timeout_s=10)
            assert after > seen
            seen = after
        assert state.listings([PLACE])[0].error is None


LISTS = {
    "no JSON": b"<html>" + CANARY.encode(),
    "a list": b"[]",
    "no metadata": b"{}",
    "items that are no list": b'{"metadata":{},"items":{}}',
    "items that are no objects": b'{"metadata":{},"items":[7]}',
}


@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS)
def test_an_answer_that_is_no_list_is_told_without_its_content(body: bytes) -> None:
    with (
        serving(lambda _path, _query: Answer(lines=[body])) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        (found,) = state.listings([PLACE])
    assert found.error is not None
    assert found.objects == ()
    assert CANARY not in str(found.error)


def test_a_line_without_end_is_not_kept() -> None:
    class Endless:
        closed = False

        def stream(self, _amount: object) -> Iterator[bytes]:
            while True:
                yield b"x" * 2**24

        def close(self) -> None:
            self.closed = True

    response = Endless()
    assert list(Stream(response).lines()) == []  # type: ignore[arg-type]
    assert response.closed


def test_an_event_storm_is_taken_in_without_falling_behind() -> None:
    lines = [event("MODIFIED", config_map("a", version, k=str(version))) for version in range(2, 3000)]
    with (
        serving(
            lambda _path, query: (
                Answer(lines=[b"".join(lines)], hold=True) if "watch" in query else listing(1, config_map("a", 1))
            )
        ) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        state.follow([PLACE])
        while state.revision < 2999:
            assert state.wait_for_change(state.revision, timeout_s=10)
        assert (state.get(CONFIG_MAPS, namespace="web", name="a") or {})["data"] == {"k": "2999"}


def test_a_large_object_is_held_packed_and_given_whole() -> None:
    obj = config_map("big", 1, k="v" * 1_500_000)
    raw = parse_object(text(obj))
    assert len(raw.packed) < 20_000
    assert raw.load(CONFIG_MAPS)["data"] == obj["data"]


def test_what_is_given_out_is_the_callers_own() -> None:
    with (
        serving(
            lambda _path, query: Answer(hold=True) if "watch" in query else listing(1, config_map("a", 1, k="1"))
        ) as (connection, _),
        LiveState(connection, pace=QUICK) as state,
    ):
        (found,) = state.listings([PLACE])
        found.objects[0].load(CONFIG_MAPS)["data"]["k"] = "changed"
        assert found.objects[0].load(CONFIG_MAPS)["data"] == {"k": "1"}


def test_a_server_that_closes_every_watch_at_once_is_not_hammered() -> None:
    with serving(lambda _path, query: Answer() if "watch" in query else listing(1)) as (connection, seen):
        slow = replace(QUICK, pause_s=0.05, longest_pause_s=30)
        with LiveState(connection, pace=slow) as state:
            state.listings([PLACE])
            state.wait_for_change(state.revision, timeout_s=0.4)
        assert len(seen) <= 6


def test_a_connection_that_refuses_is_unknown_at_once() -> None:
    with serving(lambda _path, _query: Answer()) as (connection, _):
        gone: Connection = connection
    with LiveState(gone, pace=QUICK) as state:
        (found,) = state.listings([PLACE])
    assert str(found.error).startswith("cluster scripted at http://127.0.0.1:")
    assert "cannot be reached" in str(found.error)
