"""The command ``gitops-nb``: the engine's verbs, and those that need a notebook."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from reconciler.cli.main import root, run
from reconciler.cli.output import emit_data, is_document, note
from reconciler.cli.settings import Settings


@root.command("run")
def run_notebook(
    context: typer.Context,
    notebook: Annotated[str, typer.Argument(help="A job such as sync, or the path of a notebook.")],
    parameters: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="A parameter.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--to", help="Where the executed notebook goes; {application}, {stamp} are filled in.")
    ] = None,
    show_parameters: Annotated[
        bool, typer.Option("--show-parameters", help="List the parameters and their meaning.")
    ] = False,
) -> None:
    """Execute a job notebook with parameters; the executed notebook is the audit record."""
    from gitops_nb.jobs import DEFAULT_OUTPUT, describe_parameters, find_notebook, run_job

    settings: Settings = context.obj
    path = find_notebook(notebook)
    if show_parameters:
        for parameter in describe_parameters(path):
            typer.echo(f"{parameter.name:<22} {parameter.type:<12} {parameter.default:<14} {parameter.help}")
        return
    values = _defaults(settings, path) | _parse(parameters or [])
    outcome = run_job(path, values, output=output or DEFAULT_OUTPUT, progress=not settings.quiet)
    if is_document(settings):
        emit_data(outcome, settings)
    else:
        typer.echo(outcome.summary)
    note(f"executed notebook: {Path(outcome.notebook)}", settings)
    if outcome.exit_status:
        raise typer.Exit(outcome.exit_status)


def _defaults(settings: Settings, path: Path) -> dict[str, str]:
    """The global options as parameters of the notebook, where it has them."""
    from gitops_nb.jobs import describe_parameters

    known = {parameter.name for parameter in describe_parameters(path)}
    given = {
        "kubeconfig": settings.kubeconfig,
        "context": settings.context,
        "namespace": settings.namespace,
        "store": settings.store,
    }
    return {name: value for name, value in given.items() if value is not None and name in known}


def _parse(pairs: list[str]) -> dict[str, str]:
    from reconciler.errors import UsageError

    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {pair}: expected NAME=VALUE")
        values[name] = value
    return values


def main() -> NoReturn:
    run(root)
