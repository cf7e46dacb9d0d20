"""Random values planted in secret places, and a search for them in everything that a run leaves or says."""

import base64
import secrets
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

LETTERS = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass
class Canaries:
    """Each value by the place where it was planted."""

    values: dict[str, str] = field(default_factory=dict)

    def plant(self, place: str) -> str:
        """A new value for a place."""
        value = self.values[place] = "".join(secrets.choice(LETTERS) for _ in range(32))
        return value

    def found(self, where: str, data: bytes | str) -> Iterator[str]:
        """What of the values is in it: as it is, in base64 at each offset, in hex, quoted for a URL."""
        text = data.encode() if isinstance(data, str) else data
        for place, value in self.values.items():
            for form, needle in _forms(value.encode()):
                if needle in text:
                    yield f"{where}: the value of {place} ({form})"

    def found_in_folder(self, folder: Path, *, without: tuple[str, ...] = ()) -> list[str]:
        """In names and content of all files but those below a folder of such a name."""
        found: list[str] = []
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and not set(without) & set(relative.parts):
                found += self.found(str(relative), str(relative))
                for data in _contents(path):
                    found += self.found(str(relative), data)
        return found


def _forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", value
    yield "hex", value.hex().encode()
    yield "quoted", quote(value).encode()
    for offset in range(3):
        # Without the letters that depend on what stands before and after.
        encoded = base64.b64encode(bytes(offset) + value)
        yield f"base64 at {offset}", encoded[(0, 2, 3)[offset] : -4]


def _contents(path: Path) -> Iterator[bytes]:
    """The file, and what is compressed in it."""
    data = path.read_bytes()
    yield data
    for start in (0, 32):
        try:
            yield zlib.decompressobj().decompress(data[start:])
        except zlib.error:
            continue
    if data.startswith(b"SQLite format 3\0"):
        yield from _rows(path)


def _rows(path: Path) -> Iterator[bytes]:
    connection = sqlite3.connect(path)
    try:
        tables = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            for row in connection.execute(f'select * from "{table}"'):
                for value in row:
                    data = value if isinstance(value, bytes) else str(value).encode()
                    yield data
                    try:
                        yield zlib.decompress(data)
                    except zlib.error:
                        continue
    finally:
        connection.close()
