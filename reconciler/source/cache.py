"""The render cache: a render is looked up by its options, and holds as long as everything it looked at is as it was.

An entry is found by a key made of the Application's options, and holds *variants*: what a render looked at (see
`reconciler.source.observations`) and what came of it. A variant is taken when every look would see the same again, so a
commit redoes the renders that read what it changed and no others. What lies below the source's own folder is judged by
that folder's tree id where it is equal, which makes an unchanged Application one lookup.

Renders with a Secret, and what plugins make, stay in memory; the others are kept in a `CacheFolder` too.
"""

import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest, is_secret
from reconciler.source.cache_folder import CacheFolder
from reconciler.source.files.tree import Kind, Tree
from reconciler.source.observations import Looked, Observations, ObservedDownloads
from reconciler.source.target import SourceType

log = logging.getLogger(__name__)

MAX_VARIANTS = 4
MAX_ENTRIES = 20_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one source became; ``files`` are path and object id of every file that was read.

    ``pinned``: the revisions decide it; no server was asked for anything else.
    """

    source_type: SourceType
    manifests: tuple[tuple[Manifest, str], ...]
    files: tuple[tuple[str, str], ...]
    pinned: bool = True


@dataclass(frozen=True, slots=True)
class Inputs:
    """What may differ between two renders with one key."""

    trees: Mapping[str, Tree]
    variables: Mapping[str, str]
    capabilities: str
    downloads: ObservedDownloads


@dataclass(frozen=True, slots=True)
class _Variant:
    """Looks below the source's folder (``inside``) hold at once while ``folder``, its path and tree id, is the same."""

    folder: tuple[str, str]
    inside: tuple[Looked, ...]
    outside: tuple[tuple[str, Looked], ...]
    variables: tuple[tuple[str, str], ...]
    capabilities: str | None
    downloads: tuple[tuple[tuple[str, ...], str], ...]
    result: str = ""
    rendered: Rendered | None = None

    def holds(self, inputs: Inputs) -> bool:
        if any(inputs.variables.get(name) != value for name, value in self.variables):
            return False
        if self.capabilities is not None and self.capabilities != inputs.capabilities:
            return False
        try:
            own = inputs.trees[""]
            path, tree_id = self.folder
            there = own.peek(path)
            same = there is not None and there.kind is Kind.FOLDER and there.object_id == tree_id
            return (
                (same or all(own.still(looked) for looked in self.inside))
                and all(inputs.trees[name].still(looked) for name, looked in self.outside)
                and all(inputs.downloads.digest(download) == digest for download, digest in self.downloads)
            )
        except GenerationError:
            # What cannot be looked at is met again by the render, which says so.
            return False


