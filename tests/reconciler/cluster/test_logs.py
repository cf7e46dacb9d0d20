"""Logs of several pods: which are read, their order, and what is said of those that cannot be."""

from itertools import islice
from typing import Any

import pytest

from reconciler.cluster.events import LogOptions
from reconciler.cluster.logs import MAX_PODS, LogReader, default_container, select_pods, tree_logs
from reconciler.cluster.tree import ResourceTree, TreeNode, arrange
from reconciler.errors import ClusterError, InvalidObjectError, NotFoundError, UsageError
from reconciler.manifest.objects import ResourceKey
from tests.reconciler.cluster.servers import Answer, Query, failure, serving, text

WEB = ResourceKey("apps", "Deployment", "shop", "web")
SET = ResourceKey("apps", "ReplicaSet", "shop", "web-1")


def pod(name: str) -> ResourceKey:
    return ResourceKey("", "Pod", "shop", name)


def tree(*pods: str) -> ResourceTree:
    nodes = [TreeNode(WEB, "v1", uid="w"), TreeNode(SET, "v1", uid="s", parents=(WEB,))]
    nodes += [TreeNode(pod(name), "v1", uid=name, parents=(SET,)) for name in pods]
    return arrange(
        [*nodes, TreeNode(pod("alone"), "v1", uid="alone"), TreeNode(pod("lost"), "v1", uid="", managed=True)]
    )


def everything(_key: ResourceKey) -> bool:
    return True


def owned(key: ResourceKey) -> bool:
    return key == WEB


def containers(*names: str, marked: str = "") -> dict[str, Any]:
    metadata = {"annotations": {"kubectl.kubernetes.io/default-container": marked}} if marked else {}
    return {"metadata": metadata, "spec": {"containers": [{"name": name} for name in names]}}


def server(logs: dict[str, Answer]) -> Any:
    def answer(path: str, _query: Query) -> Answer:
        name = path.split("/")[6]
        return logs[name] if path.endswith("/log") else Answer(lines=[text(containers("main", "side"))])

    return answer


def test_pods_that_match_and_those_below_what_does() -> None:
    found = tree("a", "b")
    assert select_pods(found, owned) == (pod("a"), pod("b"))
    assert select_pods(found, everything) == (pod("a"), pod("alone"), pod("b"))
    assert select_pods(found, lambda key: key == pod("b")) == (pod("b"),)
    assert select_pods(found, lambda key: key.name == "none") == ()


def test_a_pod_with_two_owners_is_below_each() -> None:
    other = ResourceKey("example.com", "Keeper", "shop", "k")
    both = TreeNode(pod("a"), "v1", uid="a", parents=(WEB, other))
    found = arrange([TreeNode(WEB, "v1", uid="w"), TreeNode(other, "v1", uid="k"), both])
    assert select_pods(found, owned) == select_pods(found, lambda key: key == other) == (pod("a"),)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (containers("main", "side"), "main"),
        (containers("main", "side", marked="side"), "side"),
        (containers("main", marked="gone"), "main"),
        ({"spec": {}}, ""),
    ],
)
def test_the_container_when_none_is_named(made: dict[str, Any], expected: str) -> None:
    assert default_container(made) == expected


A = Answer(lines=[b"2026-11-23T10:00:00.000000001Z one\n2026-11-23T10:00:02Z three\n  at line 7\n"])
B = Answer(lines=[b"2026-11-23T12:00:01+02:00 two\n2026-11-23T10:00:03.5Z fo", b"ur"])


def test_lines_of_all_pods_by_time() -> None:
    with serving(server({"a": A, "b": B})) as (connection, seen):
        reader = tree_logs(connection, tree("a", "b"), owned, LogOptions(tail_lines=9))
        lines = list(reader)
    assert reader.containers == ((pod("a"), "main"), (pod("b"), "main"))
    assert [(line.pod.name, line.text) for line in lines] == [
        ("a", "one"),
        ("b", "two"),
        ("a", "three"),
        ("a", "  at line 7"),
        ("b", "four"),
    ]
    assert lines[3].at is None
    asked = [request.query for request in seen if request.path.endswith("/log")]
    assert {(query["container"], query["timestamps"], query["tailLines"]) for query in asked} == {("main", "true", "9")}


def test_a_log_that_cannot_be_read_hides_no_other() -> None:
    waiting = failure(400, 'container "main" is waiting to start')
    with serving(server({"a": waiting, "b": B})) as (connection, _):
        reader = tree_logs(connection, tree("a", "b"), owned)
        assert [line.text for line in reader] == ["two", "four"]
    (gap,) = reader.gaps
    assert (gap.kind, gap.namespace, gap.reason) == ("log of a", "shop", 'container "main" is waiting to start')
    with (
        serving(server({"a": waiting, "b": waiting})) as (connection, _),
        pytest.raises(InvalidObjectError, match="is waiting to start"),
    ):
        tree_logs(connection, tree("a", "b"), owned)


def test_a_named_container_is_not_looked_up() -> None:
    with serving(server({"a": A})) as (connection, seen):
        list(tree_logs(connection, tree("a"), owned, LogOptions(container="side")))
    assert [(request.path.rpartition("/")[2], request.query["container"]) for request in seen] == [("log", "side")]


def test_a_pod_that_went_away() -> None:
    with (
        serving(lambda _path, _query: failure(404, 'pods "a" not found')) as (connection, _),
        pytest.raises(NotFoundError, match='pods "a" not found'),
    ):
        tree_logs(connection, tree("a"), owned)


def followed(connection: Any) -> LogReader:
    return tree_logs(connection, tree("a", "b"), owned, LogOptions(follow=True))


def test_followed_logs_come_as_they_are_written() -> None:
    with serving(server({"a": A, "b": B})) as (connection, _):
        lines = list(followed(connection))
    assert sorted(line.text for line in lines) == ["  at line 7", "four", "one", "three", "two"]
    assert [line.text for line in lines if line.pod.name == "a"] == ["one", "three", "  at line 7"]


def test_following_ends_when_the_reader_stops() -> None:
    def forever() -> Any:
        while True:
            yield b"2026-11-23T10:00:00Z again\n"

    endless = Answer(lines=forever())
    quiet = Answer(lines=[b"2026-11-23T10:00:00Z once\n"], hold=True)
    with serving(server({"a": endless, "b": quiet})) as (connection, _):
        reader = followed(connection)
        lines = iter(reader)
        assert {next(lines).pod.name for _ in range(5000)} >= {"a"}
        reader.close()
        assert len(list(islice(lines, 10_000))) < 10_000


def test_too_many_pods_and_none() -> None:
    names = [f"p{index}" for index in range(MAX_PODS + 1)]
    with serving(lambda _path, _query: Answer()) as (connection, seen):
        with pytest.raises(
            UsageError, match="11 pods match, and at most 10 logs are read at once; name a kind and a name"
        ):
            tree_logs(connection, tree(*names), owned)
        with pytest.raises(ClusterError, match="no pod matches; see what there is with: gitops-nb app tree"):
            tree_logs(connection, tree(), owned)
        assert seen == []
