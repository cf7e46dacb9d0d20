"""Events of an object, and logs of a pod."""

from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import connect
from reconciler.cluster.events import EventReport, LogOptions, object_events, pod_log, tree_events
from reconciler.cluster.tree import TreeGap, TreeNode, arrange
from reconciler.errors import ClusterError, ForbiddenError, NotFoundError, UsageError
from reconciler.manifest.objects import ResourceKey
from tests.conformance.client import Client
from tests.reconciler.cluster.servers import Answer, Query, failure, serving, text

POD = ResourceKey("", "Pod", "web", "front")


def event(name: str, **more: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "web", "name": "front", "apiVersion": "v1", "uid": "u1"}
    return {"metadata": {"name": name, "creationTimestamp": "2026-11-23T08:00:00Z"}, "involvedObject": about, **more}


EVENTS = [
    event("old", type="Normal", reason="Pulled", lastTimestamp="2026-11-23T09:00:00Z", count=3, message="a"),
    event(
        "newest", type="Warning", reason="BackOff", series={"count": 9, "lastObservedTime": "2026-11-23T11:00:00.5Z"}
    ),
    event("new", reason="Started", eventTime="2026-11-23T10:00:00.000000Z", reportingComponent="kubelet"),
    event("undated", reason="Made"),
    event("other group", reason="Not mine")
    | {"involvedObject": {"kind": "Pod", "name": "front", "apiVersion": "a.b/v1"}},
]


def test_events_are_newest_first() -> None:
    with serving(lambda _path, _query: Answer(lines=[text({"metadata": {}, "items": EVENTS})])) as (connection, seen):
        found = object_events(connection, POD, uid="u1")
        limited = object_events(connection, POD, limit=2)
    assert [(entry.reason, entry.type, entry.count, entry.source) for entry in found] == [
        ("BackOff", "Warning", 9, ""),
        ("Started", "Normal", 1, "kubelet"),
        ("Pulled", "Normal", 3, ""),
        ("Made", "Normal", 1, ""),
    ]
    assert [entry.reason for entry in limited] == ["BackOff", "Started"]
    assert seen[0].path == "/api/v1/namespaces/web/events"
    assert seen[0].query["fieldSelector"] == (
        "involvedObject.kind=Pod,involvedObject.name=front,involvedObject.namespace=web,involvedObject.uid=u1"
    )


def test_events_of_a_cluster_scoped_object_and_many_pages() -> None:
    def script(_path: str, query: Query) -> Answer:
        token = "" if "continue" in query else "more"
        return Answer(lines=[text({"metadata": {"continue": token}, "items": [event("e", reason=token or "last")]})])

    with serving(script) as (connection, seen):
        found = object_events(connection, ResourceKey("", "Pod", "", "front"))
    assert {entry.reason for entry in found} == {"more", "last"}
    assert seen[0].path == "/api/v1/namespaces/default/events"


def node(key: ResourceKey, uid: str) -> TreeNode:
    return TreeNode(key, "v1", uid=uid)


def test_events_of_a_tree_are_newest_last() -> None:
    claim = ResourceKey("", "PersistentVolumeClaim", "web", "lost")
    about = {"kind": "PersistentVolumeClaim", "namespace": "web", "name": "lost", "apiVersion": "v1"}
    foreign = event("x", reason="Earlier") | {
        "involvedObject": {"kind": "Pod", "namespace": "web", "name": "front", "apiVersion": "v1", "uid": "u0"}
    }
    waiting = event("y", reason="Waiting", eventTime="2026-11-23T09:30:00.000000Z") | {"involvedObject": about}
    tree = arrange([node(POD, "u1"), node(claim, ""), node(ResourceKey("", "Namespace", "", "web"), "u2")])

    def script(path: str, _query: Query) -> Answer:
        if path == "/api/v1/namespaces/default/events":
            return failure(403, "events is forbidden")
        return Answer(lines=[text({"metadata": {}, "items": [*EVENTS, foreign, waiting]})])

    with serving(script) as (connection, seen):
        report = tree_events(connection, tree)
    assert [(entry.key, entry.reason) for entry in report.events] == [
        (POD, "Made"),
        (POD, "Pulled"),
        (claim, "Waiting"),
        (POD, "Started"),
        (POD, "BackOff"),
    ]
    assert report.gaps == (TreeGap("", "Event", "default", "events is forbidden"),)
    assert {request.path for request in seen} == {
        "/api/v1/namespaces/default/events",
        "/api/v1/namespaces/web/events",
    }


