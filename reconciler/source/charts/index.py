"""The ``index.yaml`` of a Helm chart repository: which versions of a chart there are, and where.

An index may hold 20 MB for hundreds of charts, of which a run needs one or two: the block of one chart is cut out by its
indentation and only that is parsed (helm.sh/docs/topics/chart_repository).
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.errors import GenerationError, RevisionError, SpecError
from reconciler.manifest.yaml import load_document
from reconciler.source.files.paths import shown
from reconciler.source.versions import max_satisfying, newest_first

MAX_INDEX_BYTES = 64 * 2**20

_ENTRIES = re.compile(r"^entries:[ \t]*\r?\n", re.MULTILINE)
_KEY = re.compile(r"""(?:"([^"\\\n]*)"|'([^'\n]*)'|([A-Za-z0-9_][A-Za-z0-9_./-]*)):[ \t]*\r?$""", re.MULTILINE)
_DIGEST = re.compile(r"(?:sha256:)?([0-9A-Fa-f]{64})")


@dataclass(frozen=True, slots=True)
class ChartVersion:
    """One packaged version; ``digest`` is the archive's SHA-256 in hex, empty where the index has none."""

    version: str
    urls: tuple[str, ...]
    digest: str


class ChartIndex:
    """The index of one repository; ``name`` is the repository in messages."""

    def __init__(self, data: bytes, *, name: str) -> None:
        self._name = name
        try:
            self._text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise GenerationError(f"{name}: index.yaml is not UTF-8 text; the repository must be repaired") from None
        self._blocks = _blocks(self._text)

    def find(self, chart: str, wanted: str) -> ChartVersion:
        """The version of ``chart`` that is spelt ``wanted``, else the newest that ``wanted`` admits, as Helm does.

        Raises
        ------
        RevisionError
            When there is no such chart or version; near names are suggested.
        GenerationError
            When the index cannot be read.
        """
        versions = self._versions(chart)
        by_name: dict[str, ChartVersion] = {}
        for version in versions:
            by_name.setdefault(version.version, version)
        found = by_name.get(wanted) or by_name.get(max_satisfying(wanted, by_name) or "")
        if found is None:
            raise RevisionError(
                f"there is no version {shown(wanted)} of chart {shown(chart)} in {self._name}{near_versions(wanted, by_name)}"
            )
        return found

    def charts(self) -> list[str]:
        """The names of all charts, sorted."""
        if self._blocks is not None:
            return sorted(self._blocks)
        return sorted(self._all())

    def _versions(self, chart: str) -> list[ChartVersion]:
        entries: object = None
        if self._blocks is not None and chart in self._blocks:
            start, end = self._blocks[chart]
            try:
                parsed = load_document(self._text[start:end], file=f"{self._name}: chart {chart} in index.yaml")
                entries = next(iter(parsed.values())) if isinstance(parsed, dict) and len(parsed) == 1 else None
            except SpecError:
                # An anchor of another chart's block, say: only the whole tells.
                entries = self._all().get(chart)
        elif self._blocks is None:
            entries = self._all().get(chart)
        if not isinstance(entries, list):
            near = difflib.get_close_matches(chart, self.charts()[:5000], n=3, cutoff=0.6)
            hint = f"; did you mean {' or '.join(near)}?" if near else "; check the name of the chart"
            raise RevisionError(f"there is no chart {shown(chart)} in {self._name}{hint}")
        return [version for entry in entries if (version := _chart_version(entry))]

    def _all(self) -> dict[str, Any]:
        try:
            document = load_document(self._text, file=f"{self._name}: index.yaml")
        except SpecError as error:
            raise GenerationError(f"{error}; the repository must be repaired") from error
        entries = document.get("entries") if isinstance(document, dict) else None
        if not isinstance(entries, dict):
            raise GenerationError(f"{self._name}: index.yaml has no entries; check that repoURL is a chart repository")
        return entries


def near_versions(wanted: str, versions: Sequence[str] | dict[str, Any]) -> str:
    """The end of a message: versions that are like ``wanted``, else the newest ones."""
    names = list(versions)
    near = difflib.get_close_matches(wanted, names[:5000], n=3, cutoff=0.7)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    newest = newest_first(names)[:3]
    return f"; the newest are {', '.join(newest)}" if newest else "; it has no versions"


def _chart_version(entry: object) -> ChartVersion | None:
    """One item of the index; what Helm could not use is left out."""
    if not isinstance(entry, dict):
        return None
    version, urls, digest = entry.get("version"), entry.get("urls"), entry.get("digest")
    # A version that was written without quotes and reads as a number.
    text = str(version) if isinstance(version, str | int | float) and not isinstance(version, bool) else ""
    addresses = tuple(url for url in urls if isinstance(url, str) and url) if isinstance(urls, list) else ()
    if not text or not addresses:
        return None
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    return ChartVersion(text, addresses, match[1].lower() if match else "")


def _blocks(text: str) -> dict[str, tuple[int, int]] | None:
    """Chart name to the stretch of its key and list in the text; None where the index is not written as Helm does it."""
    head = _ENTRIES.search(text)
    if head is None or len(_ENTRIES.findall(text)) > 1:
        return None
    first = re.compile(r"( +)[^ \r\n#]").search(text, head.end())
    if first is None or text[head.end() : first.start()].strip():
        return None
    indent = len(first[1])
    blocks: dict[str, tuple[int, int]] = {}
    open_key, start = "", 0
    for line in re.compile(rf"^ {{0,{indent}}}[^ \r\n#]", re.MULTILINE).finditer(text, head.end()):
        at = line.end() - 1
        if at - line.start() == indent and text[at] == "-":
            continue
        if open_key:
            blocks[open_key] = (start, line.start())
            open_key = ""
        if at - line.start() < indent:
            break
        key = _KEY.match(text, at)
        name = next((part for part in key.groups() if part), "") if key else ""
        if not name or name in blocks:
            return None
        open_key, start = name, line.start()
    if open_key:
        blocks[open_key] = (start, len(text))
    return blocks
