"""``status`` of an Application in Argo CD's own form, so that its server and command line show our runs as theirs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.manifest.objects import images_of
from reconciler.model import Application
from reconciler.sync.records import PlanOptions, SyncResult, TaskAction, TaskResult
from reconciler.terms import ConditionType

DEFAULT_HISTORY_LIMIT: Final = 10
FORCE: Final = "Force=true"


def rfc3339(at: datetime) -> str:
    """Seconds, in UTC, as metav1.Time writes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def application_status(
    application: Application,
    comparison: Comparison,
    result: SyncResult | None = None,
    *,
    now: datetime,
    conditions: Sequence[tuple[ConditionType, str]] = (),
    operated: Application | None = None,
) -> dict[str, Any]:
    """The whole new status after a comparison and, if there was one, an operation; ``conditions`` beside the comparison's own.

    ``operated`` is the Application as the operation had it, where its sources were others.

    History gains an entry only by a successful, full sync that was no dry run (controller/state.go persistRevisionHistory);
    ``id`` goes on from the newest entry, and the oldest beyond ``revisionHistoryLimit`` fall out.
    """
    previous = application.status
    status: dict[str, Any] = {
        **{name: previous[name] for name in ("history", "operationState", "sourceHydrator") if name in previous},
        "reconciledAt": rfc3339(now),
        "controllerNamespace": application.metadata.namespace,
        "sync": _sync(application, comparison),
        "health": _health(comparison.health, previous.get("health"), now),
        "resources": [_resource(resource) for resource in comparison.resources if not resource.hook],
        "summary": _summary(comparison),
        **_source_types(application, comparison),
    }
    found = _conditions(comparison, conditions, previous.get("conditions"), now)
    if found:
        status["conditions"] = found
    if result is not None:
        operated = operated or application
        status["operationState"] = _operation_state(operated, result)
        if result.succeeded and not result.options.dry_run and not result.options.resources:
            status["history"] = _history(application, operated, result, previous.get("history") or [])
    return status


def merge_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) that turns ``old`` into ``new``."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = merge_patch(before, value)
            if inner:
                patch[name] = inner
        elif name not in old or before != value:
            patch[name] = value
    return patch


def _several(application: Application) -> bool:
    return bool(application.spec.sources)


def _revisions(application: Application, revisions: Sequence[str]) -> dict[str, Any]:
    return {"revisions": list(revisions)} if _several(application) else {"revision": revisions[0] if revisions else ""}


def _sources(application: Application) -> dict[str, Any]:
    sources = [source.to_dict() for source in application.sources]
    if _several(application):
        return {"sources": sources}
    return {"source": sources[0]} if sources else {}


def _source_types(application: Application, comparison: Comparison) -> dict[str, Any]:
    types = list(comparison.source_types)
    if not types:
        return {}
    return {"sourceTypes": types} if _several(application) else {"sourceType": types[0]}


def _sync(application: Application, comparison: Comparison) -> dict[str, Any]:
    compared_to: dict[str, Any] = {"destination": application.spec.destination.to_dict(), **_sources(application)}
    rules = [rule.to_dict() for rule in application.spec.ignore_differences]
    if rules:
        compared_to["ignoreDifferences"] = rules
    revisions = _revisions(application, comparison.revisions)
    return {"status": comparison.status.value, "comparedTo": compared_to, **revisions}


def _health(health: Health, previous: Any, now: datetime) -> dict[str, Any]:
    before = previous if isinstance(previous, Mapping) else {}
    same = before.get("status") == health.status.value and before.get("lastTransitionTime")
    result: dict[str, Any] = {"status": health.status.value, "lastTransitionTime": same or rfc3339(now)}
    if health.message:
        result["message"] = health.message
    return result


def _resource(resource: ResourceComparison) -> dict[str, Any]:
    key = resource.key
    entry: dict[str, Any] = {
        **({"group": key.group} if key.group else {}),
        "version": resource.version,
        "kind": key.kind,
        **({"namespace": key.namespace} if key.namespace else {}),
        "name": key.name,
        "status": resource.status.value,
    }
    if resource.health is not None:
        message = {"message": resource.health.message} if resource.health.message else {}
        entry["health"] = {"status": resource.health.status.value, **message}
    if resource.requires_pruning:
        entry["requiresPruning"] = True
    if resource.wave:
        entry["syncWave"] = resource.wave
    return entry


