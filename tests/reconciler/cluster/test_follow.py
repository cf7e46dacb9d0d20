"""Single objects, followed over cuts, silence and forgotten versions."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.reflector import Pace
from reconciler.errors import ForbiddenError
from tests.reconciler.cluster.servers import (
    CONFIG_MAPS,
    Answer,
    config_map,
    event,
    failure,
    listing,
    serving,
    text,
)
from tests.reconciler.cluster.test_live_state import Script

QUICK = Pace(idle_s=5, watch_s=60, pause_s=0.01, longest_pause_s=0.05)
ONE, TWO = (CONFIG_MAPS, "web", "a"), (CONFIG_MAPS, "web", "b")


class Told:
    """What a follower reports, in texts: the name and its version, ``-`` when it is gone, or the error."""

    def __init__(self) -> None:
        self._sightings: queue.SimpleQueue[Sighting] = queue.SimpleQueue()
        self.report = self._sightings.put

    def next(self) -> str:
        seen = self._sightings.get(timeout=10)
        if seen.error is not None:
            return f"{seen.name} {type(seen.error).__name__}"
        if seen.object is None:
            last = f" after {seen.last['metadata']['resourceVersion']}" if seen.last else ""
            return f"{seen.name} -{last}"
        assert (seen.object["apiVersion"], seen.object["kind"]) == ("v1", "ConfigMap")
        return f"{seen.name} {seen.object['metadata']['resourceVersion']}"

    def take(self, number: int) -> list[str]:
        return [self.next() for _ in range(number)]


def test_every_object_is_told_of_and_then_its_changes() -> None:
    watch = Answer(
        lines=[
            event("ADDED", config_map("b", 11)),
            event("MODIFIED", config_map("other", 12)),
            event("DELETED", config_map("a", 13)),
        ],
        hold=True,
    )
    told = Told()
    with (
        serving(Script([listing(10, config_map("a", 5), config_map("other", 6))], [watch])) as (connection, seen),
        Follower(connection, told.report, pace=QUICK) as follower,
    ):
        follower.follow([ONE, TWO])
        assert told.take(4) == ["a 5", "b -", "b 11", "a - after 13"]
        assert [ask.query.get("fieldSelector") for ask in seen] == [None, None]


def test_one_object_of_a_namespace_is_asked_for_by_name() -> None:
    told = Told()
    with (
        serving(Script([listing(10, config_map("a", 5))], [Answer(hold=True)])) as (connection, seen),
        Follower(connection, told.report, pace=QUICK) as follower,
    ):
        follower.follow([ONE])
        assert told.next() == "a 5"
    assert seen[0].query["fieldSelector"] == "metadata.name=a"


GONE = {
    "as the answer": failure(410, "too old"),
    "as an event in a stream": Answer(
        lines=[text({"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}) + b"\n"]
    ),
    "a cut": Answer(lines=[]),
    "half an event": Answer(lines=[b'{"type": "ADD']),
}


@pytest.mark.parametrize("broken", GONE.values(), ids=GONE)
def test_what_happened_while_a_watch_was_broken_is_told(broken: Answer) -> None:
    """A cut goes on from the last version; a version that is too old is listed anew."""
    lists = [listing(10, config_map("a", 5)), listing(20, config_map("a", 15))]
    told = Told()
    watches = [broken, Answer(lines=[event("MODIFIED", config_map("a", 25))], hold=True)]
    with (
        serving(Script(lists, watches)) as (connection, _),
        Follower(connection, told.report, pace=QUICK) as follower,
    ):
        follower.follow([ONE])
        found = [told.next()]
        while found[-1] != "a 25":
            found.append(told.next())
    assert found in (["a 5", "a 15", "a 25"], ["a 5", "a 25"])


def test_a_silent_watch_is_given_up() -> None:
    told = Told()
    watches = [Answer(hold=True), Answer(lines=[event("MODIFIED", config_map("a", 25))], hold=True)]
    with (
        serving(Script([listing(10, config_map("a", 5))], watches)) as (connection, _),
        Follower(connection, told.report, pace=replace(QUICK, idle_s=0.2)) as follower,
    ):
        follower.follow([ONE])
        assert told.take(2) == ["a 5", "a 25"]


def test_what_cannot_be_seen_is_told_with_its_error() -> None:
    told = Told()
    with (
        serving(Script([failure(403, "not allowed")], [Answer(hold=True)])) as (connection, _),
        Follower(connection, told.report, pace=QUICK) as follower,
    ):
        follower.follow([ONE, TWO])
        assert told.take(2) == [f"a {ForbiddenError.__name__}", f"b {ForbiddenError.__name__}"]


def test_what_is_forgotten_is_told_of_no_more() -> None:
    told, forgotten = Told(), threading.Event()

    def changes() -> Iterator[bytes]:
        forgotten.wait(10)
        yield event("MODIFIED", config_map("a", 11))
        yield event("MODIFIED", config_map("b", 12))

    lists = [listing(10, config_map("a", 5), config_map("b", 6))]
    with (
        serving(Script(lists, [Answer(lines=changes(), hold=True)])) as (connection, _),
        Follower(connection, told.report, pace=QUICK) as follower,
    ):
        follower.follow([ONE, TWO])
        assert told.take(2) == ["a 5", "b 6"]
        follower.forget(ONE)
        follower.forget(ONE)
        forgotten.set()
        assert told.next() == "b 12"
        follower.forget(TWO)


def test_a_closed_follower_follows_nothing() -> None:
    told = Told()
    with serving(Script([listing(10)], [Answer(hold=True)])) as (connection, seen):
        follower = Follower(connection, told.report, pace=QUICK)
        follower.close()
        follower.follow([ONE])
        assert seen == []
