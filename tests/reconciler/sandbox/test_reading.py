from typing import Any

import pytest

from reconciler.sandbox.watches import INITIAL_EVENTS_END
from tests.reconciler.sandbox.clusters import TABLE, TestCluster, config_map, deployment

MAPS = "/api/v1/namespaces/default/configmaps"


def names(content: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in content["items"]]


def fill(cluster: TestCluster, *chosen: str) -> None:
    for name in chosen:
        cluster.create(MAPS, {"metadata": {"name": name, "labels": {"first": name[0]}}})


def test_lists_hold_built_in_kinds_without_their_kind(cluster: TestCluster) -> None:
    fill(cluster, "b", "a")
    listed = cluster.get(MAPS)
    assert (listed["kind"], listed["apiVersion"], names(listed)) == ("ConfigMapList", "v1", ["a", "b"])
    assert listed["metadata"] == {"resourceVersion": str(cluster.cluster.store.revision)}
    assert "kind" not in listed["items"][0]
    projects = cluster.get("/apis/argoproj.io/v1alpha1/appprojects")
    assert projects["items"][0]["kind"] == "AppProject"


def test_selectors_narrow_a_list(cluster: TestCluster) -> None:
    fill(cluster, "a1", "a2", "b1")
    assert names(cluster.get(MAPS, labelSelector="first=a")) == ["a1", "a2"]
    assert names(cluster.get(MAPS, fieldSelector="metadata.name=b1")) == ["b1"]


def test_pages_show_one_moment(cluster: TestCluster) -> None:
    fill(cluster, "a", "b", "c")
    first = cluster.get(MAPS, limit=2)
    assert (names(first), first["metadata"]["remainingItemCount"]) == (["a", "b"], 1)
    fill(cluster, "bb", "d")
    cluster.delete(f"{MAPS}/c")
    second = cluster.get(MAPS, limit=2, **{"continue": first["metadata"]["continue"]})
    assert names(second) == ["c"]
    assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}


def test_a_page_whose_moment_is_forgotten_is_gone(cluster: TestCluster) -> None:
    fill(cluster, "a", "b")
    token = cluster.get(MAPS, limit=1)["metadata"]["continue"]
    cluster.cluster.store.forget_history()
    fill(cluster, "c")
    cluster.cluster.store.forget_history()
    told = cluster.refuse(410, "GET", MAPS, limit=1, **{"continue": token})
    assert told == "The resourceVersion for the provided list is too old."
    assert cluster.refuse(400, "GET", MAPS, **{"continue": "abc"}).startswith("invalid continue token")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        (
            {"resourceVersion": "x"},
            400,
            'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
        ),
        ({"limit": "a"}, 400, 'strconv.ParseInt: parsing "a": invalid syntax'),
        (
            {"resourceVersionMatch": "Exact"},
            422,
            (
                'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden '
                "unless resourceVersion is provided"
            ),
        ),
        (
            {"watch": "1", "sendInitialEvents": "true"},
            422,
            (
                'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting '
                "resourceVersionMatch to NotOlderThan"
            ),
        ),
    ],
)
def test_list_options_that_cannot_be(cluster: TestCluster, query: dict[str, str], status: int, message: str) -> None:
    assert cluster.refuse(status, "GET", MAPS, **query) == message


def test_a_version_of_the_future_times_out(cluster: TestCluster) -> None:
    now = cluster.cluster.store.revision
    told = cluster.refuse(504, "GET", MAPS, resourceVersion=now + 1)
    assert told == f"Timeout: Too large resource version: {now + 1}, current: {now}"


def test_a_watch_goes_on_from_a_version(cluster: TestCluster) -> None:
    fill(cluster, "a")
    seen = cluster.cluster.store.revision
    cluster.patch(f"{MAPS}/a", {"data": {"k": "v"}})
    watch = cluster.watch(MAPS, resourceVersion=seen)
    cluster.delete(f"{MAPS}/a")
    cluster.create("/api/v1/namespaces/argocd/configmaps", config_map("elsewhere"))
    events = watch.drain()
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [
        ("MODIFIED", "a"),
        ("DELETED", "a"),
    ]
    assert events[1]["object"]["metadata"]["resourceVersion"] == str(seen + 2)
    assert watch.drain() == []


def test_a_watch_without_a_version_begins_with_what_is_there(cluster: TestCluster) -> None:
    fill(cluster, "a")
    assert [event["type"] for event in cluster.watch(MAPS).drain()] == ["ADDED"]


