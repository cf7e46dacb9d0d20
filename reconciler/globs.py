"""Globs, as Argo CD has them: ``*``, ``?``, ``[a-z]``, ``{a,b}``, and ``\\`` to escape; and those of Go's file paths.

Source: util/glob of Argo CD 3.6 (gobwas/glob v0.2.3), and Go's path/filepath. Where gobwas goes beyond its own grammar (a ``{``
that does not close, ``\\`` at the end, ``?`` for nothing at all), the grammar counts. Matching takes time in proportion to
pattern times text, whatever the pattern: the places of the pattern that the text so far can lead to are bits of one number.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

MAX_LENGTH: Final = 4096
"""Characters of a pattern."""
_ANY: Final = "*"
_ACROSS: Final = "**"
_SPECIAL: Final = frozenset("*?[{\\")
_MAX_CHARACTERS: Final = 1024

Dialect = Literal["path", "doublestar"]
"""Whose classes: Go's ``path/filepath``, or those of bmatcuk/doublestar, where ``!`` negates too and ``-`` may stand alone."""


class GlobError(ValueError):
    """A text that is no pattern, such as ``[``; ``problem`` says why, to follow the pattern in a message."""

    def __init__(self, pattern: str, problem: str) -> None:
        super().__init__(f"{pattern!r} {problem}")
        self.problem = problem


class _Set:
    """``[abc]``, ``[a-z]`` or ``[!a-z]``, or one character; an empty one is any character but the separator."""

    __slots__ = ("negated", "ranges")

    def __init__(self, ranges: Sequence[tuple[str, str]] = (), *, negated: bool = False) -> None:
        self.ranges = tuple(ranges)
        self.negated = negated

    def holds(self, character: str, separator: str) -> bool:
        if not self.ranges:
            return character != separator
        return any(low <= character <= high for low, high in self.ranges) is not self.negated


_Token = str | _Set | list[int]
"""A star, what stands for one character, or the places where the pattern goes on instead."""


class Glob:
    """A pattern that was read, to be held against many texts; see `parse_glob` and `parse_path_glob`."""

    __slots__ = ("_closures", "_end", "_known", "_separator", "_skips", "_start", "_tokens")

    def __init__(self, tokens: Sequence[_Token], *, separator: str) -> None:
        self._tokens = tokens
        self._separator = separator
        self._end = 1 << len(tokens)
        self._known: dict[str, tuple[int, int]] = {}
        closures: dict[int, int] = {}
        # What lies behind a place is known before the place: a pattern goes onwards only.
        for place in range(len(tokens) - 1, -1, -1):
            token = tokens[place]
            if not isinstance(token, _Set):
                reached = 1 << place
                for target in token if isinstance(token, list) else (place + 1,):
                    reached |= closures.get(target, 1 << target)
                closures[place] = reached
        # Most lead to the next place and no further, which one shift does for all of them.
        self._skips = sum(1 << place for place, reached in closures.items() if reached == 3 << place)
        self._closures = {1 << place: reached for place, reached in closures.items() if reached != 3 << place}
        self._start = self._reached(1)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        places = self._start
        for character in text:
            moving, staying = self._known.get(character) or self._accepting(character)
            places = self._reached((places & moving) << 1 | places & staying)
            if not places:
                return False
        return bool(places & self._end)

    def _reached(self, places: int) -> int:
        """These places, and those behind stars, which may stand for nothing, and behind braces."""
        places |= (places & self._skips) << 1
        for place, reached in self._closures.items():
            if places & place:
                places |= reached
        return places

    def _accepting(self, character: str) -> tuple[int, int]:
        """The places that this character leads on from, and those it leaves as they are."""
        moving = staying = 0
        for place, token in enumerate(self._tokens):
            if isinstance(token, _Set):
                moving |= token.holds(character, self._separator) << place
            elif token == _ACROSS or (token == _ANY and character != self._separator):
                staying |= 1 << place
        if len(self._known) < _MAX_CHARACTERS:
            self._known[character] = moving, staying
        return moving, staying


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
        For a pattern that is none.
    """
    if _SPECIAL.isdisjoint(pattern):
        return pattern == text
    return parse_glob(pattern, separator=separator).matches(text)


@lru_cache(maxsize=4096)
def path_matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches as in Go's ``filepath.Match``: no braces, ``[^a]`` negates, ``*`` stops at ``/``.

    Raises
    ------
    GlobError
        For a pattern that is none. Go says so only when it gets there; the answer is the same, no match.
    """
    return parse_path_glob(pattern).matches(text)


