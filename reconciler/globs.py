"""Globs, as Argo CD has them: ``*``, ``?``, ``[a-z]``, ``{a,b}``, and ``\\`` to escape; and those of Go's file paths.

Source: util/glob of Argo CD 3.6 (gobwas/glob v0.2.3), and Go's path/filepath. Where gobwas goes beyond its own grammar (a ``{``
that does not close, ``\\`` at the end, ``?`` for nothing at all) the grammar counts. Matching takes time in proportion to
pattern times text, whatever the pattern: every place of the pattern that the text so far can lead to is one bit of a number.
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
"""A star, a character, or the places where the pattern goes on instead."""


class Glob:
    """A pattern that was read, to be held against many texts; see `parse_glob` and `parse_path_glob`."""

    __slots__ = ("_accepts", "_closures", "_end", "_separator", "_stars", "_start", "_tokens")

    def __init__(self, tokens: Sequence[_Token], *, separator: str) -> None:
        self._tokens = tokens
        self._separator = separator
        self._end = 1 << len(tokens)
        self._stars = 0
        self._closures: dict[int, int] = {}
        # What stands behind a place is known before the place: jumps lead onwards only.
        for place in range(len(tokens) - 1, -1, -1):
            token = tokens[place]
            if isinstance(token, str):
                self._stars |= 1 << place
            if not isinstance(token, _Set):
                reached = 1 << place
                for target in token if isinstance(token, list) else (place + 1,):
                    reached |= self._closures.get(target, 1 << target)
                self._closures[place] = reached
        # A star leads to the next place by a shift; only what more there is must be looked up.
        plain = [place for place, reached in self._closures.items() if reached == 3 << place]
        for place in plain:
            del self._closures[place]
        self._jumps = sum(1 << place for place in self._closures)
        self._accepts: dict[str, tuple[int, int]] = {}
        self._start = self._reached(1)

    def matches(self, text: str) -> bool:
        """Whether the whole text matches."""
        places = self._start
        for character in text:
            accepts = self._accepts.get(character) or self._accepting(character)
            places = self._reached((places & accepts[0]) << 1 | places & accepts[1])
            if not places:
                return False
        return bool(places & self._end)
