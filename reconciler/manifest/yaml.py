"""The one loader and writer of YAML and JSON documents: plain data, read as Kubernetes reads it.

One pass over libyaml's events builds the documents. That is faster than a YAML library's own constructor, and nothing
in it recurses or runs code of a tag: nesting, aliases, keys and numbers are judged before anything is built.
"""

import base64
import math
import re
from typing import Any, Final, Never

import yaml

from reconciler.errors import SpecError
from reconciler.manifest.json_stream import MAX_DEPTH, MAX_NODES, load_json_stream
from reconciler.manifest.scalars import JsonScalar, is_timestamp, key_text, resolve_plain, to_json_number

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
# Tags of plain data; any other tag of YAML's own name space asks for an object of some language.
_COLLECTION_TAGS: Final = frozenset({"map", "seq", "set", "omap", "pairs"})
_SCALAR_TAGS: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "null": (type(None),),
    "timestamp": (str,),
}
_BEHIND_MARK: Final = re.compile(r"^---[^\S\n]*+[^\s#]", re.MULTILINE)
_BYTE_ORDER_MARK: Final = re.compile(r"(\A|^---[^\n]*\n)\ufeff", re.MULTILINE)
_MERGE: Final = object()
_NO_KEY: Final = object()


def load_documents(text: str | bytes, *, file: str, last_key_wins: bool = False) -> list[Any]:
    """Parse every document of a YAML or JSON stream; empty documents are dropped.

    Values are ``dict`` with string keys, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None``.

    Parameters
    ----------
    file
        Name of the source, for messages.
    last_key_wins
        Take the last of equal keys, as kubectl does, instead of refusing them.

    Raises
    ------
    SpecError
        ``<file>:<line>: <what>``, for anything that is not plain data: syntax, duplicate keys, nesting above
        `MAX_DEPTH`, more than `MAX_NODES` values, an alias inside its own anchor, numbers that JSON has not.

    Source: sigs.k8s.io/yaml v1.6.0 on go-yaml v2, and the splitting of k8s.io/apimachinery's YAMLReader; unlike there,
    duplicate keys are refused.
    """
    decoded = _decode(text, file)
    if decoded.lstrip()[:1] == "{":
        documents = load_json_stream(decoded, file=file)
        if documents is not None:
            return documents
    if found := _BEHIND_MARK.search(decoded):
        line = decoded.count("\n", 0, found.start()) + 1
        raise SpecError(f"{file}:{line}: text behind the document mark ---; put it on the next line")
    return _Builder(decoded, file, last_key_wins=last_key_wins).build()


def load_document(text: str | bytes, *, file: str) -> Any:
    """Parse a stream of at most one document; None when it is empty.

    Raises
    ------
    SpecError
        As `load_documents`, and when there is more than one document.
    """
    documents = load_documents(text, file=file)
    if len(documents) > 1:
        raise SpecError(f"{file}:1: expected one document, found {len(documents)}; split the file")
    return documents[0] if documents else None


def dump_document(obj: Any) -> str:
    """Write plain data as one YAML document: block style, keys in the order given.

    Strings that would be read as something else are quoted, so that `load_document` gives an equal value back.
    """
    return str(
        yaml.dump(
            obj,
            Dumper=_Dumper,
            default_flow_style=False,
            sort_keys=False,
            allow_unicode=True,
            width=2**31 - 1,
        )
    )


def _decode(text: str | bytes, file: str) -> str:
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1  # type: ignore[arg-type]
        raise SpecError(f"{file}:{line}: not UTF-8 text; save the file as UTF-8") from None
    if "\ufeff" in decoded:
        decoded = _BYTE_ORDER_MARK.sub(r"\1", decoded)
    # A block scalar keeps its last line break even where the file has none: documents are split into whole lines.
    return decoded if decoded.endswith("\n") else f"{decoded}\n"


class _Frame:
    """A collection that is being filled."""

    __slots__ = ("anchor", "first_node", "height", "items", "key", "merge", "seen")

    def __init__(self, items: dict[str, Any] | list[Any], anchor: str | None, first_node: int, *, merge: bool) -> None:
        self.items = items
        self.anchor = anchor
        self.first_node = first_node
        self.height = 1
        self.key: Any = _NO_KEY
        self.seen: set[str] = set()
        self.merge = merge


