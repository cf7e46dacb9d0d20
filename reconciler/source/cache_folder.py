"""A cache folder: entries by key beside content-addressed results, verified when they are read.

Folders have mode 0700 and files 0600; a file is written whole or not at all.
"""

import hashlib
import logging
import os
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reconciler.kill_points import reach

log = logging.getLogger(__name__)

FORMAT = 2
MAX_RESULT_BYTES = 256 * 2**20
UNUSED_DAYS = 30
_DAY_S = 86_400


class CacheFolder:
    """Files below ``path``. A folder that cannot be written makes a slow run, not a failed one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writable = True

    def read_entry(self, key: str) -> bytes | None:
        """The entry of a key; None where there is none, or it was changed."""
        data = self._read(self._file("entries", key))
        if data is not None and hashlib.sha256(data[32:]).digest() == data[:32]:
            return data[32:]
        if data is not None:
            log.warning("the cache entry %s was changed and is left out", key[:12])
        return None

    def write_entry(self, key: str, data: bytes) -> None:
        """Replace the entry of a key."""
        self._write(self._file("entries", key), hashlib.sha256(data).digest() + data)

    def read_result(self, digest: str) -> bytes | None:
        """The result of that digest; None where there is none, or it was changed."""
        path = self._file("results", digest)
        data = self._read(path)
        if data is None:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            log.warning("the cached result %s was changed and is removed", digest[:12])
            with suppress(OSError):
                path.unlink()
            return None
        with suppress(OSError):
            os.utime(path)
        return zlib.decompressobj().decompress(data, MAX_RESULT_BYTES)

    def write_result(self, text: bytes) -> str:
        """Keep a result; its digest, or nothing when it could not be written."""
        data = zlib.compress(text, 1)
        digest = hashlib.sha256(data).hexdigest()
        path = self._file("results", digest)
        if not path.exists():
            self._write(path, data)
        return digest if self._writable else ""

    def clear(self) -> None:
        """Remove all entries and results."""
        for file in self._files():
            with suppress(OSError):
                file.unlink()

    def tidy(self) -> None:
        """Remove what has not been used for 30 days; looks at most once a day."""
        mark, now = self._path / "tidied", time.time()
        with suppress(OSError):
            if not self._path.is_dir() or (mark.exists() and now - mark.stat().st_mtime < _DAY_S):
                return
            for file in self._files():
                if now - file.stat().st_mtime > UNUSED_DAYS * _DAY_S:
                    file.unlink()
            self._write(mark, b"")

    def _file(self, room: str, name: str) -> Path:
        # Sixteen folders: more take longer to make than the first files in them to write.
        return self._path / f"{room}-{FORMAT}" / name[:1] / name

    def _files(self) -> Iterator[Path]:
        yield from (file for file in self._path.glob("*/*/*") if file.is_file())

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError:
            return None

    def _write(self, path: Path, data: bytes) -> None:
        if not self._writable:
            return
        try:
            try:
                descriptor, name = tempfile.mkstemp(dir=path.parent)
            except FileNotFoundError:
                self._make(path.parent)
                descriptor, name = tempfile.mkstemp(dir=path.parent)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
            reach("cache")
            Path(name).replace(path)
            reach("cache")
        except OSError as error:
            self._writable = False
            log.warning("the cache in %s cannot be written: %s", self._path, error.strerror)

    def _make(self, folder: Path) -> None:
        """Make a folder and those above it that are missing; the mode of mkdir does not hold for parents it makes."""
        if folder == self._path:
            folder.parent.mkdir(parents=True, exist_ok=True)
        elif not folder.parent.is_dir():
            self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
