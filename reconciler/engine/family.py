"""App of Apps, all the way down: what a change of a parent means for the resources of its children."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from reconciler.diff.records import Comparison
from reconciler.engine.comparing import application_key
from reconciler.engine.gates import refuse_cycle
from reconciler.engine.records import Reconciliation
from reconciler.errors import ReconcilerError
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of
from reconciler.model import Application, parse_application
from reconciler.sync.records import PlanOptions, SyncPlan
from reconciler.terms import FINALIZER_RESOURCES


class ChildChange(StrEnum):
    """What a sync of the parent does to a child Application."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class ChildDiff:
    """A child Application whose spec a sync of its parent would change.

    ``comparison`` is of the child's own resources, at its new spec, and ``plan`` what a sync of it does; None, with the
    ``reason``, where there is none. ``automated``: the sync follows by itself. ``children`` are those of its own children that
    change with it.
    """

    key: ResourceKey
    change: ChildChange
    comparison: Comparison | None = None
    plan: SyncPlan | None = None
    automated: bool = False
    reason: str = ""
    children: tuple["ChildDiff", ...] = ()


class Engine(Protocol):
    """What compares and plans an Application; `reconciler.engine.Reconciler` is one."""

    namespace: str

    def reconcile(self, application: Application) -> Reconciliation: ...

    def plan(self, reconciliation: Reconciliation, *, options: PlanOptions = ...) -> SyncPlan: ...


def compare_children(engine: Engine, reconciliation: Reconciliation) -> tuple[ChildDiff, ...]:
    """The children of a parent that was compared at some revision, each with what changes below it, by key.

    Children whose spec stays are left out, with all that is below them; one that cannot be compared says why.

    Raises
    ------
    SpecError
        When an Application is among its own descendants.
    """
    return _children(engine, reconciliation, (application_key(reconciliation.application, engine.namespace),))


def flatten_children(children: tuple[ChildDiff, ...]) -> Iterator[ChildDiff]:
    """Every child, each before its own children."""
    for child in children:
        yield child
        yield from flatten_children(child.children)


def child_keys(parent: Reconciliation) -> list[ResourceKey]:
    """The Applications that a parent's target holds, or that it manages in the cluster, sorted; none where it is no parent."""
    return sorted(
        {key for key in (*parent.targets, *(entry.key for entry in parent.comparison.resources)) if key.is_application}
    )


def _children(engine: Engine, parent: Reconciliation, lineage: tuple[ResourceKey, ...]) -> tuple[ChildDiff, ...]:
    keys = child_keys(parent)
    for key in keys:
        if key in parent.targets:
            refuse_cycle(key, lineage)
    found = (_child(engine, key, parent, lineage) for key in keys)
    return tuple(child for child in found if child is not None)


def _child(
    engine: Engine, key: ResourceKey, parent: Reconciliation, lineage: tuple[ResourceKey, ...]
) -> ChildDiff | None:
    target, live = parent.targets.get(key), parent.live.get(key)
    if target is None:
        return ChildDiff(key, ChildChange.REMOVED, reason=_fate(live))
    if live is not None and live.get("spec") == target.get("spec"):
        return None
    change = ChildChange.ADDED if live is None else ChildChange.CHANGED
    try:
        application = _as_planned(target, live)
        child = engine.reconcile(application)
        automated = application.spec.sync_policy.automated
        follows = application.syncs_by_itself
        plan = engine.plan(child, options=PlanOptions(prune=automated is not None and automated.prune))
    except ReconcilerError as error:
        return ChildDiff(key, change, reason=str(error))
    children = _children(engine, child, (*lineage, key))
    return ChildDiff(key, change, child.comparison, plan, follows, child.comparison.reason, children)


def _as_planned(target: Manifest, live: Manifest | None) -> Application:
    """The child as the sync would leave it; what it held before is in its status."""
    status = live.get("status") if live is not None else None
    planned: Mapping[str, Any] = {**target, "status": status} if isinstance(status, dict) else target
    return parse_application(dict(planned), where="child", from_cluster=True)


def _fate(live: Manifest | None) -> str:
    finalizers = metadata_of(live or {}).get("finalizers")
    cascades = any(str(entry).startswith(FINALIZER_RESOURCES) for entry in finalizers or ())
    return "its resources go with it, if it is pruned" if cascades else "its resources stay where they are"
