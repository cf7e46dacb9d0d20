"""The root of the command line: global options, and errors as one line with an exit status."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer

from reconciler.cli.app import app_commands
from reconciler.cli.health import health
from reconciler.cli.manifests import capabilities
from reconciler.cli.others import crds, history
from reconciler.cli.output import visible
from reconciler.cli.reconciling import reconcile
from reconciler.cli.sandbox import sandbox_commands
from reconciler.cli.settings import OutputFormat, Settings, hoist_global_options
from reconciler.cli.spec_options import plain_switches
from reconciler.errors import ReconcilerError

PROGRAM = "gitops-nb"
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

root = typer.Typer(
    name=PROGRAM,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compare Git with your clusters, preview and run syncs, and keep the record. Global options may stand anywhere.",
)
root.add_typer(app_commands, name="app")
root.add_typer(sandbox_commands, name="sandbox")
root.command("reconcile")(reconcile)
root.command("history")(history)
root.command("crds")(crds)
root.command("capabilities")(capabilities)
root.command("health")(health)


@root.callback()
def settings(
    context: typer.Context,
    *,
    kubeconfig: Annotated[str | None, typer.Option(help="Kubeconfig file; else KUBECONFIG or ~/.kube/config.")] = None,
    kube_context: Annotated[str | None, typer.Option("--context", help="Context of the kubeconfig.")] = None,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the Applications.")] = "argocd",
    store: Annotated[
        str | None, typer.Option(help="URL of the history store; else GITOPS_NB_STORE or a local file.")
    ] = None,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="Form of the data on stdout.")
    ] = OutputFormat.TABLE,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only data and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    context.obj = Settings(kubeconfig, kube_context, namespace, store, output, quiet, debug)


def run(application: typer.Typer, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command line and exit: 0 done, 1 difference or failed sync, 2 bad use or input, 3 denied, 4 unreachable."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = application(plain_switches(hoist_global_options(words)), prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except ReconcilerError as error:
        _fail(str(error), error, error.exit_status, words)
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", None)
        hint = f"; try: {command} --help" if command else ""
        _fail(f"{_usage(error)}{hint}", error, EXIT_USAGE, words)
    except (KeyboardInterrupt, typer.Abort):
        status = EXIT_INTERRUPTED
    except BrokenPipeError:
        _end_output()
    except SystemExit as ended:
        # typer ends the process itself when the reader is gone.
        if isinstance(ended.__context__, BrokenPipeError):
            _end_output()
        raise
    except Exception as error:  # noqa: BLE001 - a traceback is shown on request only
        _fail(f"internal error ({type(error).__name__}); --debug shows where", error, 1, words)
    if status == EXIT_INTERRUPTED:
        sys.stderr.write("interrupted\n")
    sys.exit(status if isinstance(status, int) else 0)


def _end_output() -> NoReturn:
    """The reader has seen enough: what is left in the buffer must not fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _usage(error: typer.TyperException) -> str:
    """What the command line says, with the name of the parameter, without its parser's own words."""
    text = error.format_message().replace("Value error, ", "").strip().rstrip(".")
    return text if str(error) else "no command given"


def _fail(message: str, error: Exception, status: int, words: Sequence[str]) -> NoReturn:
    if "--debug" in words:
        raise error
    sys.stderr.write(f"error: {visible(' '.join(message.split()))}\n")
    sys.exit(status)


def _interrupt(_signal: int, _frame: FrameType | None) -> Any:
    raise KeyboardInterrupt
