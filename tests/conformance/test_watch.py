"""Watches: from a version on, with bookmarks, with selectors, and what came before."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.conformance.client import Client
from tests.conformance.objects import config_map, config_maps

Event = dict[str, Any]
_OURS = "set=ours"


@pytest.fixture
def version(client: Client, namespace: str) -> str:
    """The version of the collection before anything happens in it."""
    return str(client.get(config_maps(namespace)).expect()["metadata"]["resourceVersion"])


def _make(client: Client, namespace: str, name: str, data: dict[str, str] | None = None) -> dict[str, Any]:
    labels = {"set": "ours"}
    obj: dict[str, Any] = client.create(config_maps(namespace), config_map(name, data, labels=labels)).expect(201)
    return obj


def _brief(events: Iterator[Event], count: int) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in islice(events, count)]


def test_a_watch_from_a_version_replays_what_came_after(client: Client, namespace: str, version: str) -> None:
    _make(client, namespace, "one")
    client.patch(f"{config_maps(namespace)}/one", {"data": {"a": "1"}}).expect()
    client.delete(f"{config_maps(namespace)}/one").expect()
    events = list(
        islice(client.watch(config_maps(namespace), resourceVersion=version, labelSelector=_OURS), 3),
    )
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert versions[0] > int(version)
    assert events[2]["object"]["data"] == {"a": "1"}
    assert (events[0]["object"]["kind"], events[0]["object"]["apiVersion"]) == ("ConfigMap", "v1")


def test_a_watch_from_a_later_version_leaves_out_what_came_before(client: Client, namespace: str) -> None:
    _make(client, namespace, "one")
    second = _make(client, namespace, "two")
    _make(client, namespace, "three")
    watch = client.watch(
        config_maps(namespace), resourceVersion=second["metadata"]["resourceVersion"], labelSelector=_OURS
    )
    assert _brief(watch, 1) == [("ADDED", "three")]


def test_a_running_watch_sees_what_happens(client: Client, namespace: str, version: str) -> None:
    seen: list[tuple[str, str]] = []
    watch = client.watch(config_maps(namespace), resourceVersion=version, labelSelector=_OURS)
    reader = threading.Thread(target=lambda: seen.extend(_brief(watch, 2)))
    reader.start()
    _make(client, namespace, "one")
    client.delete(f"{config_maps(namespace)}/one").expect()
    reader.join(timeout=20)
    assert seen == [("ADDED", "one"), ("DELETED", "one")]


def test_a_watch_without_a_version_begins_with_what_is_there(client: Client, namespace: str) -> None:
    for name in ("a", "b"):
        _make(client, namespace, name)
    events = _brief(client.watch(config_maps(namespace), labelSelector=_OURS), 2)
    assert sorted(events) == [("ADDED", "a"), ("ADDED", "b")]


def test_the_initial_events_end_with_a_bookmark(client: Client, namespace: str) -> None:
    _make(client, namespace, "a")
    watch = client.watch(
        config_maps(namespace),
        labelSelector=_OURS,
        sendInitialEvents="true",
        allowWatchBookmarks="true",
        resourceVersionMatch="NotOlderThan",
    )
    added, bookmark = islice(watch, 2)
    assert (added["type"], added["object"]["metadata"]["name"]) == ("ADDED", "a")
    assert bookmark["type"] == "BOOKMARK"
    metadata = bookmark["object"]["metadata"]
    assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert int(metadata["resourceVersion"]) >= int(added["object"]["metadata"]["resourceVersion"])
    assert (bookmark["object"]["kind"], bookmark["object"]["apiVersion"]) == ("ConfigMap", "v1")


def test_an_object_that_leaves_the_selector_is_deleted_for_the_watch(
    client: Client, namespace: str, version: str
) -> None:
    _make(client, namespace, "one")
    path = f"{config_maps(namespace)}/one"
    client.patch(path, {"metadata": {"labels": {"set": "theirs"}}}).expect()
    client.patch(path, {"metadata": {"labels": {"set": "ours"}}}).expect()
    watch = client.watch(config_maps(namespace), resourceVersion=version, labelSelector=_OURS)
    assert _brief(watch, 3) == [("ADDED", "one"), ("DELETED", "one"), ("ADDED", "one")]


def test_a_watch_of_one_name(client: Client, namespace: str, version: str) -> None:
    _make(client, namespace, "one")
    _make(client, namespace, "two")
    watch = client.watch(config_maps(namespace), resourceVersion=version, fieldSelector="metadata.name=two")
    assert _brief(watch, 1) == [("ADDED", "two")]


def test_a_watch_ends_when_its_time_is_over(client: Client, namespace: str, version: str) -> None:
    path = config_maps(namespace)
    assert list(client.watch(path, timeout_s=1, resourceVersion=version, labelSelector="set=none")) == []
