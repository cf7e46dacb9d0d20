"""``app resources|tree``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.options import File, Name
from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note
from reconciler.cli.settings import OutputFormat, Settings, Workspace

if TYPE_CHECKING:
    from reconciler.cluster.tree import ResourceTree, TreeNode


def resources(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Only objects of the namespace that no application manages.")
    ] = False,
) -> None:
    """What an Application manages and all that this owns, as a list."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        tree = workspace.reconciler.tree(application, orphaned=orphaned)
    nodes = tree.orphaned if orphaned else tuple(node for node in tree.nodes if not node.orphaned)
    emit_rows(
        [node_row(node) for node in nodes],
        settings,
        columns=["group", "kind", "namespace", "name", "sync", "health", "info"],
        wide=["images", "parents", "created_at", "message"],
        name="resource",
        data=nodes,
    )
    note_gaps(tree, settings)


def tree(context: typer.Context, name: Name = None, file: File = None) -> None:
    """What an Application manages and all that this owns, down to pods, as a tree."""
    from reconciler.formatting.tree import format_tree_text

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        found = workspace.reconciler.tree(application, orphaned=False)
    if is_document(settings):
        emit_data(found, settings)
    elif settings.output is OutputFormat.TABLE:
        emit_text(format_tree_text(found, title=application.name))
    else:
        rows = [node_row(node) | {"depth": depth} for node, depth in found.walk()]
        columns = ["depth", "resource", "sync", "health", "info"]
        emit_rows(rows, settings, columns=columns, wide=["images", "created_at", "message"], name="resource")
        note_gaps(found, settings)


def node_row(node: "TreeNode") -> dict[str, Any]:
    """A node as a row of a table."""
    return {
        "resource": str(node.key),
        "group": node.key.group,
        "kind": node.key.kind,
        "namespace": node.key.namespace,
        "name": node.key.name,
        "sync": node.sync.value if node.sync is not None else "",
        "health": node.health.status.value if node.health is not None else "",
        "info": " ".join(item.value for item in node.info if item.name != "Node"),
        "images": ",".join(node.images),
        "parents": ",".join(map(str, node.parents)),
        "created_at": node.created_at,
        "message": node.reason or (node.health.message if node.health is not None else ""),
    }


def note_gaps(found: "ResourceTree", settings: Settings) -> None:
    """Say on stderr which kinds could not be listed."""
    from reconciler.formatting.tree import gap_lines

    for line in gap_lines(found.gaps):
        note(line, settings)
