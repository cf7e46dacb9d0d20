"""Resource trees: of the guestbook, a large one, and one with text that must never run or mislead."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from gitops_nb.node_details import LogEnd
from reconciler.cluster.events import ObjectEvent
from reconciler.cluster.node_info import InfoItem
from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode, arrange
from reconciler.diff.records import Health
from reconciler.errors import ClusterError
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import HealthStatus, SyncStatus
from tests.data.gitops_nb.guestbook import MISLEADING, NOW, SCRIPT

HEALTHY = Health(HealthStatus.HEALTHY)
CRASH = Health(HealthStatus.DEGRADED, "back-off 2m40s restarting failed container=web pod=web-7d9f8b6c54-kx2vp_shop")
LONG = "customer-facing-storefront-with-a-name-as-long-as-kubernetes-permits-canary-7d9f8b6c54-h4tqz"


def tree() -> ResourceTree:
    """Two Deployments, one with a pod that crashes, a StatefulSet, what is missing, and two orphans."""
    web = key("apps", "Deployment", "web")
    sets = [key("apps", "ReplicaSet", name) for name in ("web-5d4c9d7f6b", "web-7d9f8b6c54")]
    database = key("apps", "StatefulSet", "redis")
    pod, broken = key("", "Pod", "web-5d4c9d7f6b-2xq8m"), key("", "Pod", "web-7d9f8b6c54-kx2vp")
    images = ("registry.local/web:1.28.0",)
    crash = (InfoItem("Status Reason", "CrashLoopBackOff"), InfoItem("Node", "node-2"), InfoItem("Containers", "0/1"))
    degraded = Health(HealthStatus.DEGRADED, "Progress deadline exceeded")
    nodes = [
        node(web, sync=SyncStatus.OUT_OF_SYNC, health=degraded, info=items(Revision="Rev:14", Ready="2/3"), days=53),
        node(sets[0], web, health=HEALTHY, info=items(Revision="Rev:13", Ready="2/2"), days=12),
        node(pod, sets[0], health=HEALTHY, info=items(Reason="Running", Containers="1/1"), images=images, days=12),
        node(sets[1], web, health=Health(HealthStatus.PROGRESSING), info=items(Revision="Rev:14", Ready="0/1")),
        node(broken, sets[1], health=CRASH, info=(*crash, InfoItem("Restart Count", "7")), images=images),
        node(key("", "Pod", LONG), sets[1], health=Health(HealthStatus.PROGRESSING), info=items(Reason="Pending")),
        node(database, sync=SyncStatus.SYNCED, health=Health(HealthStatus.SUSPENDED, "paused"), days=53),
        node(key("", "PersistentVolumeClaim", "data-redis-0"), database, health=HEALTHY, days=53),
        node(key("", "Pod", "redis-0"), database, health=HEALTHY, info=items(Reason="Running", Containers="1/1")),
        node(key("", "Service", "web"), sync=SyncStatus.SYNCED, health=HEALTHY, days=53),
        node(key("discovery.k8s.io", "EndpointSlice", "web-8x2lq"), key("", "Service", "web"), days=53),
        node(
            key("networking.k8s.io", "Ingress", "web"),
            sync=SyncStatus.SYNCED,
            health=Health(HealthStatus.PROGRESSING, "waiting for an address"),
            days=53,
        ),
        node(key("", "Secret", "web-credentials"), sync=SyncStatus.OUT_OF_SYNC, days=53),
        replace(
            node(
                key("", "ConfigMap", "web-settings"), sync=SyncStatus.OUT_OF_SYNC, health=Health(HealthStatus.MISSING)
            ),
            uid="",
            created_at=None,
        ),
        node(key("monitoring.coreos.com", "ServiceMonitor", "web"), sync=SyncStatus.UNKNOWN, reason="no such kind"),
        replace(node(key("batch", "Job", "import-2024"), health=HEALTHY, days=300), orphaned=True, managed=False),
        replace(
            node(key("", "Pod", "import-2024-w5d2k"), key("batch", "Job", "import-2024"), health=HEALTHY, days=300),
            orphaned=True,
        ),
        replace(node(key("", "ConfigMap", "debug-settings"), days=4), orphaned=True, managed=False),
    ]
    nodes[11] = replace(nodes[11], targets=(key("", "Service", "web"),))
    nodes[15] = replace(nodes[15], deleting=True)
    gap = TreeGap("metrics.k8s.io", "", "", "the API server behind the group metrics.k8s.io does not answer")
    return arrange(nodes, [gap])


def large_tree(pods: int = 1800, width: int = 10) -> ResourceTree:
    """About ``pods`` pods below their Deployments, one of them degraded."""
    nodes: list[TreeNode] = []
    for number in range(pods // width):
        deployment = key("apps", "Deployment", f"service-{number:04d}")
        owned = key("apps", "ReplicaSet", f"service-{number:04d}-6c9f7b")
        nodes += [node(deployment, sync=SyncStatus.SYNCED, health=HEALTHY), node(owned, deployment, health=HEALTHY)]
        nodes += [
            node(key("", "Pod", f"{owned.name}-{index:05d}"), owned, health=HEALTHY, info=items(Reason="Running"))
            for index in range(width)
        ]
    nodes[-1] = replace(nodes[-1], health=CRASH)
    return arrange(nodes)


def deep_tree(depth: int = 3000) -> ResourceTree:
    """Objects that own each other in one line."""
    keys = [key("example.org", "Link", f"link-{number:05d}") for number in range(depth)]
    return arrange([node(keys[0]), *(node(own, parent) for parent, own in itertools.pairwise(keys))])


def hostile_tree() -> ResourceTree:
    """Script and misleading characters wherever a cluster can put them."""
    hostile = TreeNode(
        ResourceKey(SCRIPT, SCRIPT, SCRIPT, SCRIPT),
        MISLEADING,
        uid=SCRIPT,
        created_at=NOW,
        managed=True,
        sync=SyncStatus.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, SCRIPT + MISLEADING),
        info=(InfoItem("Node", SCRIPT), InfoItem("Status Reason", MISLEADING)),
        images=(SCRIPT,),
        targets=(ResourceKey("", SCRIPT, "shop", MISLEADING),),
    )
    orphan = TreeNode(ResourceKey("", "Pod", "shop", SCRIPT), "v1", uid="2", orphaned=True, reason=SCRIPT + MISLEADING)
    return arrange([hostile, orphan], [TreeGap(SCRIPT, MISLEADING, SCRIPT, SCRIPT)])


def events() -> tuple[ObjectEvent, ...]:
    """Of the pod that crashes, newest first."""
    about = key("", "Pod", "web-7d9f8b6c54-kx2vp")
    pulled = ObjectEvent(
        about, "Normal", "Pulled", 'Container image "registry.local/web:1.28.0" already present', "kubelet", 8,
        NOW - timedelta(hours=1), NOW - timedelta(minutes=3),
    )  # fmt: skip
    return (
        replace(pulled, type="Warning", reason="BackOff", message="Back-off restarting failed container web", count=31),
        pulled,
        replace(pulled, reason="Scheduled", message="Successfully assigned shop/web to node-2", count=1),
    )


def hostile_events() -> tuple[ObjectEvent, ...]:
    return (replace(events()[0], type=SCRIPT, reason=MISLEADING, message=SCRIPT, source=SCRIPT),)


class Source:
    """Tells the same of every object, and what was asked; a StatefulSet's pod has no log."""

    def __init__(self, found: Sequence[ObjectEvent] | None = None, lines: Sequence[str] | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self._events = events() if found is None else found
        self._lines = lines

    def events(self, node: TreeNode) -> Sequence[ObjectEvent]:
        self.asked.append(("events", node.key.name, ""))
        return self._events

    def log(self, node: TreeNode, container: str) -> LogEnd:
        self.asked.append(("log", node.key.name, container))
        if node.key.name == "redis-0":
            raise ClusterError('container "redis" in pod "redis-0" is waiting to start')
        lines = self._lines or [f"2026-11-23T14:0{number % 10}:09Z GET /healthz 200 {number}" for number in range(60)]
        return LogEnd(container or "web", ("init", "web", "proxy"), tuple(lines))


def key(group: str, kind: str, name: str) -> ResourceKey:
    return ResourceKey(group, kind, "shop", name)


def node(
    own: ResourceKey,
    parent: ResourceKey | None = None,
    *,
    sync: SyncStatus | None = None,
    health: Health | None = None,
    info: tuple[InfoItem, ...] = (),
    images: tuple[str, ...] = (),
    reason: str = "",
    days: float = 0.1,
) -> TreeNode:
    return TreeNode(
        own,
        "v1",
        uid=f"uid-of-{own.kind}-{own.name}",
        parents=(parent,) if parent else (),
        created_at=NOW - timedelta(days=days),
        managed=sync is not None,
        sync=sync,
        health=health,
        info=info,
        images=images,
        reason=reason,
    )


def items(**values: str) -> tuple[InfoItem, ...]:
    return tuple(InfoItem(name, value) for name, value in values.items())