def test_watch_list_ends_its_beginning_with_a_bookmark(cluster: TestCluster) -> None:
    fill(cluster, "a", "b")
    watch = cluster.watch(
        MAPS, sendInitialEvents="true", resourceVersionMatch="NotOlderThan", allowWatchBookmarks="true"
    )
    events = watch.drain()
    assert [event["type"] for event in events] == ["ADDED", "ADDED", "BOOKMARK"]
    bookmark = events[-1]["object"]
    assert bookmark["kind"] == "ConfigMap"
    assert bookmark["metadata"] == {
        "resourceVersion": str(cluster.cluster.store.revision),
        "annotations": {INITIAL_EVENTS_END: "true"},
    }


def test_objects_that_stop_being_selected_are_deleted_to_the_watcher(cluster: TestCluster) -> None:
    fill(cluster, "a")
    watch = cluster.watch(MAPS, resourceVersion=cluster.cluster.store.revision, labelSelector="first=a")
    cluster.patch(f"{MAPS}/a", {"metadata": {"labels": {"first": "z"}}})
    cluster.patch(f"{MAPS}/a", {"metadata": {"labels": {"first": "a"}}})
    events = watch.drain()
    assert [event["type"] for event in events] == ["DELETED", "ADDED"]
    assert events[0]["object"]["metadata"]["labels"] == {"first": "a"}


def test_a_watch_from_a_forgotten_version_is_told_so(cluster: TestCluster) -> None:
    fill(cluster, "a")
    cluster.cluster.store.forget_history()
    watch = cluster.watch(MAPS, resourceVersion=1)
    (event,) = watch.drain()
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert watch.ended


def test_a_closed_watch_hears_nothing(cluster: TestCluster) -> None:
    watch = cluster.watch(MAPS, resourceVersion=cluster.cluster.store.revision)
    woken: list[int] = []
    watch.wake = lambda: woken.append(1)
    fill(cluster, "a")
    watch.close()
    fill(cluster, "b")
    assert (woken, len(watch.drain())) == ([1], 1)


def test_bookmarks_come_only_where_they_were_asked_for(cluster: TestCluster) -> None:
    plain = cluster.watch(MAPS, resourceVersion=cluster.cluster.store.revision)
    plain.add_bookmark()
    asked = cluster.watch(MAPS, resourceVersion=cluster.cluster.store.revision, allowWatchBookmarks="true")
    asked.add_bookmark()
    assert (plain.drain(), [event["type"] for event in asked.drain()]) == ([], ["BOOKMARK"])


def test_tables(cluster: TestCluster) -> None:
    cluster.create("/apis/apps/v1/namespaces/default/deployments", deployment(replicas=3))
    cluster.advance(200)
    path = "/apis/apps/v1/namespaces/default/deployments"
    table = cluster.send("GET", path, headers={"accept": f"{TABLE},application/json"}).content
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    assert shown == ["Name", "Ready", "Up-to-date", "Available", "Age"]
    (row,) = table["rows"]
    assert row["cells"] == ["web", "0/3", 0, 0, "3m20s", "main", "example.com/web:1", "app=web"]
    assert (row["object"]["kind"], "spec" in row["object"]) == ("PartialObjectMetadata", False)


def test_tables_of_custom_resources_have_their_printer_columns(cluster: TestCluster) -> None:
    application = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "guestbook"},
        "spec": {
            "project": "default",
            "source": {"repoURL": "https://example.com/repo", "path": "."},
            "destination": {"namespace": "x", "server": "https://kubernetes.default.svc"},
        },
        "status": {"sync": {"status": "Synced"}, "health": {"status": "Healthy"}},
    }
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
    cluster.create(path, application)
    table = cluster.send("GET", path, headers={"accept": TABLE}).content
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Sync Status",
        "Health Status",
        "Revision",
        "Project",
    ]
    assert table["rows"][0]["cells"] == ["guestbook", "Synced", "Healthy", None, "default"]


def test_a_watched_table_has_one_row_an_event(cluster: TestCluster) -> None:
    from reconciler.sandbox.messages import Request
    from reconciler.sandbox.watches import Watch

    fill(cluster, "a")
    watch = cluster.api.handle(Request("GET", MAPS, {"watch": "1"}, {"accept": TABLE}))
    assert isinstance(watch, Watch)
    (event,) = watch.drain()
    assert [row["cells"] for row in event["object"]["rows"]] == [["a", 0, "0s"]]
