"""A plugin's commands in a private copy of the repository, each with all that it started ended behind it."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.errors import GenerationError
from reconciler.processes.process import run_tool
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.plugin.definition import Command, Plugin
from reconciler.source.plugin.environment import Mask, plugin_environment
from reconciler.source.rendering import RenderRequest

COMMAND_TIMEOUT_S = 90.0
"""Argo CD's default of ``ARGOCD_EXEC_TIMEOUT``."""
MESSAGE_LENGTH = 500

_HOME = "home"
_FILES = "files"


class PluginRun:
    """Files, environment and mask of one plugin for one source; use as a context manager.

    What is copied is what the render cache takes for read: the whole repository, or the application's folder where the
    plugin's definition says so. Links are copied as what they lead to.

    Parameters
    ----------
    timeout_s
        Seconds that each command may take.
    """

    def __init__(self, request: RenderRequest, plugin: Plugin, *, timeout_s: float = COMMAND_TIMEOUT_S) -> None:
        self._request = request
        self._plugin = plugin
        self._timeout_s = timeout_s
        self._workspace = Workspace(request.tree)
        self._environment: dict[str, str] = {}
        self.mask = Mask(())

    def __enter__(self) -> Self:
        self._workspace.__enter__()
        try:
            home = self._workspace.folder / _HOME
            home.mkdir(mode=0o700)
            self._environment, self.mask = plugin_environment(self._request, self._plugin, home=str(home))
            self._copy()
        except BaseException:
            self._workspace.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workspace.__exit__(kind, error, trace)

    def output(self, command: Command, stage: str) -> bytes:
        """What a command prints.

        Parameters
        ----------
        stage
            Names the command in messages, such as ``generate``.

        Raises
        ------
        GenerationError
            When it fails, takes too long, or prints too much; with the end of what it wrote to stderr, masked.
        """
        what = f"{self._request.where}: plugin {self._plugin.name}: {stage} of {self._request.path or '.'}"
        output = run_tool(
            command,
            what=what,
            folder=self._folder,
            environment=self._environment,
            timeout_s=self._timeout_s,
            supervised=True,
        )
        if output.status != 0:
            said = self.mask(output.stderr.replace(str(self._workspace.folder), "."))
            if len(said) > MESSAGE_LENGTH:
                said = f"…{said[-MESSAGE_LENGTH:]}"
            raise GenerationError(f"{what} ended with status {output.status}{f': {said}' if said else ''}")
        return output.stdout

    def json(self, command: Command, stage: str) -> object:
        """What a command prints, as JSON.

        Raises
        ------
        GenerationError
            When it is none.
        """
        try:
            return json.loads(self.output(command, stage))
        except (ValueError, RecursionError):
            raise GenerationError(
                f"{self._request.where}: plugin {self._plugin.name}: {stage} printed no JSON on stdout"
            ) from None

    @property
    def _folder(self) -> Path:
        return self._workspace.folder / _FILES / self._request.path

    def _copy(self) -> None:
        tree, path = self._request.tree, "" if self._plugin.whole_repository else self._request.path
        field = f"{self._request.where}.path"
        target = f"{_FILES}/{path}" if path else _FILES
        folder = tree.folder(path, field=field)
        self._workspace.add_folder(target, folder, field=field)
        if self._plugin.preserve_file_mode:
            _make_executable(tree, folder, self._workspace.folder / target)
        # A folder without files is none in Git, but may be the application's all the same.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _make_executable(tree: Tree, folder: Entry, target: Path) -> None:
    """Give the copies of programs their mode; what a store does not tell of is none."""
    names = getattr(folder.store, "executables", lambda tree_id: frozenset[str]())(folder.object_id)
    for child in tree.children(folder):
        if child.name in names:
            (target / child.name).chmod(0o700)
        elif child.kind is Kind.FOLDER:
            _make_executable(tree, child, target / child.name)
