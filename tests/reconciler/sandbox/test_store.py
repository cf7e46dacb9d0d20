import pytest

from reconciler.sandbox.status import StatusError
from reconciler.sandbox.store import Event, GroupResource, ObjectName, Store

MAPS = GroupResource("", "configmaps")
SECRETS = GroupResource("", "secrets")


def named(name: str, namespace: str = "a", **more: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def test_every_change_has_its_own_revision() -> None:
    store = Store()
    versions = [store.put(MAPS, named("x", n=number))["metadata"]["resourceVersion"] for number in range(3)]
    gone = store.remove(MAPS, ObjectName("a", "x"))
    assert [*versions, gone["metadata"]["resourceVersion"]] == ["2", "3", "4", "5"]
    assert store.get(MAPS, ObjectName("a", "x")) is None


def test_lists_are_ordered_as_their_keys_in_etcd() -> None:
    store = Store()
    for namespace, name in [("b", "y"), ("a", "z"), ("b", "x")]:
        store.put(MAPS, named(name, namespace))
    assert [obj["metadata"]["name"] for obj in store.objects(MAPS)] == ["z", "x", "y"]
    assert [obj["metadata"]["name"] for obj in store.objects(MAPS, "b")] == ["x", "y"]
    store.put(MAPS, named("w", "a-b"))
    assert [obj["metadata"]["name"] for obj in store.objects(MAPS)] == ["w", "z", "x", "y"]
    assert store.resources() == [MAPS]


def test_what_is_stored_is_not_changed_by_later_writes() -> None:
    store = Store()
    given = named("x", n=1)
    first = store.put(MAPS, given)
    store.put(MAPS, named("x", n=2))
    assert (first["n"], given["metadata"]) == (1, {"name": "x", "namespace": "a"})


def test_events_since_a_revision_are_those_of_the_resource() -> None:
    store = Store()
    store.put(MAPS, named("x"))
    seen = store.revision
    store.put(SECRETS, named("s"))
    store.put(MAPS, named("x", n=1))
    store.remove(MAPS, ObjectName("a", "x"))
    assert [(event.type, event.revision) for event in store.events_since(MAPS, seen)] == [
        ("MODIFIED", 4),
        ("DELETED", 5),
    ]


def test_a_forgotten_revision_is_gone() -> None:
    store = Store(history=2)
    for number in range(4):
        store.put(MAPS, named("x", n=number))
    assert len(store.events_since(MAPS, 3)) == 2
    with pytest.raises(StatusError, match=r"too old resource version: 2 \(3\)") as caught:
        store.events_since(MAPS, 2)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")


def test_forgetting_the_history_ends_every_older_watch() -> None:
    store = Store()
    store.put(MAPS, named("x"))
    store.forget_history()
    assert store.events_since(MAPS, store.revision) == []
    with pytest.raises(StatusError, match="too old"):
        store.events_since(MAPS, store.revision - 1)


def test_an_older_list_is_rebuilt() -> None:
    store = Store()
    store.put(MAPS, named("x", n=1))
    store.put(MAPS, named("y", n=1))
    then = store.revision
    store.put(MAPS, named("x", n=2))
    store.remove(MAPS, ObjectName("a", "y"))
    store.put(MAPS, named("z"))
    assert [(obj["metadata"]["name"], obj["n"]) for obj in store.objects_at(MAPS, "a", then)] == [("x", 1), ("y", 1)]
    assert store.objects_at(MAPS, "other", then) == []


def test_listeners_hear_until_they_leave() -> None:
    store = Store()
    heard: list[Event] = []
    leave = store.subscribe(heard.append)
    store.put(MAPS, named("x"))
    leave()
    store.put(MAPS, named("y"))
    assert [(event.type, event.name.name) for event in heard] == [("ADDED", "x")]
