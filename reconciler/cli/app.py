"""The verbs of ``app``: every one is registered here, and nowhere else."""

from typing import Any

import typer
from typer.core import TyperCommand

from reconciler.cli.actions import action_commands
from reconciler.cli.comparing import diff, get, list_
from reconciler.cli.deleting import confirm_deletion, delete
from reconciler.cli.manifests import manifests
from reconciler.cli.observing import events, logs
from reconciler.cli.planning import plan
from reconciler.cli.resources import resources, tree
from reconciler.cli.retarget import retarget
from reconciler.cli.rolling_back import history, rollback
from reconciler.cli.setting import set_, unset
from reconciler.cli.syncing import sync
from reconciler.cli.terminating import terminate_op
from reconciler.cli.waiting import wait


class PlainHelp(TyperCommand):
    """A command with options of long names: in boxes they would be cut off."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **(more | {"rich_markup_mode": None}))


app_commands = typer.Typer(no_args_is_help=True, help="Applications: what differs, what a sync would do, and the sync.")

app_commands.command("list")(list_)
app_commands.command("get")(get)
app_commands.command("manifests")(manifests)
app_commands.command("diff")(diff)
app_commands.command("plan", cls=PlainHelp)(plan)
app_commands.command("sync", cls=PlainHelp)(sync)
app_commands.command("wait")(wait)
app_commands.command("history")(history)
app_commands.command("rollback")(rollback)
app_commands.command("terminate-op")(terminate_op)
app_commands.command("set", cls=PlainHelp)(set_)
app_commands.command("unset", cls=PlainHelp)(unset)
app_commands.command("delete")(delete)
app_commands.command("confirm-deletion")(confirm_deletion)
app_commands.command("resources")(resources)
app_commands.command("tree")(tree)
app_commands.command("events")(events)
app_commands.command("logs")(logs)
app_commands.command("retarget")(retarget)
app_commands.add_typer(action_commands, name="actions")
