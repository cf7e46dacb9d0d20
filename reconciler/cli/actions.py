"""``app actions list|run``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.options import File, Name
from reconciler.cli.output import emit_rows, note
from reconciler.cli.selecting import Group, Kind, ResourceNamespace, parse_pairs, selection
from reconciler.cli.settings import Settings, Workspace
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.engine.actions import ActionRun, AvailableActions
    from reconciler.engine.selection import Selection
    from reconciler.model import Application

action_commands = typer.Typer(
    no_args_is_help=True, help="What can be done with an Application's objects, and doing it."
)

ResourceName = Annotated[str, typer.Option("--resource-name", help="Only the object of this name.")]


@action_commands.command("list")
def list_(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    kind: Kind = "",
    group: Group = None,
    resource_namespace: ResourceNamespace = "",
    resource_name: ResourceName = "",
) -> None:
    """The actions that the objects of an Application have."""
    settings: Settings = context.obj
    chosen = selection(kind, group, resource_namespace, resource_name)
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        found = workspace.reconciler.actions(application, chosen)
    emit_rows(
        [row for entry in found for row in action_rows(entry)],
        settings,
        columns=["group", "kind", "namespace", "name", "action", "disabled"],
        wide=["parameters", "display_name"],
        name="action",
        data=found,
    )
    for entry in found:
        if entry.reason:
            note(f"? {entry.key}: {entry.reason}", settings)
    if not found:
        note("no actions", settings)


@action_commands.command("run")
def run(
    context: typer.Context,
    words: Annotated[
        list[str], typer.Argument(metavar="[APPLICATION] ACTION", help="Name of the Application, and the action.")
    ],
    kind: Annotated[str, typer.Option("--kind", help="Kind of the objects.")],
    group: Group = None,
    resource_namespace: ResourceNamespace = "",
    resource_name: ResourceName = "",
    all_: Annotated[
        bool, typer.Option("--all", help="On every object that matches, where it is not disabled.")
    ] = False,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the action.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, change nothing.")] = False,
    file: File = None,
) -> None:
    """Do an action on objects that an Application manages."""
    from reconciler.engine.actions import ActionRequest

    settings: Settings = context.obj
    *names, action = words
    if len(names) > 1:
        raise UsageError(f"{' '.join(words)}: expected the name of an Application and of an action")
    request = ActionRequest(action, parse_pairs(param, "--param"), dry_run=dry_run)
    chosen = selection(kind, group, resource_namespace, resource_name)
    runs: list[ActionRun] = []
    with Workspace(settings) as workspace:
        application = workspace.application(names[0] if names else None, file)
        try:
            _run_all(workspace, application, chosen, request, runs, settings, several=all_)
        except ReconcilerError:
            # What was done is told, whatever happened then.
            if runs:
                _emit(runs, settings)
            raise
    _emit(runs, settings)
    if dry_run:
        note("dry run: nothing was changed", settings)


def _emit(runs: "list[ActionRun]", settings: Settings) -> None:
    rows = [row for each in runs for row in run_rows(each)]
    columns = ["resource", "operation", "changes"]
    emit_rows(rows, settings, columns=columns, wide=["action", "on"], name="resource", data=runs)


def _run_all(
    workspace: Workspace,
    application: "Application",
    chosen: "Selection",
    request: Any,
    runs: "list[ActionRun]",
    settings: Settings,
    *,
    several: bool,
) -> None:
    from reconciler.engine.actions import DisabledActionError

    engine = workspace.reconciler
    # One object that is named in full needs no repository.
    keys = [chosen.key] if chosen.key else chosen.choose(engine.reconcile(application).live, several=several)
    for key in keys:
        try:
            runs.append(engine.run_action(application, key, request))
        except DisabledActionError as error:
            if not several:
                raise
            note(f"left out: {error}", settings)


def action_rows(entry: "AvailableActions") -> list[dict[str, Any]]:
    """A row an action."""
    return [
        {
            "group": entry.key.group,
            "kind": entry.key.kind,
            "namespace": entry.key.namespace,
            "name": entry.key.name,
            "action": action.name,
            "disabled": action.disabled,
            "parameters": ",".join(
                f"{parameter.name}={parameter.value or parameter.default}" for parameter in action.parameters
            ),
            "display_name": action.display_name,
        }
        for action in entry.actions
    ]


def run_rows(done: "ActionRun") -> list[dict[str, Any]]:
    """A row for each object that an action wrote."""
    return [
        {
            "resource": str(outcome.key),
            "operation": outcome.operation.value,
            "changes": " ".join(change.path for change in outcome.changes)
            or ("" if outcome.operation == "create" else "none"),
            "action": done.action,
            "on": str(done.key),
        }
        for outcome in done.outcomes
    ]
