"""``sandbox start|stop|status``: the embedded cluster for demos, lessons and tests."""

from typing import TYPE_CHECKING

import typer

from reconciler.cli.output import emit_rows, note
from reconciler.cli.settings import Settings

if TYPE_CHECKING:
    from reconciler.sandbox import SandboxInfo

sandbox_commands = typer.Typer(no_args_is_help=True, help="The embedded sandbox cluster: for demos, lessons and tests.")


@sandbox_commands.command("start")
def start(context: typer.Context) -> None:
    """Start the sandbox cluster, or find the one that runs."""
    from reconciler.sandbox import start_sandbox

    settings: Settings = context.obj
    info = start_sandbox()
    _emit(info, settings)
    note(f"use it with: export KUBECONFIG={info.kubeconfig}", settings)


@sandbox_commands.command("stop")
def stop(context: typer.Context) -> None:
    """Stop the sandbox cluster; all it held is gone."""
    from reconciler.sandbox import stop_sandbox

    settings: Settings = context.obj
    note("stopped" if stop_sandbox() else "no sandbox is running", settings)


@sandbox_commands.command("status")
def status(context: typer.Context) -> None:
    """Whether the sandbox cluster runs; exit status 1 when it does not."""
    from reconciler.sandbox import sandbox_status

    settings: Settings = context.obj
    info = sandbox_status()
    if info is None:
        note("no sandbox is running; start it with: gitops-nb sandbox start", settings)
        raise typer.Exit(1)
    _emit(info, settings)


def _emit(info: "SandboxInfo", settings: Settings) -> None:
    row = {"name": "sandbox", "url": info.url, "pid": info.pid, "kubeconfig": str(info.kubeconfig)}
    emit_rows([row], settings, columns=["name", "url", "pid", "kubeconfig"])
