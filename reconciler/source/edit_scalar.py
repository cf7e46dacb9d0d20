"""Changes single values in the text of YAML and JSON files; every other byte stays.

The places are those that a YAML parser's events name. What came out is loaded again and compared with what was meant.
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from reconciler.errors import SpecError
from reconciler.manifest.scalars import resolve_plain
from reconciler.manifest.yaml import load_documents

Path = tuple[str | int, ...]

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./+@-]*")
_MARK: Final = "\ufeff"


@dataclass(frozen=True, slots=True)
class Place:
    """A value in a file, by the number of its document and its path; ``start`` and ``end`` count characters.

    ``style`` is its quotes, or ``|`` or ``>``; ``key_column`` where its key begins, ``in_flow`` whether that is between braces.
    """

    document: int
    path: Path
    start: int
    end: int
    line: int
    value: str = ""
    style: str = ""
    key_column: int = 0
    in_flow: bool = False
    #: Why the value cannot be changed in its place.
    fixed: str = ""


class EditableFile:
    """The text of one file and the places of its values.

    Raises
    ------
    SpecError
        For what `load_documents` refuses, and text that is not UTF-8.
    """

    def __init__(self, data: bytes, *, file: str) -> None:
        self._file = file
        # Judges nesting and aliases before any other parser sees the text.
        load_documents(data, file=file)
        text = data.decode("utf-8")
        self._prefix = _MARK if text.startswith(_MARK) else ""
        self._text = text.removeprefix(_MARK)
        try:
            self.places = {(place.document, place.path): place for place in _places(self._text)}
        except yaml.YAMLError:
            raise SpecError(f"{file}: holds more than one JSON object; it cannot be changed here") from None

    def value(self, document: int, path: Path) -> str:
        """The text of a scalar, empty when there is none."""
        place = self.places.get((document, path))
        return place.value if place is not None else ""

    def objects(self) -> Iterator[tuple[int, Path]]:
        """Document and path of each object; the items of lists are objects of their own."""
        for document, path in self.places:
            if path[-1:] == ("kind",) and all(
                step == "items" if index % 2 == 0 else isinstance(step, int) for index, step in enumerate(path[:-1])
            ):
                yield document, path[:-1]

    def with_values(self, document: int, values: Mapping[Path, str], *, after: str) -> bytes:
        """The file with other texts at some paths of one document.

        Parameters
        ----------
        after
            A key that such a mapping has: where the value's own key is missing, it is written behind this one.

        Raises
        ------
        SpecError
            When a value stands where it cannot be changed alone: in a block scalar, behind an anchor or an alias.
        """
        edits = [self._edit(document, path, value, after) for path, value in values.items()]
        text = self._text
        for start, end, replacement in sorted(edits, reverse=True):
            text = text[:start] + replacement + text[end:]
        self._verify(text, document, values)
        return f"{self._prefix}{text}".encode()

    def _edit(self, document: int, path: Path, value: str, after: str) -> tuple[int, int, str]:
        place = self.places.get((document, path))
        if place is None:
            return self._insertion(document, path, value, after)
        if place.fixed or place.style in ("|", ">") or "\n" in self._text[place.start : place.end]:
            why = place.fixed or "is a text of several lines"
            raise SpecError(f"{self._file}:{place.line}: {shown_path(path)} {why}; change it by hand")
        return place.start, place.end, _written(value, place.style)

    def _insertion(self, document: int, path: Path, value: str, after: str) -> tuple[int, int, str]:
        anchor = self.places.get((document, (*path[:-1], after)))
        if anchor is None or "\n" in self._text[anchor.start : anchor.end]:
            raise SpecError(f"{self._file}: {shown_path(path)} is missing and cannot be added; add it by hand")
        written = _written(value, '"' if anchor.in_flow and anchor.style == '"' else "")
        if anchor.in_flow:
            key = json.dumps(path[-1]) if anchor.style == '"' else path[-1]
            return anchor.end, anchor.end, f", {key}: {written}"
        end = self._text.find("\n", anchor.end)
        newline = "\r\n" if self._text[:end].endswith("\r") else "\n"
        line = f"{' ' * anchor.key_column}{path[-1]}: {written}"
        if end < 0:
            return len(self._text), len(self._text), f"{newline}{line}"
        return end + 1, end + 1, f"{line}{newline}"

    def _verify(self, text: str, document: int, values: Mapping[Path, str]) -> None:
        before, after = (load_documents(each, file=self._file) for each in (self._text, text))
        # Empty documents are not loaded; the one meant is the one that differs.
        expected = copy.deepcopy(before)
        numbers = sorted({place.document for place in self.places.values()})
        try:
            for path, value in values.items():
                inner = expected[numbers.index(document)]
                for step in path[:-1]:
                    inner = inner[step]
                inner[path[-1]] = value
        except (IndexError, KeyError, TypeError):
            expected = []
        if after != expected:
            raise SpecError(f"{self._file}: the change cannot be made without changing more; make it by hand")


def _written(value: str, style: str) -> str:
    if style == "'":
        escaped = value.replace("'", "''")
        return f"'{escaped}'"
    if style != '"' and _PLAIN.fullmatch(value) and isinstance(resolve_plain(value), str):
        return value
    return json.dumps(value, ensure_ascii=False)


def shown_path(path: Path) -> str:
    """A field path for people: ``spec.sources[0].targetRevision``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


