"""What is wrong in a document: everything at once, each with its field path."""

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.errors import SpecError, Violation
from reconciler.model import parse_application, parse_application_set, parse_project
from reconciler.terms import ConditionType

Document = dict[str, Any]
Put = Callable[..., Document]
SOURCE = {"repoURL": "https://git.example.com/apps.git", "path": "web"}
CHART = {"repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.2.3"}


def violations(document: Any, *, from_cluster: bool = False) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_application(document, from_cluster=from_cluster)
    return [str(violation) for violation in caught.value.violations]


WRONG = {
    "project is a number": ({"spec.project": 5}, ["spec.project: must be a string"]),
    "destination is text": ({"spec.destination": "prod"}, ["spec.destination: must be an object"]),
    "spec is a list": ({"spec": []}, ["spec: must be an object"]),
    "spec is null": ({"spec": None}, ["spec: is required"]),
    "metadata is null": ({"metadata": None}, ["metadata: is required"]),
    "sources is an object": ({"spec.sources": {"repoURL": "x"}}, ["spec.sources: must be a list"]),
    "a source is null": ({"spec.sources": [None]}, ["spec.sources[0]: must be an object"]),
    "automated is a flag": ({"spec.syncPolicy.automated": True}, ["spec.syncPolicy.automated: must be an object"]),
    "a flag is text": (
        {"spec.syncPolicy.automated.prune": "yes"},
        ["spec.syncPolicy.automated.prune: must be true or false"],
    ),
    "a flag is a number": ({"spec.source.helm.skipCrds": 1}, ["spec.source.helm.skipCrds: must be true or false"]),
    "a number is text": ({"spec.syncPolicy.retry.limit": "5"}, ["spec.syncPolicy.retry.limit: must be an integer"]),
    "a number is a flag": ({"spec.revisionHistoryLimit": True}, ["spec.revisionHistoryLimit: must be an integer"]),
    "options are text": (
        {"spec.syncPolicy.syncOptions": "Prune=false"},
        ["spec.syncPolicy.syncOptions: must be a list"],
    ),
    "an option is null": (
        {"spec.syncPolicy.syncOptions": ["a", None]},
        ["spec.syncPolicy.syncOptions[1]: must be a string"],
    ),
    "a label is null": ({"metadata.labels": {"team": None}}, ["metadata.labels.team: must be a string"]),
    "an entry of a list lacks a field": (
        {"spec.ignoreDifferences": [{"kind": "Secret"}, {"group": "apps"}]},
        ["spec.ignoreDifferences[1].kind: is required"],
    ),
    "another kind": ({"kind": "AppProject"}, ["kind: input should be 'Application'"]),
    "another version": ({"apiVersion": "argoproj.io/v1"}, ["apiVersion: input should be 'argoproj.io/v1alpha1'"]),
    "the name is no DNS name": (
        {"metadata.name": "Guest_Book"},
        ["metadata.name: 'Guest_Book' is not a DNS-1123 subdomain (lower case letters, digits, - and .)"],
    ),
    "server and name": (
        {"spec.destination.name": "prod"},
        ["spec.destination: server and name are exclusive; keep one"],
    ),
    "neither server nor name": (
        {"spec.destination": {"namespace": "web"}},
        ["spec.destination: server or name is required"],
    ),
    "an empty server and no name": (
        {"spec.destination": {"server": ""}},
        ["spec.destination: server or name is required"],
    ),
    "no source": (
        {"spec.source": None},
        ["spec.source: is required (or spec.sources, or spec.sourceHydrator)"],
    ),
    "empty sources and no source": (
        {"spec.source": None, "spec.sources": []},
        ["spec.source: is required (or spec.sources, or spec.sourceHydrator)"],
    ),
    "source is text": ({"spec.source": "apps"}, ["spec.source: must be an object"]),
    "an empty repository": ({"spec.source.repoURL": ""}, ["spec.source.repoURL: must not be empty"]),
    "no repository": ({"spec.source": {"path": "web"}}, ["spec.source.repoURL: is required"]),
    "chart and path": ({"spec.source.chart": "web"}, ["spec.source: chart and path are exclusive; keep one"]),
    "chart and ref": (
        {"spec.sources": [{**CHART, "ref": "values"}]},
        ["spec.sources[0]: a source with ref may not have a chart"],
    ),
    "neither path nor chart": (
        {"spec.source": {"repoURL": "https://git.example.com/a.git"}},
        ["spec.source: path or chart is required"],
    ),
    "two tools": (
        {"spec.source.helm": {"releaseName": "a"}, "spec.source.kustomize": {"namePrefix": "b"}},
        ["spec.source: helm and kustomize are exclusive; keep one"],
    ),
    "the second source is wrong": (
        {"spec.sources": [SOURCE, {**SOURCE, "helm": {"skipTests": "no"}}]},
        ["spec.sources[1].helm.skipTests: must be true or false"],
    ),
    "sources are judged in place of source": (
        {"spec.source": {"repoURL": "https://git.example.com/a.git"}, "spec.sources": [{"repoURL": "", "path": "a"}]},
        ["spec.sources[0].repoURL: must not be empty"],
    ),
    "unknown field": ({"spec.syncpolicy": {}}, ["spec.syncpolicy: unknown field"]),
    "unknown field in a list": (
        {"spec.sources": [{**SOURCE, "revision": "main"}]},
        ["spec.sources[0].revision: unknown field"],
    ),
    "unknown field of the metadata": ({"metadata.lables": {}}, ["metadata.lables: unknown field"]),
    "an attribute's own name is no field": ({"spec.sync_policy": {}}, ["spec.sync_policy: unknown field"]),
    "unknown field at the top": ({"specs": {}}, ["specs: unknown field"]),
}


