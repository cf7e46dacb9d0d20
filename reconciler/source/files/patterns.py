"""Path patterns over a tree as Go's path/filepath.Glob reads them: a step matches one level, braces are ordinary text."""

import re
from collections.abc import Iterator, Sequence

from reconciler.errors import GenerationError
from reconciler.source.files.globs import read_path_glob
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree

MAX_LOOKED_AT = 200_000
"""Entries that one pattern is held against."""

_MAGIC = re.compile(r"[*?\[\\]")


def is_pattern(text: str) -> bool:
    """Whether ``text`` may name several paths."""
    return _MAGIC.search(text) is not None


def expand(tree: Tree, folder: str, pattern: str, *, field: str) -> list[str]:
    """The paths that a pattern names as seen from ``folder``, sorted by folder and name; links in them are followed.

    Raises
    ------
    GenerationError
        A pattern that is none, leaves the repository, or looks at more than 200,000 entries.
    """
    # A folder of the path may have a name that looks like a pattern.
    fixed = folder.split("/") if folder else []
    path = resolve_path(folder, pattern, field=field)
    steps = path.split("/") if path else []
    known = len(fixed) if steps[: len(fixed)] == fixed else 0
    matcher = _Matcher(tree, pattern, field)
    return list(dict.fromkeys(matcher.matches("/".join(steps[:known]), steps[known:])))


class _Matcher:
    def __init__(self, tree: Tree, pattern: str, field: str) -> None:
        self._tree = tree
        self._where = f"{field}: {shown(pattern)}"
        self._field = field
        self._left = MAX_LOOKED_AT

    def matches(self, path: str, steps: Sequence[str]) -> Iterator[str]:
        entry = self._tree.find(path)
        if entry is None:
            return
        if not steps:
            yield path
            return
        if entry.kind is not Kind.FOLDER:
            return
        step, rest = steps[0], steps[1:]
        if is_pattern(step):
            glob = read_path_glob(step, field=self._field)
            for child in self._children(entry):
                if glob.matches(child.name):
                    yield from self.matches(join(path, child.name), rest)
        else:
            yield from self.matches(join(path, step), rest)

    def _children(self, folder: Entry) -> Iterator[Entry]:
        for child in self._tree.children(folder):
            self._left -= 1
            if self._left < 0:
                raise GenerationError(f"{self._where} looks at more than {MAX_LOOKED_AT} entries; narrow it")
            yield child
