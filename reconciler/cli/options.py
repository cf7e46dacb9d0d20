"""Options and arguments that several commands share; each means the same wherever it stands."""

from pathlib import Path
from typing import Annotated

import typer

from reconciler.terms import SyncStrategy

Name = Annotated[str | None, typer.Argument(metavar="[APPLICATION]", help="Name of the Application.")]
OneName = Annotated[str, typer.Argument(metavar="APPLICATION", help="Name of the Application.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="APPLICATION", help="Names of Applications.")]
File = Annotated[Path | None, typer.Option("--filename", "-f", help="Read the Application from this file instead.")]
Selector = Annotated[
    str, typer.Option("--selector", "-l", metavar="LABELS", help="Applications with these labels, such as team=web.")
]
Revision = Annotated[
    str | None,
    typer.Option(help="In place of the target revision; A,B names one for each source."),
]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what Git no longer holds.")]
OnlyOutOfSync = Annotated[bool, typer.Option("--apply-out-of-sync-only", help="Leave out what is in sync.")]
Resources = Annotated[
    list[str] | None,
    typer.Option(
        "--resource",
        metavar="GROUP:KIND:NAME",
        help="Only this, or GROUP:KIND:NAMESPACE/NAME; * is any, and with ! before it: not this.",
    ),
]
Labels = Annotated[
    list[str] | None, typer.Option("--label", metavar="NAME=VALUE", help="Only resources that Git gives this label.")
]
Force = Annotated[bool, typer.Option("--force", help="Delete and create anew what the API server refuses to change.")]
Replace = Annotated[bool, typer.Option("--replace", help="Replace whole objects rather than apply them.")]
Strategy = Annotated[
    SyncStrategy | None,
    typer.Option("--strategy", help="hook runs the hooks, as without this; apply leaves them out.", show_default=False),
]
SyncOption = Annotated[
    list[str] | None,
    typer.Option("--sync-option", metavar="NAME=VALUE", help="A sync option of this sync alone."),
]
WaitForHealth = Annotated[
    bool, typer.Option("--wait", help="Then wait until nothing is Progressing; exit status 1 when it is Degraded.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Try everything, change nothing.")]
Timeout = Annotated[float | None, typer.Option(help="Give up after so many seconds.", min=0.1)]
Limit = Annotated[int | None, typer.Option(help="At most so many, the newest first.", min=1)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
SourcePosition = Annotated[
    int | None,
    typer.Option("--source-position", help="Which of several sources, counted from 1.", metavar="NUMBER"),
]
SourceName = Annotated[str, typer.Option("--source-name", help="Which of several sources, by its name.")]
