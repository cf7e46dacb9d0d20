"""What `reconcile_automated` would do now, without doing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from reconciler.diff.records import Comparison
from reconciler.engine.automating import BY_PARENT, decide_now
from reconciler.engine.children import left_unsynced
from reconciler.engine.comparing import application_key
from reconciler.engine.gates import closed_window, require_no_cycle, require_sure
from reconciler.engine.records import Reconciliation
from reconciler.errors import ReconcilerError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.sync.automated import AutomatedSync
from reconciler.sync.records import Change, SyncPlan
from reconciler.terms import HealthStatus

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler


class Decision(StrEnum):
    """What would become of an Application."""

    SYNC = "sync"
    REFUSE = "refuse"
    """Its policy wants a sync, and does not let it happen: a SyncError condition."""
    NOTHING = "nothing"
    FAIL = "failed"


@dataclass(frozen=True, slots=True)
class Intention:
    """What would become of one Application, and why."""

    comparison: Comparison
    decision: Decision
    reason: str

    @property
    def failed(self) -> bool:
        return self.decision is Decision.FAIL


def intended_automated(engine: "Reconciler", applications: Sequence[Application]) -> list[Intention]:
    """What one pass over the Applications would do, in their order: policies, sync windows, Argo CD's own controller, gates.

    What the sync of a parent among them would sync too says so. Nothing is written, recorded or locked; Applications that
    only come with a sync are not known yet.
    """
    answers = engine.reconcile_all(applications)
    keys = [application_key(application, engine.namespace) for application in applications]
    members = dict(zip(keys, map(partial(_member, engine), applications, answers), strict=True))
    for key in keys:
        if members[key].intention.decision is Decision.SYNC:
            _bring_along(engine, key, members, set())
    return [members[key].intention for key in keys]


@dataclass(slots=True)
class _Member:
    """An Application, what is intended, and the children that its sync would apply."""

    application: Application
    intention: Intention
    children: Sequence[ResourceKey] = ()


def _member(engine: "Reconciler", application: Application, answer: Reconciliation | Comparison) -> _Member:
    if isinstance(answer, Comparison):
        reason = f"{application.name} cannot be synced: {answer.reason}"
        return _Member(application, Intention(answer, Decision.FAIL, reason))
    try:
        decided = decide_now(engine, application, answer.comparison)
        plan = _plan(engine, answer, decided)
    except ReconcilerError as error:
        return _Member(application, Intention(answer.comparison, Decision.FAIL, str(error)))
    if plan is not None and plan.problems:
        reason = f"{application.name} cannot be synced: {'; '.join(plan.problems)}"
        return _Member(application, Intention(answer.comparison, Decision.FAIL, reason))
    decision = Decision.SYNC if decided.due else Decision.REFUSE if decided.problem else Decision.NOTHING
    children = [key for key in answer.targets if key.is_application]
    if plan is not None:
        children = [task.key for task in plan.tasks if task.is_child and task.change is not Change.SKIP]
    return _Member(application, Intention(answer.comparison, decision, decided.reason), children)


def _plan(engine: "Reconciler", reconciliation: Reconciliation, decided: AutomatedSync) -> SyncPlan | None:
    if decided.options is None:
        return None
    require_sure(reconciliation)
    require_no_cycle(engine, reconciliation)
    return engine.plan(reconciliation, options=decided.options)


def _bring_along(
    engine: "Reconciler", key: ResourceKey, members: Mapping[ResourceKey, _Member], seen: set[ResourceKey]
) -> None:
    """Sync the automated children with their parent, which fails with any of them.

    One whose window is closed stays as it is, which is enough where that is healthy, or is about to be.
    """
    member = members[key]
    seen.add(key)
    for child in member.children:
        found = members.get(child)
        if found is None or child in seen or not found.application.syncs_by_itself:
            continue
        problem = found.intention.reason
        if found.intention.decision is not Decision.FAIL:
            if closed := closed_window(engine, found.application):
                problem = _left_by_window(found, closed)
            else:
                found.intention = replace(found.intention, decision=Decision.SYNC, reason=BY_PARENT)
                _bring_along(engine, child, members, seen)
                problem = found.intention.reason if found.intention.decision is Decision.FAIL else ""
        if problem:
            member.intention = replace(member.intention, decision=Decision.FAIL, reason=f"{child.name}: {problem}")


def _left_by_window(child: _Member, closed: str) -> str:
    """What keeps a parent from going on past a child whose window is ``closed``; empty when nothing does."""
    health = child.intention.comparison.health.status
    if health in (HealthStatus.HEALTHY, HealthStatus.PROGRESSING):
        return ""
    return left_unsynced(child.application, closed, health)