def test_events_that_nobody_may_read_are_an_error() -> None:
    with (
        serving(lambda _path, _query: failure(403, "events is forbidden")) as (connection, _),
        pytest.raises(ForbiddenError, match="events is forbidden"),
    ):
        tree_events(connection, arrange([node(POD, "u1")]))


def test_a_tree_without_objects_has_no_events() -> None:
    with serving(lambda _path, _query: failure(500, "not asked")) as (connection, seen):
        assert tree_events(connection, arrange([])) == EventReport(())
    assert seen == []


def log(connection: Any, **options: Any) -> list[str]:
    return list(pod_log(connection, "web", "front", LogOptions(**options)))


def test_a_log_comes_in_lines_however_it_is_cut() -> None:
    pieces = [b"one\ntw", b"o\n\nthr", b"ee \xff\x1b[2J"]
    with serving(lambda _path, _query: Answer(lines=pieces)) as (connection, seen):
        options = {"container": "main", "previous": True, "tail_lines": 5, "since_s": 60, "timestamps": True}
        assert log(connection, **options) == ["one", "two", "", "three \ufffd\x1b[2J"]
    assert seen[0].path == "/api/v1/namespaces/web/pods/front/log"
    assert seen[0].query == {
        "container": "main",
        "previous": "true",
        "tailLines": "5",
        "sinceSeconds": "60",
        "timestamps": "true",
        "limitBytes": str(10 * 2**20),
    }


def test_a_log_without_end_is_cut_at_its_limit() -> None:
    def forever() -> Any:
        while True:
            yield b"x" * 1000 + b"\n"

    with serving(lambda _path, _query: Answer(lines=forever())) as (connection, _):
        assert sum(len(line) + 1 for line in log(connection, limit_bytes=5000)) == 5001
        assert len(log(connection, limit_bytes=2002, follow=True)) == 2


def test_a_reader_may_stop_early() -> None:
    with serving(lambda _path, _query: Answer(lines=[b"one\ntwo\n"], hold=True)) as (connection, _):
        lines = pod_log(connection, "web", "front", LogOptions(follow=True))
        assert next(lines) == "one"
        lines.close()


def test_a_refusal_is_raised_at_once() -> None:
    refusal = failure(400, 'container "main" is waiting to start')
    with (
        serving(lambda _path, _query: refusal) as (connection, _),
        pytest.raises(ClusterError, match='container "main" is waiting to start'),
    ):
        pod_log(connection, "web", "front")


@pytest.mark.parametrize(("name", "value", "least"), [("tail_lines", -1, 0), ("since_s", 0, 1), ("limit_bytes", 0, 1)])
def test_options_that_cannot_be(name: str, value: int, least: int) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value}; give {least} or more"):
        LogOptions(**{name: value})


def test_events_and_logs_of_both_clusters(client: Client, namespace: str, cluster_kubeconfig: Path) -> None:
    connection = connect(kubeconfig=cluster_kubeconfig)
    about = {"kind": "ConfigMap", "apiVersion": "v1", "namespace": namespace, "name": "a", "uid": "u1"}
    for name, seen in (("first", "2026-11-23T10:00:00Z"), ("second", "2026-11-23T11:00:00Z")):
        body = {
            "metadata": {"name": name},
            "involvedObject": about,
            "reason": name,
            "lastTimestamp": seen,
            "type": "Normal",
        }
        client.create(f"/api/v1/namespaces/{namespace}/events", body).expect(201)
    key = ResourceKey("", "ConfigMap", namespace, "a")
    assert [entry.reason for entry in object_events(connection, key)] == ["second", "first"]
    assert object_events(connection, key, uid="u2") == ()
    with pytest.raises(NotFoundError, match='pods "none" not found'):
        pod_log(connection, namespace, "none")
