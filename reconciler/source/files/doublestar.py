"""Patterns of Helm's ``valueFiles`` and of plugins: ``*``, ``?``, ``[a-z]``, ``{a,b}`` within a level, ``**`` across levels.

The order decides which file wins, so it is doublestar's (https://github.com/bmatcuk/doublestar): names sorted, and for a
``**`` in the middle the files of a folder before those of its sub-folders (docs/user-guide/helm.md of Argo CD, "Glob
Patterns in Value Files").
"""

import re
from collections.abc import Iterator

from reconciler.errors import GenerationError
from reconciler.source.files.globs import read_path_glob
from reconciler.source.files.paths import join, shown
from reconciler.source.files.tree import Entry, Kind, Tree

MAX_COST = 200_000
"""Folders and files that one pattern may look at; many wildcards make each cost more."""
MAX_LENGTH = 1024
MAX_DEPTH = 64
MAX_ALTERNATIVES = 1000

_INNERMOST = re.compile(r"(?<!\\)\{((?:[^{}\\]|\\.)*)\}")
_COMMA = re.compile(r"(?<!\\),")

Match = tuple[str, Entry]
"""The path as the pattern reaches it, links in it kept, and the file there."""


def is_pattern(path: str) -> bool:
    """Whether Argo CD expands ``path``; braces alone are no pattern."""
    return any(character in path for character in "*?[")


def matching_files(tree: Tree, pattern: str, *, field: str, folder: str = "") -> list[Match]:
    """The files below ``folder`` that ``pattern``, a path from there, matches, in the order in which they apply.

    Raises
    ------
    GenerationError
        A malformed pattern, a match that leaves the tree through a link, or too much to look at.
    """
    if len(pattern) > MAX_LENGTH:
        raise GenerationError(f"{field}: {shown(pattern)} has more than {MAX_LENGTH} characters")
    alternatives = _alternatives(pattern, field)
    search = _Search(tree, folder, f"{field}: {shown(pattern)}", field)
    found: dict[str, Entry] = {}
    for alternative in alternatives:
        found.update(search.files(alternative))
    return sorted(found.items(), key=lambda match: match[0]) if len(alternatives) > 1 else list(found.items())


def _alternatives(pattern: str, field: str) -> list[str]:
    pending, done = [pattern], list[str]()
    while pending:
        if len(pending) + len(done) > MAX_ALTERNATIVES:
            raise GenerationError(f"{field}: {shown(pattern)} spells more than {MAX_ALTERNATIVES} alternatives")
        each = pending.pop()
        if match := _INNERMOST.search(each):
            pending += (each[: match.start()] + option + each[match.end() :] for option in _COMMA.split(match[1]))
        else:
            done.append(each)
    return done


class _Search:
    def __init__(self, tree: Tree, folder: str, what: str, field: str) -> None:
        self._tree = tree
        self._folder = folder
        self._what = what
        self._field = field
        self._cost = 0

    def files(self, pattern: str) -> Iterator[Match]:
        *folders, last = pattern.split("/")
        root = self._tree.find(self._folder)
        found: Iterator[Match] = iter([(self._folder, root)] if root is not None else [])
        for segment in folders:
            found = self._folders_below(found, segment)
        for path, folder in found:
            if last == "**":
                yield from self._all_files(path, folder, 0)
            else:
                yield from (each for each in self._matching(path, folder, last) if each[1].kind is Kind.FILE)

    def _folders_below(self, found: Iterator[Match], segment: str) -> Iterator[Match]:
        for path, folder in found:
            if segment == "**":
                yield from self._all_folders(path, folder, 0)
            else:
                yield from (each for each in self._matching(path, folder, segment) if each[1].kind is Kind.FOLDER)

    def _matching(self, path: str, folder: Entry, segment: str) -> Iterator[Match]:
        if not is_pattern(segment):
            name = re.sub(r"\\(.)", r"\1", segment)
            if (entry := self._tree.find(join(folder.path, name))) is not None:
                yield join(path, name), entry
            return
        glob = read_path_glob(segment, field=self._field, dialect="doublestar")
        children = self._children(folder)
        if segment.count("*") > 1:
            self._charge(sum(len(segment) * len(child.name) // 50 for child in children))
        for child in children:
            # A link is judged only where it matches: what the pattern does not name may lead anywhere.
            if glob.matches(child.name) and (entry := self._tree.find(child.path)) is not None:
                yield join(path, child.name), entry

    def _all_folders(self, path: str, folder: Entry, depth: int) -> Iterator[Match]:
        self._check_depth(depth)
        yield path, folder
        for child in self._children(folder):
            if (entry := self._inner(child)) is not None and entry.kind is Kind.FOLDER:
                yield from self._all_folders(join(path, child.name), entry, depth + 1)

    def _all_files(self, path: str, folder: Entry, depth: int) -> Iterator[Match]:
        self._check_depth(depth)
        for child in self._children(folder):
            entry = self._tree.find(child.path)
            if entry is not None and entry.kind is Kind.FOLDER:
                yield from self._all_files(join(path, child.name), entry, depth + 1)
            elif entry is not None:
                yield join(path, child.name), entry

    def _inner(self, child: Entry) -> Entry | None:
        if child.kind in (Kind.FILE, Kind.FOLDER):
            return child
        try:
            return self._tree.find(child.path)
        except GenerationError:
            # A link that leaves the tree; what a pattern reaches through it is not of this repository.
            return None

    def _children(self, folder: Entry) -> list[Entry]:
        children = list(self._tree.children(folder))
        self._charge(1 + len(children))
        return children

    def _charge(self, cost: int) -> None:
        self._cost += cost
        if self._cost > MAX_COST:
            raise GenerationError(f"{self._what} looks at too many files; narrow the pattern")

    def _check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise GenerationError(
                f"{self._what} goes more than {MAX_DEPTH} folders deep, or around a symbolic link; narrow the pattern"
            )
