"""Two texts aligned line by line, with the words that changed inside a line."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import Final

Segments = tuple[tuple[str, bool], ...]
"""A line in pieces; True marks a piece that the other line has not."""

CONTEXT_LINES: Final = 2
"""Unchanged lines kept around a change, as in Argo CD's compact diff."""

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")
# Below this likeness emphasis inside a line is noise: nearly all of it would be marked.
_ALIKE: Final = 0.4
# Two lines of a list are put beside each other when they are this alike; larger blocks are not searched for such lines.
_MUCH_ALIKE: Final = 0.65
_ALIKE_PAIRS: Final = 400
# difflib's quadratic search takes seconds beyond this many lines; its own heuristic then drops frequent lines.
_EXACT_LINES: Final = 2000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One row of a side-by-side view. A side is None where the other stands alone; numbers count from 1."""

    live: Segments | None
    target: Segments | None
    live_number: int | None
    target_number: int | None
    changed: bool

    @property
    def live_text(self) -> str:
        return _joined(self.live)

    @property
    def target_text(self) -> str:
        return _joined(self.target)


@dataclass(frozen=True, slots=True)
class Fold:
    """Unchanged rows left out: ``start`` and ``stop`` as in a slice; ``section`` names the keys above what follows."""

    start: int
    stop: int
    section: str = ""


def diff_lines(live: Sequence[str], target: Sequence[str]) -> tuple[DiffLine, ...]:
    """Align the lines of the live object with those of the target.

    Lines that stand at the same key are put beside each other, and words that differ in them are marked.
    """
    rows: list[DiffLine] = []
    for tag, live_from, live_to, target_from, target_to in _blocks(live, target):
        if tag == "equal":
            for offset in range(live_to - live_from):
                segments = ((live[live_from + offset], False),)
                rows.append(DiffLine(segments, segments, live_from + offset + 1, target_from + offset + 1, False))
            continue
        for left, right in _paired(live, range(live_from, live_to), target, range(target_from, target_to)):
            before, after = _emphasized(None if left is None else live[left], None if right is None else target[right])
            rows.append(
                DiffLine(
                    before,
                    after,
                    None if left is None else left + 1,
                    None if right is None else right + 1,
                    True,
                )
            )
    return tuple(rows)


def fold_lines(rows: Sequence[DiffLine], *, context: int | None = CONTEXT_LINES) -> tuple[DiffLine | Fold, ...]:
    """The rows with each run of unchanged ones beyond ``context`` replaced by a fold; with None all rows stay."""
    if context is None:
        return tuple(rows)
    changes = [position for position, row in enumerate(rows) if row.changed]
    kept = {near for position in changes for near in range(position - context, position + context + 1)}
    spans = [list(span) for _, span in groupby(range(len(rows)), key=lambda position: position in kept)]
    sections = sections_at(rows, {span[-1] + 1 for span in spans if span[0] not in kept})
    result: list[DiffLine | Fold] = []
    for span in spans:
        # A fold takes a line itself, so that folding one line hides it for nothing.
        if span[0] in kept or (len(span) == 1 and changes):
            result += rows[span[0] : span[-1] + 1]
        else:
            result.append(Fold(span[0], span[-1] + 1, sections[span[-1] + 1]))
    return tuple(result)


def unified(rows: Iterable[DiffLine | Fold]) -> Iterator[DiffLine | Fold]:
    """The same rows for a single column: in each run of changes the live sides first, then the target sides."""
    run: list[DiffLine] = []
    for row in rows:
        if isinstance(row, DiffLine) and row.changed:
            run.append(row)
            continue
        yield from _unified_run(run)
        run = []
        yield row
    yield from _unified_run(run)


def sections_at(rows: Sequence[DiffLine], positions: Collection[int]) -> dict[int, str]:
    """The keys above the rows at some positions, such as ``spec › template › spec``; empty at the top and at the end."""
    result = dict.fromkeys(positions, "")
    above: list[tuple[int, str]] = []
    for position, row in enumerate(rows):
        text = _text(row)
        depth = _depth(text)
        while above and above[-1][0] >= depth:
            above.pop()
        if position in result:
            result[position] = " › ".join(key for _, key in above)
        if text.endswith((":", ": |", ": |-", ": |+")):
            above.append((depth, text.strip().removeprefix("- ").rpartition(":")[0]))
    return result


def _unified_run(run: Sequence[DiffLine]) -> Iterator[DiffLine]:
    for row in run:
        if row.live is not None:
            yield DiffLine(row.live, None, row.live_number, None, True)
    for row in run:
        if row.target is not None:
            yield DiffLine(None, row.target, None, row.target_number, True)


def _blocks(live: Sequence[str], target: Sequence[str]) -> list[tuple[str, int, int, int, int]]:
    shortest = min(len(live), len(target))
    head = next((index for index in range(shortest) if live[index] != target[index]), shortest)
    tail = next((index for index in range(shortest - head) if live[-1 - index] != target[-1 - index]), shortest - head)
    live_end, target_end = len(live) - tail, len(target) - tail
    matcher = SequenceMatcher(
        None, live[head:live_end], target[head:target_end], autojunk=live_end + target_end - 2 * head > _EXACT_LINES
    )
    inner = [
        (tag, first + head, last + head, start + head, stop + head)
        for tag, first, last, start, stop in matcher.get_opcodes()
    ]
    return [("equal", 0, head, 0, head), *inner, ("equal", live_end, len(live), target_end, len(target))]


def _paired(
    live: Sequence[str], lefts: range, target: Sequence[str], rights: range
) -> Iterator[tuple[int | None, int | None]]:
    """Pair the lines of two differing blocks by their keys, in order; what finds no partner stands alone."""
    matcher = SequenceMatcher(
        None, [_key(live[index]) for index in lefts], [_key(target[index]) for index in rights], autojunk=False
    )
    for tag, first, last, start, stop in matcher.get_opcodes():
        if tag == "equal" or (tag == "replace" and last - first == stop - start):
            yield from zip(lefts[first:last], rights[start:stop], strict=True)
        else:
            yield from _alike(live, lefts[first:last], target, rights[start:stop])


def _alike(
    live: Sequence[str], lefts: range, target: Sequence[str], rights: range
) -> Iterator[tuple[int | None, int | None]]:
    """Pair each line with the first one after the last pair that looks much like it."""
    waiting = rights.start
    for left in lefts if len(lefts) * len(rights) <= _ALIKE_PAIRS else ():
        matcher = SequenceMatcher(None, b=live[left], autojunk=False)
        for right in range(waiting, rights.stop):
            matcher.set_seq1(target[right])
            if matcher.quick_ratio() > _MUCH_ALIKE and matcher.ratio() > _MUCH_ALIKE:
                yield from ((None, between) for between in range(waiting, right))
                yield left, right
                waiting = right + 1
                break
        else:
            yield left, None
    if len(lefts) * len(rights) > _ALIKE_PAIRS:
        yield from ((left, None) for left in lefts)
    yield from ((None, right) for right in range(waiting, rights.stop))


def _key(line: str) -> str:
    name, colon, _ = line.partition(":")
    return name + colon if colon else line


def _emphasized(live: str | None, target: str | None) -> tuple[Segments | None, Segments | None]:
    if live is None or target is None:
        return (None if live is None else ((live, False),)), (None if target is None else ((target, False),))
    before, after = _WORD.findall(live), _WORD.findall(target)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return ((live, False),), ((target, False),)
    left: list[tuple[str, bool]] = []
    right: list[tuple[str, bool]] = []
    for tag, first, last, start, stop in matcher.get_opcodes():
        if last > first:
            left.append(("".join(before[first:last]), tag != "equal"))
        if stop > start:
            right.append(("".join(after[start:stop]), tag != "equal"))
    return tuple(left), tuple(right)


def _text(row: DiffLine) -> str:
    return row.target_text if row.target is not None else row.live_text


def _depth(text: str) -> int:
    stripped = text.lstrip(" ")
    # A list item's own keys stand two columns further right than its dash.
    return len(text) - len(stripped) + (1 if stripped.startswith("- ") else 0)


def _joined(segments: Segments | None) -> str:
    return "".join(text for text, _ in segments or ())