class RenderCache:
    """Renders of this process and, in ``directory``, of earlier ones.

    Parameters
    ----------
    directory
        Folder of the entries, made with mode 0700; by default in the user's cache folder.
    persistent
        False: keep renders in memory only.
    """

    def __init__(self, directory: Path | None = None, *, persistent: bool = True) -> None:
        self._folder = CacheFolder(directory or Path(user_cache_dir("gitops-nb")) / "renders") if persistent else None
        self._entries: dict[str, list[_Variant]] = {}
        self._lock = threading.Lock()
        self.memo: dict[Any, Any] = {}

    def find(self, key: str, inputs: Inputs) -> Rendered | None:
        """The render of ``key`` whose inputs are the same now."""
        with self._lock:
            variants = self._entries.get(key)
            if variants is None:
                variants = self._entries[key] = self._load(key)
        for variant in reversed(variants):
            if variant.holds(inputs):
                rendered = variant.rendered or self._load_result(variant.result)
                if rendered is not None:
                    self._remember(key, replace(variant, rendered=rendered), stale=variant)
                    return rendered
        return None

    def put(self, key: str, path: str, observations: Observations, inputs: Inputs, rendered: Rendered) -> None:
        """Keep a render of the source folder ``path``."""
        variant = replace(_variant(path, observations, inputs), rendered=rendered)
        # The address of a value file may hold a signature that opens it.
        signed = any(download[0] == "value file" for download in observations.downloads)
        if self._folder is None or signed or not _may_be_written(rendered):
            self._remember(key, variant)
            return
        variants = self._remember(key, replace(variant, result=self._folder.write_result(_dump(rendered))))
        self._folder.write_entry(key, _encode([kept for kept in variants if kept.result]))

    def forget(self) -> None:
        """Drop all renders, those on disk too: a hard refresh."""
        with self._lock:
            self._entries.clear()
            self.memo.clear()
        if self._folder is not None:
            self._folder.clear()

    def tidy(self) -> None:
        """Remove from the disk what has not been used for long."""
        if self._folder is not None:
            self._folder.tidy()

    def _remember(self, key: str, variant: _Variant, *, stale: _Variant | None = None) -> list[_Variant]:
        """The newest variants of a key, ``variant`` last."""
        with self._lock:
            kept = [other for other in self._entries.get(key, ()) if other is not stale and other is not variant]
            variants = [*kept[-(MAX_VARIANTS - 1) :], variant]
            self._entries[key] = variants
            while len(self._entries) > MAX_ENTRIES:
                del self._entries[next(iter(self._entries))]
        return variants

    def _load(self, key: str) -> list[_Variant]:
        data = self._folder.read_entry(key) if self._folder is not None else None
        try:
            return _decode(data) if data else []
        except (ValueError, TypeError, IndexError):
            log.warning("the render cache entry %s is not one of this version and left out", key[:12])
            return []

    def _load_result(self, digest: str) -> Rendered | None:
        text = self._folder.read_result(digest) if self._folder is not None and digest else None
        if text is None:
            return None
        source_type, manifests, files, pinned = json.loads(text)
        return Rendered(
            SourceType(source_type),
            tuple((obj, origin) for obj, origin in manifests),
            tuple((path, object_id) for path, object_id in files),
            pinned,
        )


def _may_be_written(rendered: Rendered) -> bool:
    """Rendered Secrets never reach the disk, nor what plugins made: they exist to bring secrets in."""
    return rendered.source_type is not SourceType.PLUGIN and not any(is_secret(obj) for obj, _ in rendered.manifests)


def _variant(path: str, observations: Observations, inputs: Inputs) -> _Variant:
    prefix = f"{path}/" if path else ""
    inside, outside = [], []
    for name, looks in sorted(observations.trees.items()):
        for looked in sorted(looks):
            if name == "" and (looked[1].startswith(prefix) or looked[1] == path):
                inside.append(looked)
            else:
                outside.append((name, looked))
    folder = inputs.trees[""].peek(path)
    return _Variant(
        folder=(path, folder.object_id if folder is not None and folder.kind is Kind.FOLDER else ""),
        inside=tuple(inside),
        outside=tuple(outside),
        variables=tuple(sorted(observations.variables.items())),
        capabilities=inputs.capabilities if observations.capabilities else None,
        downloads=tuple(sorted(observations.downloads.items())),
    )


def _dump(rendered: Rendered) -> bytes:
    # Not orjson: integers beyond 64 bits and lone surrogates must come back as they were.
    return json.dumps(
        [rendered.source_type, rendered.manifests, rendered.files, rendered.pinned], separators=(",", ":")
    ).encode()


def _encode(variants: list[_Variant]) -> bytes:
    rows = [
        [entry.folder, entry.inside, entry.outside, entry.variables, entry.capabilities, entry.downloads, entry.result]
        for entry in variants
    ]
    return json.dumps(rows, separators=(",", ":")).encode()


def _decode(data: bytes) -> list[_Variant]:
    return [
        _Variant(
            folder=(folder[0], folder[1]),
            inside=tuple((look[0], look[1], look[2]) for look in inside),
            outside=tuple((name, (look[0], look[1], look[2])) for name, look in outside),
            variables=tuple((name, value) for name, value in variables),
            capabilities=capabilities,
            downloads=tuple((tuple(download), digest) for download, digest in downloads),
            result=result,
        )
        for folder, inside, outside, variables, capabilities, downloads, result in json.loads(data)
    ]
