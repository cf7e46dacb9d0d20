"""What distinguishes two plans, and whether a saved one may still be carried out.

A plan shows its Secrets masked under a key of its run. What is compared of them is which keys they have, never the masks:
their content follows from the revisions, and their live objects from uid and resource version.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.diff.secrets import with_secret_values
from reconciler.manifest.objects import Manifest, annotations_of, metadata_of
from reconciler.sync.records import SyncPlan, SyncTask
from reconciler.terms import ANNOTATION_LAST_APPLIED

_MASKED: Final = "***"


@dataclass(frozen=True, slots=True)
class TaskChange:
    """One task that two plans have in common, and what is different about it."""

    before: SyncTask
    after: SyncTask
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """From one plan to another: tasks in the order of the plan that holds them, and differences of the plans as a whole."""

    added: tuple[SyncTask, ...] = ()
    removed: tuple[SyncTask, ...] = ()
    changed: tuple[TaskChange, ...] = ()
    reasons: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.reasons)


def compare_plans(before: SyncPlan, after: SyncPlan) -> PlanChanges:
    """What ``after`` does otherwise than ``before``."""
    earlier = {identity(task): task for task in before.tasks}
    later = {identity(task): task for task in after.tasks}
    pairs = [(earlier[name], task) for name, task in later.items() if name in earlier]
    changed = (TaskChange(old, new, tuple(_task_reasons(old, new))) for old, new in pairs)
    return PlanChanges(
        added=tuple(task for name, task in later.items() if name not in earlier),
        removed=tuple(task for name, task in earlier.items() if name not in later),
        changed=tuple(change for change in changed if change.reasons),
        reasons=tuple(_plan_reasons(before, after)),
    )


def stale(saved: SyncPlan, now: SyncPlan) -> tuple[str, ...]:
    """Why a saved plan may not be carried out any more; empty when nothing that it was made from has changed.

    ``now`` is the plan that the same question gives at present.
    """
    if saved.made_from and saved.made_from == now.made_from:
        return ()
    changes = compare_plans(saved, now)
    sentences = [
        *changes.reasons,
        *(f"{task.key} was not in the plan: {task.action} ({task.change})" for task in changes.added),
        *(f"{task.key} is not in the plan any more: {task.action} ({task.change})" for task in changes.removed),
        *(f"{change.after.key}: {'; '.join(change.reasons)}" for change in changes.changed),
    ]
    return tuple(sentences) or (("the plan was made from something else",) if _digests_differ(saved, now) else ())


def plan_digest(plan: SyncPlan) -> str:
    """Digest of everything that a plan was made from: application, revisions, options, and of each task what it writes, how,
    over which live object, and with which change."""
    content = {
        "application": [plan.namespace, plan.application],
        "revisions": list(plan.revisions),
        "options": _options(plan),
        "problems": list(plan.problems),
        "tasks": [{"task": identity(task), **_facts(task)} for task in plan.tasks],
    }
    return _digest(content)


def identity(task: SyncTask) -> str:
    """What a task is in plans of different times: the name of a generated hook is of one operation only."""
    prefix = metadata_of(task.target or {}).get("generateName")
    if not task.is_hook or not prefix:
        return task.id
    return f"{task.phase}/{task.action}/{task.key.kind}.{task.key.group} {task.key.namespace}/{prefix}*"


def target_digest(task: SyncTask) -> str:
    """Digest of what a task writes, of a Secret without its values; empty for a prune."""
    if task.target is None:
        return ""
    target = _without_masks(task.target)
    if metadata_of(target).get("generateName"):
        target["metadata"] = {name: value for name, value in metadata_of(target).items() if name != "name"}
    return _digest(target)


def _digests_differ(saved: SyncPlan, now: SyncPlan) -> bool:
    return plan_digest(saved) != plan_digest(now)


def _facts(task: SyncTask) -> dict[str, Any]:
    live = metadata_of(task.live or {})
    return {
        "phase": task.phase.value,
        "wave": task.wave,
        "change": task.change.value,
        "version": task.version,
        "target": target_digest(task),
        "uid": str(live.get("uid") or ""),
        "resource_version": str(live.get("resourceVersion") or ""),
        "options": sorted(task.options),
        "delete_policies": sorted(policy.value for policy in task.delete_policies),
        "reason": task.reason,
        "problem": task.problem,
        "confirm": task.confirm,
    }


_SAID: Final[Mapping[str, str]] = {
    "phase": "it runs in phase {1} instead of {0}",
    "wave": "it is in wave {1} instead of {0}",
    "change": "it would be {1} instead of {0}",
    "version": "its version is {1} instead of {0}",
    "target": "what it writes has changed",
    "uid": "the live object is another one",
    "resource_version": "the live object has changed",
    "options": "its sync options have changed",
    "delete_policies": "its delete policies have changed",
    "reason": "it would be skipped for another reason: {1}",
    "problem": "{1}",
    "confirm": "whether it needs confirmation has changed",
}


def _task_reasons(before: SyncTask, after: SyncTask) -> Iterator[str]:
    old, new = _facts(before), _facts(after)
    for name, said in _SAID.items():
        if old[name] == new[name] or (name == "resource_version" and old["uid"] != new["uid"]):
            continue
        if name in ("reason", "problem") and not new[name]:
            yield f"it is not {'skipped' if name == 'reason' else 'refused'} any more: {old[name]}"
        else:
            yield said.format(old[name], new[name])


def _plan_reasons(before: SyncPlan, after: SyncPlan) -> Iterator[str]:
    if (before.namespace, before.application) != (after.namespace, after.application):
        yield f"the plan is of Application {before.application}, not of {after.application}"
    if before.revisions != after.revisions:
        yield f"the revision is {', '.join(after.revisions)} instead of {', '.join(before.revisions)}"
    if _options(before) != _options(after):
        yield "what the sync was asked for is not the same"
    # Of the rest, such as a missing permission, each task tells itself.
    theirs = {task.problem for task in after.tasks}
    yield from (problem for problem in after.problems if problem not in before.problems and problem not in theirs)


def _options(plan: SyncPlan) -> dict[str, Any]:
    options = plan.options
    return {
        "dry_run": options.dry_run,
        "prune": options.prune,
        "apply_out_of_sync_only": options.apply_out_of_sync_only,
        "resources": sorted(map(str, options.resources)),
        "sync_options": sorted(options.sync_options),
        # So that plans that were kept before there was this option keep their digest.
        **({} if options.hooks else {"hooks": False}),
    }


def _without_masks(obj: Manifest) -> Manifest:
    result = dict(obj)
    if ANNOTATION_LAST_APPLIED in annotations_of(obj):
        annotations = {**annotations_of(obj), ANNOTATION_LAST_APPLIED: _MASKED}
        result["metadata"] = {**metadata_of(obj), "annotations": annotations}
    return with_secret_values(result, lambda _path, _mask: _MASKED)


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
