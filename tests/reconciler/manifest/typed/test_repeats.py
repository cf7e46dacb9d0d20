"""Knowing an apply that says what it said before, and every one that does not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.manifest import GroupVersionKind, predict_apply
from reconciler.manifest.schema import NotOfTypeError, Schema
from reconciler.manifest.typed.fieldset import FieldSet
from reconciler.manifest.typed.ownership import ManagerKey, parse_managers
from reconciler.manifest.typed.repeats import repeats
from tests.reconciler.manifest.typed.recorded import recorded_openapi

Object = dict[str, Any]
OPENAPI = recorded_openapi()
TARGET: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "finalizers": ["a.example.com/b"]},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "nginx:1.27",
                        "args": ["a", "b"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"containerPort": 80}],
                        "resources": {"limits": {"cpu": "1"}},
                        "securityContext": {"privileged": False},
                    }
                ],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            },
        },
    },
}


def schema() -> Schema:
    found = OPENAPI.schema(GroupVersionKind("apps", "v1", "Deployment"))
    assert found is not None
    return found


def applied() -> tuple[Object, FieldSet]:
    """The object as it is after the target was applied, with the server's defaults, and what was applied."""
    live = predict_apply(None, TARGET, field_manager="ann", force=True, openapi=OPENAPI).object
    assert live is not None
    live = copy.deepcopy({**live, "status": {"replicas": 1}})
    live["metadata"]["uid"] = "u"
    return live, parse_managers(live, lambda _: schema())[ManagerKey.applier("ann")].fields


def container(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_same_again_repeats() -> None:
    live, last = applied()
    assert repeats(schema(), live, copy.deepcopy(TARGET), last)


DIFFERENT: dict[str, Callable[[Object], object]] = {
    "another value": lambda target: container(target).update(image="nginx:1.28"),
    "a truth for a number": lambda target: target["spec"].update(replicas=True),
    "a number for a truth": lambda target: container(target)["securityContext"].update(privileged=0),
    "one field more": lambda target: container(target).update(workingDir="/"),
    "one field less": lambda target: container(target).pop("image"),
    "a null": lambda target: container(target).update(image=None),
    "one item more": lambda target: container(target)["env"].append({"name": "C", "value": "3"}),
    "one item less": lambda target: container(target)["env"].pop(),
    "items in another order": lambda target: container(target)["env"].reverse(),
    "an item twice": lambda target: container(target)["env"].__setitem__(1, {"name": "A", "value": "1"}),
    "an atomic list with one value more": lambda target: container(target)["args"].append("c"),
    "an empty list in place of a list": lambda target: container(target).update(env=[]),
    "an empty map in place of a map": lambda target: container(target).update(resources={}),
    "another selector": lambda target: target["spec"]["selector"]["matchLabels"].update(tier="a"),
    "one label less": lambda target: target["metadata"].pop("labels"),
    "another item of a set": lambda target: target["metadata"]["finalizers"].append("a.example.com/c"),
    "another name": lambda target: target["metadata"].update(name="other"),
    "another kind": lambda target: target.update(kind="ReplicaSet"),
    "a part less": lambda target: target["spec"]["template"].pop("metadata"),
    "a status": lambda target: target.update(status={"replicas": 1}),
}


@pytest.mark.parametrize("change", DIFFERENT.values(), ids=DIFFERENT)
def test_what_says_something_else_does_not_repeat(change: Callable[[Object], object]) -> None:
    live, last = applied()
    target = copy.deepcopy(TARGET)
    change(target)
    assert not repeats(schema(), live, target, last)


# What live has more than was applied is the server's or someone else's, and none of these.
LOST = {name: change for name, change in DIFFERENT.items() if name not in ("one field more", "a status")}


@pytest.mark.parametrize("change", LOST.values(), ids=LOST)
def test_what_live_has_lost_does_not_repeat(change: Callable[[Object], object]) -> None:
    live, last = applied()
    change(live)
    assert not repeats(schema(), live, TARGET, last)


def test_what_live_has_besides_does_not_count() -> None:
    live, last = applied()
    container(live)["workingDir"] = "/"
    assert repeats(schema(), live, TARGET, last)


def test_a_field_that_the_type_does_not_have_is_refused() -> None:
    live, last = applied()
    target = copy.deepcopy(TARGET)
    container(target)["colour"] = "red"
    with pytest.raises(NotOfTypeError):
        repeats(schema(), live, target, last)
