"""Health of a Pod."""

from collections.abc import Mapping
from typing import Any

from reconciler.diff.records import Health
from reconciler.health.fields import condition, count, field, mappings, text
from reconciler.manifest.objects import annotations_of
from reconciler.terms import ANNOTATION_HELM_HOOK, ANNOTATION_HOOK, ANNOTATION_IGNORE_RESTART_POLICY, HealthStatus


def assess_pod(obj: Mapping[str, Any]) -> Health:
    """By phase; a pod that is meant to run on is healthy when ready, one that is meant to end when it has succeeded.

    A pod with restart policy Never or OnFailure is judged as one that runs on when it bears the annotation
    ``argocd.argoproj.io/ignore-restart-policy`` and is no hook: operators own such pods.

    Source: gitops-engine/pkg/health/health_pod.go, argo-cd 37ee009.
    """
    message = text(obj, "status", "message")
    policy = text(obj, "spec", "restartPolicy")
    # A hook's pod may recover from a failed image pull; calling it degraded would fail the sync while it still runs.
    runs_on = policy == "Always" or (policy in ("Never", "OnFailure") and _ignores_restart_policy(obj))
    if runs_on and (errors := _waiting_errors(obj)):
        return Health(HealthStatus.DEGRADED, ", ".join(errors))
    match text(obj, "status", "phase"):
        case "Pending":
            return Health(HealthStatus.PROGRESSING, message)
        case "Succeeded":
            return Health(HealthStatus.HEALTHY, message)
        case "Failed":
            return Health(HealthStatus.DEGRADED, message or _failure(obj))
        case "Running" if runs_on:
            return Health(_running(obj), message)
        case "Running" if policy in ("Never", "OnFailure"):
            return Health(HealthStatus.PROGRESSING, message)
    return Health(HealthStatus.UNKNOWN, message)


def _ignores_restart_policy(obj: Mapping[str, Any]) -> bool:
    annotations = annotations_of(obj)
    is_hook = ANNOTATION_HOOK in annotations or ANNOTATION_HELM_HOOK in annotations
    return ANNOTATION_IGNORE_RESTART_POLICY in annotations and not is_hook


def _waiting_errors(obj: Mapping[str, Any]) -> list[str]:
    """The messages of containers that wait because of an error, such as ImagePullBackOff or CreateContainerError."""
    return [
        text(container, "state", "waiting", "message")
        for container in mappings(obj, "status", "containerStatuses")
        if (reason := text(container, "state", "waiting", "reason")).startswith("Err")
        or reason.endswith(("Error", "BackOff"))
    ]


def _running(obj: Mapping[str, Any]) -> HealthStatus:
    ready = condition(obj, "Ready")
    if ready is not None and text(ready, "status") == "True":
        return HealthStatus.HEALTHY
    restarted = any(
        field(container, "lastState", "terminated") is not None
        for container in mappings(obj, "status", "containerStatuses")
    )
    return HealthStatus.DEGRADED if restarted else HealthStatus.PROGRESSING


def _failure(obj: Mapping[str, Any]) -> str:
    """Why the first failed container failed, init containers first."""
    for container in mappings(obj, "status", "initContainerStatuses") + mappings(obj, "status", "containerStatuses"):
        if field(container, "state", "terminated") is None:
            continue
        if message := text(container, "state", "terminated", "message"):
            return message
        if text(container, "state", "terminated", "reason") == "OOMKilled":
            return "OOMKilled"
        if code := count(container, "state", "terminated", "exitCode"):
            return f'container "{text(container, "name")}" failed with exit code {code}'
    return ""
