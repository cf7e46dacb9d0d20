"""The resource tree: what an application manages and all that this owns, with the state of each object."""

from datetime import datetime
from typing import Any

import traitlets

from gitops_nb.formatting import format_tree_html, format_tree_text
from gitops_nb.formatting.nodes import needs_attention
from gitops_nb.node_details import NodeSource
from gitops_nb.widgets.base import RecordWidget, read_front_end
from gitops_nb.widgets.rows import Json, resource_id
from gitops_nb.widgets.tree_rows import (
    APPLICATION_ROW,
    closed_at_first,
    event_rows,
    log_answer,
    node_facts,
    tree_header,
    tree_rows,
)
from reconciler.cluster.tree import ResourceTree, TreeNode
from reconciler.errors import ReconcilerError
from reconciler.formatting.characters import visible

TABS = ("facts", "events", "log")


class ResourceTreeWidget(RecordWidget):
    """Shows a resource tree, and of the selected object its facts, its events and the end of its log.

    The front end sets ``selected``, ``tab``, ``container`` and ``reload``; ``detail`` answers for that one object. Events
    and logs are read at that moment, and only where there is a source for them.

    Parameters
    ----------
    tree
        What to show; `update` replaces it.
    title
        The application's name.
    read_at
        When the tree was read; objects have an age with it.
    source
        Reads events and logs; without one the widget shows the tree alone.
    """

    _esm = read_front_end("elements.js", "tree_model.js", "tree_list.js", "tree_detail.js", "tree.js")
    _css = read_front_end("base.css", "tree.css")

    header = traitlets.Dict().tag(sync=True)
    nodes: traitlets.List[Any] = traitlets.List().tag(sync=True)
    generation = traitlets.Int(0).tag(sync=True)
    readable = traitlets.Bool(False).tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    closed: traitlets.List[Any] = traitlets.List().tag(sync=True)
    query = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Unicode("").tag(sync=True)
    healths: traitlets.List[Any] = traitlets.List().tag(sync=True)
    tab = traitlets.Enum(TABS, "facts").tag(sync=True)
    container = traitlets.Unicode("").tag(sync=True)
    reload = traitlets.Int(0).tag(sync=True)
    detail = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        tree: ResourceTree,
        *,
        title: str = "",
        read_at: datetime | None = None,
        source: NodeSource | None = None,
    ) -> None:
        self._source = source
        self._title = title
        self._show(tree, read_at)
        first = needs_attention(tree)
        selected = resource_id(first.key) if first is not None else APPLICATION_ROW
        super().__init__(**self._state(), closed=closed_at_first(tree), readable=source is not None, selected=selected)
        self._answer()

    @property
    def tree(self) -> ResourceTree:
        """The record that is shown."""
        return self._tree

    def update(self, tree: ResourceTree, *, read_at: datetime | None = None) -> None:
        """Show a newer tree; what is selected, closed and filtered stays so."""
        self._show(tree, read_at)
        with self.hold_sync():
            for name, value in self._state().items():
                setattr(self, name, value)
            self.generation += 1
            self._answer()

    def format_html(self) -> str:
        """The static HTML twin."""
        return format_tree_html(self._tree, title=self._title, read_at=self._read_at)

    def format_text(self) -> str:
        """A line an object."""
        return format_tree_text(self._tree, title=self._title)

    def _show(self, tree: ResourceTree, read_at: datetime | None) -> None:
        self._tree = tree
        self._read_at = read_at
        self._nodes = {resource_id(node.key): node for node in tree.nodes}

    def _state(self) -> Json:
        return {
            "header": tree_header(self._tree, self._title, self._read_at),
            "nodes": tree_rows(self._tree, self._title, self._read_at),
        }

    @traitlets.observe("selected", "tab", "container", "reload")
    def _on_choice(self, change: Any) -> None:
        # One message may change several of them; it is read once.
        if any(self.detail.get(name) != value for name, value in self._asked().items()):
            self._answer()

    def _asked(self) -> Json:
        return {"id": self.selected, "tab": self.tab, "asked": self.container, "reload": self.reload}

    def _answer(self) -> None:
        """Answer for what is selected, with the choice that the answer is for, so that a late one is told from a new one."""
        node = self._nodes.get(self.selected)
        facts = node_facts(self._tree, node) if node is not None else {}
        self.detail = {**self._asked(), "generation": self.generation, **facts, **(self._read(node) if node else {})}

    def _read(self, node: TreeNode) -> Json:
        """Events or log, as the tab asks; why not, where they cannot be read."""
        if self._source is None or self.tab == "facts" or not node.uid:
            return {}
        try:
            if self.tab == "events":
                return {"rows": event_rows(self._source.events(node))}
            return log_answer(self._source.log(node, self.container))
        except ReconcilerError as error:
            return {"error": visible(str(error))}