@lru_cache(maxsize=256)
def parse_glob(pattern: str, *, separator: str = "") -> Glob:
    """Read a pattern of gobwas/glob.

    Raises
    ------
    GlobError
        When a bracket, brace or escape is left open, a class is none of ``[abc]`` and ``[a-c]``, or there are more than 4096
        characters.
    """
    _require_short(pattern)
    tokens: list[_Token] = []
    choices: list[tuple[list[int], list[list[int]]]] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            across = pattern.startswith("*", position)
            tokens.append(_ACROSS if across else _ANY)
            position += across
        elif character == "?":
            tokens.append(_Set())
        elif character == "[":
            token, position = _class(pattern, position)
            tokens.append(token)
        elif character == "{":
            choices.append(([len(tokens) + 1], []))
            tokens.append(choices[-1][0])
        elif choices and character in ",}":
            starts, ends = choices[-1]
            ends.append([])
            if character == ",":
                tokens.append(ends[-1])
                starts.append(len(tokens))
            else:
                ends.pop()
                for end in ends:
                    end.append(len(tokens))
                choices.pop()
        else:
            literal, position = _literal(pattern, position - 1)
            tokens.append(_Set([(literal, literal)]))
    if choices:
        raise GlobError(pattern, "has a { that does not close")
    return Glob(tokens, separator=separator)


def _require_short(pattern: str) -> None:
    if len(pattern) > MAX_LENGTH:
        raise GlobError(f"{pattern[:40]}…", f"has more than {MAX_LENGTH} characters")


def _literal(pattern: str, position: int) -> tuple[str, int]:
    """The character at a place, a ``\\`` before it taken away, and where the pattern goes on."""
    position += pattern.startswith("\\", position)
    if position >= len(pattern):
        raise GlobError(pattern, "ends with a \\")
    return pattern[position], position + 1


def _class(pattern: str, position: int) -> tuple[_Set, int]:
    """The class that begins at a place, as gobwas/glob has it: one range, or single characters; and where it ends."""
    negated = pattern.startswith("!", position)
    position += negated
    if pattern.startswith("-", position + 1) and position + 2 < len(pattern):
        low, high = pattern[position], pattern[position + 2]
        if high < low or not pattern.startswith("]", position + 3):
            raise GlobError(pattern, f"has a class that is no range at [{pattern[position : position + 3]}")
        return _Set([(low, high)], negated=negated), position + 4
    members = []
    while not pattern.startswith("]", position):
        if position >= len(pattern):
            raise GlobError(pattern, "has a [ that does not close")
        member, position = _literal(pattern, position)
        members.append((member, member))
    if not members:
        raise GlobError(pattern, "has an empty class")
    return _Set(members, negated=negated), position + 1


@lru_cache(maxsize=256)
def parse_path_glob(pattern: str, *, dialect: Dialect = "path") -> Glob:
    """Read a pattern of a path's names; ``*`` and ``?`` stop at ``/``.

    Raises
    ------
    GlobError
        When a bracket or escape is left open, a class is none, or there are more than 4096 characters.
    """
    _require_short(pattern)
    tokens: list[_Token] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            tokens.append(_ANY)
            position += 1
        elif character == "?":
            tokens.append(_Set())
            position += 1
        elif character == "[":
            token, position = _path_class(pattern, position + 1, dialect)
            tokens.append(token)
        else:
            literal, position = _literal(pattern, position)
            tokens.append(_Set([(literal, literal)]))
    return Glob(tokens, separator="/")


def _path_class(pattern: str, position: int, dialect: Dialect) -> tuple[_Set, int]:
    """The class whose first character is at ``position``, and where it ends."""
    negated = pattern[position : position + 1] in (("^", "!") if dialect == "doublestar" else ("^",))
    position += negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and pattern.startswith("]", position)):
        low, position = _class_member(pattern, position, dialect)
        high = low
        is_range = pattern.startswith("-", position)
        if is_range and not (dialect == "doublestar" and pattern.startswith("]", position + 1)):
            high, position = _class_member(pattern, position + 1, dialect)
        ranges.append((low, high))
    return _Set(ranges, negated=negated), position + 1


def _class_member(pattern: str, position: int, dialect: Dialect) -> tuple[str, int]:
    if pattern.startswith("]" if dialect == "doublestar" else ("-", "]"), position):
        raise GlobError(pattern, f"has a class with a {pattern[position]} in the wrong place; escape it")
    # A class goes on after its last member, at least with the bracket that ends it.
    if position + 1 + pattern.startswith("\\", position) >= len(pattern):
        raise GlobError(pattern, "has a [ that does not close")
    return _literal(pattern, position)