def _summary(comparison: Comparison) -> dict[str, Any]:
    images = sorted({image for resource in comparison.resources if resource.live for image in images_of(resource.live)})
    children = any(entry.key.is_application for entry in comparison.resources)
    return {**({"images": images} if images else {}), **({"isAppOfApps": True} if children else {})}


def _conditions(
    comparison: Comparison, others: Sequence[tuple[ConditionType, str]], previous: Any, now: datetime
) -> list[dict[str, Any]]:
    found = (*comparison.conditions, *others)
    known = {
        (entry.get("type"), entry.get("message")): entry.get("lastTransitionTime")
        for entry in (previous if isinstance(previous, list) else [])
        if isinstance(entry, Mapping)
    }
    return [
        {
            "type": kind.value,
            "message": message,
            "lastTransitionTime": known.get((kind.value, message)) or rfc3339(now),
        }
        for kind, message in found
    ]


def _operation(
    application: Application, options: PlanOptions, revisions: Sequence[str], initiated_by: str
) -> dict[str, Any]:
    sync: dict[str, Any] = {**_revisions(application, revisions)}
    if options.prune:
        sync["prune"] = True
    if options.dry_run:
        sync["dryRun"] = True
    forced = FORCE in options.sync_options
    if initiated_by or forced or not options.hooks:
        # Of all that syncs, only an automated policy names no strategy; Argo CD's own --force is a part of it.
        sync["syncStrategy"] = {options.strategy.value: {"force": True} if forced else {}}
    if options.self_heal_attempts:
        sync["autoHealAttemptsCount"] = options.self_heal_attempts
    if others := [option for option in options.sync_options if option != FORCE]:
        sync["syncOptions"] = others
    if options.resources:
        sync["resources"] = [
            {"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}
            for key in options.resources
        ]
    return {"sync": sync, "initiatedBy": {"username": initiated_by} if initiated_by else {"automated": True}}


def _operation_state(application: Application, result: SyncResult) -> dict[str, Any]:
    return {
        "operation": _operation(application, result.options, result.revisions, result.initiated_by),
        "phase": result.phase.value,
        "message": result.message,
        "startedAt": rfc3339(result.started_at),
        "finishedAt": rfc3339(result.finished_at),
        "syncResult": {
            **_revisions(application, result.revisions),
            **({"revision": ""} if _several(application) else {}),
            **_sources(application),
            "resources": [
                _task_result(entry) for entry in result.results if entry.action is not TaskAction.CREATE_NAMESPACE
            ],
        },
    }


def _task_result(result: TaskResult) -> dict[str, Any]:
    key = result.key
    entry: dict[str, Any] = {
        "group": key.group,
        "version": result.version,
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "message": result.message,
        "syncPhase": result.phase.value,
    }
    if result.code is not None:
        entry["status"] = result.code.value
        # Upstream gives applied resources a hook phase too: it is what its page shows as their state.
        entry["hookPhase"] = "Failed" if result.code.value == "SyncFailed" else "Succeeded"
    if result.hook_phase is not None:
        entry["hookPhase"] = result.hook_phase.value
        entry["hookType"] = result.phase.value
    if result.images:
        entry["images"] = list(result.images)
    return entry


def _history(application: Application, operated: Application, result: SyncResult, previous: Sequence[Any]) -> list[Any]:
    limit = application.spec.revision_history_limit
    limit = DEFAULT_HISTORY_LIMIT if limit is None else limit
    newest = max((int(entry.get("id", -1)) for entry in previous if isinstance(entry, Mapping)), default=-1)
    entry: dict[str, Any] = {
        "id": newest + 1,
        **_revisions(operated, result.revisions),
        "deployStartedAt": rfc3339(result.started_at),
        "deployedAt": rfc3339(result.finished_at),
        **_sources(operated),
        "initiatedBy": {"username": result.initiated_by} if result.initiated_by else {"automated": True},
    }
    return [*previous, entry][-limit:] if limit > 0 else []
