"""What an operator's ``plugin.yaml`` says (cmpserver/plugin/config.go)."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import orjson

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Command = tuple[str, ...]
"""A program and its arguments; empty when there is none."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """When a plugin wants an application: the first that is set counts."""

    file_name: str = ""
    glob: str = ""
    command: Command = ()

    def __bool__(self) -> bool:
        return bool(self.file_name or self.glob or self.command)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One plugin.

    ``environment`` are the names of the run's own variables that the operator passes on to it; ``path`` is its ``PATH``.
    ``whole_repository``: its private copy holds the whole repository, not only the application's folder.
    ``announcements`` are the static parameters as the file has them.
    """

    name: str
    generate: Command
    init: Command = ()
    discovery: Discovery = Discovery()
    announcements: tuple[Mapping[str, Any], ...] = ()
    dynamic: Command = ()
    preserve_file_mode: bool = False
    path: str = DEFAULT_PATH
    environment: tuple[str, ...] = ()
    whole_repository: bool = True

    def passed_on(self) -> dict[str, str]:
        """The operator's variables with their values now."""
        return {name: os.environ[name] for name in self.environment if name in os.environ}


class Plugins:
    """The plugins of one operator by their name, which is ``<name>-<version>`` where the file has a version."""

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = dict(sorted(plugins.items()))

    def __iter__(self) -> Iterator[Plugin]:
        return iter(self._plugins.values())

    def __len__(self) -> int:
        return len(self._plugins)

    def __contains__(self, name: object) -> bool:
        return name in self._plugins

    @cached_property
    def digest(self) -> str:
        """Digest of all that the definitions say and of the variables they pass on: part of a render's key."""
        rows = [[asdict(plugin), plugin.passed_on()] for plugin in self]
        return hashlib.sha256(orjson.dumps(rows, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def get(self, name: str, *, field: str) -> Plugin:
        """The plugin of that name.

        Raises
        ------
        GenerationError
            When there is none; the message lists those there are.
        """
        found = self._plugins.get(name)
        if found is None:
            known = ", ".join(self._plugins)
            raise GenerationError(
                f"{field}: there is no plugin {shown(name)}; "
                f"{f'there are: {known}' if known else 'no plugins are set up'} (with a version it is <name>-<version>)"
            )
        return found
