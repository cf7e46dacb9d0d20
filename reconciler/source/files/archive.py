"""A ``.tgz`` or ``.tar`` as a tree of files in memory: nothing of it ever reaches the disk here.

The tar headers are read by ourselves. Python's ``tarfile`` follows hostile headers into endless loops and quadratic
searches in several releases that we support (CVE-2025-8194, CVE-2024-6232), and the few kinds of entry that a chart or a
folder of manifests needs are quickly told apart. Formats: POSIX ustar and pax, GNU long names.
"""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown
from reconciler.source.files.tree import Kind, TooLargeError, TreeStore

BLOCK = 512
GZIP_MAGIC = b"\x1f\x8b"
IGNORED_NAME = ".git"
"""Left out at every level: a packed checkout, which no tool may take for a repository."""

_REGULAR = frozenset({b"0", b"\0", b"7"})
_REFUSED = {b"1": "hard link", b"3": "character device", b"4": "block device", b"6": "named pipe"}
_MAX_HEADER_TEXT = 2**16
_INFLATE_STEP = 2**20
_RATIO_FROM = 4 * 2**20


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What an archive may be at most; Helm's own limit on an unpacked chart is 100 MiB too (pkg/chart/loader/archive)."""

    packed_bytes: int = 64 * 2**20
    unpacked_bytes: int = 100 * 2**20
    ratio: int = 200
    """Unpacked to packed bytes, once more than 4 MiB are unpacked."""
    entries: int = 20_000
    depth: int = 64
    path_bytes: int = 4096


DEFAULT_LIMITS = ArchiveLimits()

_Node = dict[str, "_Node | tuple[Kind, str]"]


@dataclass(frozen=True, slots=True)
class ArchiveStore:
    """The files of one archive; a `TreeStore`. Object ids are SHA-256 digests: a folder's pins all that is below it."""

    name: str
    root_id: str
    _folders: Mapping[str, Mapping[str, tuple[Kind, str]]] = field(repr=False)
    _contents: Mapping[str, bytes] = field(repr=False)

    def entries(self, tree_id: str) -> Mapping[str, tuple[Kind, str]]:
        """Name to kind and object id, sorted by name."""
        return self._folders[tree_id]

    def read(self, object_id: str, *, limit: int) -> bytes:
        """The bytes of a file, or the target of a link.

        Raises
        ------
        GenerationError
            When they are more than ``limit``.
        """
        data = self._contents[object_id]
        if len(data) > limit:
            raise TooLargeError(f"a file in {self.name}", len(data), limit)
        return data

    def read_all(self, object_ids: Sequence[str], *, limit: int) -> list[bytes]:
        """The bytes of files, as `read` gives them."""
        return [self.read(object_id, limit=limit) for object_id in object_ids]

    def sizes(self, object_ids: Sequence[str]) -> list[int]:
        """Bytes of files or links."""
        return [len(self._contents[object_id]) for object_id in object_ids]

    def submodule(self, commit: str, path: str, modules: bytes) -> tuple[TreeStore, str]:
        """An archive has none.

        Raises
        ------
        GenerationError
            Always.
        """
        raise GenerationError(f"{shown(path)} in {self.name} is a submodule, which an archive cannot have")


def read_archive(data: bytes, *, name: str, limits: ArchiveLimits = DEFAULT_LIMITS) -> ArchiveStore:
    """The files of a tar archive, compressed with gzip or not.

    Parameters
    ----------
    name
        Where the archive is from, for messages.

    Raises
    ------
    GenerationError
        For what is no such archive, is over a limit, or holds a name that is absolute, has ``..`` or a control character,
        or comes twice, a hard link, a device or a sparse file. Symbolic links stay, as links: a `Tree` judges them.
    """
    if len(data) > limits.packed_bytes:
        raise GenerationError(f"{name} is over {limits.packed_bytes} bytes, the limit of a packed archive")
    tar = _inflate(data, name, limits) if data.startswith(GZIP_MAGIC) else data
    if len(tar) > limits.unpacked_bytes:
        raise _too_large(name, limits)
    root: _Node = {}
    contents: dict[str, bytes] = {}
    for count, member in enumerate(_members(tar, name), start=1):
        if count > limits.entries:
            raise GenerationError(f"{name} holds more than {limits.entries} entries; package fewer files")
        _add(root, contents, member, name, limits)
    folders: dict[str, dict[str, tuple[Kind, str]]] = {}
    return ArchiveStore(name, _fold(root, folders), folders, contents)