@pytest.mark.parametrize(("values", "expected"), WRONG.values(), ids=WRONG)
def test_a_violation_has_its_path(put: Put, values: Document, expected: list[str]) -> None:
    assert violations(put(values)) == expected


RIGHT: dict[str, Document] = {
    "two sources": {"spec.sources": [SOURCE, CHART], "spec.source": None},
    "a source for its values only": {
        "spec.sources": [CHART, {"repoURL": "https://git.example.com/v.git", "ref": "values"}]
    },
    "a source with ref and path": {"spec.sources": [{**SOURCE, "ref": "values"}]},
    "a chart": {"spec.source": CHART},
    "a cluster by name": {"spec.destination": {"name": "prod"}},
    "an empty project": {"spec.project": ""},
    "an empty tool beside another": {"spec.source.helm": {"skipCrds": True}, "spec.source.directory": {}},
    "a hydrator in place of a source": {
        "spec.source": None,
        "spec.sourceHydrator": {
            "drySource": {"repoURL": "https://git.example.com/d.git", "targetRevision": "main", "path": "web"},
            "syncSource": {"targetBranch": "env/prod", "path": "web"},
        },
    },
    "replicas as text": {"spec.source.kustomize.replicas": [{"name": "web", "count": "3"}]},
    "replicas as a number": {"spec.source.kustomize.replicas": [{"name": "web", "count": 3}]},
    "nulls in a values object": {"spec.source.helm.valuesObject": {"image": None, "list": [None]}},
    "a long name": {"metadata.name": ".".join(["a" * 63] * 3)},
    "what the API server adds to the metadata": {
        "metadata.creationTimestamp": "2026-01-02T03:04:05Z",
        "metadata.managedFields": [{"manager": "kubectl"}],
        "metadata.ownerReferences": [{"kind": "ApplicationSet", "name": "all"}],
        "metadata.generateName": "guest-",
        "metadata.uid": "0e7f",
        "metadata.resourceVersion": "12",
        "metadata.generation": 3,
    },
}


@pytest.mark.parametrize("values", RIGHT.values(), ids=RIGHT)
def test_what_is_right(put: Put, values: Document) -> None:
    assert parse_application(put(values)).metadata.name


def test_all_violations_come_at_once_sorted_and_once_each(put: Put) -> None:
    document = put(
        {
            "metadata.name": "-",
            "spec.project": 1,
            "spec.destination": {"server": "a", "name": "b", "cluster": "c"},
            "spec.source": {"helm": {"parameters": [{"name": 1}, {"value": 2}]}, "plugin": {"name": "p"}},
            "spec.syncPolicy.retry.backoff": {"factor": "2"},
        }
    )
    with pytest.raises(SpecError) as caught:
        parse_application(document, where="apps/guestbook.yaml")
    expected = [
        Violation("metadata.name", "'-' is not a DNS-1123 subdomain (lower case letters, digits, - and .)"),
        Violation("spec.destination", "server and name are exclusive; keep one"),
        Violation("spec.destination.cluster", "unknown field"),
        Violation("spec.project", "must be a string"),
        Violation("spec.source", "helm and plugin are exclusive; keep one"),
        Violation("spec.source", "path or chart is required"),
        Violation("spec.source.helm.parameters[0].name", "must be a string"),
        Violation("spec.source.helm.parameters[1].value", "must be a string"),
        Violation("spec.source.repoURL", "is required"),
        Violation("spec.syncPolicy.retry.backoff.factor", "must be an integer"),
    ]
    assert caught.value.violations == tuple(expected)
    assert str(caught.value) == "apps/guestbook.yaml: Application -: " + "; ".join(str(entry) for entry in expected)
    assert (caught.value.exit_status, caught.value.condition) == (2, ConditionType.INVALID_SPEC)