class _Frame:
    """A collection whose events are being read."""

    __slots__ = ("column", "count", "flow", "is_mapping", "key", "path")

    def __init__(self, path: Path, *, is_mapping: bool, flow: bool) -> None:
        self.path = path
        self.is_mapping = is_mapping
        self.flow = flow
        self.key: str | None = None
        self.column = 0
        self.count = 0

    def step(self) -> str | int | None:
        """The step to the next value, None when a key comes next."""
        if self.is_mapping:
            return self.key
        self.count += 1
        return self.count - 1


def _places(text: str) -> Iterator[Place]:
    """The values of all documents that are not empty."""
    document, stack = -1, list[_Frame]()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            document += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            stack.pop()
        elif isinstance(event, yaml.NodeEvent):
            frame = stack[-1] if stack else None
            step = frame.step() if frame is not None else None
            if frame is not None and step is None:
                # Aliases and collections as keys stay nameless: what is below them is not looked for.
                frame.key = event.value if isinstance(event, yaml.ScalarEvent) else ""
                frame.column = event.start_mark.column if event.start_mark is not None else 0
                continue
            path: Path = () if frame is None or step is None else (*frame.path, step)
            if frame is not None:
                frame.key = None
            if isinstance(event, yaml.CollectionStartEvent):
                stack.append(
                    _Frame(path, is_mapping=isinstance(event, yaml.MappingStartEvent), flow=bool(event.flow_style))
                )
            if path or not isinstance(event, yaml.ScalarEvent):
                yield _place(document, path, event, frame)


def _place(document: int, path: Path, event: Any, frame: _Frame | None) -> Place:
    fixed = ""
    if isinstance(event, yaml.AliasEvent):
        fixed = f"is an alias of &{event.anchor}"
    elif isinstance(event, yaml.CollectionStartEvent):
        fixed = "is not a text"
    elif event.anchor:
        fixed = f"carries the anchor &{event.anchor}, which others may use"
    elif event.tag:
        fixed = f"carries the tag {event.tag}"
    return Place(
        document,
        path,
        event.start_mark.index,
        event.end_mark.index,
        event.start_mark.line + 1,
        value=getattr(event, "value", ""),
        style=getattr(event, "style", None) or "",
        key_column=frame.column if frame is not None else 0,
        in_flow=frame.flow if frame is not None else False,
        fixed=fixed,
    )
