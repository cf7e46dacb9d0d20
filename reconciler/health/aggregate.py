"""The health of an application, from its resources."""

from collections.abc import Iterable

from reconciler.diff.records import Health, ResourceComparison
from reconciler.manifest.objects import ResourceKey, annotations_of
from reconciler.terms import (
    ANNOTATION_HOOK,
    ANNOTATION_IGNORE_HEALTHCHECK,
    HealthStatus,
    HookType,
    SyncStatus,
)


def aggregate_health(resources: Iterable[ResourceComparison], *, application: ResourceKey | None = None) -> Health:
    """The worst health among an application's resources; the message names the first of the worst.

    Hooks and objects that are never synced do not count. A missing object does not count either, since the sync status
    tells of it, unless nothing of the application is live. Objects that ask for it are left out, and so are a child
    Application that is Missing or Unknown, and the Application itself (``application``) where it is its own resource.

    Source: controller/health.go (setApplicationHealth), argo-cd 37ee009; its documentation differs on missing objects.
    """
    members = [resource for resource in resources if not (resource.hook or _is_skipped(resource))]
    assessed = [
        (resource.key, resource.health)
        for resource in members
        if resource.health is not None and resource.key != application and _counts(resource, resource.health)
    ]
    worst = max((health.status.badness for _, health in assessed), default=0)
    # An object that could not be read may well be there.
    present = any(resource.live is not None or resource.status is SyncStatus.UNKNOWN for resource in members)
    if members and not present and worst < HealthStatus.MISSING.badness:
        return Health(HealthStatus.MISSING, f"none of the {len(members)} resources exists in the cluster")
    causes = [(key, health) for key, health in assessed if health.status.badness == worst > 0]
    if not causes:
        return Health(HealthStatus.HEALTHY)
    key, health = causes[0]
    message = f"{key}: {health.message}" if health.message else str(key)
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    return Health(health.status, message + more)


def _is_skipped(resource: ResourceComparison) -> bool:
    return resource.target is not None and annotations_of(resource.target).get(ANNOTATION_HOOK) == HookType.SKIP


def _counts(resource: ResourceComparison, health: Health) -> bool:
    if resource.live is None:
        return False
    if annotations_of(resource.live).get(ANNOTATION_IGNORE_HEALTHCHECK) == "true":
        return False
    return not (resource.key.is_application and health.status in (HealthStatus.MISSING, HealthStatus.UNKNOWN))
