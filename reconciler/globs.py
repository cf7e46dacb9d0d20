"""Globs, as Argo CD has them: ``*``, ``?``, ``[a-z]``, ``{a,b}``, and ``\\`` to escape.

Source: util/glob of Argo CD 3.6 (gobwas/glob), and Go's path/filepath for the kind lists of projects. Matching takes time in
proportion to pattern times text, whatever the pattern.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

_MAX_ALTERNATIVES: Final = 64
_ANY: Final = "*"
_ACROSS: Final = "**"
_SPECIAL: Final = frozenset("*?[{\\")


class GlobError(ValueError):
    """A text that is no pattern, such as ``[``."""


def glob_matches(pattern: str, text: str, *, separator: str = "") -> bool:
    """Whether the whole text matches; a pattern that is none, such as ``[``, matches nothing.

    With a ``separator``, ``*`` and ``?`` stop at it and ``**`` does not.
    """
    try:
        return require_glob(pattern, text, separator=separator)
    except GlobError:
        return False


@lru_cache(maxsize=4096)
def require_glob(pattern: str, text: str, *, separator: str = "") -> bool:
    """As `glob_matches`, for callers to whom a broken pattern must not read as «no match».

    Raises
    ------
    GlobError
        For a pattern that is none, or spells more than 64 alternatives.
    """
    if pattern == text and _SPECIAL.isdisjoint(pattern):
        return True
    if _SPECIAL.isdisjoint(pattern):
        return False
    # All of them are read first: an alternative that is broken breaks the pattern.
    patterns = list(_patterns(pattern))
    return any(_matches(tokens, text, separator) for tokens in patterns)


@lru_cache(maxsize=4096)
def path_matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches as in Go's ``filepath.Match``: no braces, ``[^a]`` negates, ``*`` stops at ``/``.

    Raises
    ------
    GlobError
        For a pattern that is none. Go says so only when it gets there; the answer is the same, no match.
    """
    return _matches(list(_path_tokens(pattern)), text, "/")


def _patterns(pattern: str) -> Iterator[list["str | _Set"]]:
    for count, each in enumerate(_alternatives(pattern)):
        if count == _MAX_ALTERNATIVES:
            raise GlobError(pattern)
        yield list(_tokens(each))


def _alternatives(pattern: str) -> Iterator[str]:
    """The pattern with its first ``{a,b}`` replaced by each choice, and so on."""
    start = _find(pattern, "{")
    if start < 0:
        yield pattern
        return
    depth, choices, begin = 0, [], start + 1
    position = start
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            position += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        if (character == "," and depth == 1) or (character == "}" and depth == 0):
            choices.append(pattern[begin:position])
            begin = position + 1
            if depth == 0:
                for choice in choices:
                    yield from _alternatives(pattern[:start] + choice + pattern[position + 1 :])
                return
        position += 1
    raise GlobError(pattern)


def _find(pattern: str, wanted: str) -> int:
    position = 0
    while position < len(pattern):
        if pattern[position] == "\\":
            position += 1
        elif pattern[position] == wanted:
            return position
        position += 1
    return -1


class _Set:
    """``[abc]``, ``[a-z]`` or ``[!a-z]``; an empty one is any character but the separator."""

    __slots__ = ("members", "negated", "ranges")

    def __init__(self, members: str = "", ranges: Sequence[tuple[str, str]] = (), *, negated: bool = False) -> None:
        self.members = frozenset(members)
        self.ranges = tuple(ranges)
        self.negated = negated

    def holds(self, character: str, separator: str) -> bool:
        if not self.members and not self.ranges:
            return character != separator
        found = character in self.members or any(low <= character <= high for low, high in self.ranges)
        return found is not self.negated


def _tokens(pattern: str) -> Iterator["str | _Set"]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            across = pattern.startswith("**", position)
            yield _ACROSS if across else _ANY
            position += across
        elif character == "?":
            yield _Set()
        elif character == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise GlobError(pattern)
            yield _class(pattern[position + 1 : end])
            position = end
        else:
            if character == "\\":
                position += 1
            if position >= len(pattern):
                raise GlobError(pattern)
            yield _Set(pattern[position])
        position += 1


def _class(text: str) -> _Set:
    """Either ranges or single characters, as gobwas/glob has it."""
    negated = text[:1] == "!"
    body = text[1:] if negated else text
    ranges = [(body[at], body[at + 2]) for at in range(len(body) - 2) if body[at + 1] == "-"]
    return _Set("" if ranges else body, ranges, negated=negated)


def _path_tokens(pattern: str) -> Iterator["str | _Set"]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            yield _ANY
        elif character == "?":
            yield _Set()
        elif character == "[":
            found, position = _path_class(pattern, position)
            yield found
        else:
            if character == "\\":
                if position == len(pattern):
                    raise GlobError(pattern)
                character = pattern[position]
                position += 1
            yield _Set(character)


def _path_class(pattern: str, position: int) -> tuple[_Set, int]:
    """The class whose first character is at ``position``, and where it ends."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", position)):
        low, position = _class_member(pattern, position)
        high = low
        if pattern.startswith("-", position):
            high, position = _class_member(pattern, position + 1)
        ranges.append((low, high))
    return _Set(ranges=ranges, negated=negated), position + 1


def _class_member(pattern: str, position: int) -> tuple[str, int]:
    escaped = pattern.startswith("\\", position)
    position += escaped
    # A class goes on after its last member, at least with the bracket that ends it.
    if position + 1 >= len(pattern) or (pattern[position] in "-]" and not escaped):
        raise GlobError(pattern)
    return pattern[position], position + 1


def _matches(tokens: Sequence["str | _Set"], text: str, separator: str) -> bool:
    """Every place of the pattern that the text so far can lead to, character by character."""
    places = _reached(tokens, {0})
    for character in text:
        following = set()
        for place in places:
            if place == len(tokens):
                continue
            token = tokens[place]
            if isinstance(token, str):
                if token == _ACROSS or character != separator:
                    following.add(place)
            elif token.holds(character, separator):
                following.add(place + 1)
        places = _reached(tokens, following)
        if not places:
            return False
    return len(tokens) in places


def _reached(tokens: Sequence["str | _Set"], places: set[int]) -> set[int]:
    """These places, and those behind stars, which may stand for nothing."""
    pending = list(places)
    while pending:
        place = pending.pop()
        if place < len(tokens) and isinstance(tokens[place], str) and place + 1 not in places:
            places.add(place + 1)
            pending.append(place + 1)
    return places
