"""Resource actions of an application's objects: which there are, and doing one.

Source: server/application/application.go (ListResourceActions, RunResourceActionV2), argo-cd 37ee009.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from reconciler.cluster.live import get_object
from reconciler.cluster.tracking import is_managed_by
from reconciler.engine.action_writes import ActionChange, ActionWrite, with_name
from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.engine.selection import ALL, Selection
from reconciler.errors import (
    AccessDeniedError,
    ClusterError,
    ConflictError,
    NotFoundError,
    ReconcilerError,
    SpecError,
    UsageError,
)
from reconciler.health import ActionOperation, ActionResult, ResourceAction, discover_actions, run_action
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey, metadata_of, name_of, namespace_of
from reconciler.model import Application
from reconciler.scripts import default_scripts

Permit = Callable[[ResourceKey], str]
"""Why the application's project does not let it write an object; empty when it does."""


class DisabledActionError(UsageError):
    """An action that makes no sense in the object's present state."""


_ATTEMPTS: Final = 4
"""How often an action is begun anew when its object is changed meanwhile."""
_CHANGED: Final = "Conflict"


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """An action to do: ``dry_run`` has the API server check all and keep nothing."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class AvailableActions:
    """The actions of one object, by name; ``reason`` says why they are not known."""

    key: ResourceKey
    version: str
    actions: tuple[ResourceAction, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """What an action did to one object: the fields that it set, none where all was so already; or made it."""

    operation: ActionOperation
    key: ResourceKey
    version: str
    changes: tuple[ActionChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ActionRun:
    """An action that was done on ``key``, with what it did in order; nothing of it when it was a dry run."""

    key: ResourceKey
    action: str
    outcomes: tuple[ActionOutcome, ...]
    dry_run: bool = False


def list_actions(
    comparer: Comparer, reconciliation: Reconciliation, selection: Selection = ALL
) -> tuple[AvailableActions, ...]:
    """The actions of the live objects that the application manages and that match, by key; those without any are left out."""
    found = (
        _available(comparer, key, live) for key, live in sorted(reconciliation.live.items()) if selection.matches(key)
    )
    return tuple(entry for entry in found if entry.actions or entry.reason)


def _available(comparer: Comparer, key: ResourceKey, live: Manifest) -> AvailableActions:
    version = GroupVersionKind.of(live).version
    try:
        return AvailableActions(key, version, _discovered(comparer, live))
    except ReconcilerError as error:
        return AvailableActions(key, version, reason=str(error))


def _discovered(comparer: Comparer, live: Manifest) -> tuple[ResourceAction, ...]:
    return discover_actions(live, customizations=comparer.settings.customizations, runner=default_scripts())


def run_resource_action(
    comparer: Comparer,
    application: Application,
    key: ResourceKey,
    request: ActionRequest,
    *,
    permit: Permit,
) -> ActionRun:
    """Do an action on an object that the application manages, as it is now.

    All that the action's script asks for is checked first, by the application's project and, where there is anything to
    create or more than one thing to do, by the API server; what it did to an object before another was refused stays done
    and is told.

    Raises
    ------
    UsageError
        When the application does not manage the object; for an action or a parameter that it does not have, and for an
        action that makes no sense in the object's present state.
    SpecError
        When the script returns what cannot be done.
    AccessDeniedError
        When the project does not permit an object that the action writes.
    ClusterError
        When the API server refuses one, or there is none.
    """
    for attempt in range(_ATTEMPTS):
        live = managed_object(comparer, application, key)
        writes = _plan(comparer, application, live, request, permit)
        try:
            _check(comparer, writes, request)
            if not request.dry_run:
                _send_all(comparer, writes)
        except ConflictError as error:
            # Somebody was faster: the action is for what the object is now. What was sent before is not sent again.
            if error.reason != _CHANGED or attempt + 1 == _ATTEMPTS:
                raise
            continue
        break
    outcomes = tuple(
        ActionOutcome(write.operation, write.key, write.resource.gvk.version, write.changes(comparer.masker))
        for write in writes
    )
    return ActionRun(key, request.name, outcomes, request.dry_run)


def _plan(
    comparer: Comparer, application: Application, live: Manifest, request: ActionRequest, permit: Permit
) -> list[ActionWrite]:
    _check_offered(comparer, live, request)
    results = run_action(
        live,
        request.name,
        customizations=comparer.settings.customizations,
        runner=default_scripts(),
        parameters=request.parameters,
    )
    writes = [_write(comparer, application, live, result) for result in results]
    for write in writes:
        if reason := permit(write.key):
            raise AccessDeniedError(f"Application {application.name} may not write {write.key}: {reason}")
    return writes


def _check(comparer: Comparer, writes: list[ActionWrite], request: ActionRequest) -> None:
    """Have the API server try all of it, unless it is one patch, which holds or does not."""
    if request.dry_run or len(writes) > 1 or any(write.live is None for write in writes):
        for write in writes:
            write.send(comparer.connection, dry_run=True)


def managed_object(comparer: Comparer, application: Application, key: ResourceKey) -> Manifest:
    """A live object that the application manages, as it is now: by its mark, else because Git holds it.

    Raises
    ------
    UsageError
        When the application does not manage it.
    NotFoundError
        When there is no such object or kind.
    """
    resource = comparer.discovery.preferred(key.group, key.kind)
    if resource is None:
        gvk = GroupVersionKind(key.group, "*", key.kind)
        raise NotFoundError(comparer.discovery.why_unknown(gvk))
    live = get_object(comparer.connection, resource, namespace=key.namespace, name=key.name)
    if live is None:
        raise NotFoundError(f"{key} is not in the cluster; sync it first")
    settings = comparer.settings
    if settings.resources.excludes(key.group, key.kind, cluster=comparer.connection.server):
        raise UsageError(f"{key}: its kind is left alone by resource.exclusions or resource.inclusions of argocd-cm")
    # Its mark suffices: an action must be possible while the repository is down.
    if is_managed_by(live, comparer.tracking_name(application), settings.tracking):
        return live
    if key in comparer.reconcile(application).live:
        return live
    raise UsageError(f"{key} is not managed by Application {application.name}; actions are for what Git holds")


def _check_offered(comparer: Comparer, live: Manifest, request: ActionRequest) -> None:
    """Refuse what discovery says makes no sense; an action that it does not know may be there nevertheless."""
    offered = next((action for action in _discovered(comparer, live) if action.name == request.name), None)
    if offered is None:
        return
    if offered.disabled:
        raise DisabledActionError(f"action {request.name} is disabled for {ResourceKey.of(live)} in its present state")
    known = [parameter.name for parameter in offered.parameters]
    unknown = sorted(set(request.parameters) - set(known))
    if unknown:
        there = ", ".join(known) or "none"
        raise UsageError(f"action {request.name} has no parameter {', '.join(unknown)}; it has: {there}")


def _write(comparer: Comparer, application: Application, live: Manifest, result: ActionResult) -> ActionWrite:
    manifest, gvk = result.manifest, GroupVersionKind.of(result.manifest)
    resource = comparer.discovery.find(gvk)
    if resource is None:
        raise NotFoundError(comparer.discovery.why_unknown(gvk))
    if result.operation is ActionOperation.PATCH:
        return ActionWrite(resource, manifest, live)
    if not name_of(manifest):
        raise SpecError(f"the action creates a {gvk.kind} without a name; give it metadata.name or generateName")
    if resource.namespaced and not namespace_of(manifest):
        namespace = namespace_of(live) or application.spec.destination.namespace
        manifest = {**manifest, "metadata": {**metadata_of(manifest), "namespace": namespace}}
    return ActionWrite(resource, with_name(manifest))


def _send_all(comparer: Comparer, writes: list[ActionWrite]) -> None:
    done: list[ActionWrite] = []
    for write in writes:
        try:
            write.send(comparer.connection, dry_run=False)
        except ClusterError as error:
            if not done:
                raise
            told = ", ".join(_told(done))
            raise type(error)(f"{error}; done before: {told}", status=error.status) from error
        done.append(write)


def _told(writes: list[ActionWrite]) -> Iterator[str]:
    for write in writes:
        yield f"{write.operation} of {write.key}"
