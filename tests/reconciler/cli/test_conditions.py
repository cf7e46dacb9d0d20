"""What an Application's status and ``app get`` tell: each warning under its own type, and Unknown with the reason."""

import json
from typing import Any

import pytest

from tests.reconciler.cli.places import Place, config_map, place

__all__ = ["place"]


def conditions(place: Place, name: str = "web") -> list[tuple[str, str]]:
    place.call(*place.words("reconcile", name, "--quiet"))
    found: list[dict[str, Any]] = place.application(name)["status"].get("conditions", [])
    return [(each["type"], each["message"]) for each in found]


def configure(place: Place, **data: str) -> None:
    metadata = {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}}
    body = {"metadata": metadata, "data": {name.replace("_", "."): text for name, text in data.items()}}
    place.client.create(f"/api/v1/namespaces/{place.namespace}/configmaps", body).expect(201)


def test_an_excluded_kind(place: Place) -> None:
    configure(place, resource_exclusions="- apiGroups: ['']\n  kinds: [ConfigMap]\n  clusters: ['*']\n")
    assert conditions(place) == [
        ("ExcludedResourceWarning", "Resource /ConfigMap web is excluded in the settings"),
    ]


def test_an_object_of_two_sources_and_what_is_no_condition(place: Place) -> None:
    place.write(more=config_map("web", "2"))
    sources = [{"repoURL": place.origin.url, "path": path} for path in ("web", "more")]
    rule = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}
    place.patch("web", {"spec": {"source": None, "sources": sources, "ignoreDifferences": [rule]}})
    twice = f"Resource /ConfigMap/{place.namespace}/web appeared 2 times among application resources."
    assert conditions(place) == [("RepeatedResourceWarning", twice)]
    status, out, _ = place.app("get", "web")
    assert status == 0
    assert f"condition:  RepeatedResourceWarning: {twice}" in out.splitlines()
    (warning,) = (line for line in out.splitlines() if line.startswith("warning:"))
    assert "ignores nothing" in warning
    assert "condition:  RepeatedResourceWarning: /spec" not in out


def test_what_the_project_does_not_permit_is_an_invalid_spec(place: Place) -> None:
    place.create("api", project="nobody")
    ((kind, message),) = conditions(place, "api")
    assert kind == "InvalidSpecError"
    assert "project nobody which does not exist" in message
    status, out, _ = place.app("get", "api")
    assert status == 0
    assert f"condition:  InvalidSpecError: {message}" in out.splitlines()


@pytest.mark.parametrize("where", ["a repository that is gone", "a cluster that nobody knows"])
def test_get_of_what_cannot_be_compared(place: Place, where: str) -> None:
    gone = f"{place.origin.url.removeprefix('file://')}-gone"
    if "cluster" in where:
        destination = {"server": "https://10.0.0.9:6443", "namespace": place.namespace}
        place.create("far", destination=destination)
        kind, told = "InvalidSpecError", "10.0.0.9"
    else:
        place.create("far", source={"repoURL": gone, "path": "web"})
        kind, told = "ComparisonError", gone
    status, out, err = place.app("get", "far")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert "sync:       Unknown" in lines
    (condition,) = (line for line in lines if line.startswith("condition:"))
    assert condition.startswith(f"condition:  {kind}: ")
    assert told in condition
    document = json.loads(place.app("get", "far", "-o", "json")[1])
    assert (document["status"], document["reason_type"]) == ("Unknown", kind)
    assert told in document["reason"]
    for command in ("diff", "manifests", "sync"):
        assert place.app(command, "far")[0] == 2, command


def test_get_of_a_repository_that_does_not_answer(place: Place) -> None:
    place.create("far", source={"repoURL": "https://127.0.0.1:1/shop.git", "path": "web"})
    status, out, _ = place.app("get", "far")
    assert status == 0
    assert "condition:  ComparisonError: " in out
    assert "127.0.0.1:1" in out
    for command in ("diff", "manifests", "sync"):
        assert place.app(command, "far")[0] == 4, command


def test_get_of_what_is_not_there_is_an_error(place: Place) -> None:
    status, out, err = place.app("get", "wbe")
    assert (status, out) == (2, "")
    assert err == f"error: no Application wbe in namespace {place.namespace}; there are web\n"
    status, out, err = place.app("get", "web", "--revision", "mian")
    assert (status, out) == (2, "")
    assert "mian" in err


@pytest.mark.parametrize("others", [(), ("web",)], ids=["alone", "beside another"])
def test_a_refused_sync_is_in_the_history(place: Place, others: tuple[str, ...]) -> None:
    place.create("api", project="nobody")
    status, _, err = place.app("sync", "api", *others)
    assert status == (1 if others else 3)
    assert "project nobody which does not exist" in err
    entries = json.loads(place.call(*place.words("history", "-o", "json"))[1])
    (entry,) = (each for each in entries if each["application"] == "api")
    assert (entry["phase"], entry["refused"], entry["project"]) == ("Error", "project", "nobody")
    assert "project nobody which does not exist" in entry["message"]
    assert entry["initiated_by"]
    assert place.app("sync", "api", "--dry-run")[0] == 3
    assert len(json.loads(place.call(*place.words("history", "-o", "json"))[1])) == len(entries)
