"""Resource actions: what may be done with an object, and what doing it would create or patch."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reconciler.errors import SpecError, UsageError
from reconciler.health.customizations import Customizations, Script
from reconciler.health.scripts import ScriptRunner
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey


@dataclass(frozen=True, slots=True)
class ActionParameter:
    """One parameter of an action; ``default`` is what Argo CD offers."""

    name: str
    value: str = ""
    type: str = ""
    default: str = ""


@dataclass(frozen=True, slots=True)
class ResourceAction:
    """One action that a kind has; ``disabled`` when it makes no sense in the object's present state."""

    name: str
    disabled: bool = False
    icon_class: str = ""
    display_name: str = ""
    parameters: tuple[ActionParameter, ...] = ()


class ActionOperation(StrEnum):
    """What is done with an object that an action returns."""

    CREATE = "create"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class ActionResult:
    """One object that an action creates or patches."""

    operation: ActionOperation
    manifest: Manifest


def discover_actions(
    obj: Mapping[str, Any], *, customizations: Customizations, runner: ScriptRunner
) -> tuple[ResourceAction, ...]:
    """The actions of an object, by name; of two with one name that of the earlier layer counts.

    Source: util/lua/lua.go (ExecuteResourceActionDiscovery), argo-cd 37ee009.

    Raises
    ------
    ReconcilerError
        When a discovery script fails.
    SpecError
        When one returns something else than actions by name.
    """
    found: dict[str, ResourceAction] = {}
    for scripts in customizations.action_scripts(GroupVersionKind.of(obj)):
        if scripts.discovery is None:
            continue
        script = scripts.discovery
        made = runner.run(script.text, obj, what=script.origin, open_libraries=script.open_libraries)
        if made == []:
            continue
        if not isinstance(made, dict):
            raise SpecError(f"{script.origin}: expected a table of actions by name")
        for name, value in made.items():
            found.setdefault(name, _action(name, value, script))
    return tuple(found[name] for name in sorted(found))


def run_action(
    obj: Mapping[str, Any],
    action: str,
    *,
    customizations: Customizations,
    runner: ScriptRunner,
    parameters: Mapping[str, str] | None = None,
) -> tuple[ActionResult, ...]:
    """The objects that an action would create or patch; nothing is sent anywhere.

    Source: util/lua/lua.go (ExecuteResourceAction) and impacted_resource.go, argo-cd 37ee009.

    Raises
    ------
    UsageError
        When the kind has no such action.
    ReconcilerError
        When its script fails.
    SpecError
        When the script returns neither an object nor a list of operations, or patches another object.
    """
    candidates = customizations.action_scripts(GroupVersionKind.of(obj))
    script = next((scripts.definitions[action] for scripts in candidates if action in scripts.definitions), None)
    if script is None:
        known = ", ".join(sorted({name for scripts in candidates for name in scripts.definitions})) or "none"
        raise UsageError(f"{ResourceKey.of(obj)} has no action {action!r}; it has: {known}")
    made = runner.run(script.text, obj, what=script.origin, open_libraries=script.open_libraries, parameters=parameters)
    if isinstance(made, list):
        return tuple(_result(entry, obj, script) for entry in made)
    return (_result({"operation": ActionOperation.PATCH, "resource": made}, obj, script),)


def _result(entry: Any, obj: Mapping[str, Any], script: Script) -> ActionResult:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    try:
        operation = ActionOperation(entry["operation"] if isinstance(entry, dict) else "")
    except (KeyError, ValueError):
        raise SpecError(f"{script.origin}: operation must be create or patch") from None
    if not isinstance(resource, dict) or not isinstance(resource.get("kind"), str):
        raise SpecError(f"{script.origin}: expected a Kubernetes object to {operation}")
    if operation is ActionOperation.CREATE:
        return ActionResult(operation, resource)
    if (ResourceKey.of(resource), resource.get("apiVersion")) != (ResourceKey.of(obj), obj.get("apiVersion")):
        what = f"{ResourceKey.of(resource)}, not {ResourceKey.of(obj)}"
        raise SpecError(f"{script.origin}: an action may patch only the object it is run on; this patches {what}")
    return ActionResult(operation, _as_before(resource, obj))


def _as_before(made: Any, before: Any) -> Any:
    """A copy in which all that Lua cannot hold is as it was: empty mappings, nulls, and whole numbers beyond 2^53."""
    if isinstance(before, Mapping) and (isinstance(made, dict) or made == []):
        made = made or {}
        nulls = {key: None for key, value in before.items() if value is None and key not in made}
        return {key: _as_before(value, before.get(key)) for key, value in made.items()} | nulls
    if isinstance(made, list) and isinstance(before, list):
        return [_as_before(item, before[at] if at < len(before) else None) for at, item in enumerate(made)]
    if _is_number(made) and _is_number(before) and float(made) == float(before):
        return before
    return made


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _action(name: str, value: Any, script: Script) -> ResourceAction:
    if isinstance(value, list):
        return ResourceAction(name)
    if not isinstance(value, dict):
        raise SpecError(f"{script.origin}: action {name!r} must be a table")
    parameters = value.get("params") or []
    if not isinstance(parameters, list) or not all(isinstance(entry, dict) for entry in parameters):
        raise SpecError(f"{script.origin}: params of action {name!r} must be a list of tables")
    return ResourceAction(
        str(value.get("name") or name),
        value.get("disabled") is True,
        str(value.get("iconClass") or ""),
        str(value.get("displayName") or ""),
        tuple(
            ActionParameter(*(_text(entry.get(key)) for key in ("name", "value", "type", "default")))
            for entry in parameters
        ),
    )


def _text(value: Any) -> str:
    return "" if value is None else str(value)
