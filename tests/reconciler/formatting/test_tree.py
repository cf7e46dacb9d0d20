"""A resource tree as text."""

from typing import Any

from reconciler.cluster.node_info import InfoItem
from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode, arrange
from reconciler.diff.records import Health
from reconciler.formatting.tree import format_tree_text
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus

HEALTHY = Health(HealthStatus.HEALTHY, "unsaid")


def node(kind: str, name: str, *parents: TreeNode, group: str = "", **more: Any) -> TreeNode:
    key = ResourceKey(group, kind, "web", name)
    return TreeNode(key, "v1", parents=tuple(parent.key for parent in parents), **more)


def info(**items: str) -> tuple[InfoItem, ...]:
    return tuple(InfoItem(name, value) for name, value in items.items())


def test_signs_branches_and_what_there_is_to_say() -> None:
    deployment = node(
        "Deployment",
        "front",
        group="apps",
        sync=SyncStatus.OUT_OF_SYNC,
        health=HEALTHY,
        info=info(Revision="Rev:3", Ready="1/2"),
    )
    replica_set = node("ReplicaSet", "front-1", deployment, group="apps", health=HEALTHY)
    state = info(Reason="CrashLoopBackOff", Node="n1", Containers="0/1")
    bad = Health(HealthStatus.DEGRADED, "back-off")
    pods = [
        node("Pod", "front-1-a", replica_set, health=bad, info=state, images=("e/x:1",)),
        node("Pod", "front-1-b", replica_set, health=HEALTHY, deleting=True),
    ]
    config = node("ConfigMap", "front", sync=SyncStatus.SYNCED)
    ingress = node("Ingress", "front", group="networking.k8s.io", targets=(ResourceKey("", "Service", "web", "front"),))
    lost = node("Secret", "in-git", sync=SyncStatus.OUT_OF_SYNC, health=Health(HealthStatus.MISSING))
    orphan = node("ConfigMap", "lost", orphaned=True)
    unknown = node("Gauge", "g", group="m.io", sync=SyncStatus.UNKNOWN, reason="m.io does not answer")
    gaps = [TreeGap("", "Secret", "web", "forbidden"), TreeGap("m.io", "", "", "down"), TreeGap("a.b", "C", "", "no")]
    tree = arrange([deployment, replica_set, *pods, config, ingress, lost, orphan, unknown], gaps)
    assert format_tree_text(tree, title="guestbook") == (
        "guestbook\n"
        "├─ ✓   ConfigMap web/front\n"
        "├─ ≠ ◌ Secret web/in-git\n"
        "├─ ≠ ♥ Deployment.apps web/front  Rev:3  1/2\n"
        "│  └─   ♥ ReplicaSet.apps web/front-1\n"
        "│     ├─   ✕ Pod web/front-1-a  CrashLoopBackOff  0/1  e/x:1  back-off\n"
        "│     └─   ♥ Pod web/front-1-b  being deleted\n"
        "├─ ?   Gauge.m.io web/g  m.io does not answer\n"
        "└─     Ingress.networking.k8s.io web/front  → Service front\n"
        "orphaned: in the namespace, but in no application\n"
        "└─     ConfigMap web/lost\n"
        "? Secret in web: forbidden\n"
        "? C.a.b: no\n"
        "? all of m.io: down\n"
    )


def test_nothing_that_a_cluster_holds_rewrites_a_line() -> None:
    hostile = "a\x1b[2J\nb\u202e"
    nodes = [
        node("Pod", hostile, info=info(Reason=hostile), images=(hostile,), reason=hostile),
    ]
    shown = format_tree_text(arrange(nodes, [TreeGap("g", "K", hostile, hostile)]), title=hostile)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.count("\n") == 3


def test_long_messages_and_many_gaps_are_cut() -> None:
    gaps = [TreeGap("", f"Kind{number:02}", "", "x" * 1000) for number in range(30)]
    shown = format_tree_text(ResourceTree((), tuple(gaps))).splitlines()
    assert len(shown) == 21
    assert shown[-1] == "? and 10 kinds more that cannot be listed"
    assert shown[0].endswith("… (800 more characters)")


def test_owners_of_each_other_and_shared_children_appear_once() -> None:
    one, two = node("A", "one"), node("A", "two")
    circle = [node("A", "one", two), node("A", "two", one)]
    assert format_tree_text(arrange(circle)) == "└─     A web/one\n   └─     A web/two\n"
    shared = [one, two, node("B", "child", one, two)]
    assert format_tree_text(arrange(shared)) == "├─     A web/one\n│  └─     B web/child\n└─     A web/two\n"