def single_folder(store: ArchiveStore, *, preferred: str = "") -> str:
    """Id of the folder that the archive of a chart consists of: ``preferred`` where it is there, else the only one.

    Raises
    ------
    GenerationError
        When there is no such folder.
    """
    entries = store.entries(store.root_id)
    kind, object_id = entries.get(preferred, (Kind.FILE, ""))
    if kind is Kind.FOLDER:
        return object_id
    folders = [found for kind, found in entries.values() if kind is Kind.FOLDER]
    if len(entries) != 1 or len(folders) != 1:
        raise GenerationError(f"{store.name} is no chart: expected one folder at its top, found {len(entries)} entries")
    return folders[0]


@dataclass(frozen=True, slots=True)
class _Member:
    path: str
    kind: Kind
    content: bytes


@dataclass(slots=True)
class _Overrides:
    """What extended headers say of the entry that follows."""

    path: bytes | None = None
    link: bytes | None = None
    size: int | None = None


def _too_large(name: str, limits: ArchiveLimits) -> GenerationError:
    return GenerationError(f"{name} unpacks to more than {limits.unpacked_bytes} bytes, which is refused")


def _inflate(data: bytes, name: str, limits: ArchiveLimits) -> bytes:
    """Unzip in steps, so that a bomb costs one step more than the limit."""
    parts: list[bytes] = []
    size = 0
    stream = zlib.decompressobj(wbits=31)
    try:
        for start in range(0, len(data), _INFLATE_STEP):
            rest = data[start : start + _INFLATE_STEP]
            while rest:
                if stream.eof:
                    # One gzip stream may follow another; zeros may pad the end, as tar's own blocks do.
                    rest = rest.lstrip(b"\0")
                    if not rest:
                        break
                    stream = zlib.decompressobj(wbits=31)
                parts.append(stream.decompress(rest, _INFLATE_STEP))
                size += len(parts[-1])
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
                _check_growth(size, len(data), name, limits)
        while part := stream.decompress(stream.unconsumed_tail, _INFLATE_STEP):
            parts.append(part)
            size += len(part)
            _check_growth(size, len(data), name, limits)
    except zlib.error:
        raise GenerationError(f"{name} is not a gzip file, or damaged; fetch or package it again") from None
    if not stream.eof:
        raise GenerationError(f"{name} is cut short; fetch or package it again")
    return b"".join(parts)


def _check_growth(size: int, packed: int, name: str, limits: ArchiveLimits) -> None:
    if size > limits.unpacked_bytes:
        raise _too_large(name, limits)
    if size > _RATIO_FROM and size > limits.ratio * packed:
        raise GenerationError(f"{name} grows more than {limits.ratio} times when unpacked, which is refused")


def _members(tar: bytes, name: str) -> Iterator[_Member]:
    position, overrides = 0, _Overrides()
    while position + BLOCK <= len(tar):
        header = tar[position : position + BLOCK]
        if not header.strip(b"\0"):
            break
        _check_sum(header, name)
        kind = header[156:157]
        size = _number(header[124:136], name) if overrides.size is None else overrides.size
        start, end = position + BLOCK, position + BLOCK + size
        if end > len(tar):
            raise GenerationError(f"{name} is cut short; fetch or package it again")
        position = end + -size % BLOCK
        if kind in b"xgLK" and size > _MAX_HEADER_TEXT:
            raise GenerationError(f"{name} holds an extended header of {size} bytes, which is refused")
        if kind == b"x":
            _read_pax(tar[start:end], overrides, name)
        elif kind == b"L":
            overrides.path = tar[start:end].rstrip(b"\0")
        elif kind == b"K":
            overrides.link = tar[start:end].rstrip(b"\0")
        elif kind != b"g":
            yield _member(header, kind, tar[start:end], overrides, name)
            overrides = _Overrides()
    else:
        if not tar:
            raise GenerationError(f"{name} is empty")


def _member(header: bytes, kind: bytes, content: bytes, overrides: _Overrides, name: str) -> _Member:
    raw = overrides.path
    if raw is None:
        prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else b""
        raw = prefix + b"/" + _text(header[:100]) if prefix else _text(header[:100])
    path = raw.decode("utf-8", "surrogateescape")
    if kind == b"5" or (kind in _REGULAR and path.endswith("/")):
        return _Member(path, Kind.FOLDER, b"")
    if kind in _REGULAR:
        return _Member(path, Kind.FILE, content)
    if kind == b"2":
        return _Member(path, Kind.LINK, _text(header[157:257]) if overrides.link is None else overrides.link)
    what = _REFUSED.get(kind, "entry of an unknown kind")
    raise GenerationError(
        f"{name}: {shown(path)} is a {what}, which is refused; package files, folders and symbolic links"
    )


