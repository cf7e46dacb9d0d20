"""What two Applications hold is a condition of the Application, as Argo CD writes it, on both clusters."""

import json
from collections.abc import Mapping
from typing import Any

from tests.reconciler.cli.places import Place, place

__all__ = ["place"]

TRACKING = "argocd.argoproj.io/tracking-id"


def shared_text(place: Place) -> str:
    return f"ConfigMap/web is part of applications {place.namespace}/web and other"


def mark(place: Place, identity: str | None) -> None:
    """Have another Application's mark on the object that web holds, which is made where it is not there."""
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    metadata = {"name": "web", "annotations": {TRACKING: identity}}
    if place.client.get(f"{path}/web").status == 404:
        place.client.create(path, {"metadata": metadata, "data": {"value": "0"}}).expect(201)
    else:
        place.client.patch(f"{path}/web", {"metadata": {"annotations": {TRACKING: identity}}}).expect(200)


def identity(place: Place, name: str = "web", application: str = "other") -> str:
    return f"{application}:/ConfigMap:{place.namespace}/{name}"


def conditions(place: Place) -> list[Mapping[str, Any]]:
    assert place.call(*place.words("reconcile", "web", "--quiet"))[0] == 0
    found: list[Mapping[str, Any]] = place.application("web")["status"].get("conditions", [])
    return found


def test_a_shared_resource_is_a_condition(place: Place) -> None:
    mark(place, identity(place))
    (condition,) = conditions(place)
    assert (condition["type"], condition["message"]) == ("SharedResourceWarning", shared_text(place))
    assert condition["lastTransitionTime"].endswith("Z")
    assert conditions(place) == [condition], "written anew, it keeps its time"
    mark(place, identity(place, application="elsewhere_other"))
    assert [each["message"] for each in conditions(place)] == [
        f"ConfigMap/web is part of applications {place.namespace}/web and elsewhere/other"
    ]
    mark(place, identity(place, name="origin"))
    assert conditions(place) == [], "a copy of another's object is nobody's"
    mark(place, None)
    assert conditions(place) == []


def test_it_is_shown_and_goes_with_the_sync_that_takes_the_object(place: Place) -> None:
    mark(place, identity(place))
    status, out, _ = place.app("get", "web")
    assert status == 0
    assert f"condition:  SharedResourceWarning: {shared_text(place)}" in out.splitlines()
    document = json.loads(place.app("get", "web", "-o", "json")[1])
    assert document["warnings"] == [shared_text(place)]
    assert [entry["shared_with"] for entry in document["resources"]] == ["other"]
    status, out, err = place.app("diff", "web")
    assert (status, err) == (1, f"warning: {shared_text(place)}\n")
    assert place.app("diff", "web", "-o", "json")[2] == ""
    status, out, _ = place.app("sync", "web", "--sync-option", "FailOnSharedResource=true")
    assert status == 1
    assert f"shared resource found: {shared_text(place)}" in out
    assert place.value("web") == "0"
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert place.value("web") == "1"
    assert conditions(place) == []
    assert "condition" not in place.app("get", "web")[1]
