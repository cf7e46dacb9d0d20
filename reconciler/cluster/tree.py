"""The resource tree: what an application manages, all that this owns, down to pods, and what nobody manages.

Source: gitops-engine/pkg/cache (IterateHierarchyV2) and controller/appcontroller.go (getResourceTree) of Argo CD 3.6.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from reconciler.cluster.node_info import InfoItem, describe, instant
from reconciler.cluster.owners import Owner, is_claim_of, owners_of
from reconciler.diff.records import Health, ResourceComparison
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of
from reconciler.terms import HealthStatus, SyncStatus

Assess = Callable[[Mapping[str, Any]], Health | None]


@dataclass(frozen=True, slots=True)
class TreeNode:
    """One object of a tree.

    ``parents`` are its owners within the tree, by key. ``managed`` says that the application holds it in Git or did;
    ``orphaned`` that no application does. ``info`` is what there is to say of its state, ``targets`` where an Ingress
    sends requests. ``health`` is None where there is no rule, ``sync`` where the node is not managed. An object that is
    in Git only has no ``uid``. ``reason`` says why state is not known.
    """

    key: ResourceKey
    version: str
    uid: str = ""
    resource_version: str = ""
    parents: tuple[ResourceKey, ...] = ()
    created_at: datetime | None = None
    managed: bool = False
    orphaned: bool = False
    deleting: bool = False
    sync: SyncStatus | None = None
    health: Health | None = None
    info: tuple[InfoItem, ...] = ()
    images: tuple[str, ...] = ()
    targets: tuple[ResourceKey, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TreeGap:
    """A kind that could not be listed, so that objects of it may be missing from the tree; an empty kind is a whole group."""

    group: str
    kind: str
    namespace: str
    reason: str


@dataclass(frozen=True)
class ResourceTree:
    """Nodes with parents before children, siblings by key; a node with several parents stands below the first."""

    nodes: tuple[TreeNode, ...]
    gaps: tuple[TreeGap, ...] = ()

    @property
    def managed(self) -> tuple[TreeNode, ...]:
        return tuple(node for node in self.nodes if node.managed)

    @property
    def orphaned(self) -> tuple[TreeNode, ...]:
        return tuple(node for node in self.nodes if node.orphaned)

    @cached_property
    def _by_key(self) -> Mapping[ResourceKey, TreeNode]:
        return {node.key: node for node in self.nodes}

    @cached_property
    def _children(self) -> Mapping[ResourceKey, tuple[TreeNode, ...]]:
        found: dict[ResourceKey, list[TreeNode]] = {}
        for node in self.nodes:
            for parent in node.parents:
                found.setdefault(parent, []).append(node)
        return {key: tuple(sorted(nodes, key=lambda node: node.key)) for key, nodes in found.items()}

    def find(self, key: ResourceKey) -> TreeNode | None:
        return self._by_key.get(key)

    def children(self, key: ResourceKey) -> tuple[TreeNode, ...]:
        """What the object owns, by key."""
        return self._children.get(key, ())

    def walk(self) -> Iterator[tuple[TreeNode, int]]:
        """Every node once, below its first parent, with its depth; owners that own each other end nowhere."""
        seen: set[ResourceKey] = set()
        roots = [node for node in self.nodes if not node.parents]
        # Of a circle of owners none is a root: its first node stands for one.
        for root in [*roots, *self.nodes]:
            stack = [(root, 0)]
            while stack:
                node, depth = stack.pop()
                if node.key in seen:
                    continue
                seen.add(node.key)
                yield node, depth
                stack += [(child, depth + 1) for child in reversed(self.children(node.key))]


class Forest:
    """Objects by who owns them; metadata is enough, but for StatefulSets, whose claims have no reference."""

    def __init__(self, objects: Iterable[Manifest]) -> None:
        self.objects: dict[ResourceKey, Manifest] = {}
        for obj in objects:
            self.objects[ResourceKey.of(obj)] = obj
        self._uids = {uid_of(obj): key for key, obj in self.objects.items() if uid_of(obj)}
        self.parents = {key: self._parents(key, obj) for key, obj in self.objects.items()}
        self._add_claims()
        self._children: dict[ResourceKey, list[ResourceKey]] = {}
        for key, parents in self.parents.items():
            for parent in parents:
                self._children.setdefault(parent, []).append(key)

    def owned_by(self, roots: Iterable[ResourceKey]) -> set[ResourceKey]:
        """The roots and all that they own, directly or not."""
        found: set[ResourceKey] = set()
        waiting = [key for key in roots if key in self.objects]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self._children.get(key, ())
        return found

    def children(self, key: ResourceKey) -> tuple[ResourceKey, ...]:
        return tuple(sorted(self._children.get(key, ())))

    def tops(self) -> Iterator[ResourceKey]:
        """Objects that name no owner, whether it is there or not."""
        for key, obj in self.objects.items():
            if not self.parents[key] and not owners_of(obj):
                yield key

    def _parents(self, key: ResourceKey, obj: Manifest) -> tuple[ResourceKey, ...]:
        found = (self._find(owner, key.namespace) for owner in owners_of(obj))
        return tuple(sorted({parent for parent in found if parent is not None and parent != key}))

    def _find(self, owner: Owner, namespace: str) -> ResourceKey | None:
        if owner.uid:
            key = self._uids.get(owner.uid)
            # Kubernetes knows no owners in another namespace; a reference that claims so is somebody's mistake.
            return key if key is not None and key.namespace in ("", namespace) else None
        for place in (namespace, ""):
            key = ResourceKey(owner.group, owner.kind, place, owner.name)
            if key in self.objects:
                return key
        return None

    def _add_claims(self) -> None:
        claims = [key for key in self.objects if (key.group, key.kind) == ("", "PersistentVolumeClaim")]
        for key, obj in self.objects.items():
            if (key.group, key.kind) in (("apps", "StatefulSet"), ("extensions", "StatefulSet")):
                for claim in claims:
                    if is_claim_of(claim, obj):
                        self.parents[claim] = tuple(sorted({*self.parents[claim], key}))


def uid_of(obj: Mapping[str, Any]) -> str:
    return str(metadata_of(obj).get("uid") or "")


def make_node(obj: Manifest, *, parents: tuple[ResourceKey, ...] = (), assess: Assess | None = None) -> TreeNode:
    """The node of a whole object, or of its metadata, of which nothing but itself is known."""
    metadata = metadata_of(obj)
    described = describe(obj)
    return TreeNode(
        key=ResourceKey.of(obj),
        version=GroupVersionKind.of(obj).version,
        uid=uid_of(obj),
        resource_version=str(metadata.get("resourceVersion") or ""),
        parents=parents,
        created_at=instant(metadata.get("creationTimestamp")),
        deleting=bool(metadata.get("deletionTimestamp")),
        health=assess(obj) if assess is not None else None,
        info=described.info,
        images=described.images,
        targets=described.targets,
    )


def missing_node(key: ResourceKey, version: str) -> TreeNode:
    """The node of an object that is in Git only."""
    return TreeNode(key, version, managed=True, health=Health(HealthStatus.MISSING))


def arrange(nodes: Iterable[TreeNode], gaps: Iterable[TreeGap] = ()) -> ResourceTree:
    """The tree of nodes in any order; parents outside of it are dropped."""
    by_key = {node.key: node for node in nodes}
    kept = [
        replace(node, parents=tuple(parent for parent in node.parents if parent in by_key))
        for _, node in sorted(by_key.items())
    ]
    ordered = tuple(node for node, _ in ResourceTree(tuple(kept)).walk())
    found = sorted(set(gaps), key=lambda gap: (gap.group, gap.kind, gap.namespace, gap.reason))
    return ResourceTree(ordered, tuple(found))


def with_status(tree: ResourceTree, resources: Iterable[ResourceComparison]) -> ResourceTree:
    """The tree with what a comparison says of its managed objects: sync status, health, and why either is unknown."""
    compared = {resource.key: resource for resource in resources if not resource.hook}

    def judged(node: TreeNode) -> TreeNode:
        resource = compared.get(node.key)
        if resource is None:
            return node
        return replace(
            node,
            managed=True,
            sync=resource.status,
            health=resource.health or node.health,
            reason=resource.reason or node.reason,
        )

    return replace(tree, nodes=tuple(judged(node) for node in tree.nodes))
