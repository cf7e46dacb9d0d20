"""Globs for groups and kinds, as Argo CD's ignore rules have them: ``*``, ``?``, ``[a-z]``, ``{a,b}``, and ``\\`` to escape.

Source: util/glob of Argo CD 3.6 (gobwas/glob without separators). Matching takes time in proportion to pattern times text,
whatever the pattern.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

_MAX_ALTERNATIVES: Final = 64
_ANY: Final = "*"


@lru_cache(maxsize=4096)
def glob_matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a pattern that is none, such as ``[``, matches nothing."""
    if pattern == text:
        return True
    if not any(character in pattern for character in "*?[{\\"):
        return False
    try:
        return any(_matches(tokens, text) for tokens in _patterns(pattern))
    except ValueError:
        return False


def _patterns(pattern: str) -> Iterator[list["str | _Set"]]:
    for count, each in enumerate(_alternatives(pattern)):
        if count == _MAX_ALTERNATIVES:
            raise ValueError(pattern)
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
    raise ValueError(pattern)


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
    """``[abc]``, ``[a-z]`` or ``[!a-z]``; an empty one is any character."""

    __slots__ = ("members", "negated", "ranges")

    def __init__(self, text: str = "", *, literal: bool = False) -> None:
        self.negated = text[:1] == "!" and not literal
        body = text[1:] if self.negated else text
        self.ranges = (
            [(body[at], body[at + 2]) for at in range(len(body) - 2) if body[at + 1] == "-"] if not literal else []
        )
        self.members = set() if self.ranges else set(body)

    def holds(self, character: str) -> bool:
        if not self.members and not self.ranges:
            return True
        found = character in self.members or any(low <= character <= high for low, high in self.ranges)
        return found is not self.negated


def _tokens(pattern: str) -> Iterator["str | _Set"]:
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            yield _ANY
        elif character == "?":
            yield _Set()
        elif character == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise ValueError(pattern)
            yield _Set(pattern[position + 1 : end])
            position = end
        else:
            if character == "\\":
                position += 1
            if position >= len(pattern):
                raise ValueError(pattern)
            yield _Set(pattern[position], literal=True)
        position += 1


def _matches(tokens: "list[str | _Set]", text: str) -> bool:
    """The classic walk with one point to return to, the last star."""
    at, position, star, resume = 0, 0, -1, 0
    while position < len(text):
        token = tokens[at] if at < len(tokens) else None
        if isinstance(token, str):
            star, resume = at, position
            at += 1
        elif token is not None and token.holds(text[position]):
            at += 1
            position += 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return all(isinstance(token, str) for token in tokens[at:])
