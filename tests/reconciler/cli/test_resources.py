"""Rows of ``app resources`` and ``app tree``."""

from datetime import UTC, datetime

import pytest

from reconciler.cli.resources import node_row, note_gaps
from reconciler.cli.settings import OutputFormat, Settings
from reconciler.cluster.node_info import InfoItem
from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode
from reconciler.diff.records import Health
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus


def test_a_row() -> None:
    made = datetime(2026, 11, 23, tzinfo=UTC)
    node = TreeNode(
        ResourceKey("apps", "ReplicaSet", "web", "front-1"),
        "v1",
        parents=(ResourceKey("apps", "Deployment", "web", "front"),),
        created_at=made,
        sync=SyncStatus.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, "back-off"),
        info=(InfoItem("Revision", "Rev:3"), InfoItem("Node", "n1"), InfoItem("Ready", "0/1")),
        images=("a:1", "b:2"),
    )
    assert node_row(node) == {
        "resource": "ReplicaSet.apps web/front-1",
        "group": "apps",
        "kind": "ReplicaSet",
        "namespace": "web",
        "name": "front-1",
        "sync": "OutOfSync",
        "health": "Degraded",
        "info": "Rev:3 0/1",
        "images": "a:1,b:2",
        "parents": "Deployment.apps web/front",
        "created_at": made,
        "message": "back-off",
    }
    bare = node_row(TreeNode(node.key, "v1", reason="not readable"))
    assert (bare["sync"], bare["health"], bare["message"]) == ("", "", "not readable")


@pytest.mark.parametrize("quiet", [False, True])
def test_kinds_that_cannot_be_listed_are_told_on_stderr(quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(None, None, "argocd", None, OutputFormat.TABLE, quiet, False)
    note_gaps(ResourceTree((), (TreeGap("", "Secret", "web", "secrets is forbidden"),)), settings)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "" if quiet else "? Secret in web: secrets is forbidden\n")
