"""Submodules: where ``.gitmodules`` says they are, and how they are looked into, fetched when something inside is asked for.

Source: gitmodules(5), git-submodule(1). Only ``path`` and ``url`` are read; what would run (``update = !…``) means nothing here.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from reconciler.errors import RepositoryError, RevisionError
from reconciler.source.files.paths import has_control_characters, shown
from reconciler.source.files.tree import Kind, TreeStore
from reconciler.source.git.urls import RepositoryURL

if TYPE_CHECKING:
    from reconciler.source.git.repository import Repository

MAX_DEPTH = 10
MAX_MODULES = 10_000
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

_SECTION = re.compile(r'\[\s*submodule\s+"((?:[^"\\]|\\.)*)"\s*\]\s*(?:[#;].*)?')
_OTHER_SECTION = re.compile(r"\[[^]]*\]\s*(?:[#;].*)?")
_VARIABLE = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s*(?:=\s*(.*))?")


class SubmoduleStore:
    """The objects of a submodule, which knows how deep it lies: a `TreeStore`."""

    def __init__(self, repository: "Repository", depth: int) -> None:
        self._repository = repository
        self._depth = depth

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        return self._repository.entries(tree_id)

    def read(self, object_id: str, *, limit: int) -> bytes:
        return self._repository.read(object_id, limit=limit)

    def read_all(self, object_ids: Sequence[str], *, limit: int) -> list[bytes]:
        return self._repository.read_all(object_ids, limit=limit)

    def sizes(self, object_ids: Sequence[str]) -> list[int]:
        return self._repository.sizes(object_ids)

    def submodule(self, commit: str, path: str, modules: bytes) -> tuple[TreeStore, str]:
        """A submodule of the submodule.

        Raises
        ------
        RepositoryError
            When it lies deeper than `MAX_DEPTH` others.
        """
        if self._depth >= MAX_DEPTH:
            raise RepositoryError(
                f"{shown(path)} in {self._repository} lies in more than {MAX_DEPTH} submodules; put it into fewer"
            )
        return self._repository.enter_submodule(commit, path, modules, depth=self._depth + 1)


class NotFetched:
    """The place of a submodule where submodules are not fetched: empty to those who walk by, an error to those who enter."""

    def __init__(self, where: str) -> None:
        self._where = where

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        return _ClosedFolder(self._where)

    def read(self, object_id: str, *, limit: int) -> NoReturn:
        raise _not_fetched(self._where)

    def read_all(self, object_ids: Sequence[str], *, limit: int) -> NoReturn:
        raise _not_fetched(self._where)

    def sizes(self, object_ids: Sequence[str]) -> NoReturn:
        raise _not_fetched(self._where)

    def submodule(self, commit: str, path: str, modules: bytes) -> NoReturn:
        raise _not_fetched(self._where)


class _ClosedFolder(Mapping[str, tuple[Kind, str]]):
    def __init__(self, where: str) -> None:
        self._where = where

    def __getitem__(self, name: str) -> NoReturn:
        raise _not_fetched(self._where, name)

    def get(self, name: str, default: object = None) -> NoReturn:
        raise _not_fetched(self._where, name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def submodule_url(modules: bytes, path: str, where: str) -> str:
    """The URL in ``.gitmodules`` of the submodule at ``path``.

    Raises
    ------
    RepositoryError
        When it has none, or the file cannot be read.
    """
    urls = [url for at, url in _entries(modules, where) if at.strip("/") == path]
    if not urls:
        raise RepositoryError(
            f"{shown(path)} in {where} is a submodule without path and url in .gitmodules; add them there"
        )
    return urls[-1]


def resolve_url(parent: RepositoryURL, text: str, where: str) -> tuple[str, bool]:
    """A submodule's URL as seen from its parent's, and whether it may be a local repository.

    Only a relative URL (``../lib``) of a local parent may: an absolute one would let any repository read others beside it.

    Raises
    ------
    RepositoryError
        When a relative URL leads above the parent's host or root.
    """
    if not text.startswith(("./", "../")):
        return text, False
    steps = [part for part in text.split("/") if part not in ("", ".")]
    base = [part for part in parent.path.split("/") if part]
    for step in steps:
        if step != "..":
            base.append(step)
        elif base:
            base.pop()
        else:
            raise RepositoryError(f"{where}: the submodule URL {shown(text)} leads above its host; write it in full")
    if parent.is_local:
        return "/" + "/".join(base), True
    user = f"{parent.user}@" if parent.user else ""
    if parent.scheme == "ssh" and not parent.path.startswith("/"):
        return f"{user}{parent.host}:{'/'.join(base)}", False
    port = f":{parent.port}" if parent.port else ""
    return f"{parent.scheme}://{user}{parent.host}{port}/{'/'.join(base)}", False


def _entries(modules: bytes, where: str) -> Iterator[tuple[str, str]]:
    """Path and URL of each section; a subset of Git's configuration format, and an error for what lies outside."""
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    text = modules.decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if section := _SECTION.fullmatch(line):
            current = sections.setdefault(section[1], {})
        elif _OTHER_SECTION.fullmatch(line):
            current = None
        elif variable := _VARIABLE.fullmatch(line):
            if current is not None:
                current[variable[1].lower()] = _value(variable[2] or "", f"{where}: .gitmodules line {number}")
        else:
            raise RepositoryError(f"{where}: .gitmodules line {number} is not a section, a variable or a comment")
        if len(sections) > MAX_MODULES:
            raise RepositoryError(f"{where}: .gitmodules names more than {MAX_MODULES} submodules")
    for values in sections.values():
        if values.get("path") and values.get("url"):
            yield values["path"], values["url"]


def _value(text: str, where: str) -> str:
    """One value: quotes and escapes undone, a comment taken off."""
    value, kept, quoted, position = "", 0, False, 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
            character = text[position : position + 1]
            if character not in ('"', "\\"):
                raise RepositoryError(
                    f"{where}: a value goes on over the line or holds an unknown escape, which is refused"
                )
            value += character
        elif character == '"':
            quoted = not quoted
        elif character in "#;" and not quoted:
            break
        else:
            value += character
        # Spaces at the end count inside quotes only.
        kept = len(value) if quoted or not character.isspace() else kept
        position += 1
    if quoted or has_control_characters(value.replace("\t", " ")):
        raise RepositoryError(f"{where}: a value holds control characters or an open quote, which is refused")
    return value[:kept]


def _not_fetched(where: str, name: str = "") -> RevisionError:
    inside = f"{shown(name)} " if name else "what is asked for "
    return RevisionError(f"{inside}lies in the submodule {where}; submodules are not fetched")
