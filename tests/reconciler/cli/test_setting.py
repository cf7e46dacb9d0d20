"""What ``app set`` shows of a change, and what it warns of."""

from typing import Any

import pytest

from reconciler.cli.setting import changes_of, check_edited, parent_warnings
from reconciler.errors import SpecError


def test_changes() -> None:
    before = {"project": "a", "source": {"path": "x", "helm": {"values": "v"}}, "sources": [1]}
    after = {
        "project": "a",
        "source": {"path": "y", "targetRevision": ""},
        "sources": [1, 2],
        "syncPolicy": {"retry": {}},
    }
    assert changes_of(before, after) == [
        ("spec.source.helm", {"values": "v"}, None),
        ("spec.source.path", "x", "y"),
        ("spec.source.targetRevision", None, ""),
        ("spec.sources", [1], [1, 2]),
        ("spec.syncPolicy", None, {"retry": {}}),
    ]
    assert changes_of(before, before) == []


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, []),
        (
            {"annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/shop"}},
            ["shop is managed by Application root, whose next sync may undo this"],
        ),
        (
            {"ownerReferences": [{"kind": "ApplicationSet", "name": "all"}, {"kind": "Other", "name": "x"}]},
            ["shop is made by ApplicationSet all, which may undo this"],
        ),
    ],
)
def test_who_may_undo_a_change(metadata: dict[str, Any], expected: list[str]) -> None:
    warnings = parent_warnings({"metadata": {"name": "shop", **metadata}})
    assert [warning.partition(";")[0] for warning in warnings] == expected


def test_an_edited_application_is_checked() -> None:
    spec = {
        "project": "default",
        "destination": {"name": "a", "server": "b"},
        "source": {"repoURL": "u", "path": "p"},
        "syncPolicy": {"retry": {"limit": 1, "backoff": {"duration": "5x"}}},
    }
    document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "shop"}, "spec": spec}
    with pytest.raises(SpecError, match=r"spec\.destination: server and name are exclusive"):
        check_edited(document)
    spec["destination"] = {"name": "a"}
    with pytest.raises(SpecError, match="'5x' is not a duration"):
        check_edited(document)