def _read_pax(text: bytes, overrides: _Overrides, name: str) -> None:
    """Records ``<length> <key>=<value>\\n``, the length counting all of it."""
    position = 0
    while position < len(text):
        space = text.find(b" ", position, position + 8)
        length = int(text[position:space]) if space > position and text[position:space].isdigit() else 0
        record = text[space + 1 : position + length]
        key, equals, value = record[:-1].partition(b"=")
        if position + length > len(text) or not record.endswith(b"\n") or not equals:
            raise GenerationError(f"{name} holds a damaged pax header; package it again")
        position += length
        if key == b"path":
            overrides.path = value
        elif key == b"linkpath":
            overrides.link = value
        elif key == b"size":
            overrides.size = _decimal(value, name)
        elif key.startswith(b"GNU.sparse."):
            raise GenerationError(f"{name} holds a sparse file, which is refused; package it without --sparse")


def _decimal(value: bytes, name: str) -> int:
    if not value.isdigit() or len(value) > 15:
        raise GenerationError(f"{name} holds a damaged pax header; package it again")
    return int(value)


def _number(raw: bytes, name: str) -> int:
    """An octal field; the binary form that GNU tar has for 8 GiB and more is over every limit here."""
    text = raw.strip(b" \0")
    if not text:
        return 0
    if not all(0x30 <= byte <= 0x37 for byte in text):
        raise GenerationError(f"{name} is not a tar archive, or damaged; fetch or package it again")
    return int(text, 8)


def _check_sum(header: bytes, name: str) -> None:
    expected = sum(header) - sum(header[148:156]) + 8 * 0x20
    if _number(header[148:156], name) != expected:
        raise GenerationError(f"{name} is not a tar archive, or damaged; fetch or package it again")


def _text(raw: bytes) -> bytes:
    return raw.partition(b"\0")[0]


def _add(root: _Node, contents: dict[str, bytes], member: _Member, name: str, limits: ArchiveLimits) -> None:
    parts = _parts(member.path, name, limits)
    if not parts and member.kind is not Kind.FOLDER:
        raise GenerationError(f"{name}: an entry has no name; package it again")
    if any(part.lower() == IGNORED_NAME for part in parts):
        return
    here = root
    for part in parts if member.kind is Kind.FOLDER else parts[:-1]:
        found = here.setdefault(part, {})
        if not isinstance(found, dict):
            raise GenerationError(f"{name}: {shown(member.path)} goes through a file or link, which is refused")
        here = found
    if member.kind is Kind.FOLDER:
        return
    if parts[-1] in here:
        raise GenerationError(f"{name}: {shown(member.path)} is there twice, which is refused; package it again")
    object_id = _digest(member.kind, member.content)
    contents[object_id] = member.content
    here[parts[-1]] = (member.kind, object_id)


def _parts(path: str, name: str, limits: ArchiveLimits) -> list[str]:
    # Helm reads archives that were packed on Windows so.
    slashed = path.replace("\\", "/")
    if slashed.startswith("/") or slashed[1:2] == ":":
        raise GenerationError(f"{name}: {shown(path)} is absolute, which is refused")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in slashed):
        raise GenerationError(f"{name}: {shown(path)} holds control characters, which are refused")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise GenerationError(f"{name}: {shown(path)} leaves the archive, which is refused")
    if len(parts) > limits.depth or len(slashed) > limits.path_bytes or any(len(part) > 255 for part in parts):
        raise GenerationError(
            f"{name}: {shown(path)} is nested more than {limits.depth} folders deep, or its name is too long"
        )
    return parts


def _fold(node: _Node, folders: dict[str, dict[str, tuple[Kind, str]]]) -> str:
    """Record a folder and those below it, by digest; the depth is limited."""
    entries = {
        child: (Kind.FOLDER, _fold(found, folders)) if isinstance(found, dict) else found
        for child, found in sorted(node.items())
    }
    listing = b"".join(
        kind.value.encode() + b" " + child.encode("utf-8", "surrogateescape") + b"\0" + object_id.encode() + b"\n"
        for child, (kind, object_id) in entries.items()
    )
    tree_id = _digest(Kind.FOLDER, listing)
    folders[tree_id] = entries
    return tree_id


def _digest(kind: Kind, content: bytes) -> str:
    return hashlib.sha256(kind.value.encode() + b"\0" + content).hexdigest()
