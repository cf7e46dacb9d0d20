"""Argo CD's file globs, as gobwas/glob reads them without separators: ``*`` crosses ``/``.

Matching takes time in proportion to pattern times text, whatever the pattern: it comes from a user.
"""

from collections.abc import Iterator, Sequence

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown

MAX_ALTERNATIVES = 1000

Token = str | frozenset[str] | tuple[bool, tuple[tuple[str, str], ...]]
ANY_SEQUENCE: Token = "*"
ANY_CHARACTER: Token = "?"


class Glob:
    """``*``, ``?``, ``[a-c]``, ``[!x]``, ``{one,two}`` and ``\\`` before a literal.

    Raises
    ------
    GenerationError
        When brackets or braces do not close, or the braces spell more than 1000 alternatives.
    """

    def __init__(self, pattern: str, *, field: str) -> None:
        self._where = f"{field}: {shown(pattern)}"
        alternatives = []
        for alternative in self._alternatives(pattern):
            alternatives.append(tuple(self._tokens(alternative)))
            if len(alternatives) > MAX_ALTERNATIVES:
                raise GenerationError(f"{self._where} spells more than {MAX_ALTERNATIVES} alternatives")
        self._patterns = tuple(alternatives)

    def matches(self, text: str) -> bool:
        return any(_matches(pattern, text) for pattern in self._patterns)

    def _alternatives(self, pattern: str) -> Iterator[str]:
        start = _find(pattern, "{", 0)
        if start < 0:
            if _find(pattern, "}", 0) >= 0:
                raise GenerationError(f"{self._where} has a }} without {{")
            yield pattern
            return
        depth, begin, pieces = 0, start + 1, []
        for index in _special(pattern, start, "{,}"):
            character = pattern[index]
            depth += {"{": 1, "}": -1}.get(character, 0)
            if (character == "," and depth == 1) or depth == 0:
                pieces.append(pattern[begin:index])
                begin = index + 1
            if depth == 0:
                break
        else:
            raise GenerationError(f"{self._where} has a {{ that does not close")
        for piece in pieces:
            yield from self._alternatives(pattern[:start] + piece + pattern[begin:])

    def _tokens(self, pattern: str) -> Iterator[Token]:
        index = 0
        while index < len(pattern):
            character = pattern[index]
            if character == "\\" and index + 1 < len(pattern):
                index += 1
                yield frozenset(pattern[index])
            elif character in "*?":
                yield character
            elif character == "[":
                end = _find(pattern, "]", index + 2)
                if end < 0:
                    raise GenerationError(f"{self._where} has a [ that does not close")
                yield _character_class(pattern[index + 1 : end])
                index = end
            else:
                yield frozenset(character)
            index += 1


def _special(pattern: str, start: int, characters: str) -> Iterator[int]:
    """Positions of unescaped ``characters``."""
    index = start
    while index < len(pattern):
        if pattern[index] == "\\":
            index += 1
        elif pattern[index] in characters:
            yield index
        index += 1


def _find(pattern: str, character: str, start: int) -> int:
    return next(_special(pattern, start, character), -1)


def _character_class(body: str) -> Token:
    negated = body.startswith("!")
    body = body[negated:]
    ranges, index = [], 0
    while index < len(body):
        wide = body[index + 1 : index + 2] == "-" and index + 2 < len(body)
        ranges.append((body[index], body[index + 2 if wide else index]))
        index += 3 if wide else 1
    return negated, tuple(ranges)


def _matches(pattern: Sequence[Token], text: str) -> bool:
    """Wildcard matching with one point of return, the last ``*``; no recursion, no exponential case."""
    at = position = 0
    star = resume = -1
    while position < len(text):
        if at < len(pattern) and pattern[at] == ANY_SEQUENCE:
            star, resume = at, position
            at += 1
        elif at < len(pattern) and _accepts(pattern[at], text[position]):
            at += 1
            position += 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return all(token == ANY_SEQUENCE for token in pattern[at:])


def _accepts(token: Token, character: str) -> bool:
    if isinstance(token, frozenset):
        return character in token
    if isinstance(token, tuple):
        negated, ranges = token
        return negated != any(low <= character <= high for low, high in ranges)
    return token == ANY_CHARACTER
