"""A plan as JSON, to be kept and looked at, and carried out later if nothing has changed.

Secrets are in a plan only masked, and so they are in its JSON.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.errors import SpecError
from reconciler.manifest.objects import ResourceKey
from reconciler.sync.compare_plans import plan_digest
from reconciler.sync.records import Change, PlanOptions, SyncPlan, SyncTask, TaskAction
from reconciler.terms import HookDeletePolicy, SyncPhase

FORMAT: Final = "gitops-nb/plan"
VERSION: Final = 1


def dump_plan(plan: SyncPlan) -> str:
    """The plan as JSON text; `load_plan` gives the same plan again."""
    options = plan.options
    content = {
        "format": FORMAT,
        "version": VERSION,
        "application": plan.application,
        "namespace": plan.namespace,
        "revisions": list(plan.revisions),
        "options": {
            "dryRun": options.dry_run,
            "prune": options.prune,
            "applyOutOfSyncOnly": options.apply_out_of_sync_only,
            "resources": [_key(key) for key in options.resources],
            "syncOptions": list(options.sync_options),
            "hooks": options.hooks,
        },
        "tasks": [_task(task) for task in plan.tasks],
        "warnings": list(plan.warnings),
        "problems": list(plan.problems),
        "madeFrom": plan.made_from,
    }
    return json.dumps(content, indent=2, ensure_ascii=True)


def load_plan(text: str, *, where: str = "plan") -> SyncPlan:
    """The plan in some JSON text; ``where`` names it in messages.

    Raises
    ------
    SpecError
        For text that is no plan, for one of another version, and for one that is not as it was written.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{where}: not JSON; give a file that app plan --out wrote") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise SpecError(f"{where}: not a plan; give a file that app plan --out wrote")
    if content.get("version") != VERSION:
        raise SpecError(f"{where}: a plan of format version {content.get('version')}, not {VERSION}; plan again")
    try:
        plan = _plan(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpecError(
            f"{where}: a plan with a part that is missing or misshapen: {type(error).__name__} {error}"
        ) from error
    if plan.made_from and plan.made_from != plan_digest(plan):
        raise SpecError(f"{where}: the plan was changed after it was written; plan again")
    return plan


def _plan(content: Mapping[str, Any]) -> SyncPlan:
    options = content["options"]
    return SyncPlan(
        application=_text(content["application"]),
        namespace=_text(content["namespace"]),
        revisions=_texts(content["revisions"]),
        tasks=tuple(_parse_task(entry) for entry in content["tasks"]),
        options=PlanOptions(
            dry_run=_flag(options["dryRun"]),
            prune=_flag(options["prune"]),
            apply_out_of_sync_only=_flag(options["applyOutOfSyncOnly"]),
            resources=tuple(_parse_key(entry) for entry in options["resources"]),
            sync_options=_texts(options["syncOptions"]),
            hooks=_flag(options.get("hooks", True)),
        ),
        warnings=_texts(content["warnings"]),
        problems=_texts(content["problems"]),
        made_from=_text(content["madeFrom"]),
    )


def _task(task: SyncTask) -> dict[str, Any]:
    return {
        "phase": task.phase.value,
        "wave": task.wave,
        "action": task.action.value,
        "key": _key(task.key),
        "version": task.version,
        "change": task.change.value,
        "target": task.target,
        "live": task.live,
        "deletePolicies": sorted(policy.value for policy in task.delete_policies),
        "options": sorted(task.options),
        "reason": task.reason,
        "differences": task.differences,
        "problem": task.problem,
        "confirm": task.confirm,
    }


def _parse_task(entry: Mapping[str, Any]) -> SyncTask:
    return SyncTask(
        phase=SyncPhase(entry["phase"]),
        wave=_number(entry["wave"]),
        action=TaskAction(entry["action"]),
        key=_parse_key(entry["key"]),
        version=_text(entry["version"]),
        change=Change(entry["change"]),
        target=_manifest(entry["target"]),
        live=_manifest(entry["live"]),
        delete_policies=frozenset(HookDeletePolicy(policy) for policy in entry["deletePolicies"]),
        options=frozenset(_texts(entry["options"])),
        reason=_text(entry["reason"]),
        differences=_number(entry["differences"]),
        problem=_text(entry["problem"]),
        confirm=_flag(entry["confirm"]),
    )


def _key(key: ResourceKey) -> dict[str, str]:
    return {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}


def _parse_key(entry: Mapping[str, Any]) -> ResourceKey:
    return ResourceKey(*(_text(entry[name]) for name in ("group", "kind", "namespace", "name")))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {type(value).__name__}")
    return tuple(map(_text, value))


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"expected a whole number, got {type(value).__name__}")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, got {type(value).__name__}")
    return value


def _manifest(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value