def test_a_missing_destination_hides_no_other_violation(put: Put) -> None:
    assert violations(put({"spec.source.chart": "web"}, "spec.destination")) == [
        "spec.destination: is required",
        "spec.source: chart and path are exclusive; keep one",
    ]


def test_null_is_absent_wherever_a_field_is_optional(application: Document, put: Put) -> None:
    nulls = {
        "metadata.labels": None,
        "spec.sources": None,
        "spec.syncPolicy": None,
        "spec.revisionHistoryLimit": None,
        "spec.destination.name": None,
        "spec.source.targetRevision": None,
        "spec.source.helm": {"values": None, "parameters": None, "valuesObject": None},
        "operation": None,
        "status": None,
    }
    parsed, plain = parse_application(put(nulls)), parse_application(put({"spec.source.helm": {}}))
    assert parsed == plain
    assert parsed.to_dict() == plain.to_dict()


def test_fields_of_a_newer_version_are_accepted_from_a_cluster(put: Put) -> None:
    document = put({"spec.novel": {"a": 1}, "spec.source.novel": 1, "metadata.novel": "x", "novel": []})
    assert parse_application(document, from_cluster=True).to_dict() == parse_application(put({})).to_dict()
    assert len(violations(document)) == 4


def test_known_fields_are_judged_from_a_cluster_too(put: Put) -> None:
    document = put({"spec.novel": 1, "spec.project": 5, "spec.destination.name": "prod"})
    assert violations(document, from_cluster=True) == [
        "spec.destination: server and name are exclusive; keep one",
        "spec.project: must be a string",
    ]


@pytest.mark.parametrize("document", [None, [], "text", 5], ids=["null", "a list", "text", "a number"])
def test_what_is_no_object(document: Any) -> None:
    with pytest.raises(SpecError, match=r"^apps\.yaml: not an object; expected kind Application$"):
        parse_application(document, where="apps.yaml")


def test_values_are_not_repeated_in_messages(put: Put) -> None:
    canary = "hunter2-canary"
    document = put(
        {"spec.source.helm.parameters": canary, "spec.source.plugin.env": [{"name": "TOKEN", "value": [canary]}]}
    )
    assert not [text for text in violations(document) if canary in text]


def test_the_same_for_projects() -> None:
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "UPPER"},
        "spec": {
            "description": "d" * 256,
            "destinations": [{"server": "*", "cluster": "x"}],
            "namespaceResourceWhitelist": [{"kind": "Pod"}],
            "syncWindows": [{"manualSync": "true"}],
        },
    }
    with pytest.raises(SpecError) as caught:
        parse_project(document)
    assert [str(entry) for entry in caught.value.violations] == [
        "metadata.name: 'UPPER' is not a DNS-1123 subdomain (lower case letters, digits, - and .)",
        "spec.description: string should have at most 255 characters",
        "spec.destinations[0].cluster: unknown field",
        "spec.namespaceResourceWhitelist[0].group: is required",
        "spec.syncWindows[0].manualSync: must be true or false",
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [({}, None), ({"namespaceResourceWhitelist": None}, None), ({"namespaceResourceWhitelist": []}, ())],
    ids=["absent", "null", "empty"],
)
def test_a_project_tells_no_list_from_an_empty_one(spec: Document, expected: tuple[()] | None) -> None:
    """None allows every namespaced kind, an empty list none (app_project_types.go IsGroupKindNamePermitted)."""
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "p"}, "spec": spec}
    assert parse_project(document).spec.namespace_resource_whitelist == expected


def test_the_same_for_application_sets() -> None:
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": "all"},
        "spec": {"generators": [{"list": {"elements": []}}, {"lists": {}}], "goTemplate": "true"},
    }
    with pytest.raises(SpecError) as caught:
        parse_application_set(document)
    assert [str(entry) for entry in caught.value.violations] == [
        "spec.generators[1].lists: unknown field",
        "spec.goTemplate: must be true or false",
        "spec.template: is required",
    ]