class _Builder:
    """Builds the documents of one stream out of parser events."""

    def __init__(self, text: str, file: str, *, last_key_wins: bool = False) -> None:
        self._text = text
        self._file = file
        self._last_key_wins = last_key_wins
        self._documents: list[Any] = []
        self._reset()

    def _reset(self) -> None:
        self._stack: list[_Frame] = []
        self._root: Any = None
        self._nodes = 0
        # Value, number of nodes and height of every finished anchor; None while it is still open.
        self._anchors: dict[str, tuple[Any, int, int] | None] = {}

    def build(self) -> list[Any]:
        event: Any = None
        try:
            for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
                if isinstance(event, yaml.ScalarEvent):
                    self._scalar(event)
                elif isinstance(event, yaml.CollectionStartEvent):
                    self._start(event)
                elif isinstance(event, yaml.CollectionEndEvent):
                    self._end(event)
                elif isinstance(event, yaml.AliasEvent):
                    self._alias(event)
                elif isinstance(event, yaml.DocumentStartEvent):
                    self._reset()
                elif isinstance(event, yaml.DocumentEndEvent) and self._root is not None:
                    self._documents.append(self._root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            problem = " ".join(str(error.problem or error.context or "not YAML").split())
            # At the end of the text libyaml points behind the last line.
            line = min(mark.line, self._text.rstrip("\n").count("\n")) + 1 if mark else 1
            raise SpecError(f"{self._file}:{line}: {problem}") from None
        except yaml.reader.ReaderError as error:
            line = self._text.count("\n", 0, error.position) + 1
            raise SpecError(f"{self._file}:{line}: {error.reason}") from None
        except UnicodeEncodeError as error:
            line = self._text.count("\n", 0, error.start) + 1
            raise SpecError(f"{self._file}:{line}: half of a UTF-16 surrogate pair is not text") from None
        return self._documents

    def _fail(self, event: Any, what: str) -> Never:
        raise SpecError(f"{self._file}:{event.start_mark.line + 1}: {what}")

    def _scalar(self, event: Any) -> None:
        frame = self._stack[-1] if self._stack else None
        is_key = frame is not None and frame.key is _NO_KEY and type(frame.items) is dict
        if is_key and _is_merge(event):
            frame.key = _MERGE  # type: ignore[union-attr]
            return
        value: JsonScalar = event.value
        if event.tag is not None:
            value = self._tagged(event, event.tag)
        elif event.implicit[0]:
            value = resolve_plain(event.value)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, 1, 0)
        if is_key:
            self._key(event, frame, value)  # type: ignore[arg-type]
            return
        self._count(event, 1)
        self._add(event, self._json_value(event, value))

    def _json_value(self, event: Any, value: JsonScalar) -> JsonScalar:
        if type(value) is float and not math.isfinite(value):
            self._fail(event, f"{value} is not a number in JSON; quote it if text is meant")
        return to_json_number(value) if type(value) in (int, float) else value  # type: ignore[arg-type]

    def _tagged(self, event: Any, tag: str) -> JsonScalar:
        name = tag.removeprefix(_TAG_PREFIX)
        text: str = event.value
        if name == tag or name in ("str", "merge"):
            # A private tag of a scalar is dropped, as go-yaml does for a value without a type.
            return text
        if name == "binary":
            try:
                lines = text.replace("\r", "").replace("\n", "")
                return base64.b64decode(lines, validate=True).decode("utf-8", "replace")
            except ValueError:
                self._fail(event, "!!binary value is not base64")
        wanted = _SCALAR_TAGS.get(name)
        if wanted is None:
            self._fail(event, f"tag !!{name} is not plain data; remove it")
        value = resolve_plain(text)
        if type(value) not in wanted or (name == "timestamp" and not is_timestamp(text)):
            self._fail(event, f"cannot read {text[:40]!r} as !!{name}")
        return value

    def _key(self, event: Any, frame: _Frame, value: JsonScalar) -> None:
        key = key_text(value)
        if key is None:
            what = "a null" if value is None else "an integer beyond 64 bits"
            self._fail(event, f"{what} cannot be a key; quote it if text is meant")
        if key in frame.seen and not self._last_key_wins:
            self._fail(event, f"duplicate key {key!r}; remove one of them")
        frame.seen.add(key)
        frame.key = key

    def _start(self, event: Any) -> None:
        if event.tag is not None and event.tag.startswith(_TAG_PREFIX):
            name = event.tag.removeprefix(_TAG_PREFIX)
            if name not in _COLLECTION_TAGS:
                self._fail(event, f"tag !!{name} is not plain data; remove it")
        if len(self._stack) >= MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        merge = False
        if self._stack:
            frame = self._stack[-1]
            if type(frame.items) is dict and frame.key is _NO_KEY:
                self._fail(event, "a mapping or sequence cannot be a key")
            merge = frame.key is _MERGE or (frame.merge and type(frame.items) is list)
            if merge and not is_mapping and frame.merge:
                self._fail(event, _MERGE_PROBLEM)
        self._count(event, 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame({} if is_mapping else [], event.anchor, self._nodes, merge=merge))

    def _end(self, event: Any) -> None:
        frame = self._stack.pop()
        if frame.anchor is not None:
            self._anchors[frame.anchor] = (frame.items, self._nodes - frame.first_node + 1, frame.height)
        self._add(event, frame.items, height=frame.height)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            self._fail(event, f"unknown anchor {event.anchor!r}")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._fail(event, f"anchor {event.anchor!r} contains itself")
        value, nodes, height = anchored
        frame = self._stack[-1] if self._stack else None
        if frame is not None and frame.key is _NO_KEY and type(frame.items) is dict:
            if height:
                self._fail(event, "a mapping or sequence cannot be a key")
            self._key(event, frame, value)
            return
        if not height:
            value = self._json_value(event, value)
        elif frame is not None and frame.key is _MERGE and type(value) is list:
            self._fail(event, "a merge key (<<) takes no alias of a list; write a list of aliases")
        if len(self._stack) + height > MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        self._count(event, nodes)
        self._add(event, _copied(value) if height else value, height=height)

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._fail(event, f"more than {MAX_NODES} values in one document, aliases expanded")

    def _add(self, event: Any, value: Any, *, height: int = 0) -> None:
        if not self._stack:
            self._root = value
            return
        frame = self._stack[-1]
        if height >= frame.height:
            frame.height = height + 1
        items = frame.items
        if type(items) is list:
            if frame.merge and type(value) is not dict:
                self._fail(event, _MERGE_PROBLEM)
            items.append(value)
            return
        key, frame.key = frame.key, _NO_KEY
        if key is not _MERGE:
            items[key] = value
            return
        # As in go-yaml v2: a merge overrides the keys before it, and of a list the first mapping wins.
        sources = list(reversed(value)) if type(value) is list else [value]
        for source in sources:
            if type(source) is not dict:
                self._fail(event, _MERGE_PROBLEM)
            items.update(source)  # type: ignore[union-attr]


_MERGE_PROBLEM: Final = "a merge key (<<) takes a mapping or a list of mappings"


def _is_merge(event: Any) -> bool:
    return bool(event.value == "<<" and (event.implicit[0] or event.tag == _TAG_PREFIX + "merge"))


def _copied(value: Any) -> Any:
    """An independent copy of a mapping or list, without recursion."""
    root: list[Any] = [value]
    pending: list[tuple[Any, Any]] = [(root, 0)]
    while pending:
        parent, key = pending.pop()
        copy = parent[key].copy()
        parent[key] = copy
        entries = copy.items() if type(copy) is dict else enumerate(copy)
        pending.extend((copy, position) for position, item in entries if type(item) in (dict, list))
    return root[0]


class _Dumper(yaml.CSafeDumper):
    """Writes strings so that the loader above reads them as strings."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_string(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text:
        style = "|"
    elif not isinstance(resolve_plain(text), str):
        style = '"'
    return dumper.represent_scalar(_TAG_PREFIX + "str", text, style)


_Dumper.add_representer(str, _represent_string)
