"""What a tree shows of an object's state: a pod's reason, ready containers and restarts, revisions, images, routes.

Source: controller/cache/info.go of Argo CD 3.6; a pod's reason is the one that ``kubectl get pods`` shows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reconciler.manifest.objects import (
    GroupVersionKind,
    ResourceKey,
    annotations_of,
    images_of,
    metadata_of,
    namespace_of,
)

_REVISIONS: Final = ("deployment.kubernetes.io/revision", "rollout.argoproj.io/revision")
_WORKLOADS: Final = ("Deployment", "StatefulSet", "ReplicaSet", "DaemonSet", "Rollout")


@dataclass(frozen=True, slots=True)
class InfoItem:
    """``name`` such as ``Containers`` and ``value`` such as ``1/2``; names as in Argo CD's own tree."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Description:
    info: tuple[InfoItem, ...] = ()
    images: tuple[str, ...] = ()
    targets: tuple[ResourceKey, ...] = ()


def describe(obj: Mapping[str, Any]) -> Description:
    """What there is to say of an object; fields of a wrong type say nothing."""
    kind = GroupVersionKind.of(obj)
    info: list[InfoItem] = []
    annotations = annotations_of(obj)
    revision = next((annotations[name] for name in _REVISIONS if annotations.get(name, "").isdecimal()), "")
    if revision:
        info.append(InfoItem("Revision", f"Rev:{revision}"))
    targets: tuple[ResourceKey, ...] = ()
    match (kind.group, kind.kind):
        case ("", "Pod"):
            info += _pod(obj)
        case ("batch", "Job"):
            info += _job(obj)
        case ("networking.k8s.io" | "extensions", "Ingress"):
            targets = _routes(obj)
        case (_, name) if name in _WORKLOADS:
            info += _replicas(obj, kind.kind)
    return Description(tuple(info), _images(obj), targets)


def instant(value: Any) -> datetime | None:
    """A time of Kubernetes, None where there is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _images(obj: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return images_of(obj)
    except TypeError:
        # Containers that are no list.
        return ()


def _replicas(obj: Mapping[str, Any], kind: str) -> Iterator[InfoItem]:
    status = _map(obj.get("status"))
    if kind == "DaemonSet":
        ready, wanted = status.get("numberReady"), status.get("desiredNumberScheduled")
    else:
        ready, wanted = status.get("readyReplicas"), _map(obj.get("spec")).get("replicas", 1)
    if status or ready:
        yield InfoItem("Ready", f"{_count(ready)}/{_count(wanted)}")


def _job(obj: Mapping[str, Any]) -> Iterator[InfoItem]:
    done = _count(_map(obj.get("status")).get("succeeded"))
    yield InfoItem("Completions", f"{done}/{_count(_map(obj.get('spec')).get('completions', 1))}")


def _routes(obj: Mapping[str, Any]) -> tuple[ResourceKey, ...]:
    """The Services that an Ingress names."""
    spec = _map(obj.get("spec"))
    backends = [_map(spec.get("defaultBackend")), _map(spec.get("backend"))]
    for rule in _maps(spec.get("rules")):
        backends += [_map(path.get("backend")) for path in _maps(_map(rule.get("http")).get("paths"))]
    names = {backend.get("serviceName") or _map(backend.get("service")).get("name") for backend in backends}
    found = (ResourceKey("", "Service", namespace_of(obj), name) for name in names if isinstance(name, str))
    return tuple(sorted(found))


def _pod(obj: Mapping[str, Any]) -> Iterator[InfoItem]:
    spec, status = _map(obj.get("spec")), _map(obj.get("status"))
    if not spec:
        return
    first = _maps(spec.get("initContainers"))
    sidecars = {entry.get("name") for entry in first if entry.get("restartPolicy") == "Always"}
    begin, main = _maps(status.get("initContainerStatuses")), _maps(status.get("containerStatuses"))
    reason = _pod_reason(obj, status)
    init, started = _init_reason(begin, sidecars, total=len(first))
    ready = sum(1 for entry in begin[:started] if entry.get("name") in sidecars and entry.get("ready") is True)
    restarts = sum(_count(entry.get("restartCount")) for entry in begin[: started + 1])
    if not init or _condition(status, "Initialized").get("status") == "True":
        reason = _main_reason(main) or (init or reason)
        ready += sum(1 for entry in main if entry.get("ready") is True and "running" in _map(entry.get("state")))
        restarts += sum(_count(entry.get("restartCount")) for entry in main)
    else:
        reason = init
    if metadata_of(obj).get("deletionTimestamp") and status.get("phase") not in ("Failed", "Succeeded"):
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    if reason:
        yield InfoItem("Status Reason", reason)
    if isinstance(spec.get("nodeName"), str):
        yield InfoItem("Node", spec["nodeName"])
    yield InfoItem("Containers", f"{ready}/{len(_maps(spec.get('containers'))) + len(sidecars)}")
    if restarts:
        yield InfoItem("Restart Count", str(restarts))


def _pod_reason(obj: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    if _condition(status, "PodScheduled").get("reason") == "SchedulingGated":
        return "SchedulingGated"
    return str(status.get("reason") or status.get("phase") or "")


def _init_reason(statuses: list[Mapping[str, Any]], sidecars: set[Any], *, total: int) -> tuple[str, int]:
    """Why initialization has not ended, empty if it has, and how many init containers are past."""
    for index, entry in enumerate(statuses):
        state = _map(entry.get("state"))
        ended, waiting = state.get("terminated"), _map(state.get("waiting"))
        if isinstance(ended, Mapping) and ended.get("exitCode") == 0:
            continue
        if entry.get("name") in sidecars and entry.get("started") is True:
            continue
        if isinstance(ended, Mapping):
            return f"Init:{_end(ended)}", index
        if waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}", index
        return f"Init:{index}/{total}", index
    return "", len(statuses)


def _main_reason(statuses: list[Mapping[str, Any]]) -> str:
    """What the first container that does not simply run waits for or ended with."""
    reason, running = "", False
    for entry in reversed(statuses):
        state = _map(entry.get("state"))
        ended, waiting = state.get("terminated"), _map(state.get("waiting"))
        if waiting.get("reason"):
            reason = str(waiting["reason"])
        elif isinstance(ended, Mapping):
            reason = _end(ended)
        elif entry.get("ready") is True and "running" in state:
            running = True
    return "Running" if reason == "Completed" and running else reason


def _end(ended: Mapping[str, Any]) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    signal = _count(ended.get("signal"))
    return f"Signal:{signal}" if signal else f"ExitCode:{_count(ended.get('exitCode'))}"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    return next((entry for entry in _maps(status.get("conditions")) if entry.get("type") == kind), {})


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
