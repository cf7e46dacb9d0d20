"""``app retarget``."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note, visible
from reconciler.cli.settings import OutputFormat, Settings, Workspace
from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.engine.retarget import Retargeting
    from reconciler.source.github import GitHubRepository

_COLUMNS = ("application", "parent", "path", "revision", "branch", "commit", "pull_request")


def retarget(
    context: typer.Context,
    child: Annotated[str, typer.Argument(metavar="CHILD", help="Name of the child Application.")],
    revision: Annotated[
        str, typer.Option(help="Its new target revision; A,B names one for each source.", show_default=False)
    ],
    parent: Annotated[
        str | None, typer.Option(help="Name of its parent; by default the one that the child is marked with.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--filename", "-f", help="Read the parent from this file instead.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="Name of the new branch; else retarget/CHILD/REVISION.")] = None,
    pull_request: Annotated[bool, typer.Option("--pull-request", help="Open a pull request on GitHub.")] = False,
    author: Annotated[str, typer.Option(help="'Name <mail>' of the commit; else the one of your Git.")] = "",
    github_api: Annotated[
        str, typer.Option(help="Address of the API of a GitHub Enterprise Server, such as https://HOST/api/v3.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change; push nothing.")] = False,
) -> None:
    """Change a child's target revision where its parent has it in Git, on a new branch."""
    from reconciler.engine.retarget import find_parent, plan_retarget, push_retarget, retarget_commit

    settings: Settings = context.obj
    if parent is not None and file is not None:
        raise UsageError("--parent and -f both name the parent; give one")
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        above = workspace.application(parent, file) if parent or file else find_parent(engine, child)
        change = plan_retarget(engine, above, child, revision)
        # What would stop the pull request stops the push as well.
        remote = _remote(workspace, change, github_api) if pull_request else None
        base = change.base_branch if pull_request else ""
        with retarget_commit(engine, change, author=author) as (work, commit):
            pushed = "" if dry_run else push_retarget(work, commit, change, branch=branch or "")
        page = _open(remote, change, pushed, base) if remote is not None and pushed else ""
    _emit(change, {"branch": pushed, "commit": commit if pushed else "", "pull_request": page}, settings)


def _remote(workspace: Workspace, change: "Retargeting", api: str) -> "GitHubRepository":
    from reconciler.source.github import github_repository

    mirror = change.repository.mirror
    return github_repository(mirror.url, mirror.credentials, workspace.sources.configuration.credentials, api=api)


def _open(remote: "GitHubRepository", change: "Retargeting", branch: str, base: str) -> str:
    from reconciler.source.github import open_pull_request

    title, _, body = change.message.partition("\n\n")
    try:
        return open_pull_request(remote, title=title, body=body, branch=branch, base=base).url
    except ReconcilerError as error:
        raise type(error)(f"branch {branch} is pushed, but its pull request is not open: {error}") from error


def _emit(change: "Retargeting", made: dict[str, str], settings: Settings) -> None:
    row = {
        "application": change.child,
        "parent": change.parent.name,
        "repo_url": change.source.source.repo_url,
        "path": change.path,
        "base": change.base,
        "revision": change.changes[0][2],
    } | made
    if is_document(settings):
        emit_data(
            row | {"changes": [dict(zip(("path", "before", "after"), entry, strict=True)) for entry in change.changes]},
            settings,
        )
    elif settings.output is OutputFormat.TABLE:
        emit_text(_diff_text(change))
    else:
        emit_rows([row], settings, columns=_COLUMNS, wide=("repo_url", "base"), name="branch")
    if not made["branch"]:
        note("nothing is pushed (--dry-run)", settings)
        return
    note(f"branch {made['branch']} is pushed with commit {made['commit'][:12]}", settings)
    note(f"preview: gitops-nb app diff {change.parent.name} --revision {made['branch']}", settings)
    if made["pull_request"]:
        note(f"pull request: {made['pull_request']}", settings)


def _diff_text(change: "Retargeting") -> str:
    before, after = (data.decode("utf-8").splitlines() for data in (change.before, change.content))
    lines = difflib.unified_diff(before, after, f"a/{change.path}", f"b/{change.path}", lineterm="")
    return "".join(f"{visible(line)}\n" for line in lines)
