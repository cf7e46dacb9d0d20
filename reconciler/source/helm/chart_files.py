"""The files of a chart as Helm loads them: ``.helmignore`` obeyed, packed sub-charts unpacked, nothing written anywhere."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source.files.archive import read_archive, single_folder
from reconciler.source.files.paths import join, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.helm.ignore import FILE_NAME, IgnoreRules

MAX_FILES = 20_000
MAX_BYTES = 100 * 2**20
"""Of one chart with all its sub-charts: Helm's own limit (pkg/chart/loader/archive)."""
MAX_FILE_BYTES = 5 * 2**20
MAX_DEPTH = 64
MAX_PACKED_DEPTH = 8
SCHEMA = "values.schema.json"

_PACKED = re.compile(r"(?:charts/[^/_.][^/]*/)*charts/[^/_.][^/]*\.tgz")
_UNPACKED = ".tgz~"
_BLOCK = 512
# The parts of a header that are the same in all: mode, user and group; time; a regular file in POSIX's format.
_OWNER = b"0000644\0" + b"0000000\0" * 2
_TIME = b"0" * 11 + b"\0"
_TYPE = b"0".ljust(101, b"\0") + b"ustar\00000".ljust(255, b"\0")
_REST_SUM = sum(_TIME) + 8 * 0x20 + sum(_TYPE)
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ChartFiles:
    """Path in the chart to bytes, packed sub-charts as folders; ``where`` names the chart in messages."""

    where: str
    files: dict[str, bytes] = field(default_factory=dict)
    _size: int = 0

    def add(self, path: str, data: bytes) -> None:
        """Take one file.

        Raises
        ------
        GenerationError
            When the chart becomes larger than Helm loads.
        """
        self._size += len(data)
        if len(self.files) >= MAX_FILES or self._size > MAX_BYTES:
            raise GenerationError(
                f"{self.where}: the chart has more than {MAX_FILES} files or {MAX_BYTES // 2**20} MiB; "
                f"list what it does not need in {FILE_NAME}"
            )
        self.files[path] = data.removeprefix(_BOM)

    def add_folder(self, tree: Tree, folder: Entry, *, to: str = "", rules: IgnoreRules | None = None) -> None:
        """Take the files of ``folder`` in Helm's order, below ``to``; archives in ``charts`` are unpacked."""
        for path, data in tree.contents(_walk(tree, folder, rules, self.where), limit=MAX_FILE_BYTES):
            target = join(to, path)
            if _PACKED.fullmatch(target):
                self.add_archive(data, to=target)
            else:
                self.add(target, data)

    def add_archive(self, data: bytes, *, to: str) -> None:
        """Take the packed sub-chart whose place is ``to``, such as ``charts/db-1.0.0.tgz``."""
        name = join(self.where, to)
        if to.count(_UNPACKED) >= MAX_PACKED_DEPTH:
            raise GenerationError(f"{name}: charts are packed in charts more than {MAX_PACKED_DEPTH} times")
        store = read_archive(data, name=name)
        tree = Tree(store, single_folder(store), name=name, revision="")
        # Helm takes a name that ends in .tgz for an archive, and any other for a folder.
        self.add_folder(tree, tree.folder("", field=name), to=f"{to.removesuffix('.tgz')}{_UNPACKED}")

    def without_schemas(self) -> "ChartFiles":
        """The chart without the schemas of its values and of its sub-charts': the engine has no switch for them."""
        kept = {path: data for path, data in self.files.items() if path.rpartition("/")[2] != SCHEMA}
        return ChartFiles(self.where, kept, self._size)

    def document(self, path: str) -> Mapping[str, Any]:
        """The YAML mapping in one file; empty where there is none."""
        data = self.files.get(path)
        documents = load_documents(data, file=join(self.where, path)) if data else []
        return documents[0] if documents and isinstance(documents[0], dict) else {}

    def subcharts(self) -> set[str]:
        """Names of the charts in ``charts``, as their Chart.yaml has them."""
        folders = {path.split("/")[1] for path in self.files if path.startswith("charts/") and path.count("/") > 1}
        return {
            str(self.document(f"charts/{folder}/Chart.yaml").get("name") or "")
            for folder in folders
            if folder[0] not in "._"
        }

    def digest(self) -> str:
        """Pins names and bytes of all files."""
        digest = hashlib.sha256()
        for path, data in self.files.items():
            digest.update(f"{path}\0{len(data)}\0".encode("utf-8", "surrogateescape"))
            digest.update(data)
        return digest.hexdigest()

    def packed(self) -> bytes:
        """A tar archive of the chart."""
        parts: list[bytes] = []
        for path, data in self.files.items():
            parts += (_header(f"chart/{path}", len(data)), data, bytes(-len(data) % _BLOCK))
        return b"".join(parts) + bytes(2 * _BLOCK)


def _header(path: str, size: int) -> bytes:
    """A tar header; that of a short name by ourselves, which is several times faster than the library's."""
    name = path.encode("utf-8", "surrogateescape")
    if len(name) > 100:
        import tarfile  # no other name needs it

        header = tarfile.TarInfo(path)
        header.size = size
        return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    head = name.ljust(100, b"\0") + _OWNER + b"%011o\0" % size
    check = sum(head) + _REST_SUM
    return head + _TIME + b"%06o\0 " % check + _TYPE


def read_chart(tree: Tree, folder: Entry) -> ChartFiles:
    """The chart in a folder.

    Raises
    ------
    GenerationError
        A link out of the tree, a bad ``.helmignore``, a packed sub-chart that is none, or more than Helm loads.
    """
    chart = ChartFiles(folder.path)
    entry = tree.find(join(folder.path, FILE_NAME))
    text = ""
    if entry is not None and entry.kind is Kind.FILE:
        text = tree.read(entry, limit=MAX_FILE_BYTES).decode("utf-8", "replace")
    chart.add_folder(tree, folder, rules=IgnoreRules(text, file=join(folder.path, FILE_NAME)))
    return chart


def _walk(
    tree: Tree, folder: Entry, rules: IgnoreRules | None, where: str, base: str = "", above: tuple[str, ...] = ()
) -> Iterator[tuple[str, Entry]]:
    if folder.object_id in above or len(above) > MAX_DEPTH:
        raise GenerationError(
            f"{where}: {shown(base)} in {tree} holds itself through a symbolic link, or is more than {MAX_DEPTH} folders deep"
        )
    for child in tree.children(folder):
        path = join(base, child.name)
        is_real = child.kind in (Kind.FILE, Kind.FOLDER)
        if rules and not is_real and all(rules.ignores(path, is_folder=is_folder) for is_folder in (True, False)):
            continue
        entry = child if is_real else tree.find(child.path)
        if entry is None or (rules and rules.ignores(path, is_folder=entry.kind is Kind.FOLDER)):
            continue
        if entry.kind is Kind.FOLDER:
            yield from _walk(tree, entry, rules, where, path, (*above, folder.object_id))
        else:
            yield path, entry
