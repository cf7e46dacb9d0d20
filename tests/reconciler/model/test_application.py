"""What the records say of themselves."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.model import Application, ApplicationSource, SyncPolicy, parse_application

Put = Callable[..., dict[str, Any]]
SOURCE = {"repoURL": "https://git.example.com/apps.git", "path": "web"}


def test_defaults(application: dict[str, Any]) -> None:
    spec = parse_application(application).spec
    assert (spec.source and spec.source.target_revision, spec.sync_policy, spec.revision_history_limit) == (
        "",
        SyncPolicy(),
        None,
    )


@pytest.mark.parametrize(("given", "project"), [("", "default"), ("team", "team")], ids=["empty", "named"])
def test_an_empty_project_is_the_default_one(put: Put, given: str, project: str) -> None:
    assert parse_application(put({"spec.project": given})).project == project


@pytest.mark.parametrize(
    ("values", "paths"),
    [
        ({}, ["guestbook"]),
        ({"spec.sources": [SOURCE, {**SOURCE, "path": "db"}]}, ["web", "db"]),
        ({"spec.sources": [SOURCE], "spec.source": None}, ["web"]),
        ({"spec.sources": []}, ["guestbook"]),
    ],
    ids=["source", "sources win", "sources only", "empty sources"],
)
def test_sources_are_a_list(put: Put, values: dict[str, Any], paths: list[str]) -> None:
    assert [source.path for source in parse_application(put(values)).sources] == paths


@pytest.mark.parametrize(
    ("policy", "automated"),
    [({}, None), ({"automated": {}}, True), ({"automated": {"enabled": False}}, False), ({"automated": None}, None)],
    ids=["absent", "empty", "switched off", "null"],
)
def test_automated_by_its_presence(put: Put, policy: dict[str, Any], automated: bool | None) -> None:
    found = parse_application(put({"spec.syncPolicy": policy})).spec.sync_policy.automated
    assert (found and found.enabled) == automated


def test_sync_options_are_compared_whole(put: Put) -> None:
    application = parse_application(put({"spec.syncPolicy.syncOptions": [" CreateNamespace=true ", "Prune=false"]}))
    assert application.has_sync_option("CreateNamespace=true")
    assert not application.has_sync_option("CreateNamespace")
    assert not application.has_sync_option("Prune=true")


def test_what_was_read_is_what_is_written(put: Put) -> None:
    document = put(
        {
            "metadata.finalizers": ["resources-finalizer.argocd.argoproj.io"],
            "spec.sources": [
                {
                    **SOURCE,
                    "helm": {"valuesObject": {"a": [1, {"b": None}]}, "parameters": [{"name": "x", "value": ""}]},
                },
                {**SOURCE, "kustomize": {"replicas": [{"name": "web", "count": "2"}], "commonLabels": {"a": "b"}}},
            ],
            "spec.ignoreDifferences": [{"kind": "Secret", "jsonPointers": ["/data"]}],
            "status": {"sync": {"status": "Synced"}},
        }
    )
    assert parse_application(document).to_dict() == document


def test_records_are_frozen(application: dict[str, Any]) -> None:
    parsed = parse_application(application)
    with pytest.raises(ValidationError, match="frozen"):
        parsed.spec.project = "other"  # type: ignore[misc]


def test_records_may_be_made_by_their_attributes() -> None:
    source = ApplicationSource(repo_url="https://git.example.com/apps.git", target_revision="main")
    assert source.to_dict() == {"repoURL": "https://git.example.com/apps.git", "targetRevision": "main"}


def test_nothing_is_shared_with_the_document(application: dict[str, Any]) -> None:
    parsed = parse_application(application)
    application["spec"]["source"]["path"] = "changed"
    assert isinstance(parsed, Application)
    assert parsed.sources[0].path == "guestbook"
