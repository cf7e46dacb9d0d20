"""The refs of a repository on this machine, read from its files: no process is needed to see that nothing changed.

Source: gitrepository-layout(5), git-check-ref-format(1). Ids are those of the refs themselves, annotated tags not peeled.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from reconciler.source.git.revisions import HEAD_REF

BRANCHES, TAGS = "refs/heads/", "refs/tags/"
MAX_LOOSE = 5000
"""More loose refs than these are left to Git."""

_OBJECT_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_LINKS = 5
_MAX_PACKED_BYTES = 64 * 2**20


def git_folder(path: Path) -> Path | None:
    """Git's own folder of the work tree or bare repository at ``path``; None where there is none."""
    inner = path / ".git"
    try:
        if inner.is_file():
            text = inner.read_text("utf-8", "surrogateescape")
            folder = path / text.removeprefix("gitdir:").strip() if text.startswith("gitdir:") else None
        else:
            folder = inner if inner.is_dir() else path
        if folder is None or not (folder / "HEAD").is_file() or not (_common_folder(folder) / "objects").is_dir():
            return None
        return folder
    except OSError:
        return None


def read_refs(folder: Path) -> dict[str, str] | None:
    """Branches, tags and HEAD (as ``refs/reconciler/HEAD``) with their ids; None where files do not tell."""
    common = _common_folder(folder)
    if (common / "reftable").exists():
        return None
    try:
        texts = _packed(common / "packed-refs")
        for name, text in _loose(common):
            texts[name] = text
            if len(texts) > MAX_LOOSE and not (common / "packed-refs").exists():
                return None
        head = (folder / "HEAD").read_text("ascii", "replace").strip()
        # The remote's HEAD is kept as a ref in a mirror, whose own HEAD means nothing.
        if HEAD_REF not in texts:
            texts[HEAD_REF] = head
    except OSError:
        return None
    resolved = {name: _resolve(text, texts) for name, text in texts.items()}
    return {name: object_id for name, object_id in resolved.items() if object_id}


def read_mirror_refs(mirror: Path) -> dict[str, str]:
    """All refs of a mirror, those fetched one by one included."""
    texts = _packed(mirror / "packed-refs") | dict(_walk(mirror / "refs", "refs/"))
    return {name: text for name, text in texts.items() if _OBJECT_ID.fullmatch(text)}


def tracked(refs: Mapping[str, str]) -> dict[str, str]:
    """The refs that a mirror follows."""
    return {name: text for name, text in refs.items() if name.startswith((BRANCHES, TAGS)) or name == HEAD_REF}


def parse_advertised(listing: str) -> dict[str, str]:
    """The refs in the output of ``git ls-remote``, those a mirror follows; ids of annotated tags are their own."""
    refs = {}
    for line in listing.splitlines():
        object_id, _, name = line.partition("\t")
        if _OBJECT_ID.fullmatch(object_id):
            if name == "HEAD":
                refs[HEAD_REF] = object_id
            elif name.startswith((BRANCHES, TAGS)) and not name.endswith("^{}"):
                refs[name] = object_id
    return refs


def _common_folder(folder: Path) -> Path:
    """Where a linked work tree's refs are."""
    try:
        return folder / (folder / "commondir").read_text().strip()
    except OSError:
        return folder


def _packed(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_PACKED_BYTES)
    except FileNotFoundError:
        return {}
    texts = {}
    for line in data.decode("utf-8", "surrogateescape").splitlines():
        object_id, _, name = line.partition(" ")
        if name and object_id[:1] not in ("#", "^"):
            texts[name] = object_id
    return texts


def _loose(common: Path) -> Iterator[tuple[str, str]]:
    for kind in (BRANCHES, TAGS):
        yield from _walk(common / kind, kind)


def _walk(folder: Path | str, prefix: str) -> Iterator[tuple[str, str]]:
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{name}/")
            elif not name.endswith(".lock"):
                try:
                    with open(entry.path, "rb") as file:  # noqa: PTH123 - a Path for each of a thousand refs would cost more
                        yield name, file.read(4096).decode("utf-8", "replace").strip()
                except FileNotFoundError:
                    # Packed or deleted meanwhile.
                    continue


def _resolve(text: str, texts: Mapping[str, str]) -> str:
    for _ in range(_MAX_LINKS):
        if not text.startswith("ref:"):
            break
        text = texts.get(text.removeprefix("ref:").strip(), "")
    return text if _OBJECT_ID.fullmatch(text) else ""
